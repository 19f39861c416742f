/* Mounts the tripwire file system and copies between the kernel and Node, which decides what is answered. */
#include "launcher.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define MAX_MESSAGE (16u << 10) /* no answer of Node's is longer; the kernel wants 8 KiB (FUSE_MIN_READ_BUFFER) */

/*
 * In init: a mount that is attached nowhere yet, or -errno. The device must be opened in the user namespace that owns the
 * mount; the launcher makes the super block, so that requests name threads by the host's numbers (fuse_conn.pid_ns).
 */
int tripwire_mount(int sync, struct trouble *trouble)
{
	CLEANUP_FD int device = open("/dev/fuse", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_FD int fs = device < 0 ? -1 : (int)syscall(SYS_fsopen, "fuse", FSOPEN_CLOEXEC);
	int mount, error;

	note(trouble, "tripwire", NULL);
	if (fs < 0)
		return -errno;
	error = sync_ask(sync, SYNC_TRIPWIRE, device << 16 | fs);
	if (error < 0) {
		if (error == -EINTR)
			note(trouble, "a signal came during the start", NULL);
		return error;
	}
	/* With a descriptor of the device here the relay's end would not end the connection, and look-ups wait for ever. */
	close(device);
	device = -1;
	mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return mount < 0 ? -errno : mount;
}

static bool pass_request(int device, int node, uint8_t *buffer)
{
	ssize_t length = read(device, buffer, MAX_MESSAGE);

	/* ENOENT: whoever asked was killed in between. ENODEV: nothing is mounted any more. */
	if (length < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOENT;
	return write_exactly(node, buffer, (size_t)length) == 0;
}

/* An answer begins with its length (struct fuse_out_header) and must reach the kernel in one piece. */
static bool pass_answer(int node, int device, uint8_t *buffer)
{
	uint32_t length;

	if (read_exactly(node, &length, sizeof(length)) != 1 || length <= sizeof(length) || length > MAX_MESSAGE)
		return false;
	memcpy(buffer, &length, sizeof(length));
	if (read_exactly(node, buffer + sizeof(length), length - sizeof(length)) != 1)
		return false;
	return write(device, buffer, length) >= 0 || errno == ENOENT;
}

/*
 * A process of its own: the supervisor walks paths inside, and must never wait for itself. Its descriptor of the device is
 * the only one, so that its end, however it comes, fails whoever waits and leaves nobody hanging (fuse_abort_conn).
 */
static void __attribute__((noreturn)) relay(int device, pid_t launcher)
{
	struct pollfd wait[] = { { .fd = 0, .events = POLLIN }, { .fd = 1, .events = POLLIN } };
	uint8_t buffer[MAX_MESSAGE];
	bool on = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == launcher && dup2(device, 0) == 0 &&
		  dup2(TRIPWIRE_FD, 1) == 1 && syscall(SYS_close_range, 2, ~0u, 0) == 0;

	while (on && (poll(wait, ARRAY_SIZE(wait), -1) >= 0 || errno == EINTR))
		on = (!wait[1].revents || pass_answer(1, 0, buffer)) && (!wait[0].revents || pass_request(0, 1, buffer));
	_exit(0);
}

/* In the launcher: makes the super block from init's two descriptors and starts the relay. 0 or -errno. */
int tripwire_serve(int init_fd, int32_t numbers)
{
	CLEANUP_FD int device = (int)syscall(SYS_pidfd_getfd, init_fd, numbers >> 16, 0);
	CLEANUP_FD int fs = (int)syscall(SYS_pidfd_getfd, init_fd, numbers & 0xffff, 0);
	const struct { const char *key, *format; unsigned int value; } options[] = {
		{ "fd", "%u", (unsigned int)device }, { "rootmode", "%o", 040000 },
		{ "user_id", "%u", getuid() }, { "group_id", "%u", getgid() }, /* inside they are the same */
	};
	pid_t launcher = getpid(), child;
	char text[16];

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		snprintf(text, sizeof(text), options[i].format, options[i].value);
		if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, options[i].key, text, 0) < 0)
			return -errno;
	}
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	child = fork();
	if (child == 0)
		relay(device, launcher);
	close(TRIPWIRE_FD); /* Node's end closes when the relay's does. */
	return child < 0 ? -errno : 0;
}
