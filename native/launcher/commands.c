/*
 * What runs inside: the target, and the commands of a live session. Outside, the launcher makes a command's pipes, hands
 * Node its ends as handles and passes the others on; inside, init starts each as a child and reports what became of it.
 */
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct child {
	struct child *next;
	pid_t pid;
	uint32_t id;
	bool sweep;
};

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

/* One pipe: the inner end goes to init, the outer one to Node. */
static int make_pipe(int channel, uint32_t id, int stream, int *inner)
{
	char message[64];
	int pair[2], error;

	if (channel < 0)
		return -EBADF;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*inner = pair[1];
	snprintf(message, sizeof(message), "{\"command\":%u,\"stream\":%d}", id, stream);
	error = channel_send(channel, "net.Native", message, pair[0]);
	close(pair[0]);
	return error;
}

/* Launcher: -EPROTO for nonsense, which ends the session; all else is the command's own failure, and reported. */
int command_pass(int sync, int channel, const uint8_t *payload, size_t length)
{
	struct sync message = { .kind = SYNC_COMMAND, .value = (int32_t)length };
	int fds[1 + STREAMS];
	struct command_head head;
	size_t count = 0;
	int error = 0;

	if (length < sizeof(head))
		return -EPROTO;
	memcpy(&head, payload, sizeof(head));
	message.id = head.id;
	fds[count] = wrap(payload, length);
	if (fds[count++] < 0)
		error = -errno;
	for (int i = 0; !error && i < STREAMS; i++) {
		fds[count] = -1;
		if (head.streams[i] == STREAM_PIPE)
			error = make_pipe(channel, head.id, i, &fds[count++]);
	}
	if (!error)
		error = send_with(sync, &message, sizeof(message), fds, count);
	for (size_t i = 0; i < count; i++)
		close_cleanup(&fds[i]);
	if (error < 0)
		report_child(head.id, CHILD_NO_START, -error);
	return 0;
}

/* All three are found before any is put in place, since one may stand for another. */
static int connect_streams(const struct commands *commands, const struct command *command, const int *passed)
{
	int from[STREAMS];

	for (int i = 0; i < STREAMS; i++) {
		uint32_t kind = command->head.streams[i];

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

static int apply_limits(const struct spec *spec)
{
	/* Init has raised its own. */
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ spec->files_soft, spec->files_hard });
	for (size_t i = 0; i < spec->limit_count; i++) {
		const struct limit *limit = &spec->limits[i];
		struct rlimit now, wanted = { limit->soft, limit->hard };

		/* Limits only shrink; raising one is not ours to do and would fail for users anyway. */
		if (getrlimit((__rlimit_resource_t)limit->resource, &now) < 0)
			return -errno;
		if (wanted.rlim_max > now.rlim_max)
			wanted.rlim_max = now.rlim_max;
		if (wanted.rlim_cur > wanted.rlim_max)
			wanted.rlim_cur = wanted.rlim_max;
		if (setrlimit((__rlimit_resource_t)limit->resource, &wanted) < 0)
			return -errno;
	}
	return 0;
}

/* execvp's search, with the target's PATH. Returns -errno of the last or most telling attempt. */
static int execute(char **argv, char **environment)
{
	const char *search = NULL;
	int seen = ENOENT;

	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, environment);
		return -errno;
	}
	for (char **entry = environment; *entry; entry++)
		if (!strncmp(*entry, "PATH=", 5))
			search = *entry + 5;
	while (search && *search) {
		size_t length = strcspn(search, ":");
		char path[4096];

		bool fits = length && snprintf(path, sizeof(path), "%.*s/%s", (int)length, search, argv[0]) < (int)sizeof(path);

		/* Looked for first: each execve() waits until the supervisor has looked too. */
		if (fits && access(path, F_OK) == 0)
			execve(path, argv, environment);
		if (fits && errno != ENOENT && errno != ENOTDIR)
			seen = errno;
		search += length + (search[length] == ':');
	}
	return -seen;
}

/* The target keeps the terminal and its job control; a command gets a session of its own: one group to signal, no TIOCSTI. */
static void take_place(const struct commands *commands, uint32_t id)
{
	if (id != TARGET_ID) {
		setsid();
		return;
	}
	if (commands->mode != TERMINAL_SHARED)
		setpgid(0, 0);
	if (commands->mode == TERMINAL_FOREGROUND)
		terminal_give(0, getpid());
}

struct failure {
	enum child_event event;
	int error;
};

