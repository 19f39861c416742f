/* Node's own IPC channel: the one way in which a socket that was made here becomes a handle in Node. */
#include "launcher.h"

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

/* Sends bytes, and with their first the descriptor `fd` unless it is negative. */
int send_with_descriptor(int to, const void *bytes, size_t length, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec text = { (void *)(uintptr_t)bytes, length };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	ssize_t sent;

	if (fd < 0)
		return write_exactly(to, bytes, length);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
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
	/* The descriptor went with the first byte. */
	return (size_t)sent < length ? write_exactly(to, (const char *)bytes + sent, length - (size_t)sent) : 0;
}

/* Reads `length` bytes; the descriptor that came with them, or 0 when none did. -EPIPE when the other side is gone. */
int receive_descriptor(int from, void *bytes, size_t length)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec text = { bytes, length };
	struct msghdr message = { .msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *head;
	int fd = 0;

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL) != (ssize_t)length)
		return -EPIPE;
	head = CMSG_FIRSTHDR(&message);
	if (head)
		memcpy(&fd, CMSG_DATA(head), sizeof(fd));
	return fd;
}

int channel_send(int channel, const char *type, const char *message, int fd)
{
	char line[512];
	int length = snprintf(line, sizeof(line), "{\"cmd\":\"NODE_HANDLE\",\"type\":\"%s\",\"msg\":%s}\n", type, message);

	if (length < 0 || (size_t)length >= sizeof(line))
		return -EMSGSIZE;
	return send_with_descriptor(channel, line, (size_t)length, fd);
}

/* Node acknowledges each handle; nobody waits for that. False once Node has closed its end. */
bool channel_drain(int channel)
{
	char bytes[4096];
	ssize_t got = recv(channel, bytes, sizeof(bytes), MSG_DONTWAIT);

	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}
