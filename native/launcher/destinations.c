/*
 * Where the sandbox wants to connect, send or listen. Node is asked once for each destination and prepares it (a listening
 * socket of ours in the sandbox's network); then the kernel goes on. No guarantee rests on the answer: the network
 * namespace holds nothing but what was prepared.
 */
#include "launcher.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#define MOST_KNOWN 2048u

struct known {
	struct destination at;
	bool told; /* Node hears of each call, and none waits for it */
};

struct destinations {
	struct known items[MOST_KNOWN];
	size_t count;
};

/* False for what is no IP address, or cannot be read: the kernel then says what is wrong with it. */
static bool read_destination(pid_t pid, uint64_t address, uint64_t length, struct destination *at)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	struct sockaddr_in6 six = { 0 };
	struct sockaddr_in four;
	struct iovec local = { &six, length < sizeof(six) ? length : sizeof(six) };
	struct iovec remote = { (void *)(uintptr_t)address, local.iov_len };

	memset(at, 0, sizeof(*at));
	if (process_vm_readv(pid, &local, 1, &remote, 1, 0) < (ssize_t)sizeof(four))
		return false;
	memcpy(&four, &six, sizeof(four));
	at->family = six.sin6_family;
	at->port = ntohs(six.sin6_port);
	if (at->family == AF_INET)
		memcpy(at->address, &four.sin_addr, sizeof(four.sin_addr));
	else
		memcpy(at->address, &six.sin6_addr, sizeof(six.sin6_addr));
	if (at->family == AF_INET6 && !memcmp(at->address, mapped, sizeof(mapped))) {
		at->family = AF_INET;
		memmove(at->address, at->address + sizeof(mapped), 4);
		memset(at->address + 4, 0, 12);
	}
	return at->family == AF_INET || at->family == AF_INET6;
}

/* connect(2) takes the unspecified address for the loopback. */
static bool is_loopback(struct destination *at)
{
	static const uint8_t none[16], one[16] = { [15] = 1 };

	if (!memcmp(at->address, none, sizeof(none))) {
		if (at->family == AF_INET)
			memcpy(at->address, (uint8_t[]){ 127, 0, 0, 1 }, 4);
		else
			memcpy(at->address, one, sizeof(one));
	}
	return at->family == AF_INET ? at->address[0] == 127 : !memcmp(at->address, one, sizeof(one));
}

static const struct known *find(const struct destinations *known, const struct destination *at)
{
	for (size_t i = 0; i < known->count; i++)
		if (!memcmp(&known->items[i].at, at, sizeof(*at)))
			return &known->items[i];
	return NULL;
}

static bool port_is_known(const struct destinations *known, uint32_t port)
{
	for (size_t i = 0; i < known->count; i++)
		if (known->items[i].at.port == port)
			return true;
	return false;
}

/* SOCK_STREAM, SOCK_DGRAM …; 0 when it cannot be told. */
static uint32_t type_of(pid_t pid, int fd)
{
	CLEANUP_FD int process = (int)syscall(SYS_pidfd_open, pid, PIDFD_THREAD);
	CLEANUP_FD int copy = -1;
	int type = 0;
	socklen_t length = sizeof(type);

	if (process < 0) /* Before Linux 6.9 only a first thread has a pidfd. */
		process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process >= 0)
		copy = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	if (copy >= 0)
		getsockopt(copy, SOL_SOCKET, SO_TYPE, &type, &length);
	return (uint32_t)type;
}

/* True when Node was asked and will answer. */
static bool ask(struct destinations *known, const struct spec *spec, const struct seccomp_notif *request, const struct msghdr *to)
{
	bool bind = request->data.nr == SYS_bind;
	const struct known *found;
	struct destination at;
	struct record record;

	if (!to->msg_name || !read_destination((pid_t)request->pid, (uintptr_t)to->msg_name, to->msg_namelen, &at))
		return false;
	if (bind ? !port_is_known(known, at.port) : !(spec->asks & (is_loopback(&at) ? ASK_LOOPBACK : ASK_REMOTE)))
		return false;
	found = bind ? NULL : find(known, &at);
	if (found && !found->told)
		return false;
	record_begin(&record, RECORD_ASKED);
	record_bytes(&record, found ? &(uint64_t){ 0 } : &(uint64_t){ request->id }, sizeof(request->id));
	record_u32(&record, request->pid);
	record_u32(&record, request->data.nr == SYS_connect ? ACT_CONNECT : bind ? ACT_BIND : ACT_SEND);
	record_u32(&record, type_of((pid_t)request->pid, (int)request->data.args[0]));
	record_bytes(&record, &at, sizeof(at));
	record_u32(&record, (uint32_t)request->data.args[0]);
	return record_send(&record) == 0 && !found;
}

/* Of several destinations each is asked about, and the first answer counts for the whole call: none may be relied on. */
bool destinations_ask(struct destinations *known, const struct spec *spec, pid_t init, const struct seccomp_notif *request)
{
	const __u64 *a = request->data.args;
	struct mmsghdr messages[8] = { { .msg_hdr.msg_name = (void *)(uintptr_t)a[1], .msg_hdr.msg_namelen = (socklen_t)a[2] } };
	size_t count = 1;
	bool asked = false;
	struct iovec local = { messages, sizeof(messages->msg_hdr) }, remote;

	switch (spec->asks ? request->data.nr : -1) {
	case SYS_listen:
		if (spec->asks & ASK_LOOPBACK)
			report_number(RECORD_LISTENING, (uint32_t)init);
		return false;
	case SYS_sendto:
		messages->msg_hdr = (struct msghdr){ .msg_name = (void *)(uintptr_t)a[4], .msg_namelen = (socklen_t)a[5] };
		break;
	case SYS_sendmmsg:
		count = a[2] < ARRAY_SIZE(messages) ? a[2] : ARRAY_SIZE(messages);
		local.iov_len = count * sizeof(*messages);
		/* fall through */
	case SYS_sendmsg:
		remote = (struct iovec){ (void *)(uintptr_t)a[1], local.iov_len };
		if (process_vm_readv((pid_t)request->pid, &local, 1, &remote, 1, 0) < 0)
			return false;
		break;
	case SYS_connect:
	case SYS_bind:
		break;
	default:
		return false;
	}
	for (size_t i = 0; i < count; i++)
		asked |= ask(known, spec, request, &messages[i].msg_hdr);
	return asked;
}

/* `error` as in a verdict. Whoever asked may be gone, and the pid be another's (seccomp_unotify(2)). */
int answer_call(int listener, uint64_t id, int error)
{
	struct seccomp_notif_resp response = { .id = id, .error = error < 0 ? error : 0 };

	if (!error)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0 && errno != ENOENT && errno != EINTR ? -errno : 0;
}

/* Lets Node's answer count. */
int destinations_settle(struct destinations *known, int listener, const struct verdict *verdict)
{
	size_t at = 0;

	while (at < known->count && memcmp(&known->items[at].at, &verdict->at, sizeof(verdict->at)))
		at++;
	if (!verdict->remember && at < known->count)
		known->items[at] = known->items[--known->count];
	if (verdict->remember && at == known->count && known->count < MOST_KNOWN)
		known->count++;
	if (verdict->remember && at < known->count)
		known->items[at] = (struct known){ verdict->at, verdict->remember == REMEMBER_TELLING };
	if (!verdict->id)
		return 0; /* About no call, only about what is known. */
	return answer_call(listener, verdict->id, verdict->error);
}

struct destinations *destinations_open(void)
{
	return calloc(1, sizeof(struct destinations));
}
