/*
 * Times one whole process from before fork to after wait, and says how much memory its largest process held:
 *
 *   stopwatch ARGV...             any command
 *   stopwatch -p FRAME ARGV...    the launcher: FRAME (a plan) is sent on descriptor 3, records are read from 4 until the run ended
 *
 * Prints nanoseconds, KiB and the exit code. A small program measures small times; Node's own spawn would be most of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RECORD_CHILD = 5, RECORD_ENDED = 11, CHILD_ENDED = 2 };

static void die(const char *what)
{
	fprintf(stderr, "stopwatch: %s: %s\n", what, strerror(errno));
	exit(125);
}

static uint8_t *read_file(const char *path, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	uint8_t *bytes;

	if (fd < 0 || fstat(fd, &status) < 0)
		die(path);
	*length = (size_t)status.st_size;
	bytes = malloc(*length + 1);
	if (!bytes || read(fd, bytes, *length) != status.st_size)
		die(path);
	close(fd);
	return bytes;
}

static void read_whole(int fd, void *buffer, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t got = read(fd, (char *)buffer + done, length - done);

		if (got <= 0)
			die("the launcher ended early");
		done += (size_t)got;
	}
}

/* Returns the exit code of the target, so that the time of a failure is never taken for that of a run. */
static int converse(int control, int records, const uint8_t *frame, size_t length)
{
	static uint8_t payload[65536];
	uint32_t head[2], child[3];
	int code = 125;

	for (size_t done = 0; done < length;) {
		ssize_t put = write(control, frame + done, length - done);

		if (put <= 0)
			die("write");
		done += (size_t)put;
	}
	do {
		read_whole(records, head, sizeof(head));
		if (head[1] > sizeof(payload))
			die("record");
		read_whole(records, payload, head[1]);
		/* Of the target (0): it has ended, with the status of wait(2). */
		memcpy(child, payload, sizeof(child));
		if (head[0] == RECORD_CHILD && child[0] == 0 && child[1] == CHILD_ENDED)
			code = WIFEXITED(child[2]) ? WEXITSTATUS(child[2]) : 128 + WTERMSIG(child[2]);
	} while (head[0] != RECORD_ENDED);
	return code;
}

static void run(char **argv, int control, int records)
{
	int null = open("/dev/null", O_RDWR);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
		_exit(125);
	if (control >= 0 && (dup2(control, 3) < 0 || dup2(records, 4) < 0))
		_exit(125);
	execvp(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	const char *plan = argc > 2 && !strcmp(argv[1], "-p") ? argv[2] : NULL;
	char **command = argv + (plan ? 3 : 1);
	int control[2] = {-1, -1}, records[2] = {-1, -1};
	struct timespec begin, end;
	struct rusage usage;
	size_t length = 0;
	uint8_t *frame = plan ? read_file(plan, &length) : NULL;
	int status, code = 0;
	pid_t child;

	if (!*command)
		return 125;
	/* Moved out of the way of 3 and 4, which the child fills. */
	if (plan && (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) < 0 ||
		     socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, records) < 0 ||
		     (control[1] = fcntl(control[1], F_DUPFD_CLOEXEC, 20)) < 0 ||
		     (records[1] = fcntl(records[1], F_DUPFD_CLOEXEC, 20)) < 0))
		die("socketpair");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0)
		run(command, control[1], records[1]);
	if (plan) {
		close(control[1]);
		close(records[1]);
		code = converse(control[0], records[0], frame, length);
		close(control[0]);
	}
	if (wait4(child, &status, 0, &usage) != child)
		die("wait");
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("%lld %ld %d\n", (end.tv_sec - begin.tv_sec) * 1000000000LL + (end.tv_nsec - begin.tv_nsec),
	       usage.ru_maxrss,
	       code		   ? code
	       : WIFEXITED(status) ? WEXITSTATUS(status)
				   : 128 + WTERMSIG(status));
	return 0;
}
