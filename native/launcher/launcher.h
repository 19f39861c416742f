/* What the files of the launcher share: the wire format, small helpers, and one prototype per step. */
#ifndef PINFOLD_LAUNCHER_H
#define PINFOLD_LAUNCHER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "spec.h"

#define PROTOCOL_VERSION 7
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MAX_FRAME (64u << 20)

/* Node's ends of these are in child_process.spawn's stdio array; 5 and 6 are there only when they are wanted. */
enum { CONTROL_FD = 3, RECORD_FD = 4, TRIPWIRE_FD = 5, CHANNEL_FD = 6 };

/* Frames are u32 type, u32 length, payload; native byte order. */
enum control_frame {
	CONTROL_PLAN = 2,
	CONTROL_SIGNAL = 3, /* id, signal */
	CONTROL_COMMAND = 4,
	CONTROL_CALLS = 5,
	CONTROL_VERDICT = 20,
	CONTROL_SOCKET = 21,
};

enum record_frame {
	RECORD_HELLO = 1,
	RECORD_APPLIED = 4,
	RECORD_CHILD = 5, /* id, enum child_event, value */
	RECORD_MAKING = 6,
	RECORD_CALLED = 7, /* token, errno, what it was at */
	RECORD_FAILURE = 10,
	RECORD_ENDED = 11,
	RECORD_ASKED = 20,
	RECORD_LISTENING = 21,
	RECORD_NO_SOCKET = 22,
	RECORD_REFUSED = 23, /* text: pid, number of the call, program */
};

/* From CHILD_NO_START on: what kept it from being started. */
enum child_event {
	CHILD_STARTED = 1,
	CHILD_ENDED = 2,
	CHILD_NO_START = 3,
	CHILD_NO_DIRECTORY = 4,
	CHILD_NO_LIMITS = 5,
	CHILD_NO_EXEC = 6,
	CHILD_NO_CALLS = 7,
};

/* Of a name in a `making` record. */
enum making_flag { MAKING_DIRECTORY = 1, MAKING_BRINGS_MORE = 2, MAKING_READ_ONLY = 4, MAKING_PRESENT = 8, MAKING_MOUNTED = 16 };

