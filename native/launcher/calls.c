/*
 * Makes the system calls of a plan, one after the other. Which ones build a boundary is said in TypeScript, where it is
 * tested (mount-calls.ts, boundary-calls.ts); here it is only seen to that none fails unnoticed.
 */
#include "launcher.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* From linux/landlock.h, repeated because a distribution's headers may be older than its kernel. */
#define LANDLOCK_CREATE_RULESET_VERSION 1u
#define LANDLOCK_RULE_PATH_BENEATH 1
#define WRITE_FILE (1ull << 1)
#define READ_FILE (1ull << 2)
#define TRUNCATE (1ull << 14)

struct path_beneath_attr {
	uint64_t access;
	int32_t parent;
} __attribute__((packed));

int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
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

static int add_filter(const void *instructions, size_t count, unsigned int flags, int sync)
{
	struct sock_fprog program = { (unsigned short)count, (struct sock_filter *)(uintptr_t)instructions };
	int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	int error;

	if (listener < 0 || !flags)
		return listener < 0 ? -errno : 0;
	/* The launcher fetches it with pidfd_getfd: passing it by sendmsg could itself be caught by the filter. */
	error = sync_ask(sync, SYNC_LISTENER, listener);
	close(listener);
	return error;
}

/* What it gave, or -errno. */
static long make(const struct spec *spec, const struct call *call, int sync, struct trouble *trouble)
{
	long a[CALL_ARGUMENTS], result = 0;

	for (int i = 0; i < CALL_ARGUMENTS; i++)
		a[i] = (long)(call->pointers >> i & 1 ? (uintptr_t)spec->data + call->arguments[i] : call->arguments[i]);
	switch (call->number) {
	case CALL_APPLIED:
		return report_applied(spec->data + call->label);
	case CALL_COMPARE:
		return memcmp((void *)a[0], (void *)a[1], (size_t)a[2]) ? -ESTALE : 0;
	case CALL_TRIPWIRE:
		return tripwire_mount(sync, trouble);
	case CALL_STANDARD_STREAMS:
		for (int fd = 0; fd < 3 && !result; fd++)
			result = allow_standard((int)a[0], fd, (uint64_t)a[1]);
		return result;
	case CALL_FILTER:
		return add_filter((void *)a[0], (size_t)a[1], (unsigned int)a[2], sync);
	case CALL_RELAY:
		return terminal_relay((int)a[0], (int)a[1], (int)a[2]);
	default:
		result = syscall((long)call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
		return result < 0 ? -errno : result;
	}
}

/* Puts a descriptor where the calls that follow look for it. When there is none, nothing of before may be there either. */
static int place(long fd, int at)
{
	int error = 0;

	if (fd < 0)
		close(at);
	else if (fd != at && dup3((int)fd, at, O_CLOEXEC) < 0)
		error = -errno;
	if (fd >= 0 && fd != at)
		close((int)fd);
	return error;
}

/* 0 or -errno, and then `trouble` says what the call was for. `sync` leads to the launcher, for what it has a part in. */
int make_calls(const struct spec *spec, int sync, struct trouble *trouble)
{
	for (size_t i = 0; i < spec->call_count; i++) {
		const struct call call = spec_call(spec, i);
		long result;
		int error = 0;

		if (call.number == CALL_EACH)
			break;
		trouble->step = spec->data + call.step;
		note(trouble, spec->data + call.label, NULL);
		result = make(spec, &call, sync, trouble);
		if (call.place >= 0)
			error = place(result, call.place);
		if (error < 0)
			return error;
		if (result < 0 && !memchr(call.tolerated, (int)-result, sizeof(call.tolerated)))
			return (int)result;
	}
	return 0;
}
