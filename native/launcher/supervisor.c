/*
 * Answers seccomp notifications. No guarantee rests on an answer of CONTINUE (the memory can change under it): what exists
 * is protected by mounts; this is the first of three nets for names that do not exist yet (the watch and the sweep on the
 * host side are the others).
 */
#include "launcher.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#define RENAME_EXCHANGE_FLAG 2u
/* A flood of refused attempts is refused all the same, but no longer told one by one. */
#define MAX_RECORDS 1000u

struct supervisor {
	const struct spec *spec;
	int listener;
	int root;
	pid_t init;
	unsigned int records;
	struct destinations *destinations;
};

/* One name that a call would make. */
struct making {
	int base;
	uint64_t path;
	bool follow; /* open() follows a dangling link and makes what it leads to */
	bool directory;
	bool arrives; /* rename, link, symlink: what arrives may already hold anything */
	int from_base; /* where it comes from; `from` 0: a new symbolic link */
	uint64_t from;
};

static int makings(const struct seccomp_data *data, struct making *out)
{
	const __u64 *a = data->args;
	const int cwd = AT_FDCWD;

	switch (data->nr) {
#ifdef SYS_open
	case SYS_open:
		out[0] = (struct making){ .base = cwd, .path = a[0], .follow = !(a[1] & (O_EXCL | O_NOFOLLOW)) };
		return 1;
	case SYS_creat:
		out[0] = (struct making){ .base = cwd, .path = a[0], .follow = true };
		return 1;
	case SYS_mkdir:
		out[0] = (struct making){ .base = cwd, .path = a[0], .directory = true };
		return 1;
	case SYS_mknod:
		out[0] = (struct making){ .base = cwd, .path = a[0] };
		return 1;
	case SYS_rename:
	case SYS_link:
		out[0] = (struct making){ .base = cwd, .path = a[1], .arrives = true, .from_base = cwd, .from = a[0] };
		return 1;
	case SYS_symlink:
		out[0] = (struct making){ .base = cwd, .path = a[1], .arrives = true };
		return 1;
#endif
	case SYS_openat:
		out[0] = (struct making){ .base = (int)a[0], .path = a[1], .follow = !(a[2] & (O_EXCL | O_NOFOLLOW)) };
		return 1;
	case SYS_mkdirat:
		out[0] = (struct making){ .base = (int)a[0], .path = a[1], .directory = true };
		return 1;
	case SYS_mknodat:
		out[0] = (struct making){ .base = (int)a[0], .path = a[1] };
		return 1;
	case SYS_symlinkat:
		out[0] = (struct making){ .base = (int)a[1], .path = a[2], .arrives = true };
		return 1;
	case SYS_linkat:
#ifdef SYS_renameat
	case SYS_renameat:
#endif
		out[0] = (struct making){ .base = (int)a[2], .path = a[3], .arrives = true, .from_base = (int)a[0], .from = a[1] };
		return 1;
	case SYS_renameat2:
		out[0] = (struct making){ .base = (int)a[2], .path = a[3], .arrives = true, .from_base = (int)a[0], .from = a[1] };
		if (!((uint32_t)a[4] & RENAME_EXCHANGE_FLAG))
			return 1;
		out[1] = (struct making){ .base = (int)a[0], .path = a[1], .arrives = true, .from_base = (int)a[2], .from = a[3] };
		return 2;
	default:
		return 0;
	}
}

/* Copies the path out of the caller's memory, page by page: the string may end just before an unmapped one. */
static int copy_path(pid_t pid, uint64_t address, char *path)
{
	size_t length = 0;

	while (length < PATH_MAX) {
		size_t chunk = 4096 - (size_t)((address + length) & 4095);
		struct iovec local, remote;
		ssize_t got;

		if (chunk > PATH_MAX - length)
			chunk = PATH_MAX - length;
		local = (struct iovec){ path + length, chunk };
		remote = (struct iovec){ (void *)(uintptr_t)(address + length), chunk };
		got = process_vm_readv(pid, &local, 1, &remote, 1, 0);
		if (got <= 0)
			return got < 0 ? -errno : -EFAULT;
		if (memchr(path + length, 0, (size_t)got))
			return 0;
		length += (size_t)got;
	}
	return -ENAMETOOLONG;
}

