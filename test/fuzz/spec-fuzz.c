/*
 * Fuzzes the parser of plans and commands: whatever the bytes are, it answers 0 or an error, reads nothing beyond them and gives back all
 * memory. Under libFuzzer it is the target; with -DSTANDALONE it brings a plain mutator along, for compilers without one.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../native/launcher/spec.h"

/* Every pointer of a plan that was accepted is followed to its end, so that the sanitizer sees one that leads outside. */
static size_t touched;

static void touch_text(const char *text)
{
	touched += strlen(text);
}

static void touch_list(const struct string_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		touch_text(list->items[i]);
	if (list->items[list->count])
		abort(); /* execve would run past the end */
}

static void touch_path(const char *path)
{
	touch_text(path);
	if (path[0] != '/')
		abort();
}

/* The supervisor takes what is behind the last slash. */
static void touch_patterns(const struct string_list *list)
{
	touch_list(list);
	for (size_t i = 0; i < list->count; i++)
		touch_text(strrchr(list->items[i], '/'));
}

static void touch_program(const struct spec *spec)
{
	touch_list(&spec->environment);
	touch_list(&spec->argv);
	touch_path(spec->cwd);
}

static void touch_calls(const struct spec *spec)
{
	for (size_t i = 0; i < spec->call_count; i++) {
		struct call call = spec_call(spec, i);

		touch_text(spec->data + call.label);
		touch_text(spec->data + call.step);
		for (int j = 0; j < CALL_ARGUMENTS; j++)
			if (call.pointers >> j & 1)
				touch_text(spec->data + call.arguments[j]);
	}
}

static void touch(const struct spec *spec)
{
	touch_text(spec->uid_map);
	touch_text(spec->gid_map);
	touch_calls(spec);
	for (size_t i = 0; i < spec->limit_count; i++)
		touched += spec->limits[i].soft;
	touch_patterns(&spec->guarded);
	touch_patterns(&spec->arriving);
	touch_program(spec);
}

/* Bytes that are no plan are a command, or calls, or nothing. */
static int parse(const uint8_t *data, size_t size)
{
	struct command command;
	struct spec spec;
	uint32_t token;
	int result = acts_parse(data, size, &token, &spec);

	if (result > 0)
		abort();
	if (result == 0) {
		touch_calls(&spec);
		spec_free(&spec);
	}
	result = spec_parse(data, size, &spec);
	if (result == 0) {
		touch(&spec);
		spec_free(&spec);
		return 0;
	}
	if (result > 0 || (result = command_parse(data, size, &command)) > 0)
		abort();
	if (result == 0) {
		if (!command.spec.argv.count)
			abort();
		touch_calls(&command.spec);
		touch_program(&command.spec);
		spec_free(&command.spec);
	}
	return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	parse(data, size);
	return 0;
}

#ifdef STANDALONE
#include <time.h>

#define MAX_SEED 65536u

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* A few changes of the kinds that break parsers: cut, flipped bits, and lengths that are almost or far too big. */
static size_t mutate(uint8_t *bytes, size_t length)
{
	static const uint32_t lengths[] = { 0, 1, 3, 0x7f, 0xffff, 0x10000, 0x7fffffff, 0x80000000u, 0xfffffffeu, 0xffffffffu };

	for (unsigned int changes = 1 + next() % 4; changes && length >= 8; changes--) {
		size_t at = next() % (length - 4);
		uint32_t value = lengths[next() % (sizeof(lengths) / sizeof(lengths[0]))];

		switch (next() % 4) {
		case 0:
			bytes[at] ^= (uint8_t)(1u << (next() % 8));
			break;
		case 1:
			memcpy(bytes + at, &value, sizeof(value));
			break;
		case 2:
			length -= next() % (length / 2);
			break;
		default:
			memmove(bytes + at, bytes + next() % (length - 4), 4);
		}
	}
	return length;
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 30);
	unsigned long runs = 0;

	for (int i = 2; i < argc; i++) {
		static uint8_t seed[MAX_SEED];
		FILE *file = fopen(argv[i], "rb");
		size_t length = file ? fread(seed, 1, sizeof(seed), file) : 0;

		if (!file || fclose(file) || !length)
			return fprintf(stderr, "cannot read %s\n", argv[i]), 1;
		/* Mutating what is refused at its first field would test nothing. */
		if (parse(seed, length) != 0)
			return fprintf(stderr, "%s is not a plan that the launcher takes\n", argv[i]), 1;
		/* Each seed has its share of the time that is left. */
		for (time_t until = time(NULL) + (end - time(NULL)) / (argc - i); time(NULL) < until; runs++) {
			/* Copied to the heap at its exact length, where one byte too far is seen. */
			uint8_t *bytes = malloc(length);
			size_t cut;

			if (!bytes)
				return 1;
			memcpy(bytes, seed, length);
			cut = mutate(bytes, length);
			bytes = realloc(bytes, cut);
			parse(bytes, cut);
			free(bytes);
		}
	}
	printf("Done %lu runs, %zu\n", runs, touched % 2);
	return 0;
}
#endif
