/*
 * pinfold-doctor-probe: makes the system calls that its words name and tells what the kernel answered. It knows no
 * guarantee and judges nothing; `pinfold doctor` does both.
 *
 *	pinfold-doctor-probe [here] [CALL [, CALL]... [-- CALL [, CALL]...]...]
 *
 * A CALL is a number and up to six arguments: a number, `rN` (what call N of this act gave), `=TEXT`, `#HEX` (bytes),
 * `*N` (a zeroed buffer of N bytes) or `iN` (an iovec of one such buffer). Acts stand between `--`, each in a child of
 * its own, and end with the first call that fails. For each act one line: the index of its last call, the result, the errno
 * (0 for none) and what that call left in its `*` buffer, in hexadecimal; or `killed SIGNAL`. The last line is
 * `done ACTS`. With `here` there is one act, in this process, and nothing is said.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CALLS 24
#define MAX_ARGUMENTS 6
#define ACT_SECONDS 10

struct act {
	long results[MAX_CALLS];
	int calls, error;
	unsigned char *buffer; /* of the last call */
	size_t size;
};

static void refuse(const char *why, const char *word)
{
	fprintf(stderr, "pinfold-doctor-probe: %s: %s\n", why, word);
	exit(2);
}

static void *zeroed(size_t size, const char *word)
{
	void *bytes = calloc(1, size + 1);

	return bytes ? bytes : (refuse("out of memory", word), NULL);
}

static void *from_hex(const char *word)
{
	unsigned char *bytes = zeroed(strlen(word) / 2, word);

	for (size_t i = 0; i < strlen(word) / 2; i++)
		if (sscanf(word + 2 * i, "%2hhx", &bytes[i]) != 1)
			refuse("not hexadecimal", word);
	return bytes;
}

static long argument(struct act *act, char *word)
{
	size_t number = strtoul(word + 1, NULL, 10);
	struct iovec *vector;

	switch (*word) {
	case '=':
		return (long)(word + 1);
	case '#':
		return (long)from_hex(word + 1);
	case '*':
		act->size = number;
		act->buffer = zeroed(number, word);
		return (long)act->buffer;
	case 'i':
		vector = zeroed(sizeof(*vector), word);
		*vector = (struct iovec){ zeroed(number, word), number };
		return (long)vector;
	case 'r':
		if (number >= (size_t)act->calls)
			refuse("no such call", word);
		return act->results[number];
	default:
		return *word == '-' ? strtol(word, NULL, 0) : (long)strtoul(word, NULL, 0);
	}
}

/* Makes the call that the words up to `,`, `--` or the end name; returns how many words that were. */
static int make_call(struct act *act, char **words)
{
	long a[MAX_ARGUMENTS + 1] = { 0 };
	int count = 0;

	act->buffer = NULL;
	for (; words[count] && strcmp(words[count], ",") && strcmp(words[count], "--"); count++) {
		if (count > MAX_ARGUMENTS || act->calls == MAX_CALLS)
			refuse("too much", words[count]);
		a[count] = argument(act, words[count]);
	}
	if (!count)
		refuse("a call is missing", words[0] ? words[0] : "at the end");
	errno = 0;
	act->results[act->calls] = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
	act->error = act->results[act->calls] == -1 ? errno : 0;
	act->calls++;
	return count;
}

static void carry_out(struct act *act, char **words)
{
	do
		words += make_call(act, words);
	while (!act->error && *words && !strcmp(*words++, ","));
}

static void tell(const struct act *act)
{
	long result = act->results[act->calls - 1];

	printf("%d %ld %d ", act->calls - 1, result, act->error);
	for (long i = 0; act->buffer && i < result && (size_t)i < act->size; i++)
		printf("%02x", act->buffer[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	struct act act = { 0 };
	int acts = 0, status;

	if (argc > 1 && !strcmp(argv[1], "here")) {
		carry_out(&act, argv + 2);
		return act.error ? 1 : 0;
	}
	setvbuf(stdout, NULL, _IOLBF, 0); /* what is held back would be said once more by each child */
	for (int i = 1; i < argc; i++) {
		pid_t child = fork();

		if (child == 0) {
			alarm(ACT_SECONDS);
			carry_out(&act, argv + i);
			tell(&act);
			exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) < 0 || (WIFEXITED(status) && WEXITSTATUS(status)))
			return 2;
		if (WIFSIGNALED(status))
			printf("killed %d\n", WTERMSIG(status));
		acts++;
		while (i < argc && strcmp(argv[i], "--"))
			i++;
	}
	printf("done %d\n", acts);
	return 0;
}
