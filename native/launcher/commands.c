/*
 * Commands in a live session. Outside, the launcher makes the pipes, hands Node its ends as handles and passes the others
 * on; inside, init starts each command as a child with a session of its own and reports what became of it.
 */
#include "launcher.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct running {
	pid_t pid;
	uint32_t id;
	bool sweep;
};

struct commands {
	const struct spec *spec;
	int null;
	struct running *running;
	size_t count, room;
};

static void report(uint32_t id, enum command_event event, int value)
{
	struct record record;

	record_begin(&record, RECORD_COMMAND);
	record_u32(&record, id);
	record_u32(&record, event);
	record_u32(&record, (uint32_t)value);
	record_send(&record);
}

/* A descriptor with the bytes: a long request on the socket itself could stop the launcher while init waits for it. */
static int wrap(const uint8_t *payload, size_t length)
{
	int fd = memfd_create("command", MFD_CLOEXEC);

	if (fd >= 0 && write_exactly(fd, payload, length) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int hand_out(const struct command *command, int stream, int channel, int fd)
{
	char message[64];

	snprintf(message, sizeof(message), "{\"command\":%u,\"stream\":%d}", command->id, stream);
	return channel_send(channel, "net.Native", message, fd);
}

/* Launcher: -EPROTO for nonsense, which ends the session; all else is the command's own failure, and reported. */
int command_pass(int sync, int channel, const uint8_t *payload, size_t length)
{
	int inner[1 + STREAMS] = { -1, -1, -1, -1 }, outer[STREAMS] = { -1, -1, -1 }, pair[2];
	struct command command;
	struct sync message = { SYNC_COMMAND, 0, 0 };
	size_t count = 0;
	int error = command_parse(payload, length, &command);

	if (error < 0)
		return error;
	inner[count] = wrap(payload, length);
	if (inner[count++] < 0)
		error = -errno;
	for (int i = 0; !error && i < STREAMS; i++) {
		if (command.streams[i] != STREAM_PIPE)
			continue;
		if (channel < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
			error = channel < 0 ? -EBADF : -errno;
			break;
		}
		outer[i] = pair[0];
		inner[count++] = pair[1];
	}
	if (!error)
		error = send_descriptors(sync, &message, sizeof(message), inner, count);
	for (int i = 0; i < STREAMS; i++) {
		if (!error && outer[i] >= 0)
			error = hand_out(&command, i, channel, outer[i]);
		close_cleanup(&outer[i]);
	}
	for (size_t i = 0; i < count; i++)
		close_cleanup(&inner[i]);
	if (error < 0)
		report(command.id, COMMAND_FAILED, -error);
	spec_free(&command.spec);
	return 0;
}

struct commands *commands_open(const struct spec *spec)
{
	struct commands *commands = calloc(1, sizeof(*commands));

	if (!commands)
		return NULL;
	commands->spec = spec;
	commands->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	return commands;
}

static int narrow(const struct spec *spec)
{
	struct sock_fprog program = { .len = (unsigned short)spec->filter_length,
				      .filter = (struct sock_filter *)(uintptr_t)spec->filter };
	struct trouble trouble;
	int error = make_calls(spec, -1, &trouble);

	if (!error && spec->filter_length && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		error = -errno;
	return error;
}

/* All three are found before any is put in place, since one may stand for another. */
static int connect_streams(const struct commands *commands, const struct command *command, const int *passed)
{
	int from[STREAMS];

	for (uint32_t i = 0; i < STREAMS; i++) {
		uint32_t kind = command->streams[i];

		from[i] = kind == STREAM_PIPE	? *passed++
			  : kind == STREAM_NULL ? commands->null
						: fcntl((int)(kind - STREAM_INHERIT), F_DUPFD_CLOEXEC, STREAMS);
		if (from[i] < 0)
			return -errno;
	}
	for (int i = 0; i < STREAMS; i++)
		if (dup2(from[i], i) < 0)
			return -errno;
	return 0;
}

/* In the child of vfork(2), which borrows our memory: only its own stack and `failed` are written. */
static void __attribute__((noreturn))
become(const struct commands *commands, const struct command *command, const int *passed, volatile int *failed)
{
	const struct spec *own = &command->spec;
	sigset_t none;
	int error;

	/* A session of its own: one group to signal, and no terminal whose job control or TIOCSTI it could use. */
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	error = connect_streams(commands, command, passed);
	if (!error && chdir(own->cwd) < 0)
		error = -errno;
	if (!error)
		error = apply_limits(commands->spec);
	if (!error)
		error = apply_limits(own);
	if (!error)
		error = narrow(own);
	if (!error)
		error = -exec_target(own->argv.items,
				     command->own_environment ? own->environment.items : commands->spec->environment.items);
	*failed = -error;
	_exit(127);
}

static int start(struct commands *commands, const struct command *command, const int *passed)
{
	volatile int failed = 0;
	pid_t pid;

	if (commands->count == commands->room) {
		size_t room = commands->room * 2 + 16;
		struct running *more = realloc(commands->running, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		commands->running = more;
		commands->room = room;
	}
	pid = vfork();
	if (pid < 0)
		return -errno;
	if (pid == 0)
		become(commands, command, passed, &failed);
	if (failed)
		return -failed; /* Its process is reaped like any orphan. */
	commands->running[commands->count++] = (struct running){ pid, command->id, command->sweep };
	report(command->id, COMMAND_STARTED, pid);
	return 0;
}

/* Init: descriptors[0] holds the request, the others are the pipes; all are closed. */
void commands_start(struct commands *commands, const int *descriptors, size_t count)
{
	struct command command = { 0 };
	struct stat st;
	uint8_t *bytes = NULL;
	int error = -EPROTO;

	if (count && fstat(descriptors[0], &st) == 0 && (bytes = malloc((size_t)st.st_size + 1)) &&
	    pread(descriptors[0], bytes, (size_t)st.st_size, 0) == st.st_size)
		error = command_parse(bytes, (size_t)st.st_size, &command);
	if (!error) {
		error = start(commands, &command, descriptors + 1);
		if (error < 0)
			report(command.id, COMMAND_FAILED, -error);
		spec_free(&command.spec);
	}
	free(bytes);
	for (size_t i = 0; i < count; i++)
		close(descriptors[i]);
}

/* Init: signals the group of a command, by the id that Node gave it. One that has ended is no error. */
void commands_signal(struct commands *commands, uint32_t id, int signal)
{
	for (size_t i = 0; i < commands->count; i++)
		if (commands->running[i].id == id)
			kill(-commands->running[i].pid, signal);
}

/* Init: `pid` has ended but is not reaped yet, so its number still means its group. */
void commands_sweep(struct commands *commands, pid_t pid)
{
	for (size_t i = 0; i < commands->count; i++)
		if (commands->running[i].pid == pid && commands->running[i].sweep)
			kill(-pid, SIGKILL);
}

void commands_ended(struct commands *commands, pid_t pid, int status)
{
	for (size_t i = 0; i < commands->count; i++) {
		struct running ended = commands->running[i];

		if (ended.pid != pid)
			continue;
		commands->running[i] = commands->running[--commands->count];
		if (WIFSIGNALED(status))
			report(ended.id, COMMAND_KILLED, WTERMSIG(status));
		else
			report(ended.id, COMMAND_EXITED, WEXITSTATUS(status));
		return;
	}
}
