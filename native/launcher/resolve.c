/*
 * Walks a path the way a process inside would, from outside: for the supervisor, which must know which directory a name
 * is about to be made in. Component by component, since neither RESOLVE_IN_ROOT (no magic links) nor a plain open
 * (absolute links lead into the host's root) sees what the kernel will see.
 */
#include "launcher.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#define MAX_LINKS 40
#define PROC_MAGIC 0x9fa0

struct walk {
	int root;
	pid_t pid;
	int at; /* O_PATH of the directory reached so far */
	int links;
	char rest[2 * PATH_MAX];
};

/* The number by which the process knows itself: the last in NSpid, since /proc inside is the innermost namespace's. */
static int inner_pid(pid_t pid, char *text, size_t size)
{
	char status[4096], path[64], *line = NULL, *last;
	CLEANUP_FD int fd = -1;
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = read(fd, status, sizeof(status) - 1);
	if (length > 0) {
		status[length] = 0;
		line = strstr(status, "\nNSpid:");
	}
	if (!line)
		return -ESRCH;
	line[1 + strcspn(line + 1, "\n")] = 0;
	last = strrchr(line, '\t');
	return last && snprintf(text, size, "%s", last + 1) < (int)size ? 0 : -ESRCH;
}

static bool on_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_MAGIC;
}

static bool is_read_only(int fd)
{
	struct statvfs fs;

	return fstatvfs(fd, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

static bool is_root(int root, int fd)
{
	struct stat a, b;

	return fstat(root, &a) == 0 && fstat(fd, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int step_into(struct walk *walk, int next)
{
	if (next < 0)
		return -errno;
	close(walk->at);
	walk->at = next;
	return 0;
}

static int splice_target(struct walk *walk, const char *target)
{
	char joined[2 * PATH_MAX];

	if (++walk->links > MAX_LINKS)
		return -ELOOP;
	if (snprintf(joined, sizeof(joined), "%s/%s", target, walk->rest) >= (int)sizeof(joined))
		return -ENAMETOOLONG;
	strcpy(walk->rest, joined);
	return target[0] == '/' ? step_into(walk, fcntl(walk->root, F_DUPFD_CLOEXEC, 0)) : 0;
}

/* Follows the link `name` in the directory reached. On procfs a link may be a magic one, which only the kernel can follow. */
static int follow_link(struct walk *walk, const char *name)
{
	char target[PATH_MAX];
	ssize_t length;

	if (on_proc(walk->at)) {
		char self[32];

		if (!strcmp(name, "self") || !strcmp(name, "thread-self")) {
			int error = inner_pid(walk->pid, self, sizeof(self));

			return error < 0 ? error : splice_target(walk, self);
		}
		return step_into(walk, openat(walk->at, name, O_PATH | O_CLOEXEC));
	}
	length = readlinkat(walk->at, name, target, sizeof(target) - 1);
	if (length < 0)
		return -errno;
	target[length] = 0;
	return splice_target(walk, target);
}

static int walk_component(struct walk *walk, const char *name)
{
	struct stat st;
	int next;

	if (!strcmp(name, ".."))
		return is_root(walk->root, walk->at) ? 0 : step_into(walk, openat(walk->at, "..", O_PATH | O_CLOEXEC));
	next = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (next < 0)
		return -errno;
	if (fstat(next, &st) == 0 && S_ISLNK(st.st_mode)) {
		close(next);
		return follow_link(walk, name);
	}
	return step_into(walk, next);
}

/* Takes the next component off `rest`; false when there is none. `last`: nothing but slashes follows. */
static bool next_component(struct walk *walk, char *name, size_t size, bool *last, int *error)
{
	char *start = walk->rest + strspn(walk->rest, "/");
	size_t length = strcspn(start, "/");

	if (!length)
		return false;
	if (length >= size) {
		*error = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, start, length);
	name[length] = 0;
	*last = start[length + strspn(start + length, "/")] == 0;
	memmove(walk->rest, start + length, strlen(start + length) + 1);
	return true;
}

static int walk_all(struct walk *walk, bool follow, struct place *place)
{
	char name[NAME_MAX + 1];
	bool last = false;
	int error = 0;

	place->name[0] = 0;
	while (!error && next_component(walk, name, sizeof(name), &last, &error)) {
		struct stat st;

		if (!strcmp(name, "."))
			continue;
		if (!last || !strcmp(name, "..")) {
			error = walk_component(walk, name);
			continue;
		}
		strcpy(place->name, name);
		st.st_mode = 0;
		/* The tripwire says EACCES of what is hidden. */
		place->exists = fstatat(walk->at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 || (errno == EACCES && is_read_only(walk->at));
		if (!S_ISLNK(st.st_mode) || !follow)
			return 0;
		place->name[0] = 0;
		error = follow_link(walk, name);
	}
	/* All was consumed: "/", "..", or a magic link; whatever it is, it exists. */
	place->exists = true;
	return error;
}

/*
 * Most paths lead through no link: then one call goes as far as the last directory. Where it fails, the walk finds out why.
 * A `..` might lead out of the root, which is not ours.
 */
static void leap(struct walk *walk)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	char *start = walk->rest + strspn(walk->rest, "/");
	char *last = strrchr(start, '/');
	int next;

	if (!last || !last[1] || strstr(start, ".."))
		return;
	*last = 0;
	next = (int)syscall(SYS_openat2, walk->at, start, &how, sizeof(how));
	*last = '/';
	if (next >= 0 && step_into(walk, next) == 0)
		memmove(walk->rest, last, strlen(last) + 1);
}

/*
 * Finds the directory and name that `path` means to process `pid` whose root is `root` and which gave the directory
 * descriptor `base` (AT_FDCWD for its working directory). 0 with place->parent open, else -errno.
 */
int resolve_place(int root, pid_t pid, int base, const char *path, bool follow, struct place *place)
{
	struct walk walk = { .root = root, .pid = pid, .at = -1 };
	char start[64];
	int error;

	place->parent = -1;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(walk.rest, path);
	if (path[0] == '/') {
		walk.at = fcntl(root, F_DUPFD_CLOEXEC, 0);
	} else {
		if (base == AT_FDCWD)
			snprintf(start, sizeof(start), "/proc/%d/cwd", pid);
		else
			snprintf(start, sizeof(start), "/proc/%d/fd/%d", pid, base);
		walk.at = open(start, O_PATH | O_CLOEXEC);
	}
	if (walk.at < 0)
		return -errno;
	leap(&walk);
	error = walk_all(&walk, follow, place);
	if (error < 0) {
		/* Nothing is made there; whose look it was the tripwire sees when the kernel goes that way. */
		error = error == -EACCES && is_read_only(walk.at) ? -ENOENT : error;
		close(walk.at);
		return error;
	}
	place->parent = walk.at;
	return 0;
}