/* In the child of vfork(2), which borrows our memory: only its own stack and `failure` are written. */
static void __attribute__((noreturn))
become(const struct commands *commands, const struct command *command, const int *passed, volatile struct failure *failure)
{
	const struct spec *own = &command->spec;
	struct spec each = *commands->spec;
	sigset_t none;

	take_place(commands, command->head.id);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	failure->event = CHILD_NO_START;
	each.calls += each.each * sizeof(struct call);
	each.call_count -= each.each;
	failure->error = each.each ? make_calls(&each, -1, &(struct trouble){ 0 }) : 0;
	if (!failure->error)
		failure->error = connect_streams(commands, command, passed);
	if (!failure->error) {
		failure->event = CHILD_NO_DIRECTORY;
		failure->error = chdir(own->cwd) < 0 ? -errno : 0;
	}
	if (!failure->error) {
		failure->event = CHILD_NO_LIMITS;
		failure->error = apply_limits(commands->spec);
	}
	if (!failure->error && command->head.id != TARGET_ID) {
		failure->event = CHILD_NO_CALLS;
		failure->error = make_calls(own, -1, &(struct trouble){ 0 });
	}
	if (!failure->error) {
		failure->event = CHILD_NO_EXEC;
		failure->error = execute(own->argv.items, (command->head.own_environment ? own : commands->spec)->environment.items);
	}
	_exit(127);
}

static bool start(struct commands *commands, const struct command *command, const int *passed)
{
	volatile struct failure failure = { CHILD_NO_START, 0 };
	struct child *child = malloc(sizeof(*child));
	pid_t pid = child ? vfork() : -1;

	if (pid == 0)
		become(commands, command, passed, &failure);
	if (pid < 0)
		failure.error = -errno;
	if (failure.error) {
		free(child); /* Its process is reaped like any orphan. */
		report_child(command->head.id, failure.event, -failure.error);
		return false;
	}
	*child = (struct child){ commands->children, pid, command->head.id, command->head.sweep != 0 };
	commands->children = child;
	if (child->id == TARGET_ID)
		commands->target = pid;
	report_child(child->id, CHILD_STARTED, pid);
	return true;
}

/* The first: whether it runs, which a session without a target always does. */
bool commands_open(struct commands *commands)
{
	struct command target = { .head = { .id = TARGET_ID, .own_environment = true,
					    .streams = { STREAM_INHERIT, STREAM_INHERIT + 1, STREAM_INHERIT + 2 } },
				  .spec = *commands->spec };

	commands->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (commands->spec->argv.count)
		return start(commands, &target, NULL);
	report_child(TARGET_ID, CHILD_STARTED, 0);
	return true;
}

/* descriptors[0] holds the request, of message->value bytes; the others are the pipes. */
void commands_start(struct commands *commands, const struct sync *message, const int *descriptors, size_t count)
{
	size_t length = (size_t)message->value;
	uint8_t *bytes = malloc(length + 1);
	struct command command = { 0 };
	int error = bytes ? -EPROTO : -ENOMEM;

	if (bytes && count && pread(descriptors[0], bytes, length, 0) == message->value)
		error = command_parse(bytes, length, &command);
	if (error)
		report_child(message->id, CHILD_NO_START, -error);
	else
		start(commands, &command, descriptors + 1);
	spec_free(&command.spec);
	free(bytes);
}

/* The target alone, since its group may be the person's job, or the group of a command. One that has ended is no error. */
void commands_signal(const struct commands *commands, uint32_t id, int signal)
{
	if (id == TARGET_ID && !commands->target)
		_exit(0); /* There is no target to hear it: the session itself is to end. */
	for (const struct child *child = commands->children; child; child = child->next)
		if (child->id == id)
			kill(id == TARGET_ID ? child->pid : -child->pid, signal);
}

/* The job that the target is goes on, and has the terminal again where the person says so. */
void commands_continue(const struct commands *commands, bool foreground)
{
	int tty = terminal_fd();

	if (!commands->target || commands->mode == TERMINAL_SHARED)
		return;
	if (foreground && tty >= 0)
		terminal_give(tty, commands->target);
	kill(-commands->target, SIGCONT);
}

static void ended(struct child **link, int status)
{
	struct child *child = *link;

	report_child(child->id, CHILD_ENDED, status);
	if (child->id == TARGET_ID)
		_exit(0); /* Ends init, and so everything inside. */
	*link = child->next;
	free(child);
}

/* Reaps whatever has ended or, of the target, was stopped. */
void commands_reap(struct commands *commands)
{
	siginfo_t info = { 0 };
	int status;

	while (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
		struct child **link = &commands->children;

		while (*link && (*link)->pid != info.si_pid)
			link = &(*link)->next;
		/* It is not reaped yet, so its number still means its group. */
		if (*link && (*link)->sweep && info.si_code != CLD_STOPPED)
			kill(-info.si_pid, SIGKILL);
		if (waitpid(info.si_pid, &status, WUNTRACED) == info.si_pid && *link) {
			if (!WIFSTOPPED(status))
				ended(link, status);
			else if (info.si_pid == commands->target)
				sync_send(commands->sync, SYNC_STOPPED, WSTOPSIG(status), TARGET_ID);
		}
		info.si_pid = 0;
	}
}
