/* Node's own IPC channel: the one way in which a socket that was made here becomes a handle in Node. */
#include "launcher.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

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
