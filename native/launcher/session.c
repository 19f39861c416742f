/* The launcher's side of a run: makes init in its namespaces, supervises it, and keeps the terminal in order. */
#include "launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

struct session {
	struct spec *spec;
	enum terminal_mode mode;
	int tty;
	struct termios modes;
	bool modes_known;
	pid_t init;
	int init_fd;
	int sync;
	int channel;
	int signals;
	struct supervisor *supervisor;
	struct network network;
};

static int write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	CLEANUP_FD int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int map_ids(struct session *session)
{
	const struct spec *spec = session->spec;
	int error = 0;

	if (!(spec->namespaces & CLONE_NEWUSER))
		return 0;
	if (spec->deny_setgroups)
		error = write_file(session->init, "setgroups", "deny");
	if (!error)
		error = write_file(session->init, "uid_map", spec->uid_map);
	return error ? error : write_file(session->init, "gid_map", spec->gid_map);
}

static int spawn_init(struct session *session)
{
	int pair[2];
	long pid;

	/* Without a PID namespace what init leaves behind comes to us, and end() waits for it. */
	if (!session->spec->namespaces && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return -errno;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	/* The raw call with no stack is fork() with namespaces; the C library's wrapper has no such form. */
#if defined(__aarch64__) || defined(__x86_64__)
	pid = syscall(SYS_clone, (unsigned long)session->spec->namespaces | SIGCHLD | CLONE_PIDFD, NULL, &session->init_fd, NULL, 0);
#endif
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return -errno;
	}
	if (pid == 0) {
		close(pair[0]);
		close(CONTROL_FD);
		if (session->spec->tripwire)
			close(TRIPWIRE_FD);
		if (session->channel >= 0)
			close(session->channel);
		_exit(init_main(session->spec, pair[1], session->mode));
	}
	close(pair[1]);
	session->init = (pid_t)pid;
	session->sync = pair[0];
	return 0;
}

static int take_listener(struct session *session, int number)
{
	int listener = (int)syscall(SYS_pidfd_getfd, session->init_fd, number, 0);

	if (listener < 0)
		return -errno;
	session->supervisor = supervisor_open(session->spec, listener, session->init);
	if (!session->supervisor || (session->spec->namespaces && network_find(&session->network, session->init) < 0))
		return -EIO;
	return sync_send(session->sync, SYNC_GO, 0, 0);
}

/* The target was stopped. So that the person's shell sees the job stop, the whole job stops; this process with it. */
static void stop_job(struct session *session)
{
	if (session->mode != TERMINAL_FOREGROUND && session->mode != TERMINAL_BACKGROUND)
		return;
	if (session->tty >= 0)
		terminal_give(session->tty, getpgrp());
	kill(0, SIGSTOP);
}

static void continue_job(struct session *session)
{
	bool foreground = session->tty >= 0 && tcgetpgrp(session->tty) == getpgrp();

	sync_send(session->sync, SYNC_CONTINUE, foreground, TARGET_ID);
}

static int hear_init(struct session *session)
{
	struct sync message;
	int got = read_exactly(session->sync, &message, sizeof(message));

	if (got != 1)
		return 1; /* Init is ending; its pidfd tells. */
	if (message.kind == SYNC_LISTENER)
		return take_listener(session, message.value);
	if (message.kind == SYNC_TRIPWIRE)
		return sync_send(session->sync, SYNC_GO, tripwire_serve(session->init_fd, message.value), 0);
	if (message.kind == SYNC_STOPPED)
		stop_job(session);
	return 0;
}

/* A socket of the sandbox's network goes to Node as a handle; that there is none, as a record. */
static int make_socket(struct session *session, uint32_t token, uint32_t kind, const struct destination *at)
{
	int fd = network_socket(&session->network, kind, at);
	char message[32];

	if (fd > 0) {
		snprintf(message, sizeof(message), "{\"socket\":%u}", token);
		channel_send(session->channel, kind == SOCKET_DATAGRAMS ? "dgram.Native" : "net.Native", message, fd);
		close(fd);
		return 0;
	}
	return report(RECORD_NO_SOCKET, (uint32_t[]){ token, (uint32_t)-fd }, 2 * sizeof(uint32_t));
}

union request {
	struct {
		uint32_t id;
		int32_t signal;
	} signal;
	struct verdict verdict;
	struct {
		uint32_t token;
		uint32_t kind;
		struct destination at;
	} socket;
};

static void pass_signal(struct session *session, uint32_t id, int32_t signal)
{
	/* What the terminal sends to a pipeline's whole process group the target has had already. */
	bool had = id == TARGET_ID && session->mode == TERMINAL_SHARED && (signal == SIGINT || signal == SIGQUIT);

	if (!had)
		sync_send(session->sync, SYNC_SIGNAL, signal, id); /* Init may have ended a moment ago; its pidfd tells. */
}

static int obey_request(struct session *session, uint32_t type, const uint8_t *payload, size_t length)
{
	const union request *request = (const void *)payload;

	if (type == CONTROL_COMMAND)
		return command_pass(session->sync, session->channel, payload, length);
	if (type == CONTROL_VERDICT && length == sizeof(request->verdict))
		return supervisor_settle(session->supervisor, &request->verdict);
	if (type == CONTROL_SOCKET && length == sizeof(request->socket))
		return make_socket(session, request->socket.token, request->socket.kind, &request->socket.at);
	if (type == CONTROL_CALLS && session->supervisor)
		return acts_start(&session->network, supervisor_fd(session->supervisor), payload, length);
	if (type != CONTROL_SIGNAL || length != sizeof(request->signal))
		return -EPIPE;
	pass_signal(session, request->signal.id, request->signal.signal);
	return 0;
}

