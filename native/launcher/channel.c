/* Node's own IPC channel: the one way in which a socket that was made here becomes a handle in Node. */
#include "launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Waits of a millisecond before descriptors in flight count as too many; Node takes them as soon as it is idle. */
#define MOST_WAITS 10000

bool channel_given(void)
{
	const char *said = getenv("NODE_CHANNEL_FD");

	return said && atoi(said) == CHANNEL_FD;
}

/* 0 once everything has gone; the descriptors go with the first byte. */
int send_descriptors(int to, const void *bytes, size_t length, const int *fds, size_t count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec text = { (void *)(uintptr_t)bytes, length };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control };
	struct cmsghdr *head = &control.align;
	ssize_t sent;

	message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(head), fds, sizeof(int) * count);
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
	return (size_t)sent < length ? write_exactly(to, (const char *)bytes + sent, length - (size_t)sent) : 0;
}

int send_with_descriptor(int to, const void *bytes, size_t length, int fd)
{
	return fd < 0 ? write_exactly(to, bytes, length) : send_descriptors(to, bytes, length, &fd, 1);
}

/* Reads `length` bytes and the descriptors that came with them, at most MOST_DESCRIPTORS. -EPIPE when the other side is gone. */
int receive_descriptors(int from, void *bytes, size_t length, int *fds, size_t *count)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
		struct cmsghdr align;
	} control = { 0 };
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

/* The same for one: it, or 0 when none came. */
int receive_descriptor(int from, void *bytes, size_t length)
{
	int fds[MOST_DESCRIPTORS];
	size_t count;
	int error = receive_descriptors(from, bytes, length, fds, &count);

	return error < 0 ? error : count ? fds[0] : 0;
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
	return send_descriptors(channel, line, (size_t)length, &fd, 1);
}

/* Node acknowledges each handle; nobody waits for that. False once Node has closed its end. */
bool channel_drain(int channel)
{
	char bytes[4096];
	ssize_t got = recv(channel, bytes, sizeof(bytes), MSG_DONTWAIT);

	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}
