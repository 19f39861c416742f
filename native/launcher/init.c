/* Process 1 inside: builds the boundary around itself, starts the target, reaps, and ends when the target does. */
#include "launcher.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

struct init {
	struct spec *spec;
	int sync;
	enum terminal_mode mode;
	struct trouble *trouble;
	struct commands *commands;
	pid_t target; /* 0: a live session that only runs commands */
};

static int wait_for_maps(struct init *init)
{
	struct sync message;
	int got = read_exactly(init->sync, &message, sizeof(message));

	if (got != 1 || message.kind != SYNC_GO)
		return got < 0 ? got : -EPIPE;
	/* With the maps in place this is who we are inside; capabilities come with the namespace. */
	return 0;
}

static int settle_in(struct init *init)
{
	struct rlimit files;
	struct stat st;

	/* A directory handed in as stdin would be a way out of the new root by openat(0, "..") (pivot_root keeps open files). */
	for (int fd = 0; fd < 3; fd++) {
		note(init->trouble, fd == 0 ? "stdin is a directory" : fd == 1 ? "stdout is a directory" : "stderr is a directory", NULL);
		if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			return -EISDIR;
	}
	note(init->trouble, "raise RLIMIT_NOFILE", NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	init->spec->files_soft = files.rlim_cur;
	init->spec->files_hard = files.rlim_max;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	return 0;
}

/* The launcher fetches the listener with pidfd_getfd: passing it by sendmsg could itself be caught by the filter. */
static int hand_over_listener(struct init *init, int listener)
{
	struct sync message = { SYNC_LISTENER, listener, 0 };
	int got;

	if (write_exactly(init->sync, &message, sizeof(message)) < 0)
		return -EPIPE;
	got = read_exactly(init->sync, &message, sizeof(message));
	close(listener);
	return got == 1 && message.kind == SYNC_GO ? 0 : -EPIPE;
}

static int step_seccomp(struct init *init)
{
	struct sock_fprog program = { .len = (unsigned short)init->spec->filter_length,
				      .filter = (struct sock_filter *)(uintptr_t)init->spec->filter };
	unsigned int flags = init->spec->notify
				     ? SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
				     : 0;
	long result;

	note(init->trouble, "install filter", NULL);
	if (!init->spec->filter_length)
		return 0;
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (result < 0)
		return -errno;
	return init->spec->notify ? hand_over_listener(init, (int)result) : 0;
}

/* Everything that holds the inside: the plan's calls, and last the filter, which forbids most of them. */
static int build_boundary(struct init *init)
{
	int error;

	init->trouble->step = "namespaces";
	error = settle_in(init);
	if (!error)
		error = make_calls(init->spec, init->sync, init->trouble);
	if (error)
		return error;
	init->trouble->step = "seccomp";
	error = step_seccomp(init);
	return error ? error : report_applied("seccomp");
}

int apply_limits(const struct spec *spec)
{
	if (spec->files_hard)
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

/* execvp's search, with the target's PATH. Returns the errno that the last or most telling attempt met. */
int exec_target(char **argv, char **environment)
{
	const char *search = NULL;
	int seen = ENOENT;

	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, environment);
		return errno;
	}
	for (char **entry = environment; *entry; entry++)
		if (!strncmp(*entry, "PATH=", 5))
			search = *entry + 5;
	while (search && *search) {
		size_t length = strcspn(search, ":");
		char path[4096];

		if (length && snprintf(path, sizeof(path), "%.*s/%s", (int)length, search, argv[0]) < (int)sizeof(path)) {
			execve(path, argv, environment);
			if (errno != ENOENT && errno != ENOTDIR)
				seen = errno;
		}
		search += length + (search[length] == ':');
	}
	return seen;
}

static void __attribute__((noreturn)) become_target(struct init *init, int failed)
{
	sigset_t none;
	int error = 0;
	const char *step = "exec";

	if (init->mode != TERMINAL_SHARED) {
		setpgid(0, 0);
		if (init->mode == TERMINAL_FOREGROUND)
			terminal_give(0, getpid());
	}
	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(init->spec->cwd) < 0) {
		error = errno;
		step = "directory";
	} else if ((error = -apply_limits(init->spec))) {
		step = "limits";
	} else {
		error = exec_target(init->spec->argv.items, init->spec->environment.items);
	}
	{
		struct sync message = { step[0] == 'e' ? 0u : step[0] == 'd' ? 1u : 2u, error, 0 };

		write_exactly(failed, &message, sizeof(message));
	}
	_exit(126);
}

