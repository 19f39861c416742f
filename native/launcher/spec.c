/* Parses the plan: a fixed sequence of fields, every length checked against what is left. */
#include "spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Lists are counted before they are allocated; no honest plan comes near this. */
#define MAX_ITEMS 65536u

struct reader {
	uint8_t *at;
	size_t left;
	int error;
};

static void fail(struct reader *reader, int error)
{
	if (!reader->error)
		reader->error = error;
	reader->left = 0;
}

static void take(struct reader *reader, void *out, size_t length)
{
	memset(out, 0, length);
	if (reader->left < length) {
		fail(reader, -EPROTO);
		return;
	}
	memcpy(out, reader->at, length);
	reader->at += length;
	reader->left -= length;
}

static uint32_t take_u32(struct reader *reader)
{
	uint32_t value;

	take(reader, &value, sizeof(value));
	return value;
}

static uint64_t take_u64(struct reader *reader)
{
	uint64_t value;

	take(reader, &value, sizeof(value));
	return value;
}

static bool take_bool(struct reader *reader)
{
	uint32_t value = take_u32(reader);

	if (value > 1)
		fail(reader, -EPROTO);
	return value == 1;
}

static const uint8_t *take_blob(struct reader *reader, size_t *length)
{
	uint32_t size = take_u32(reader);
	const uint8_t *start = reader->at;

	*length = 0;
	if (reader->error || reader->left < size) {
		fail(reader, -EPROTO);
		return start;
	}
	reader->at += size;
	reader->left -= size;
	*length = size;
	return start;
}

/* A string ends in its only NUL, inside its length: one with a NUL in the middle would be cut short in silence. */
static char *take_string(struct reader *reader)
{
	static char empty[1]; /* only ever read */
	size_t length;
	char *start = (char *)(uintptr_t)take_blob(reader, &length);

	if (reader->error || length == 0 || memchr(start, 0, length) != start + length - 1) {
		fail(reader, -EPROTO);
		return empty;
	}
	return start;
}

static void *take_array(struct reader *reader, size_t *count, size_t size)
{
	uint32_t items = take_u32(reader);
	void *array;

	*count = 0;
	/* Each item takes at least four bytes of the plan, so a huge count is a lie and never allocated. */
	if (reader->error || items > MAX_ITEMS || items > reader->left / 4) {
		fail(reader, -EPROTO);
		items = 0;
	}
	array = calloc((size_t)items + 1, size);
	if (!array)
		fail(reader, -ENOMEM);
	else
		*count = items;
	return array;
}

static struct string_list take_list(struct reader *reader)
{
	struct string_list list = { 0 };

	list.items = take_array(reader, &list.count, sizeof(char *));
	for (size_t i = 0; i < list.count; i++)
		list.items[i] = take_string(reader);
	return list;
}

static const char *take_absolute(struct reader *reader)
{
	const char *path = take_string(reader);

	if (!reader->error && path[0] != '/')
		fail(reader, -EPROTO);
	return path;
}

struct call spec_call(const struct spec *spec, size_t index)
{
	struct call call;

	memcpy(&call, spec->calls + index * sizeof(call), sizeof(call));
	return call;
}

static void take_watched(struct reader *reader, struct spec *spec)
{
	spec->watched = take_array(reader, &spec->watched_count, sizeof(*spec->watched));
	for (size_t i = 0; i < spec->watched_count; i++) {
		struct watched *row = &spec->watched[i];

		take(reader, row, sizeof(*row));
		for (size_t j = 0; j < ARGUMENTS_NAMED; j++)
			if (row->argument[j] > CALL_ARGUMENTS)
				fail(reader, -EPROTO);
	}
}

static void take_calls(struct reader *reader, struct spec *spec)
{
	size_t bytes;

	spec->calls = take_blob(reader, &bytes);
	spec->data = (char *)(uintptr_t)take_blob(reader, &spec->data_length);
	if (bytes % sizeof(struct call) || !spec->data_length || spec->data[spec->data_length - 1]) {
		fail(reader, -EPROTO);
		return;
	}
	spec->call_count = bytes / sizeof(struct call);
	for (size_t i = 0; i < spec->call_count; i++) {
		struct call call = spec_call(spec, i);

		spec->tripwire |= call.number == CALL_TRIPWIRE;
		if (call.number == CALL_EACH)
			spec->each = i + 1;
		if (call.label >= spec->data_length || call.step >= spec->data_length)
			fail(reader, -EPROTO);
		for (int j = 0; j < CALL_ARGUMENTS; j++)
			if (call.pointers >> j & 1 && call.arguments[j] >= spec->data_length)
				fail(reader, -EPROTO);
	}
}