static bool same_name(const char *pattern, const char *name)
{
	return fnmatch(pattern, name, FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

/* Whether the last `count` components of directory `path` match patterns[0 … count-1]. */
static bool ends_with(const char *path, char *const *patterns, size_t count)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	while (count) {
		char *slash = strrchr(copy, '/');

		if (!slash || !same_name(patterns[--count], slash + 1))
			return false;
		*slash = 0;
	}
	return true;
}

static bool beneath(const char *path, const char *root)
{
	size_t length = strlen(root);

	if (length == 1)
		return true;
	return !strncmp(path, root, length) && (path[length] == '/' || path[length] == 0);
}

static bool excepted(const struct guarded_name *guard, const char *directory)
{
	const char *rest = directory + strlen(guard->root);
	char copy[PATH_MAX];
	char *save, *part;

	snprintf(copy, sizeof(copy), "%s", rest);
	for (part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save))
		for (size_t i = 0; i < guard->except.count; i++)
			if (!strcmp(part, guard->except.items[i]))
				return true;
	return false;
}

/*
 * Whether what arrives is a directory or a link: only they can bring a guarded entry along, under the name of the entry's
 * parent. What cannot be looked at counts as one.
 */
static bool brings_more(struct supervisor *supervisor, pid_t pid, const struct making *making)
{
	char path[PATH_MAX];
	struct place place;
	struct stat st;
	bool plain;

	if (!making->arrives)
		return false;
	if (!making->from || copy_path(pid, making->from, path) < 0 ||
	    resolve_place(supervisor->root, pid, making->from_base, path, false, &place) < 0)
		return true;
	plain = place.name[0] && fstatat(place.parent, place.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
		!S_ISLNK(st.st_mode);
	close(place.parent);
	return !plain;
}

/* The name alone decides almost always; only then is the directory's path looked up. */
static bool name_concerns(const struct guarded_name *guard, const struct making *making, const char *name)
{
	size_t count = guard->components.count;

	if (same_name(guard->components.items[count - 1], name))
		return !(guard->files_only && making->directory);
	/* Something complete that arrives under the name of a guarded entry's parent brings the entry with it. */
	for (size_t i = 0; making->arrives && i + 1 < count; i++)
		if (same_name(guard->components.items[i], name))
			return true;
	return false;
}

static bool guards(const struct guarded_name *guard, bool more, const char *directory, const char *name)
{
	size_t count = guard->components.count;

	if (!beneath(directory, guard->root) || excepted(guard, directory))
		return false;
	if (same_name(guard->components.items[count - 1], name) && ends_with(directory, guard->components.items, count - 1))
		return true;
	for (size_t i = 0; more && i + 1 < count; i++)
		if (same_name(guard->components.items[i], name) && ends_with(directory, guard->components.items, i))
			return true;
	return false;
}

static void tell(struct supervisor *supervisor, const struct seccomp_notif *request, uint32_t rule, const char *directory,
		 const char *name)
{
	struct record record;
	char path[PATH_MAX + NAME_MAX + 2], link[64], exe[PATH_MAX];
	ssize_t length;

	if (supervisor->records++ >= MAX_RECORDS)
		return;
	snprintf(path, sizeof(path), "%s/%s", directory[1] ? directory : "", name);
	snprintf(link, sizeof(link), "/proc/%u/exe", request->pid);
	length = readlink(link, exe, sizeof(exe));
	record_begin(&record, RECORD_GUARDED);
	record_u32(&record, request->pid);
	record_u32(&record, rule);
	record_u32(&record, (uint32_t)request->data.nr);
	record_u32(&record, (uint32_t)strlen(path));
	record_bytes(&record, path, strlen(path));
	record_bytes(&record, exe, length > 0 ? (size_t)length : 0);
	record_send(&record);
}

static bool is_opened(const struct spec *spec, const char *directory, const char *name)
{
	char path[PATH_MAX + NAME_MAX + 2];

	snprintf(path, sizeof(path), "%s/%s", directory[1] ? directory : "", name);
	for (size_t i = 0; i < spec->opened.count; i++)
		if (beneath(path, spec->opened.items[i]))
			return true;
	return false;
}

/* 0 to let the kernel go on, -errno to refuse. */
static int judge(struct supervisor *supervisor, const struct seccomp_notif *request, const struct making *making)
{
	char path[PATH_MAX], link[64], directory[PATH_MAX];
	struct place place;
	bool concerns = false, more;
	int error = copy_path((pid_t)request->pid, making->path, path);
	ssize_t length;

	if (error < 0)
		return error;
	error = resolve_place(supervisor->root, (pid_t)request->pid, making->base, path, making->follow, &place);
	if (error == -ENOENT || error == -ENOTDIR)
		return 0; /* No such directory: nothing can be made, and the kernel gives the true errno. */
	if (error < 0)
		return error;
	for (size_t i = 0; !concerns && i < supervisor->spec->guarded_count; i++)
		concerns = name_concerns(&supervisor->spec->guarded[i], making, place.name);
	/* An existing name is not made by open() or mkdir(); rename() and link() may still replace it. */
	if (!concerns || (place.exists && !making->arrives)) {
		close(place.parent);
		return 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place.parent);
	length = readlink(link, directory, sizeof(directory) - 1);
	close(place.parent);
	if (length <= 0)
		return -EACCES;
	directory[length] = 0;
	if (is_opened(supervisor->spec, directory, place.name))
		return 0;
	more = brings_more(supervisor, (pid_t)request->pid, making);
	for (size_t i = 0; i < supervisor->spec->guarded_count; i++) {
		const struct guarded_name *guard = &supervisor->spec->guarded[i];

		if (name_concerns(guard, making, place.name) && guards(guard, more, directory, place.name)) {
			tell(supervisor, request, guard->rule, directory, place.name);
			return -EACCES;
		}
	}
	return 0;
}

int supervisor_answer(struct supervisor *supervisor)
{
	struct seccomp_notif request;
	struct seccomp_notif_resp response;
	struct making makes[2];
	int count, error = 0;

	memset(&request, 0, sizeof(request));
	if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -errno;
	switch (request.data.nr) {
	case SYS_connect:
	case SYS_sendto:
	case SYS_bind:
	case SYS_listen:
		if (destinations_ask(supervisor->destinations, supervisor->spec, supervisor->init, &request))
			return 0;
	}
	count = makings(&request.data, makes);
	for (int i = 0; !error && i < count; i++)
		error = judge(supervisor, &request, &makes[i]);
	memset(&response, 0, sizeof(response));
	response.id = request.id;
	if (error < 0)
		response.error = error;
	else
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	/* The pid may have been reused while we looked; then there is nobody left to answer (seccomp_unotify(2)). */
	if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 && errno != ENOENT && errno != EINTR)
		return -errno;
	return 0;
}

struct supervisor *supervisor_open(const struct spec *spec, int listener, pid_t init)
{
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
	char path[64];

	if (!supervisor)
		return NULL;
	snprintf(path, sizeof(path), "/proc/%d/root", init);
	supervisor->spec = spec;
	supervisor->init = init;
	supervisor->listener = listener;
	supervisor->destinations = destinations_open();
	supervisor->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (supervisor->root < 0 || !supervisor->destinations) {
		close_cleanup(&supervisor->root);
		free(supervisor->destinations);
		free(supervisor);
		return NULL;
	}
	/* Without it a notification costs ten times as much; kernels before 6.6 lack it and only that is lost. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	return supervisor;
}

void supervisor_close(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	close(supervisor->listener);
	close(supervisor->root);
	free(supervisor->destinations);
	free(supervisor);
}

int supervisor_settle(struct supervisor *supervisor, const struct verdict *verdict)
{
	return supervisor ? destinations_settle(supervisor->destinations, supervisor->listener, verdict) : 0;
}

int supervisor_fd(const struct supervisor *supervisor)
{
	return supervisor->listener;
}
