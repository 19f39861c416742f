/*
 * What processes of ours say to each other: bytes with descriptors, the messages between launcher and init, and Node's own
 * IPC channel, the one way in which a socket that was made here becomes a handle in Node.
 */
#include "launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Waits of a millisecond before descriptors in flight count as too many; Node takes them as soon as it is idle. */
#define MOST_WAITS 10000

union control {
	char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
	struct cmsghdr head;
};

/* 0 once everything has gone; the descriptors, if any, go with the first byte. */
int send_with(int to, const void *bytes, size_t length, const int *fds, size_t count)
{
	union control control = { .head = { CMSG_LEN(sizeof(int) * count), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec text = { (void *)(uintptr_t)bytes, length };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control };
	ssize_t sent;

	if (!count)
		return write_exactly(to, bytes, length);
	message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * count);
	for (int waits = 0;; waits++) {
		sent = sendmsg(to, &message, MSG_NOSIGNAL);
		if (sent >= 0 || (errno != EINTR && errno != ETOOMANYREFS) || waits == MOST_WAITS)
			break;
		/* A user's descriptors in flight are limited by RLIMIT_NOFILE (unix(7)). */
		if (errno == ETOOMANYREFS)
			poll(NULL, 0, 1);
	}
	if (sent < 0)
		return -errno;
	return write_exactly(to, (const char *)bytes + sent, length - (size_t)sent);
}

/* Reads `length` bytes and the descriptors that came with them, at most MOST_DESCRIPTORS. -EPIPE when the other side is gone. */
int receive_with(int from, void *bytes, size_t length, int *fds, size_t *count)
{
	union control control;
	struct iovec text = { bytes, length };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *head;

	*count = 0;
	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != (ssize_t)length)
		return -EPIPE;
	head = CMSG_FIRSTHDR(&message);
	if (head) {
		*count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(head), *count * sizeof(int));
	}
	return 0;
}

int sync_send(int sync, uint32_t kind, int32_t value, uint32_t id)
{
	struct sync message = { kind, value, id };

	return write_exactly(sync, &message, sizeof(message));
}

/* Init: what the launcher says when init may go on, or -EINTR: a signal came during the start. Nothing has stopped yet to be continued. */
int sync_await(int sync)
{
	struct sync message = { .kind = SYNC_CONTINUE };

	while (message.kind == SYNC_CONTINUE)
		if (read_exactly(sync, &message, sizeof(message)) != 1)
			return -EPIPE;
	return message.kind == SYNC_GO ? message.value : -EINTR;
}

int sync_ask(int sync, uint32_t kind, int32_t value)
{
	return sync_send(sync, kind, value, 0) ?: sync_await(sync);
}

bool channel_given(void)
{
	const char *said = getenv("NODE_CHANNEL_FD");

	return said && atoi(said) == CHANNEL_FD;
}

int channel_send(int channel, const char *type, const char *message, int fd)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "{\"cmd\":\"NODE_HANDLE\",\"type\":\"%s\",\"msg\":%s}\n", type, message);

	if (length < 0 || (size_t)length >= sizeof(line))
		return -EMSGSIZE;
	/* libuv takes what it is sent as it is; a blocking socket would stop all of Node. */
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	return send_with(channel, line, (size_t)length, &fd, 1);
}

/* Node acknowledges each handle; nobody waits for that. False once Node has closed its end. */
bool channel_drain(int channel)
{
	char bytes[4096];
	ssize_t got = recv(channel, bytes, sizeof(bytes), MSG_DONTWAIT);

	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}
