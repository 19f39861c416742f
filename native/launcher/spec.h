/* The plan as the launcher sees it, and its parser. Everything points into the buffer that was parsed. */
#ifndef PINFOLD_SPEC_H
#define PINFOLD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPEC_VERSION 5

enum mount_op {
	MOUNT_TMPFS = 1,
	MOUNT_BIND = 2,
	MOUNT_MASK = 3,
	MOUNT_DIRECTORY = 4,
	MOUNT_SYMLINK = 5,
	MOUNT_FILE = 6,
	MOUNT_PROC = 7,
	MOUNT_DEVPTS = 8,
	MOUNT_CONSOLE = 9,
	MOUNT_SEAL = 10,
	MOUNT_TRIPWIRE = 11,
};

/* What connect(), bind() and addressed sends Node is asked about. */
enum asks { ASK_REMOTE = 1, ASK_LOOPBACK = 2 };

enum mount_flag { FLAG_WRITABLE = 1, FLAG_DEVICES = 2, FLAG_NOEXEC = 4, FLAG_OPTIONAL = 8 };

struct mount_step {
	uint32_t op;
	uint32_t flags;
	uint32_t mode;
	uint64_t size;
	uint64_t device; /* bind: the directory that the source must be, by st_dev and st_ino; inode 0: any */
	uint64_t inode;
	const char *target;
	const char *source; /* bind: host path; symlink: where it leads; file: its content; tripwire: name in its root */
};

struct landlock_rule {
	const char *path;
	uint64_t access;
};

struct string_list {
	char **items; /* followed by a NULL */
	size_t count;
};

struct limit {
	uint32_t resource;
	uint64_t soft;
	uint64_t hard;
};

struct spec {
	uint8_t *buffer;
	int channel; /* set by the launcher, no part of the plan: Node's IPC channel, or -1 */
	uint32_t namespaces;
	const char *uid_map;
	const char *gid_map;
	bool deny_setgroups;
	const char *hostname;
	struct mount_step *mounts;
	size_t mount_count;
	bool tripwire; /* a step shows a part of it */
	bool landlock;
	uint64_t handled_fs;
	uint64_t handled_net;
	uint64_t scoped;
	struct landlock_rule *rules;
	size_t rule_count;
	const uint8_t *filter; /* struct sock_filter[] */
	size_t filter_length;  /* instructions; 0: none */
	bool notify;
	uint32_t asks; /* of enum asks */
	struct string_list guarded;  /* patterns of paths; Node is asked before one is made */
	struct string_list arriving; /* and before something complete arrives under one of these */
	struct limit *limits;
	size_t limit_count;
	uint64_t files_soft, files_hard; /* set by init: RLIMIT_NOFILE as it was before init raised its own */
	struct string_list environment;
	struct string_list argv;
	const char *cwd;
};

/* From STREAM_INHERIT on: the session's own descriptor 0, 1 or 2. */
enum stream_kind { STREAM_NULL = 0, STREAM_PIPE = 1, STREAM_INHERIT = 2 };
#define STREAMS 3

/* One command of a live session. Of its spec: limits, environment, argv, cwd, and a further Landlock ruleset and filter. */
struct command {
	uint32_t id;
	bool sweep;	      /* what is left of its process group is killed with it */
	bool own_environment; /* else the session's */
	uint32_t streams[STREAMS];
	struct spec spec;
};

int command_parse(const uint8_t *bytes, size_t length, struct command *command);

/* Parses a plan. 0, -EPROTO for a malformed one, -EPROTONOSUPPORT for another version, -ENOMEM. */
int spec_parse(const uint8_t *bytes, size_t length, struct spec *spec);
void spec_free(struct spec *spec);

#endif
