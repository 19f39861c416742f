/* Builds the new root from the plan with the new mount API, and leaves the old one behind. */
#include "launcher.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#define MNT_DETACH_FLAG 2

/* The new root is first attached over a directory that every system has, and pivoted to from there. */
#define STAGE "/usr"
#define MAX_OWN 512

struct building {
	const struct spec *spec;
	struct trouble *trouble;
	int *sources; /* one per step, -1 where it has none */
	int root;
	int masked_directory;
	int masked_file;
	int tripwire; /* its root, or -1 */
	dev_t own[MAX_OWN]; /* file systems that the plan made */
	size_t own_count;
};

static int sys_openat2(int base, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return (int)syscall(SYS_openat2, base, path, &how, sizeof(how));
}

static int sys_open_tree(int base, const char *path, unsigned int flags)
{
	return (int)syscall(SYS_open_tree, base, path, flags | OPEN_TREE_CLOEXEC);
}

static int sys_move_mount(int from, int to)
{
	return syscall(SYS_move_mount, from, "", to, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0 ? -errno : 0;
}

static int set_attributes(int mount, uint64_t set, unsigned int flags)
{
	struct mount_attr attr = { .attr_set = set };

	return syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static int configure(int fs, const char *key, const char *value)
{
	return syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

/* A mount of a fresh file system, not attached anywhere yet; `options` is key, value, …, NULL. */
static int make_filesystem(const char *type, const char *const *options, unsigned int attributes)
{
	CLEANUP_FD int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int mount;

	if (fs < 0)
		return -errno;
	for (; *options; options += 2) {
		int error = options[1][0] ? configure(fs, options[0], options[1])
					  : (syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, options[0], NULL, 0) < 0 ? -errno : 0);

		if (error < 0)
			return error;
	}
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
	return mount < 0 ? -errno : mount;
}

/* Only what was made here may get new entries; the host's /tmp is a tmpfs too. */
static int remember_own(struct building *b, int mount)
{
	struct stat st;

	if (fstat(mount, &st) < 0)
		return -errno;
	if (b->own_count == MAX_OWN)
		return -E2BIG;
	b->own[b->own_count++] = st.st_dev;
	return mount;
}

static int make_tmpfs(struct building *b, const struct mount_step *step)
{
	char mode[16], size[32];
	const char *options[] = { "mode", mode, step->size ? "size" : NULL, size, NULL };
	int mount;

	snprintf(mode, sizeof(mode), "%o", step->mode & 07777);
	snprintf(size, sizeof(size), "%llu", (unsigned long long)step->size);
	mount = make_filesystem("tmpfs", options,
				MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (step->flags & FLAG_NOEXEC ? MOUNT_ATTR_NOEXEC : 0));
	return mount < 0 ? mount : remember_own(b, mount);
}

/* SECURITY: Node looked through one directory; protected names in another that took its place would lie open. */
static int check_identity(const struct mount_step *step, int fd)
{
	struct stat st;

	if (step->op != MOUNT_BIND || !step->inode)
		return 0;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_dev == step->device && st.st_ino == step->inode ? 0 : -ESTALE;
}

/*
 * Opens what a bind shows. No symbolic link is followed anywhere on the way: the plan holds resolved paths, so a link
 * that is there now was put there since, to lead us elsewhere (CVE-2024-21626 and its kin).
 */
static int open_source(const struct mount_step *step)
{
	CLEANUP_FD int path = -1;
	int tree, error;

	if (step->op == MOUNT_CONSOLE) {
		char name[PATH_MAX];
		int tty = terminal_fd();

		if (tty < 0 || ttyname_r(tty, name, sizeof(name)))
			return -ENOTTY;
		path = sys_openat2(AT_FDCWD, name, O_PATH, RESOLVE_NO_SYMLINKS);
	} else {
		path = sys_openat2(AT_FDCWD, step->source, O_PATH, RESOLVE_NO_SYMLINKS);
	}
	if (path < 0)
		return -errno;
	error = check_identity(step, path);
	if (error < 0)
		return error;
	tree = sys_open_tree(path, "", OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);
	return tree < 0 ? -errno : tree;
}

static int open_sources(struct building *b)
{
	for (size_t i = 0; i < b->spec->mount_count; i++) {
		const struct mount_step *step = &b->spec->mounts[i];

		if (step->op != MOUNT_BIND && step->op != MOUNT_CONSOLE)
			continue;
		note(b->trouble, "open", step->op == MOUNT_BIND ? step->source : "terminal");
		b->sources[i] = open_source(step);
		if (b->sources[i] == -ENOENT && step->flags & FLAG_OPTIONAL)
			continue;
		if (b->sources[i] == -ENOTTY)
			continue;
		if (b->sources[i] < 0)
			return b->sources[i];
	}
	return 0;
}

static int open_target(struct building *b, const char *target)
{
	int fd = sys_openat2(b->root, target[1] ? target + 1 : ".", O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

	return fd < 0 ? -errno : fd;
}

/* A mount point that is missing on a file system of the host's is never made: it would stay there as an entry. */
static int is_own(const struct building *b, int directory)
{
	struct stat st;

	if (fstat(directory, &st) < 0)
		return -errno;
	for (size_t i = 0; i < b->own_count; i++)
		if (b->own[i] == st.st_dev)
			return 0;
	return -EROFS;
}

/* Opens the directory above `target`, making what is missing; *name is the last component. */
static int open_parent(struct building *b, const char *target, const char **name)
{
	char path[PATH_MAX];
	char *at = path + 1;
	char *slash;
	int directory = dup(b->root);

	if (directory < 0)
		return -errno;
	if (strlen(target) >= sizeof(path)) {
		close(directory);
		return -ENAMETOOLONG;
	}
	strcpy(path, target);
	while ((slash = strchr(at, '/'))) {
		int next;

		*slash = 0;
		next = sys_openat2(directory, at, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
		if (next < 0 && errno == ENOENT) {
			int error = is_own(b, directory);

			if (!error && mkdirat(directory, at, 0755) < 0)
				error = -errno;
			if (error < 0) {
				close(directory);
				return error;
			}
			next = sys_openat2(directory, at, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
		}
		close(directory);
		if (next < 0)
			return -errno;
		directory = next;
		at = slash + 1;
	}
	*name = target + (at - path);
	return directory;
}

static int make_point(struct building *b, const char *target, bool directory)
{
	const char *name;
	CLEANUP_FD int parent = -1;
	int point = open_target(b, target);
	int error;

	if (point != -ENOENT)
		return point;
	parent = open_parent(b, target, &name);
	if (parent < 0)
		return parent;
	error = is_own(b, parent);
	if (error < 0)
		return error;
	if (directory ? mkdirat(parent, name, 0755) : mknodat(parent, name, S_IFREG | 0644, 0))
		return -errno;
	return open_target(b, target);
}

static int attach(struct building *b, int mount, const char *target, bool directory)
{
	CLEANUP_FD int point = make_point(b, target, directory);

	return point < 0 ? point : sys_move_mount(mount, point);
}

static int attach_bind(struct building *b, const struct mount_step *step, int tree)
{
	uint64_t set = MOUNT_ATTR_NOSUID;
	struct stat st;
	int error;

	if (!(step->flags & FLAG_WRITABLE))
		set |= MOUNT_ATTR_RDONLY;
	if (!(step->flags & FLAG_DEVICES))
		set |= MOUNT_ATTR_NODEV;
	if (step->flags & FLAG_NOEXEC)
		set |= MOUNT_ATTR_NOEXEC;
	if (fstat(tree, &st) < 0)
		return -errno;
	error = set_attributes(tree, set, AT_RECURSIVE);
	return error < 0 ? error : attach(b, tree, step->target, S_ISDIR(st.st_mode));
}

/*
 * Two empty things that nobody may open, mode 0 on a read-only mount so that not even their owner can chmod them. The
 * tripwire lies over one while parts of it are cloned: before Linux 6.15 open_tree(2) refuses what is attached nowhere.
 */
static int prepare_masks(struct building *b)
{
	if (mkdirat(b->root, ".masked-directory", 0) < 0 || mknodat(b->root, ".masked-file", S_IFREG, 0) < 0)
		return -errno;
	b->masked_directory = openat(b->root, ".masked-directory", O_PATH | O_CLOEXEC);
	b->masked_file = openat(b->root, ".masked-file", O_PATH | O_CLOEXEC);
	if (b->masked_directory < 0 || b->masked_file < 0)
		return -errno;
	return b->tripwire < 0 ? 0 : sys_move_mount(b->tripwire, b->masked_directory);
}

static int discard_masks(struct building *b)
{
	if (b->tripwire >= 0 && syscall(SYS_umount2, STAGE "/.masked-directory", MNT_DETACH_FLAG) < 0)
		return -errno;
	if (unlinkat(b->root, ".masked-directory", AT_REMOVEDIR) < 0 || unlinkat(b->root, ".masked-file", 0) < 0)
		return -errno;
	return 0;
}

static int mask(struct building *b, const char *target)
{
	CLEANUP_FD int point = open_target(b, target);
	CLEANUP_FD int tree = -1;
	struct stat st;
	int error;

	if (point == -ENOENT)
		return 0; /* Gone since the plan was made; making it anew is what the guarded names refuse. */
	if (point < 0 || fstat(point, &st) < 0)
		return point < 0 ? point : -errno;
	tree = sys_open_tree(S_ISDIR(st.st_mode) ? b->masked_directory : b->masked_file, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	if (tree < 0)
		return -errno;
	error = set_attributes(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0);
	return error < 0 ? error : sys_move_mount(tree, point);
}

static int attach_tripwire(struct building *b, const struct mount_step *step)
{
	bool optional = step->flags & FLAG_OPTIONAL;
	CLEANUP_FD int point = optional ? open_target(b, step->target) : make_point(b, step->target, true);
	CLEANUP_FD int tree = -1;

	if (point < 0)
		return optional && point == -ENOENT ? 0 : point; /* Gone, as with a mask. */
	tree = sys_open_tree(b->tripwire, step->source, OPEN_TREE_CLONE);
	return tree < 0 ? -errno : sys_move_mount(tree, point);
}

static int make_entry(struct building *b, const struct mount_step *step)
{
	const char *name;
	CLEANUP_FD int parent = open_parent(b, step->target, &name);
	CLEANUP_FD int file = -1;
	int error = parent < 0 ? parent : is_own(b, parent);

	if (error < 0)
		return error;
	if (step->op == MOUNT_DIRECTORY) {
		if (mkdirat(parent, name, step->mode & 07777) < 0 && errno != EEXIST)
			return -errno;
		return fchmodat(parent, name, step->mode & 07777, 0) < 0 ? -errno : 0;
	}
	if (step->op == MOUNT_SYMLINK)
		return symlinkat(step->source, parent, name) < 0 ? -errno : 0;
	file = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, step->mode & 07777);
	return file < 0 ? -errno : write_exactly(file, step->source, strlen(step->source));
}

static int make_proc(struct building *b, const char *target)
{
	static const char *const options[] = { NULL };
	CLEANUP_FD int mount = make_filesystem("proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);

	return mount < 0 ? mount : attach(b, mount, target, true);
}

static int make_devpts(struct building *b, const char *target)
{
	static const char *const options[] = { "newinstance", "", "ptmxmode", "0666", "mode", "0620", NULL };
	CLEANUP_FD int mount = make_filesystem("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

	return mount < 0 ? mount : attach(b, mount, target, true);
}

static int seal(struct building *b, const char *target)
{
	CLEANUP_FD int mount = open_target(b, target);

	return mount < 0 ? mount : set_attributes(mount, MOUNT_ATTR_RDONLY, 0);
}

static int carry_out(struct building *b, size_t i)
{
	const struct mount_step *step = &b->spec->mounts[i];

	switch (step->op) {
	case MOUNT_TMPFS: {
		CLEANUP_FD int mount = make_tmpfs(b, step);

		return mount < 0 ? mount : attach(b, mount, step->target, true);
	}
	case MOUNT_BIND:
		return b->sources[i] < 0 ? 0 : attach_bind(b, step, b->sources[i]);
	case MOUNT_CONSOLE:
		if (b->sources[i] < 0)
			return 0; /* No terminal to show. */
		if (set_attributes(b->sources[i], MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, 0) < 0)
			return -errno;
		return attach(b, b->sources[i], step->target, false);
	case MOUNT_MASK:
		return mask(b, step->target);
	case MOUNT_PROC:
		return make_proc(b, step->target);
	case MOUNT_DEVPTS:
		return make_devpts(b, step->target);
	case MOUNT_SEAL:
		return seal(b, step->target);
	case MOUNT_TRIPWIRE:
		return attach_tripwire(b, step);
	default:
		return make_entry(b, step);
	}
}

static int make_root(struct building *b)
{
	CLEANUP_FD int stage = open(STAGE, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (stage < 0)
		return -errno;
	b->root = make_tmpfs(b, &b->spec->mounts[0]);
	if (b->root < 0)
		return b->root;
	return sys_move_mount(b->root, stage);
}

static int enter_root(struct building *b)
{
	if (fchdir(b->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return -errno;
	/* The old root now lies over the new one at "."; detaching uncovers it (pivot_root(2), NOTES). */
	if (syscall(SYS_umount2, ".", MNT_DETACH_FLAG) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

static int build(struct building *b)
{
	struct mount_attr private = { .propagation = 1ul << 18 /* MS_PRIVATE */ };
	int error;

	note(b->trouble, "make mounts private", NULL);
	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &private, sizeof(private)) < 0)
		return -errno;
	error = open_sources(b);
	if (error < 0)
		return error;
	note(b->trouble, "make root", NULL);
	error = make_root(b);
	if (!error)
		error = prepare_masks(b);
	for (size_t i = 1; !error && i < b->spec->mount_count; i++) {
		const struct mount_step *step = &b->spec->mounts[i];
		static const char *const words[] = { "", "tmpfs", "bind", "mask", "directory", "symlink",
						     "file", "proc", "devpts", "console", "seal", "tripwire" };

		/* The masks' own directory entries go before the root may be sealed. */
		if (step->op == MOUNT_SEAL && !step->target[1])
			error = discard_masks(b);
		note(b->trouble, words[step->op], step->target);
		if (!error)
			error = carry_out(b, i);
	}
	if (error)
		return error;
	note(b->trouble, "enter root", NULL);
	return enter_root(b);
}

int build_root(const struct spec *spec, int tripwire, struct trouble *trouble)
{
	struct building b = { .spec = spec, .trouble = trouble, .root = -1, .masked_directory = -1, .masked_file = -1,
			      .tripwire = tripwire };
	int error;

	b.sources = calloc(spec->mount_count, sizeof(int));
	if (!b.sources)
		return -ENOMEM;
	for (size_t i = 0; i < spec->mount_count; i++)
		b.sources[i] = -1;
	error = build(&b);
	for (size_t i = 0; i < spec->mount_count; i++)
		close_cleanup(&b.sources[i]);
	close_cleanup(&b.root);
	close_cleanup(&b.masked_directory);
	close_cleanup(&b.masked_file);
	free(b.sources);
	return error;
}