static inline void close_cleanup(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEANUP_FD __attribute__((cleanup(close_cleanup)))

/* record.c */
struct record {
	uint8_t bytes[12288];
	size_t length;
};
void record_begin(struct record *record, uint32_t type);
void record_u32(struct record *record, uint32_t value);
void record_bytes(struct record *record, const void *bytes, size_t length);
int record_send(struct record *record);
int read_exactly(int fd, void *buffer, size_t length);
int write_exactly(int fd, const void *buffer, size_t length);
int report(uint32_t type, const void *bytes, size_t length);
int report_failure(const char *step, int error, const char *detail);
int report_applied(const char *step);
int report_number(uint32_t type, uint32_t value);
int report_child(uint32_t id, enum child_event event, int value);

/* messages.c: `message` is JSON, `type` one of Node's (net.Native, net.Server, net.Socket, dgram.Native). */
bool channel_given(void);
int channel_send(int channel, const char *type, const char *message, int fd);
bool channel_drain(int channel);

/* Between launcher and init goes one struct each way. */
#define MOST_DESCRIPTORS 4
enum sync_kind {
	SYNC_GO = 1,
	SYNC_LISTENER = 2,
	SYNC_STOPPED = 3,
	SYNC_CONTINUE = 4, /* value: whether the job has the terminal */
	SYNC_SIGNAL = 5,
	SYNC_COMMAND = 6,  /* value: bytes of the request; with descriptors */
	SYNC_TRIPWIRE = 7, /* value: numbers of two descriptors, the device's << 16 | the file system's */
};
struct sync {
	uint32_t kind;
	int32_t value;
	uint32_t id; /* of a child */
};
int send_with(int to, const void *bytes, size_t length, const int *fds, size_t count);
int receive_with(int from, void *bytes, size_t length, int *fds, size_t *count);
int sync_send(int sync, uint32_t kind, int32_t value, uint32_t id);
int sync_await(int sync);
int sync_ask(int sync, uint32_t kind, int32_t value);

/* Detail of what a step was at when it failed, for the failure record. */
struct trouble {
	const char *step;
	char detail[4200];
};
void note(struct trouble *trouble, const char *what, const char *path);

/* tripwire.c */
int tripwire_mount(int sync, struct trouble *trouble);
int tripwire_serve(int init_fd, int32_t numbers);

/* calls.c */
int landlock_abi(void);
int make_calls(const struct spec *spec, int sync, struct trouble *trouble);

/* terminal.c */
enum terminal_mode {
	TERMINAL_NONE,	     /* no controlling terminal: own process group, every signal forwarded */
	TERMINAL_BACKGROUND, /* a terminal, but another job has it */
	TERMINAL_SHARED,     /* part of a pipeline in the foreground: stay in the job's process group */
	TERMINAL_FOREGROUND, /* alone on the terminal: own process group, given the terminal */
};
enum terminal_mode terminal_mode(void);
int terminal_fd(void);
int terminal_give(int fd, pid_t group);
int terminal_relay(int master, int data, int sizes);

/* commands.c */
#define TARGET_ID 0 /* commands have numbers of Node's from 1 on */
struct child;
struct commands {
	const struct spec *spec;
	int sync;
	enum terminal_mode mode;
	int null;
	pid_t target; /* 0: a live session that only runs commands */
	struct child *children;
};
int command_pass(int sync, int channel, const uint8_t *payload, size_t length);
bool commands_open(struct commands *commands);
void commands_start(struct commands *commands, const struct sync *message, const int *descriptors, size_t count);
void commands_signal(const struct commands *commands, uint32_t id, int signal);
void commands_continue(const struct commands *commands, bool foreground);
void commands_reap(struct commands *commands);

/* init.c */
int init_main(struct spec *spec, int sync, enum terminal_mode mode);

/* network.c */
struct destination {
	uint32_t family; /* AF_INET or AF_INET6 */
	uint32_t port;
	uint8_t address[16];
};
enum act { ACT_CONNECT = 1, ACT_SEND = 2, ACT_BIND = 3 };
enum socket_kind { SOCKET_LISTENING = 1, SOCKET_DATAGRAMS = 2, SOCKET_CONNECTED = 3 };
struct network {
	int user_namespace;
	int network_namespace;
	int mount_namespace; /* for acts.c */
	int line;
	pid_t process;
};
int network_find(struct network *network, pid_t init);
int network_socket(struct network *network, uint32_t kind, const struct destination *at);
void network_close(struct network *network);

/* acts.c */
int acts_start(const struct network *network, int listener, const uint8_t *payload, size_t length);

/* destinations.c */
struct destinations;
struct seccomp_notif;
/* Whether further calls to a destination pass unasked, and whether Node is told of them. */
enum remember { REMEMBER_NOTHING = 0, REMEMBER_PASSING = 1, REMEMBER_TELLING = 2 };
/* Node's answer to what it was asked. `id` 0: no call waits. */
struct verdict {
	uint64_t id;
	int32_t error; /* 0: the kernel goes on; 1: it was done in its place, and the call gives 0 */
	uint32_t remember;
	struct destination at;
};
struct destinations *destinations_open(void);
bool destinations_ask(struct destinations *known, const struct spec *spec, pid_t init, const struct seccomp_notif *request);
int answer_call(int listener, uint64_t id, int error);
int destinations_settle(struct destinations *known, int listener, const struct verdict *verdict);

/* supervisor.c */
struct supervisor;
struct supervisor *supervisor_open(const struct spec *spec, int listener, pid_t init);
int supervisor_answer(struct supervisor *supervisor);
int supervisor_settle(struct supervisor *supervisor, const struct verdict *verdict);
int supervisor_fd(const struct supervisor *supervisor);
void supervisor_close(struct supervisor *supervisor);

/* resolve.c */
struct place {
	int parent; /* O_PATH descriptor of the directory, or -1 */
	char name[256];
	bool exists;
};
int resolve_place(int root, pid_t pid, int base, const char *path, bool follow, struct place *place);

/* session.c */
void session_run(struct spec *spec);

#endif