/* Of whole paths: each has a slash before its last name. */
static struct string_list take_patterns(struct reader *reader)
{
	struct string_list list = take_list(reader);

	for (size_t i = 0; i < list.count; i++)
		if (!strchr(list.items[i], '/'))
			fail(reader, -EPROTO);
	return list;
}

static void take_limits(struct reader *reader, struct spec *spec)
{
	spec->limits = take_array(reader, &spec->limit_count, sizeof(*spec->limits));
	for (size_t i = 0; i < spec->limit_count; i++) {
		spec->limits[i].resource = take_u32(reader);
		spec->limits[i].soft = take_u64(reader);
		spec->limits[i].hard = take_u64(reader);
	}
}

static const uint8_t *take_copy(struct reader *reader, struct spec *spec, const uint8_t *bytes, size_t length)
{
	memset(spec, 0, sizeof(*spec));
	spec->buffer = malloc(length + 1);
	if (!spec->buffer)
		return NULL;
	if (length)
		memcpy(spec->buffer, bytes, length);
	reader->at = spec->buffer;
	reader->left = length;
	return spec->buffer;
}

/* What is run, and the end of what is sent. */
static void take_program(struct reader *reader, struct spec *spec)
{
	spec->environment = take_list(reader);
	spec->argv = take_list(reader);
	spec->cwd = take_absolute(reader);
	if (reader->left)
		fail(reader, -EPROTO);
}

int command_parse(const uint8_t *bytes, size_t length, struct command *command)
{
	struct reader reader = { 0 };

	if (!take_copy(&reader, &command->spec, bytes, length))
		return -ENOMEM;
	take(&reader, &command->head, sizeof(command->head));
	for (int i = 0; i < STREAMS; i++)
		if (command->head.streams[i] >= STREAM_INHERIT + STREAMS)
			fail(&reader, -EPROTO);
	take_calls(&reader, &command->spec);
	take_program(&reader, &command->spec);
	if (command->spec.argv.count == 0)
		fail(&reader, -EPROTO);
	if (reader.error)
		spec_free(&command->spec);
	return reader.error;
}

int acts_parse(const uint8_t *bytes, size_t length, uint32_t *token, struct spec *spec)
{
	struct reader reader = { 0 };

	if (!take_copy(&reader, spec, bytes, length))
		return -ENOMEM;
	*token = take_u32(&reader);
	take_calls(&reader, spec);
	if (reader.left)
		fail(&reader, -EPROTO);
	if (reader.error)
		spec_free(spec);
	return reader.error;
}

int spec_parse(const uint8_t *bytes, size_t length, struct spec *spec)
{
	struct reader reader = { 0 };

	if (!take_copy(&reader, spec, bytes, length))
		return -ENOMEM;
	if (take_u32(&reader) != SPEC_VERSION)
		fail(&reader, reader.error ? reader.error : -EPROTONOSUPPORT);
	spec->namespaces = take_u32(&reader);
	spec->uid_map = take_string(&reader);
	spec->gid_map = take_string(&reader);
	spec->deny_setgroups = take_bool(&reader);
	take_calls(&reader, spec);
	spec->asks = take_u32(&reader);
	take_watched(&reader, spec);
	spec->guarded = take_patterns(&reader);
	spec->arriving = take_patterns(&reader);
	take_limits(&reader, spec);
	take_program(&reader, spec);
	if (reader.error)
		spec_free(spec);
	return reader.error;
}

void spec_free(struct spec *spec)
{
	free(spec->limits);
	free(spec->watched);
	free(spec->guarded.items);
	free(spec->arriving.items);
	free(spec->environment.items);
	free(spec->argv.items);
	free(spec->buffer);
	memset(spec, 0, sizeof(*spec));
}
