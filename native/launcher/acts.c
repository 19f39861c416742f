/*
 * Calls that Node has made for a sandbox that runs: the mounts of a live grant, or an act that it carries out in the place
 * of whoever asked. A process of ours makes them, and can join the sandbox's user and mount namespaces; what they are is
 * said in TypeScript. It runs no code of the inside, and is not seen there.
 */
#include "launcher.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* Where the calls find what they may need (joined-calls.ts); the launcher's own descriptors are all below. */
enum { USER_NAMESPACE = 24, MOUNT_NAMESPACE, NETWORK_NAMESPACE, LISTENER };

static int report_called(uint32_t token, int error, const char *detail)
{
	struct record record;

	record_begin(&record, RECORD_CALLED);
	record_u32(&record, token);
	record_u32(&record, (uint32_t)-error);
	record_bytes(&record, detail, strlen(detail) + 1);
	return record_send(&record);
}

static void __attribute__((noreturn)) perform(const struct network *network, int listener, const struct spec *spec, uint32_t token)
{
	struct trouble trouble = { 0 };
	int error = 0, status;
	pid_t child = -1;

	if ((network->user_namespace >= 0 && /* there are namespaces to join */
	     (dup2(network->user_namespace, USER_NAMESPACE) < 0 || dup2(network->mount_namespace, MOUNT_NAMESPACE) < 0 || dup2(network->network_namespace, NETWORK_NAMESPACE) < 0)) ||
	    dup2(listener, LISTENER) < 0 || syscall(SYS_close_range, 0, CONTROL_FD, 0) < 0 || syscall(SYS_close_range, RECORD_FD + 1, USER_NAMESPACE - 1, 0) < 0 ||
	    syscall(SYS_close_range, LISTENER + 1, ~0u, 0) < 0 || (child = fork()) < 0)
		error = -errno;
	else if (child == 0)
		error = make_calls(spec, -1, &trouble);
	else if (waitpid(child, &status, 0) < 0 || !WIFEXITED(status))
		error = -ECANCELED; /* killed, it could tell nobody, and whoever asked would wait for ever */
	if (child <= 0 || error)
		report_called(token, error, child > 0 ? "killed at work" : error ? trouble.detail : "");
	_exit(0);
}

/* 0 once they are under way; a `called` record tells how they went. -EPROTO for nonsense, which ends the session. */
int acts_start(const struct network *network, int listener, const uint8_t *payload, size_t length)
{
	struct spec spec;
	uint32_t token;
	pid_t child;
	int error = acts_parse(payload, length, &token, &spec);

	if (error)
		return error;
	/* Not waited for: whatever holds it up, a dead server of files perhaps, the supervisor answers on. */
	child = fork();
	if (child == 0)
		perform(network, listener, &spec, token);
	if (child < 0)
		report_called(token, -errno, "start a process");
	spec_free(&spec);
	return 0;
}
