/*
 * Sockets of the sandbox's network, for Node. A process of ours joins the network namespace, and nothing else of the
 * sandbox, and makes sockets there on request: it sees no file of the sandbox, runs no code of it, and is not seen inside.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { BACKLOG = 4096 };

struct order {
	uint32_t kind;
	struct destination at;
};

static socklen_t address_of(const struct destination *at, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	address->ss_family = (sa_family_t)at->family;
	if (at->family == AF_INET6) {
		six->sin6_port = htons((uint16_t)at->port);
		memcpy(&six->sin6_addr, at->address, sizeof(six->sin6_addr));
		return sizeof(*six);
	}
	four->sin_port = htons((uint16_t)at->port);
	memcpy(&four->sin_addr, at->address, sizeof(four->sin_addr));
	return sizeof(*four);
}

/* A descriptor, or -errno. Node expects what it is handed not to block. */
static int make_socket(const struct order *order)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_storage address;
	socklen_t length = address_of(&order->at, &address);
	int one = 1, error;
	int fd = socket((int)order->at.family, (order->kind == SOCKET_DATAGRAMS ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (order->at.family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
		/* Of IPv6, a local route alone does not make bind(2) take an address for our own. */
		setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof(one));
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	error = order->kind == SOCKET_CONNECTED ? connect(fd, (struct sockaddr *)&address, length)
						: bind(fd, (struct sockaddr *)&address, length);
	if (!error && order->kind == SOCKET_LISTENING)
		error = listen(fd, BACKLOG);
	if (!error)
		error = fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!error)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

/* Joins the network, then answers each order, if only with what kept it from joining. Ends with its line. */
static void __attribute__((noreturn)) serve(int line, int user_namespace, int network_namespace)
{
	struct order order;
	int32_t joined = 0, error;
	bool on;

	if (setns(user_namespace, CLONE_NEWUSER) < 0 || setns(network_namespace, CLONE_NEWNET) < 0)
		joined = -errno;
	on = dup2(line, 0) == 0 && syscall(SYS_close_range, 1, ~0u, 0) == 0;
	while (on && read_exactly(0, &order, sizeof(order)) == 1) {
		CLEANUP_FD int made = joined ? joined : make_socket(&order);

		error = made < 0 ? made : 0;
		on = send_with(0, &error, sizeof(error), &made, made >= 0) == 0;
	}
	_exit(0);
}

/* Init must still be dumpable: afterwards its namespaces cannot be opened. */
int network_find(struct network *network, pid_t init)
{
	int *const fds[] = { &network->user_namespace, &network->network_namespace, &network->mount_namespace };
	const char *const names[] = { "user", "net", "mnt" };
	char path[64];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", init, names[i]);
		*fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (*fds[i] < 0)
			return -errno;
	}
	return 0;
}

static int start(struct network *network)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	network->process = fork();
	if (network->process == 0)
		serve(pair[1], network->user_namespace, network->network_namespace);
	close(pair[1]);
	network->line = pair[0];
	return network->process < 0 ? -errno : 0;
}

/* A socket of the sandbox's network, or -errno. The first one starts the process. */
int network_socket(struct network *network, uint32_t kind, const struct destination *at)
{
	struct order order = { kind, *at };
	int fds[MOST_DESCRIPTORS];
	int32_t failed = 0;
	size_t count = 0;
	int error = network->line < 0 ? start(network) : 0;

	if (!error)
		error = write_exactly(network->line, &order, sizeof(order));
	if (!error)
		error = receive_with(network->line, &failed, sizeof(failed), fds, &count);
	return error ? error : failed ? failed : count ? fds[0] : -EPROTO;
}

void network_close(struct network *network)
{
	close_cleanup(&network->user_namespace);
	close_cleanup(&network->network_namespace);
	close_cleanup(&network->mount_namespace);
	close_cleanup(&network->line);
	if (network->process > 0)
		waitpid(network->process, NULL, 0); /* It ends when its line does. */
}
