/* Which part the sandbox plays on the person's terminal, handing the terminal over, and terminals of commands' own. */
#include "launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>

int terminal_fd(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return fd;
	return -1;
}

/*
 * Alone on the terminal the target gets its own process group, so that kill(0, …) inside reaches nobody outside. In a
 * pipeline it must stay in the job's group: given the terminal alone, the pager at the pipeline's end would be stopped.
 */
enum terminal_mode terminal_mode(void)
{
	CLEANUP_FD int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (tty < 0)
		return TERMINAL_NONE;
	if (tcgetpgrp(tty) != getpgrp())
		return TERMINAL_BACKGROUND;
	return isatty(0) && isatty(1) && isatty(2) ? TERMINAL_FOREGROUND : TERMINAL_SHARED;
}

int terminal_give(int fd, pid_t group)
{
	sigset_t blocked, before;
	int error;

	/* A background process that sets the foreground group is stopped by SIGTTOU unless it blocks it (tcsetpgrp(3)). */
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTTOU);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	error = tcsetpgrp(fd, group) < 0 ? -errno : 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error;
}

struct flow {
	char bytes[4096];
	ssize_t from, to;
};

/* False when no more will come. */
static bool fill(struct flow *flow, ssize_t got)
{
	flow->from = 0;
	flow->to = got > 0 ? got : 0;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* What cannot be written is dropped: the other side is closed, and the next look at it tells. */
static void drain(struct flow *flow, ssize_t sent)
{
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		flow->from = flow->to;
	flow->from += sent > 0 ? sent : 0;
}

/* On each side is asked only for what can be dealt with: a closed terminal would else wake us until its output has gone. */
static void __attribute__((noreturn)) relay(int master, int data, int sizes)
{
	struct flow in = { .to = 0 }, out = { .to = 0 };
	bool more = true, listening = true;
	struct winsize size;

	for (;;) {
		bool reading = in.from == in.to && listening, writing = out.from < out.to;
		short inner = more ? (short)((writing ? 0 : POLLIN) | (in.from < in.to ? POLLOUT : 0)) : 0;
		struct pollfd wait[] = { { .fd = inner ? master : -1, .events = inner },
					 { .fd = data, .events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0)) },
					 { .fd = sizes, .events = POLLIN } };

		if (!more && !writing)
			shutdown(data, SHUT_WR); /* It stays open: who let go of it may not have come to its exit yet. */
		if ((poll(wait, 3, -1) < 0 && errno != EINTR) || wait[1].revents & POLLHUP)
			_exit(0); /* Closes the terminal: what still runs on it is hung up. */
		if (!writing && wait[0].revents & (POLLIN | POLLHUP))
			more = fill(&out, read(master, out.bytes, sizeof(out.bytes)));
		if (wait[1].revents & POLLIN)
			listening = fill(&in, recv(data, in.bytes, sizeof(in.bytes), MSG_DONTWAIT));
		if (out.from < out.to)
			drain(&out, send(data, out.bytes + out.from, (size_t)(out.to - out.from), MSG_DONTWAIT | MSG_NOSIGNAL));
		if (in.from < in.to)
			drain(&in, write(master, in.bytes + in.from, (size_t)(in.to - in.from)));
		if (wait[2].revents && (recv(sizes, &size, sizeof(size), MSG_DONTWAIT) < (ssize_t)sizeof(size) || ioctl(master, TIOCSWINSZ, &size)))
			sizes = -1;
	}
}

/*
 * Node cannot be handed a terminal (libuv takes only sockets from a channel): a process of ours stands between. It is init's
 * child like the command that asks for it, and in a session of its own, where the command's signals do not reach.
 */
int terminal_relay(int master, int data, int sizes)
{
	long pid = syscall(SYS_clone, (unsigned long)(CLONE_PARENT | SIGCHLD), NULL, NULL, NULL, 0);

	if (pid)
		return pid < 0 ? -errno : 0;
	setsid();
	dup2(master, STREAMS);
	syscall(SYS_close_range, STREAMS + 1, ~0u, 0);
	relay(STREAMS, data, sizes);
}