/* -EPIPE when Node is gone or speaks nonsense: the session ends with it. */
static int obey_control(struct session *session)
{
	uint32_t frame[2];
	uint8_t *payload;
	int error = -EPIPE;

	if (read_exactly(CONTROL_FD, frame, sizeof(frame)) != 1 || frame[1] > MAX_FRAME || !(payload = malloc(frame[1] + 1u)))
		return -EPIPE;
	if (frame[1] && read_exactly(CONTROL_FD, payload, frame[1]) == 1)
		error = obey_request(session, frame[0], payload, frame[1]);
	free(payload);
	return error;
}

static void hear_signal(struct session *session)
{
	struct signalfd_siginfo info;

	if (read(session->signals, &info, sizeof(info)) == (ssize_t)sizeof(info) && info.ssi_signo == SIGCONT)
		continue_job(session);
}

/* While init is busy, requests wait in Node: blocked on init, the launcher could not answer the calls it waits for. */
static bool is_crowded(const struct session *session)
{
	struct pollfd room = { .fd = session->sync, .events = POLLOUT };

	return poll(&room, 1, 0) == 0;
}

static int supervise(struct session *session)
{
	bool crowded = false, gone = false, over = false;
	siginfo_t of = { 0 };

	for (;;) {
		struct pollfd wait[] = {
			{ .fd = session->init_fd, .events = POLLIN },
			{ .fd = over ? -1 : session->sync, .events = crowded ? POLLIN | POLLOUT : POLLIN },
			{ .fd = crowded ? -1 : CONTROL_FD, .events = POLLIN },
			{ .fd = session->signals, .events = POLLIN },
			{ .fd = session->supervisor && !gone ? supervisor_fd(session->supervisor) : -1, .events = POLLIN },
			{ .fd = session->channel, .events = POLLIN },
		};
		int error = 0;

		if (poll(wait, ARRAY_SIZE(wait), -1) < 0 && errno != EINTR)
			return -errno;
		if (wait[0].revents)
			return 0;
		/* Without a PID namespace what acts.c and init leave behind comes to us. */
		while (!waitid(P_ALL, 0, &of, WEXITED | WNOHANG | WNOWAIT) && of.si_pid && of.si_pid != session->init)
			waitpid(of.si_pid, NULL, 0);
		if (wait[4].revents & POLLIN)
			error = supervisor_answer(session->supervisor);
		if (!error && wait[1].revents & POLLIN)
			error = hear_init(session);
		/* What has hung up says so without end, while the kernel takes init apart. */
		over |= error > 0;
		gone |= (wait[4].revents & POLLHUP) != 0;
		crowded = wait[2].revents && is_crowded(session);
		if (!error && wait[2].revents && !crowded)
			error = obey_control(session);
		if (wait[3].revents)
			hear_signal(session);
		if (wait[5].revents && !channel_drain(session->channel))
			session->channel = -1; /* Disconnected; that the control socket closes is what ends a session. */
		if (error < 0)
			return error;
	}
}

static void watch_signals(struct session *session)
{
	sigset_t all;

	/* Node forwards what is meant for the target; what the terminal or a group kill sends here is not for us. */
	sigfillset(&all);
	sigdelset(&all, SIGTSTP);
	sigdelset(&all, SIGTTIN);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&all);
	sigaddset(&all, SIGCONT);
	session->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void restore_terminal(struct session *session)
{
	if (session->tty < 0 || session->mode == TERMINAL_NONE || session->mode == TERMINAL_BACKGROUND)
		return;
	if (session->mode == TERMINAL_FOREGROUND)
		terminal_give(session->tty, getpgrp());
	/* A target killed in raw mode must not leave the person's shell in it. */
	if (session->modes_known && tcgetpgrp(session->tty) == getpgrp())
		tcsetattr(session->tty, TCSADRAIN, &session->modes);
}

static void end(struct session *session, int error)
{
	int status = 0;

	if (error < 0)
		kill(session->init, SIGKILL);
	while (waitpid(session->init, &status, 0) < 0 && errno == EINTR)
		;
	while (!session->spec->namespaces && (waitpid(-1, NULL, 0) > 0 || errno == EINTR))
		;
	restore_terminal(session);
	if (error < 0 && error != -EPIPE)
		report_failure("supervisor", -error, "the session was ended");
	if (WIFSIGNALED(status))
		report_child(TARGET_ID, CHILD_ENDED, status);
	report_number(RECORD_ENDED, 0);
	supervisor_close(session->supervisor);
	close(session->init_fd);
	close(session->sync);
	close(session->signals);
	network_close(&session->network);
}

void session_run(struct spec *spec)
{
	struct session session = { .spec = spec, .mode = terminal_mode(), .tty = terminal_fd(), .init_fd = -1, .sync = -1,
				   .channel = spec->channel, .network = { -1, -1, -1, -1, 0 } };
	int error;

	session.modes_known = session.tty >= 0 && tcgetattr(session.tty, &session.modes) == 0;
	watch_signals(&session);
	error = spawn_init(&session);
	if (error < 0) {
		report_failure("namespaces", -error, "create namespaces");
		report_number(RECORD_ENDED, 0);
		return;
	}
	error = map_ids(&session);
	if (error < 0)
		report_failure("namespaces", -error, "map user and group");
	else
		error = sync_send(session.sync, SYNC_GO, 0, 0);
	if (!error)
		error = supervise(&session);
	end(&session, error);
}
