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
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif
#define RENAME_EXCHANGE_FLAG 2u

struct supervisor {
	const struct spec *spec;
	int listener;
	int root;
	pid_t init;
	struct destinations *destinations;
};

/* One name that a call would make. */
struct making {
	int base;
	uint64_t path;
	int from_base; /* where what arrives comes from; `from` 0: it is a new symbolic link */
	uint64_t from;
	bool follow; /* open() follows a dangling link and makes what it leads to */
	bool directory;
	bool arrives; /* what arrives may already hold anything */
	bool writes; /* open() for writing: one that exists is changed */
};

enum making_kind { OPENS, MAKES_NODE, MAKES_DIRECTORY, ARRIVES };

/* Which argument is what, counted from 1; 0: there is none. A path without a base starts at the working directory. */
static const struct making_call {
	int number;
	enum making_kind kind;
	int base, path;
	int flags; /* those of open(2) or renameat2(2) */
	int from_base, from;
} making_calls[] = {
#ifdef SYS_open
	{ SYS_open, OPENS, .path = 1, .flags = 2 },
	{ SYS_creat, OPENS, .path = 1 },
	{ SYS_mkdir, MAKES_DIRECTORY, .path = 1 },
	{ SYS_mknod, MAKES_NODE, .path = 1 },
	{ SYS_symlink, ARRIVES, .path = 2 },
	{ SYS_link, ARRIVES, .path = 2, .from = 1 },
	{ SYS_rename, ARRIVES, .path = 2, .from = 1 },
#endif
#ifdef SYS_renameat
	{ SYS_renameat, ARRIVES, .base = 3, .path = 4, .from_base = 1, .from = 2 },
#endif
	{ SYS_openat, OPENS, .base = 1, .path = 2, .flags = 3 },
	{ SYS_mkdirat, MAKES_DIRECTORY, .base = 1, .path = 2 },
	{ SYS_mknodat, MAKES_NODE, .base = 1, .path = 2 },
	{ SYS_symlinkat, ARRIVES, .base = 2, .path = 3 },
	{ SYS_linkat, ARRIVES, .base = 3, .path = 4, .from_base = 1, .from = 2 },
	{ SYS_renameat2, ARRIVES, .base = 3, .path = 4, .flags = 5, .from_base = 1, .from = 2 },
};

static int makings(const struct seccomp_data *data, struct making *out)
{
	const struct making_call *call = making_calls;
	uint64_t argument[7] = { 0 };
	uint64_t flags;

	while (call < making_calls + ARRAY_SIZE(making_calls) && call->number != data->nr)
		call++;
	if (call == making_calls + ARRAY_SIZE(making_calls))
		return 0;
	memcpy(argument + 1, data->args, sizeof(data->args));
	flags = argument[call->flags];
	out[0] = (struct making){
		.base = call->base ? (int)argument[call->base] : AT_FDCWD,
		.path = argument[call->path],
		.from_base = call->from_base ? (int)argument[call->from_base] : AT_FDCWD,
		.from = argument[call->from],
		.follow = call->kind == OPENS && !(flags & (O_EXCL | O_NOFOLLOW)),
		.directory = call->kind == MAKES_DIRECTORY,
		.arrives = call->kind == ARRIVES,
		.writes = call->kind == OPENS && (!call->flags || (flags & O_ACCMODE) != O_RDONLY),
	};
	if (call->kind != ARRIVES || !(flags & RENAME_EXCHANGE_FLAG))
		return 1;
	out[1] = out[0];
	out[1].base = out[0].from_base;
	out[1].path = out[0].from;
	out[1].from_base = out[0].base;
	out[1].from = out[0].path;
	return 2;
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

static bool matches(const char *pattern, const char *text)
{
	return fnmatch(pattern, text, FNM_CASEFOLD | FNM_NOESCAPE) == 0;
}

/* A pattern is of a whole path, its star crosses slashes. Almost always the name alone decides, with no path looked up. */
static bool any_matches(const struct string_list *patterns, const char *path, const char *name)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (matches(strrchr(patterns->items[i], '/') + 1, name) && (!path || matches(patterns->items[i], path)))
			return true;
	return false;
}

static bool concerns(const struct spec *spec, const struct making *making, const char *path, const char *name)
{
	return any_matches(&spec->guarded, path, name) || (making->arrives && any_matches(&spec->arriving, path, name));
}

/* The kernel refuses what is made or written there; Node only records it. */
static bool is_read_only(const struct place *place, const struct making *making)
{
	bool written = place->exists && making->writes && place->name[0];
	CLEANUP_FD int fd = written ? openat(place->parent, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	struct statvfs fs;

	if (place->exists && !written && !making->arrives)
		return false;
	return fstatvfs(written ? fd : place->parent, &fs) == 0 && fs.f_flag & ST_RDONLY;
}

/* 0 to let the kernel go on, 1 when Node has to judge and the record says what, -errno to refuse. */
static int sieve(struct supervisor *supervisor, pid_t pid, const struct making *making, struct record *record)
{
	char path[PATH_MAX + NAME_MAX + 2], link[64];
	struct place place;
	int error = copy_path(pid, making->path, path);
	ssize_t length;
	bool read_only;

	if (error < 0)
		return error;
	error = resolve_place(supervisor->root, pid, making->base, path, making->follow, &place);
	if (error == -ENOENT || error == -ENOTDIR)
		return 0; /* No such directory: nothing can be made, and the kernel gives the true errno. */
	if (error < 0)
		return error;
	/* An existing name is not made by open() or mkdir(); rename() and link() may still replace it. */
	read_only = is_read_only(&place, making);
	if (!read_only && ((place.exists && !making->arrives) || !concerns(supervisor->spec, making, NULL, place.name))) {
		close(place.parent);
		return 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place.parent);
	length = readlink(link, path, PATH_MAX);
	close(place.parent);
	if (length <= 0 || length == PATH_MAX)
		return -EACCES;
	if (path[length - 1] != '/')
		path[length++] = '/';
	strcpy(path + length, place.name);
	if (!read_only && !concerns(supervisor->spec, making, path, place.name))
		return 0;
	record_u32(record, (making->directory ? MAKING_DIRECTORY : 0u) | (read_only ? MAKING_READ_ONLY : 0u) |
				   (place.exists && !making->arrives ? MAKING_WRITTEN : 0u) |
				   (brings_more(supervisor, pid, making) ? MAKING_BRINGS_MORE : 0u));
	record_bytes(record, path, strlen(path) + 1);
	return 1;
}

/* 0 to let the kernel go on, 1 when Node was asked and will answer, -errno to refuse. */
static int judge(struct supervisor *supervisor, const struct seccomp_notif *request)
{
	struct making makes[2];
	struct record record;
	int count = makings(&request->data, makes), asked = 0;

	record_begin(&record, RECORD_MAKING);
	record_bytes(&record, &request->id, sizeof(request->id));
	record_u32(&record, request->pid);
	record_u32(&record, (uint32_t)request->data.nr);
	for (int i = 0; i < count; i++) {
		int answer = sieve(supervisor, (pid_t)request->pid, &makes[i], &record);

		if (answer < 0)
			return answer;
		asked |= answer;
	}
	return asked && record_send(&record) < 0 ? -EACCES : asked;
}

int supervisor_answer(struct supervisor *supervisor)
{
	struct seccomp_notif request;
	struct seccomp_notif_resp response;
	int answer;

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
	answer = judge(supervisor, &request);
	if (answer > 0)
		return 0;
	memset(&response, 0, sizeof(response));
	response.id = request.id;
	if (answer < 0)
		response.error = answer;
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
