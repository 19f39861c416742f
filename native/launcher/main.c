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
	struct record record;

	record_begin(&record, RECORD_HELLO);
	record_u32(&record, PROTOCOL_VERSION);
	record_u32(&record, (uint32_t)landlock_abi());
	return record_send(&record);
}

/* Nothing that our caller left open may reach the inside (CVE-2024-21626). */
static int close_others(bool channel)
{
	if (syscall(SYS_close_range, RECORD_FD + 1, CHANNEL_FD - 1, 0) < 0 ||
	    syscall(SYS_close_range, CHANNEL_FD + channel, ~0u, 0) < 0)
		return -errno;
	for (int fd = CONTROL_FD; fd <= RECORD_FD; fd++)
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
			return -errno;
	return channel && fcntl(CHANNEL_FD, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}

static int run_plan(const uint8_t *payload, size_t length, const struct scanned *scanned)
{
	struct spec spec;
	int error = spec_parse(payload, length, &spec);

	if (error < 0) {
		report_failure("plan", -error, "the plan is malformed or of another version");
		return error;
	}
	spec.scanned = scanned;
	spec.channel = channel_given() ? CHANNEL_FD : -1;
	/* How it went was reported; whoever asked may still want to look around on the host. */
	session_run(&spec);
	spec_free(&spec);
	return 0;
}

static int obey(uint32_t type, const uint8_t *payload, size_t length, struct scanned *scanned)
{
	switch (type) {
	case CONTROL_SCAN:
		return scan_trees(payload, length, scanned);
	case CONTROL_PLAN:
		return run_plan(payload, length, scanned);
	case CONTROL_SIGNAL:
		return 0; /* For a target that has already ended. */
	default:
		return -EPROTO;
	}
}

int main(void)
{
	struct scanned scanned = { 0 };
	uint32_t frame[2];

	int error = close_others(channel_given());

	if (error < 0) {
		fprintf(stderr, "pinfold-launcher is started by pinfold, with descriptors 3 and 4: %s\n", strerror(-error));
		return 125;
	}
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || say_hello() < 0)
		return 125;
	while (read_exactly(CONTROL_FD, frame, sizeof(frame)) == 1) {
		uint8_t *payload;

		if (frame[1] > MAX_FRAME || !(payload = malloc((size_t)frame[1] + 1)))
			return 125;
		if (frame[1] && read_exactly(CONTROL_FD, payload, frame[1]) != 1) {
			free(payload);
			return 125;
		}
		error = obey(frame[0], payload, frame[1], &scanned);
		free(payload);
		if (error < 0 && error != -EPIPE)
			return 125;
	}
	scan_forget(&scanned);
	return 0;
}
