/* Walks trees on the host for names that rules mention, beside Node and without its memory: 100,000 files in about 20 ms. */
#include "launcher.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define TABLE 1024u
/* No path is longer than PATH_MAX, so none is deeper. */
#define MAX_DEPTH (PATH_MAX / 2)
#define MAX_ENTRIES 5000000u

struct linux_dirent64 {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

struct scan {
	const char *exact[TABLE]; /* open addressing, by folded hash */
	const char *globs[256];
	size_t glob_count;
	uint32_t entries;
	size_t unseen; /* length of the path last told as too long to look into */
	bool complete;
	int error;
	char path[PATH_MAX];
	char buffers[MAX_DEPTH][8192];
};

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (uint32_t)tolower((unsigned char)*name)) * 16777619u;
	return hash;
}

static int add_pattern(struct scan *scan, const char *pattern)
{
	uint32_t slot = hash_name(pattern) % TABLE;

	if (strpbrk(pattern, "*?[")) {
		if (scan->glob_count == ARRAY_SIZE(scan->globs))
			return -E2BIG;
		scan->globs[scan->glob_count++] = pattern;
		return 0;
	}
	for (uint32_t tries = 0; tries < TABLE; tries++, slot = (slot + 1) % TABLE) {
		if (scan->exact[slot] && strcasecmp(scan->exact[slot], pattern))
			continue;
		scan->exact[slot] = pattern;
		return 0;
	}
	return -E2BIG;
}

static bool wanted(const struct scan *scan, const char *name)
{
	for (uint32_t slot = hash_name(name) % TABLE; scan->exact[slot]; slot = (slot + 1) % TABLE)
		if (!strcasecmp(scan->exact[slot], name))
			return true;
	for (size_t i = 0; i < scan->glob_count; i++)
		if (!fnmatch(scan->globs[i], name, FNM_CASEFOLD | FNM_NOESCAPE))
			return true;
	return false;
}

/* SECURITY: what cannot be looked into is told as such. Its owner inside could make it readable again and write there. */
enum hit { HIT_OTHER = 0, HIT_DIRECTORY = 1, HIT_UNSEEN = 2 };

static int tell_hit(const char *path, enum hit hit)
{
	struct record record;

	record_begin(&record, RECORD_SCAN_HIT);
	record_u32(&record, hit);
	record_bytes(&record, path, strlen(path));
	return record_send(&record);
}

/* git's own stores hold many files and no name that a rule could mean. */
static bool is_store(const char *parent, const char *name)
{
	const char *base = strrchr(parent, '/');

	return base && !strcmp(base + 1, ".git") && (!strcmp(name, "objects") || !strcmp(name, "lfs") || !strcmp(name, "logs"));
}

static void walk(struct scan *scan, int directory, size_t length, unsigned int depth);