/* 0 when the target runs; else it was reported, and the sandbox ends. */
static int start_target(struct init *init)
{
	static const char *const words[] = { "exec", "directory", "limits" };
	struct sync message;
	int failed[2];
	int got;

	if (!init->spec->argv.count)
		return report_number(RECORD_STARTED, 0);
	if (pipe2(failed, O_CLOEXEC) < 0)
		return -errno;
	init->target = fork();
	if (init->target < 0)
		return -errno;
	if (init->target == 0)
		become_target(init, failed[1]);
	close(failed[1]);
	if (init->mode != TERMINAL_SHARED)
		setpgid(init->target, init->target); /* Also here: whoever comes first. EACCES after the exec is fine. */
	got = read_exactly(failed[0], &message, sizeof(message));
	close(failed[0]);
	if (got != 1)
		return report_number(RECORD_STARTED, (uint32_t)init->target);
	if (message.kind == 0)
		report_number(RECORD_EXEC_FAILED, (uint32_t)message.value);
	else
		report_failure(words[message.kind < 3 ? message.kind : 2], message.value,
			       message.kind == 1 ? init->spec->cwd : "set limits");
	_exit(125);
}

/* Ends init, and so everything inside. */
static void __attribute__((noreturn)) target_ended(int status)
{
	if (WIFSIGNALED(status))
		report_number(RECORD_KILLED, (uint32_t)WTERMSIG(status));
	else
		report_number(RECORD_EXITED, (uint32_t)WEXITSTATUS(status));
	_exit(0);
}

/* Reaps whatever has ended or, of the target, was stopped. */
static void reap(struct init *init)
{
	siginfo_t info = { 0 };
	int status;

	while (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 && info.si_pid) {
		if (info.si_code != CLD_STOPPED)
			commands_sweep(init->commands, info.si_pid);
		if (waitpid(info.si_pid, &status, WUNTRACED) != info.si_pid)
			continue;
		if (info.si_pid == init->target && WIFSTOPPED(status)) {
			struct sync message = { SYNC_STOPPED, WSTOPSIG(status), 0 };

			write_exactly(init->sync, &message, sizeof(message));
		} else if (info.si_pid == init->target) {
			target_ended(status);
		} else if (!WIFSTOPPED(status)) {
			commands_ended(init->commands, info.si_pid, status);
		}
		info.si_pid = 0;
	}
}

static void obey(struct init *init)
{
	struct sync message;
	int fds[MOST_DESCRIPTORS];
	size_t count;

	if (receive_descriptors(init->sync, &message, sizeof(message), fds, &count) < 0)
		_exit(125); /* The launcher is gone; so is everything inside. */
	if (message.kind == SYNC_COMMAND)
		commands_start(init->commands, fds, count);
	if (message.kind == SYNC_COMMAND_SIGNAL)
		commands_signal(init->commands, message.id, message.value);
	if (message.kind == SYNC_SIGNAL && !init->target)
		_exit(0); /* There is no target to hear it: the session itself is to end. */
	if (message.kind == SYNC_SIGNAL && message.value > 0 && message.value < NSIG)
		kill(init->target, message.value);
	if (message.kind == SYNC_CONTINUE && init->target && init->mode != TERMINAL_SHARED) {
		int tty = terminal_fd();

		if (message.value && tty >= 0)
			terminal_give(tty, init->target);
		kill(-init->target, SIGCONT);
	}
}

static int serve(struct init *init, int signals)
{
	struct pollfd wait[] = { { .fd = signals, .events = POLLIN }, { .fd = init->sync, .events = POLLIN } };

	for (;;) {
		struct signalfd_siginfo info;

		reap(init);
		if (poll(wait, ARRAY_SIZE(wait), -1) < 0 && errno != EINTR)
			return -errno;
		if (wait[0].revents)
			(void)!read(signals, &info, sizeof(info));
		if (wait[1].revents)
			obey(init);
	}
}

int init_main(struct spec *spec, int sync_fd, enum terminal_mode mode)
{
	struct trouble trouble = { 0 };
	struct init init = { .spec = spec, .sync = sync_fd, .mode = mode, .trouble = &trouble };
	sigset_t all;
	int signals, error;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || wait_for_maps(&init) < 0)
		return 125;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	error = build_boundary(&init);
	if (error < 0) {
		report_failure(trouble.step, -error, trouble.detail);
		return 125;
	}
	/* From here on nobody inside may open /proc/1/mem, root or environ; after the hand-over, which needs us dumpable. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	init.commands = commands_open(spec);
	error = init.commands ? start_target(&init) : -ENOMEM;
	if (error < 0) {
		report_failure("start", -error, "fork");
		return 125;
	}
	error = serve(&init, signals);
	report_failure("init", -error, "wait");
	return 125;
}
