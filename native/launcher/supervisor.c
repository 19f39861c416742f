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
#define MOUNT_ROOT_ATTRIBUTE 0x2000u /* STATX_ATTR_MOUNT_ROOT, Linux 5.8 */
#define MATCHES(pattern, text) (fnmatch(pattern, text, FNM_CASEFOLD | FNM_NOESCAPE) == 0)

struct supervisor {
	const struct spec *spec;
	int listener;
	int root;
	pid_t init;
	struct destinations *destinations;
};

/* One thing that a call names: a row of the plan, with what the call's arguments and flags say of it. */
struct subject {
	const struct watched *row;
	uint64_t argument[ARGUMENTS_NAMED]; /* 0 where there is none */
	bool absent, present, followed;
};

static struct subject subject_of(const struct watched *row, const struct seccomp_data *data)
{
	struct subject subject = { .row = row };
	uint32_t flags = (row->argument[FLAGS] ? (uint32_t)data->args[row->argument[FLAGS] - 1] : 0) | WATCH_ALWAYS;

	for (size_t i = 0; i < ARGUMENTS_NAMED; i++)
		subject.argument[i] = row->argument[i] ? data->args[row->argument[i] - 1] : 0;
	subject.absent = flags & row->absent;
	subject.present = flags & row->present && !(flags & row->unless);
	subject.followed = !(flags & row->nofollow);
	return subject;
}

/* Copies the path out of the caller's memory, page by page: the string may end just before an unmapped one. */
static int copy_path(pid_t pid, uint64_t address, char *path)
{
	size_t first = 4096 - (size_t)(address & 4095);
	struct iovec local = { path, PATH_MAX };
	struct iovec remote[] = { { (void *)(uintptr_t)address, first }, { (void *)(uintptr_t)(address + first), PATH_MAX - first } };
	ssize_t got = process_vm_readv(pid, &local, 1, remote, ARRAY_SIZE(remote), 0);

	return got < 0 ? -errno : memchr(path, 0, (size_t)got) ? 0 : got == PATH_MAX ? -ENAMETOOLONG : -EFAULT;
}

/* `base`: BASE or FROM_BASE, the path is the argument after it. Without a path it is the descriptor itself. */
static int find(struct supervisor *supervisor, pid_t pid, const struct subject *subject, int base, char *path, struct place *place)
{
	int at = subject->row->argument[base] ? (int)subject->argument[base] : AT_FDCWD;
	uint64_t address = subject->argument[base + 1];
	size_t before = subject->row->kind & WATCH_ADDRESS ? sizeof(uint16_t) : 0; /* the family */
	int error = address ? copy_path(pid, address + before, path) : 0;

	if (before && path[0] != '/')
		return -ENOENT; /* an IP address, or a name that is no path */
	return error ? error : resolve_place(supervisor->root, pid, at, path, base == BASE && subject->followed, place);
}

/*
 * Whether what arrives is a directory or a link: only they can bring a guarded entry along, under the name of the entry's
 * parent. What cannot be looked at counts as one.
 */
static bool brings_more(struct supervisor *supervisor, pid_t pid, const struct subject *subject)
{
	char path[PATH_MAX] = "";
	struct place place;
	struct stat st;
	bool plain;

	if (!(subject->row->kind & WATCH_ARRIVES))
		return false;
	if (!subject->argument[FROM] || find(supervisor, pid, subject, FROM_BASE, path, &place) < 0)
		return true;
	plain = place.name[0] && fstatat(place.parent, place.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode) &&
		!S_ISLNK(st.st_mode);
	close(place.parent);
	return !plain;
}

/* A pattern is of a whole path, its star crosses slashes. Almost always the name alone decides, with no path looked up. */
static bool any_matches(const struct string_list *patterns, const char *path, const char *name)
{
	for (size_t i = 0; i < patterns->count; i++)
		if (MATCHES(strrchr(patterns->items[i], '/') + 1, name) && (!path || MATCHES(patterns->items[i], path)))
			return true;
	return false;
}

static bool concerns(const struct spec *spec, const struct subject *subject, const char *path, const char *name)
{
	return any_matches(&spec->guarded, path, name) ||
	       (subject->row->kind & WATCH_ARRIVES && any_matches(&spec->arriving, path, name));
}

/* Such a name can be neither removed nor replaced (EBUSY). */
static bool is_mount_point(const struct place *place)
{
	uint64_t found[32]; /* struct statx, which old C libraries lack; its second field is stx_attributes */

	return place->name[0] && syscall(SYS_statx, place->parent, place->name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, found) == 0 &&
	       found[1] & MOUNT_ROOT_ATTRIBUTE;
}

