/* Which part the sandbox plays on the person's terminal, and handing the terminal over. */
#include "launcher.h"

#include <fcntl.h>
#include <signal.h>
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
	if (isatty(0) && isatty(1) && isatty(2))
		return TERMINAL_FOREGROUND;
	return TERMINAL_SHARED;
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
