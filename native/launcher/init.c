/* Process 1 inside: builds the boundary around itself, starts the target, reaps, and ends when the target does. */
#include "launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct init {
	struct spec *spec;
	struct trouble trouble;
	struct commands commands;
};

static int settle_in(struct init *init)
{
	struct rlimit files;
	struct stat st;

	/* A directory handed in as stdin would be a way out of the new root by openat(0, "..") (pivot_root keeps open files). */
	for (int fd = 0; fd < 3; fd++) {
		note(&init->trouble, fd == 0 ? "stdin is a directory" : fd == 1 ? "stdout is a directory" : "stderr is a directory", NULL);
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return -EISDIR;
	}
	note(&init->trouble, "raise RLIMIT_NOFILE", NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	init->spec->files_soft = files.rlim_cur;
	init->spec->files_hard = files.rlim_max;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

/*
 * Without a PID namespace nothing ends with init. So a process beside it waits for its end and then kills all of their
 * Landlock domain, in one call that no fork outruns. The inside can signal neither: its domains are narrower. SECURITY:
 * that the domain keeps signals within is tried first, or kill(-1) would reach everything of the person's.
 */
static int end_together(struct init *init)
{
	int pair[2];
	pid_t child;
	char byte;

	init->trouble.step = "landlock";
	note(&init->trouble, "signals stay within", NULL);
	if (kill(getppid(), 0) == 0 || errno != EPERM)
		return -ENOTSUP;
	child = pipe2(pair, O_CLOEXEC) < 0 ? -1 : fork();
	if (child < 0)
		return -errno;
	if (child > 0)
		return close(pair[0]) < 0 ? -errno : 0; /* The other end is open as long as init lives. */
	setsid(); /* Or a kill of the whole job would end it together with init. */
	close(pair[1]);
	while (read(pair[0], &byte, 1) < 0 && errno == EINTR)
		;
	kill(-1, SIGKILL);
	_exit(0);
}

/* Everything that holds the inside: the plan's calls, of which the last forbids most of them. */
static int build_boundary(struct init *init)
{
	int error;

	init->trouble.step = "namespaces";
	error = settle_in(init);
	if (!error)
		error = make_calls(init->spec, init->commands.sync, &init->trouble);
	return error || init->spec->namespaces ? error : end_together(init);
}

/* False when the launcher is gone; so is everything inside then. */
static bool obey(struct init *init)
{
	struct sync message;
	int fds[MOST_DESCRIPTORS];
	size_t count;

	if (receive_with(init->commands.sync, &message, sizeof(message), fds, &count) < 0)
		return false;
	if (message.kind == SYNC_COMMAND)
		commands_start(&init->commands, &message, fds, count);
	if (message.kind == SYNC_SIGNAL)
		commands_signal(&init->commands, message.id, message.value);
	if (message.kind == SYNC_CONTINUE)
		commands_continue(&init->commands, message.value);
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
	return true;
}

static void serve(struct init *init, int signals)
{
	struct pollfd wait[] = { { .fd = signals, .events = POLLIN }, { .fd = init->commands.sync, .events = POLLIN } };
	struct signalfd_siginfo info;
	bool on = true;

	while (on) {
		commands_reap(&init->commands);
		on = poll(wait, ARRAY_SIZE(wait), -1) >= 0 || errno == EINTR;
		if (wait[0].revents)
			(void)!read(signals, &info, sizeof(info));
		if (on && wait[1].revents)
			on = obey(init);
	}
}

/* The exit status, though nobody looks at it: what happened is reported. */
int init_main(struct spec *spec, int sync, enum terminal_mode mode)
{
	struct init init = { .spec = spec, .commands = { .spec = spec, .sync = sync, .mode = mode } };
	sigset_t some;
	int signals, error;

	/* With the maps in place we are who we are to be inside; capabilities come with the namespace. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || sync_await(sync) < 0)
		return 125;
	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigfillset(&some);
	sigprocmask(SIG_SETMASK, &some, NULL);
	sigemptyset(&some);
	sigaddset(&some, SIGCHLD);
	signals = signalfd(-1, &some, SFD_CLOEXEC | SFD_NONBLOCK);
	error = build_boundary(&init);
	if (error < 0) {
		report_failure(init.trouble.step, -error, init.trouble.detail);
		return 125;
	}
	/* From here on nobody inside may open /proc/1/mem, root or environ; after the hand-over, which needs us dumpable. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (commands_open(&init.commands))
		serve(&init, signals);
	return 125;
}
