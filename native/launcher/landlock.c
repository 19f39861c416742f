/* The second lock: the same grants again as a Landlock domain, which init enters so that all inside share one. */
#include "launcher.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* From linux/landlock.h, repeated because a distribution's headers may be older than its kernel. */
#define LANDLOCK_CREATE_RULESET_VERSION 1u
#define LANDLOCK_RULE_PATH_BENEATH 1
/* EXECUTE, WRITE_FILE, READ_FILE, TRUNCATE, IOCTL_DEV: the rights that make sense on a file. */
#define WRITE_FILE (1ull << 1)
#define READ_FILE (1ull << 2)
#define TRUNCATE (1ull << 14)
#define FILE_RIGHTS ((1ull << 0) | (1ull << 1) | (1ull << 2) | (1ull << 14) | (1ull << 15))

struct ruleset_attr {
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
};

struct path_beneath_attr {
	uint64_t access;
	int32_t parent;
} __attribute__((packed));

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

/* Older kernels know a shorter struct and refuse a longer one unless the rest is zero; they accept exact prefixes. */
static size_t attr_size(const struct ruleset_attr *attr)
{
	if (attr->scoped)
		return sizeof(*attr);
	return attr->handled_net ? 16 : 8;
}

/*
 * A file that the person handed in as a standard stream may be opened again by name (`echo >/dev/stderr`), with the
 * rights it was handed in with and no more.
 */
static int allow_standard(int ruleset, int fd, uint64_t handled)
{
	struct path_beneath_attr beneath = { 0, fd };
	int mode = fcntl(fd, F_GETFL);
	struct stat st;

	if (mode < 0 || fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode)))
		return 0;
	if ((mode & O_ACCMODE) != O_WRONLY)
		beneath.access |= READ_FILE;
	if ((mode & O_ACCMODE) != O_RDONLY)
		beneath.access |= WRITE_FILE | TRUNCATE;
	beneath.access &= handled;
	if (!beneath.access)
		return 0;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno : 0;
}

int restrict_paths(const struct spec *spec, struct trouble *trouble)
{
	struct ruleset_attr attr = { spec->handled_fs, spec->handled_net, spec->scoped };
	CLEANUP_FD int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, attr_size(&attr), 0);

	note(trouble, "create ruleset", NULL);
	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; i < spec->rule_count; i++) {
		CLEANUP_FD int path = open(spec->rules[i].path, O_PATH | O_CLOEXEC);
		struct path_beneath_attr beneath = { spec->rules[i].access, path };
		struct stat st;

		note(trouble, "allow", spec->rules[i].path);
		if (path < 0 && errno == ENOENT)
			continue; /* Nothing there to allow: granting less than planned is safe. */
		if (path < 0 || fstat(path, &st) < 0)
			return -errno;
		if (!S_ISDIR(st.st_mode))
			beneath.access &= FILE_RIGHTS;
		beneath.access &= spec->handled_fs;
		if (!beneath.access)
			continue;
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
			return -errno;
	}
	for (int fd = 0; fd < 3; fd++) {
		int error = allow_standard(ruleset, fd, spec->handled_fs);

		note(trouble, "allow a standard stream", NULL);
		if (error < 0)
			return error;
	}
	note(trouble, "restrict self", NULL);
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return -errno;
	return 0;
}
