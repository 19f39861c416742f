/* pinfold-launcher: carries out the plan that Node hands it on descriptor 3, and tells on descriptor 4 what happened. */
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static int say_hello(void)
{
	return report(RECORD_HELLO, (uint32_t[]){ PROTOCOL_VERSION, (uint32_t)landlock_abi() }, 2 * sizeof(uint32_t));
}

/* Nothing that our caller left open may reach the inside (CVE-2024-21626). */
static int close_others(bool channel)
{
	if (syscall(SYS_close_range, CHANNEL_FD + channel, ~0u, 0) < 0)
		return -errno;
	for (int fd = CONTROL_FD; fd <= RECORD_FD; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return -errno;
	/* Kept until the plan says whether it is wanted. */
	if (fcntl(TRIPWIRE_FD, F_SETFD, FD_CLOEXEC) < 0 && errno != EBADF)
		return -errno;
	return channel && fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

/* One plan is all that a launcher carries out; without one it ends when Node closes its end. */
static int obey(void)
{
	uint32_t frame[2];
	uint8_t *payload;
	struct spec spec;
	int error;

	if (read_exactly(CONTROL_FD, frame, sizeof(frame)) != 1)
		return 0;
	if (frame[0] != CONTROL_PLAN || frame[1] > MAX_FRAME || !(payload = malloc((size_t)frame[1] + 1)))
		return 125;
	error = read_exactly(CONTROL_FD, payload, frame[1]) == 1 ? spec_parse(payload, frame[1], &spec) : -EPROTO;
	free(payload);
	if (error < 0) {
		report_failure("plan", -error, "the plan is malformed or of another version");
		return 125;
	}
	if (!spec.tripwire)
		close(TRIPWIRE_FD);
	spec.channel = channel_given() ? CHANNEL_FD : -1;
	/* How it went is reported. */
	session_run(&spec);
	spec_free(&spec);
	return 0;
}

int main(void)
{
	/* It does what a plan says: set-id, it would do so for whoever starts it. */
	int error = getuid() != geteuid() || getgid() != getegid() ? -EPERM : close_others(channel_given());

	if (error < 0) {
		fprintf(stderr, "pinfold-launcher is started by pinfold, with descriptors 3 and 4: %s\n", strerror(-error));
		return 125;
	}
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || say_hello() < 0 ? 125 : obey();
}
