/* The plan as the launcher sees it, and its parser. Everything points into the buffer that was parsed. */
#ifndef PINFOLD_SPEC_H
#define PINFOLD_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPEC_VERSION 8

enum { CALL_ARGUMENTS = 6 };

/* What no system call says; see call-list.ts. */
enum own_call { CALL_APPLIED = 0x10000, CALL_COMPARE, CALL_TRIPWIRE, CALL_STANDARD_STREAMS, CALL_FILTER, CALL_RELAY, CALL_EACH };

/* One system call of a plan. */
struct call {
	uint32_t number;
	int32_t place;	      /* the descriptor that it gives is put at this number; -1: it gives none */
	uint32_t label, step; /* where in `data`: what it is for, and the mechanism it belongs to */
	uint8_t pointers;     /* bit N: argument N is an offset in `data`, and the call gets the address */
	uint8_t tolerated[7]; /* errnos that count as success */
	uint64_t arguments[CALL_ARGUMENTS];
};

/* Of a thing that a watched call names. */
enum watch_kind {
	WATCH_ITSELF = 1,    /* of what is there the mount of its own decides, else that of its directory */
	WATCH_REGULAR = 2,   /* only of a regular file */
	WATCH_DIRECTORY = 4, /* what is made is one */
	WATCH_ARRIVES = 8,   /* what is made may already hold anything */
	WATCH_ADDRESS = 16,  /* the path is of a socket that is looked for */
};
#define WATCH_ALWAYS 0x80000000u /* counts as set in every call's flags */

/* Which argument is what, counted from 1; 0: there is none. */
enum argument_named { BASE, PATH, FLAGS, FROM_BASE, FROM, ARGUMENTS_NAMED };

/* One thing that a call names; see watched-calls.ts. */
struct watched {
	uint32_t number, kind;
	uint32_t absent;	  /* the flags of which one is set when it is made where it is not there */
	uint32_t present, unless; /* and when it is acted on where it is */
	uint32_t nofollow;	  /* and when a link is not followed */
	uint32_t refusing;	  /* flags of statvfs(3) of a mount that refuses it */
	uint8_t argument[8];	  /* by enum argument_named */
};

/* What connect(), bind() and addressed sends Node is asked about. */
enum asks { ASK_REMOTE = 1, ASK_LOOPBACK = 2 };

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
	bool tripwire;	      /* one of the calls is CALL_TRIPWIRE */
	const uint8_t *calls; /* struct call[], perhaps not aligned */
	size_t call_count;
	size_t each; /* the first of the calls that each child makes for itself; 0: there are none */
	char *data; /* ends with a NUL; calls may write to it */
	size_t data_length;
	uint32_t asks; /* of enum asks */
	struct watched *watched;
	size_t watched_count;
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

/* One command of a live session, as sent: the head, the calls that its process makes first, environment, argv and cwd. */
struct command_head {
	uint32_t id;
	uint32_t sweep;		  /* what is left of its process group is killed with it */
	uint32_t own_environment; /* else the session's */
	uint32_t streams[STREAMS];
};
struct command {
	struct command_head head;
	struct spec spec;
};

/* Calls for a sandbox that runs, under a number of Node's. */
int acts_parse(const uint8_t *bytes, size_t length, uint32_t *token, struct spec *spec);

int command_parse(const uint8_t *bytes, size_t length, struct command *command);

struct call spec_call(const struct spec *spec, size_t index);

/* Parses a plan. 0, -EPROTO for a malformed one, -EPROTONOSUPPORT for another version, -ENOMEM. */
int spec_parse(const uint8_t *bytes, size_t length, struct spec *spec);
void spec_free(struct spec *spec);

#endif