static void visit(struct scan *scan, int directory, const struct linux_dirent64 *entry, size_t length, unsigned int depth)
{
	size_t size = strlen(entry->name);
	uint8_t type = entry->type;
	bool store;
	int child;

	if (type == DT_UNKNOWN) {
		struct stat st;

		if (fstatat(directory, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
			type = DT_DIR;
	}
	if (length + size + 2 > sizeof(scan->path)) {
		if (scan->unseen != length)
			scan->error = tell_hit(scan->path, HIT_UNSEEN);
		scan->unseen = length;
		return;
	}
	store = type == DT_DIR && is_store(scan->path, entry->name);
	scan->path[length] = '/';
	memcpy(scan->path + length + 1, entry->name, size + 1);
	if (wanted(scan, entry->name))
		scan->error = tell_hit(scan->path, type == DT_DIR ? HIT_DIRECTORY : HIT_OTHER);
	if (type == DT_DIR && !store && !scan->error) {
		child = openat(directory, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child >= 0) {
			walk(scan, child, length + 1 + size, depth + 1);
			close(child);
		} else if (errno != ENOENT && !scan->error) {
			scan->error = tell_hit(scan->path, HIT_UNSEEN);
		}
	}
	scan->path[length] = 0;
}

static void walk(struct scan *scan, int directory, size_t length, unsigned int depth)
{
	long got;

	if (depth >= MAX_DEPTH) {
		scan->error = tell_hit(scan->path, HIT_UNSEEN);
		return;
	}
	while (!scan->error && (got = syscall(SYS_getdents64, directory, scan->buffers[depth], sizeof(scan->buffers[depth]))) > 0) {
		for (long at = 0; at < got && !scan->error;) {
			const struct linux_dirent64 *entry = (const void *)(scan->buffers[depth] + at);

			at += entry->length;
			if (!strcmp(entry->name, ".") || !strcmp(entry->name, ".."))
				continue;
			if (++scan->entries > MAX_ENTRIES) {
				scan->complete = false;
				return;
			}
			visit(scan, directory, entry, length, depth);
		}
	}
}

static const char *next_string(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *start = *at;
	const uint8_t *nul = memchr(start, 0, (size_t)(end - start));

	if (!nul)
		return NULL;
	*at = nul + 1;
	return (const char *)start;
}

void scan_forget(struct scanned *scanned)
{
	for (size_t i = 0; i < scanned->count; i++)
		free(scanned->roots[i].path);
	free(scanned->roots);
	*scanned = (struct scanned){ 0 };
}

static int remember_root(struct scanned *scanned, const char *path, int directory)
{
	struct scanned_root *roots = reallocarray(scanned->roots, scanned->count + 1, sizeof(*roots));
	struct stat st;

	if (!roots)
		return -ENOMEM;
	scanned->roots = roots;
	if (fstat(directory, &st) < 0)
		return -errno;
	roots[scanned->count] = (struct scanned_root){ strdup(path), st.st_dev, st.st_ino };
	return roots[scanned->count++].path ? 0 : -ENOMEM;
}

/*
 * SECURITY: what is mounted must be the directory that was looked through, or protected names in another one that took its
 * place would lie open. -ESTALE when `path` was scanned and `fd` is not what was found there.
 */
int scan_matches(const struct scanned *scanned, const char *path, int fd)
{
	struct stat st;

	for (size_t i = 0; scanned && i < scanned->count; i++) {
		const struct scanned_root *root = &scanned->roots[i];

		if (strcmp(root->path, path))
			continue;
		if (fstat(fd, &st) < 0)
			return -errno;
		if (st.st_dev != root->device || st.st_ino != root->inode)
			return -ESTALE;
	}
	return 0;
}

/* Payload: u32 number of roots, u32 number of patterns, then that many NUL-terminated strings each. */
int scan_trees(const uint8_t *payload, size_t length, struct scanned *scanned)
{
	struct scan *scan = calloc(1, sizeof(*scan));
	const uint8_t *at = payload + 8, *end = payload + length, *roots = at;
	uint32_t counts[2];
	struct record record;
	struct rlimit files;
	int error;

	if (!scan)
		return -ENOMEM;
	scan_forget(scanned);
	/* A descriptor for each level; what the scan cannot open it must tell, so it should open what it can. */
	getrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ files.rlim_max, files.rlim_max });
	scan->complete = true;
	scan->error = length < 8 ? -EPROTO : 0;
	if (!scan->error)
		memcpy(counts, payload, sizeof(counts));
	for (uint32_t i = 0; !scan->error && i < counts[0]; i++)
		scan->error = next_string(&at, end) ? 0 : -EPROTO;
	for (uint32_t i = 0; !scan->error && i < counts[1]; i++) {
		const char *pattern = next_string(&at, end);

		scan->error = pattern ? add_pattern(scan, pattern) : -EPROTO;
	}
	for (uint32_t i = 0; !scan->error && i < counts[0]; i++) {
		const char *root = next_string(&roots, end);
		CLEANUP_FD int directory = open(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (directory < 0 || strlen(root) >= sizeof(scan->path)) {
			scan->complete = false;
			continue;
		}
		scan->error = remember_root(scanned, root, directory);
		strcpy(scan->path, root);
		walk(scan, directory, strlen(root), 0);
	}
	record_begin(&record, RECORD_SCAN_DONE);
	record_u32(&record, scan->entries);
	record_u32(&record, scan->complete);
	error = scan->error ? scan->error : record_send(&record);
	setrlimit(RLIMIT_NOFILE, &files);
	free(scan);
	return error;
}