/* How a mount is going to make the kernel refuse, as flags of a `making` record; Node only records it. */
static uint32_t refusal(const struct place *place, const struct subject *subject)
{
	bool itself = place->exists && subject->row->kind & WATCH_ITSELF;
	CLEANUP_FD int fd = -1;
	struct statvfs fs;
	struct stat st;

	if (!subject->row->refusing || !(place->exists ? subject->present : subject->absent))
		return 0;
	if (itself && place->name[0])
		fd = openat(place->parent, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fstatvfs(fd < 0 ? place->parent : fd, &fs) < 0 || !(fs.f_flag & subject->row->refusing))
		return place->exists && !itself && is_mount_point(place) ? MAKING_MOUNTED : 0;
	/* Devices, pipes and sockets are opened for writing everywhere, directories nowhere. */
	if (itself && subject->row->kind & WATCH_REGULAR && fstat(fd < 0 ? place->parent : fd, &st) == 0 && !S_ISREG(st.st_mode))
		return 0;
	return MAKING_READ_ONLY;
}

/* 0 to let the kernel go on, 1 when Node has to judge and the record says what, -errno to refuse. */
static int sieve(struct supervisor *supervisor, pid_t pid, const struct subject *subject, struct record *record)
{
	char path[PATH_MAX + NAME_MAX + 2] = "", link[64];
	bool arrives = subject->row->kind & WATCH_ARRIVES, makes;
	struct place place;
	int error = find(supervisor, pid, subject, BASE, path, &place);
	ssize_t length;
	uint32_t met;

	if (error == -ENOENT || error == -ENOTDIR || (error < 0 && !arrives && !subject->absent))
		return 0; /* No such directory, or nothing is made: the kernel gives the true errno. */
	if (error < 0)
		return error;
	/* An existing name is not made by open() or mkdir(); rename() and link() may still replace it. */
	makes = arrives || ((subject->absent || subject->row->kind & WATCH_ADDRESS) && !place.exists);
	met = refusal(&place, subject);
	if (!met && !(makes && concerns(supervisor->spec, subject, NULL, place.name))) {
		close(place.parent);
		return 0;
	}
	snprintf(link, sizeof(link), "/proc/self/fd/%d", place.parent);
	length = readlink(link, path, PATH_MAX);
	close(place.parent);
	if (length <= 0 || length == PATH_MAX)
		return makes ? -EACCES : 0;
	if (place.name[0] && path[length - 1] != '/')
		path[length++] = '/';
	strcpy(path + length, place.name);
	if (!met && !concerns(supervisor->spec, subject, path, place.name))
		return 0;
	record_u32(record, (uint32_t)(subject->row - supervisor->spec->watched));
	record_u32(record, met | (subject->row->kind & WATCH_DIRECTORY ? MAKING_DIRECTORY : 0u) | (makes ? 0u : MAKING_PRESENT) |
				   (brings_more(supervisor, pid, subject) ? MAKING_BRINGS_MORE : 0u));
	record_bytes(record, path, strlen(path) + 1);
	return 1;
}

/* SECURITY: what no row knows is only to be told of, and refused at once, whatever Node says. Who made it may be gone by then. */
static int refuse(const struct seccomp_notif *request)
{
	char link[32], text[32 + PATH_MAX];
	int head = snprintf(text, sizeof(text), "%u %d ", request->pid, request->data.nr);
	ssize_t program;

	snprintf(link, sizeof(link), "/proc/%u/exe", request->pid);
	program = readlink(link, text + head, PATH_MAX);
	report(RECORD_REFUSED, text, (size_t)(head + (program < 0 ? 0 : program)));
	return -EPERM;
}

/* 0 to let the kernel go on, 1 when Node was asked and will answer, -errno to refuse. */
static int judge(struct supervisor *supervisor, const struct seccomp_notif *request)
{
	struct record record;
	int asked = 0, known = 0;

	record_begin(&record, RECORD_MAKING);
	record_bytes(&record, &request->id, sizeof(request->id));
	record_u32(&record, request->pid);
	record_bytes(&record, request->data.args, sizeof(request->data.args));
	for (size_t i = 0; i < supervisor->spec->watched_count; i++) {
		const struct watched *row = &supervisor->spec->watched[i];
		struct subject subject = subject_of(row, &request->data);
		int answer = 0;

		known |= (int)row->number == request->data.nr;
		if ((int)row->number == request->data.nr && (subject.absent || subject.present))
			answer = sieve(supervisor, (pid_t)request->pid, &subject, &record);
		if (answer < 0)
			return answer;
		asked |= answer;
	}
	return !known ? refuse(request) : asked && record_send(&record) < 0 ? -EACCES : asked;
}

int supervisor_answer(struct supervisor *supervisor)
{
	struct seccomp_notif request = { 0 };
	int answer;

	if (ioctl(supervisor->listener, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
		return errno == ENOENT || errno == EINTR ? 0 : -errno;
	if (destinations_ask(supervisor->destinations, supervisor->spec, supervisor->init, &request))
		return 0;
	answer = judge(supervisor, &request);
	return answer > 0 ? 0 : answer_call(supervisor->listener, request.id, answer);
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
		supervisor_close(supervisor);
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
