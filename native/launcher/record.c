/* Records out: one write per record, so that those of launcher and init never mix on the shared socket. */
#include "launcher.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void record_begin(struct record *record, uint32_t type)
{
	record->length = 0;
	record_u32(record, type);
	record_u32(record, 0);
}

void record_bytes(struct record *record, const void *bytes, size_t length)
{
	size_t room = sizeof(record->bytes) - record->length;

	/* Only a text can be this long; it is cut, never overrun. */
	if (length > room)
		length = room;
	memcpy(record->bytes + record->length, bytes, length);
	record->length += length;
}

void record_u32(struct record *record, uint32_t value)
{
	record_bytes(record, &value, sizeof(value));
}

int record_send(struct record *record)
{
	uint32_t payload = (uint32_t)(record->length - 8);

	memcpy(record->bytes + 4, &payload, sizeof(payload));
	return write_exactly(RECORD_FD, record->bytes, record->length);
}

int write_exactly(int fd, const void *buffer, size_t length)
{
	const uint8_t *at = buffer;

	while (length) {
		ssize_t done = send(fd, at, length, MSG_NOSIGNAL);

		if (done < 0 && errno == ENOTSOCK)
			done = write(fd, at, length);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		at += done;
		length -= (size_t)done;
	}
	return 0;
}

/* 1 when all was read, 0 at end of file, -errno. */
int read_exactly(int fd, void *buffer, size_t length)
{
	uint8_t *at = buffer;

	while (length) {
		ssize_t done = read(fd, at, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		if (done == 0)
			return 0;
		at += done;
		length -= (size_t)done;
	}
	return 1;
}

int report(uint32_t type, const void *bytes, size_t length)
{
	struct record record;

	record_begin(&record, type);
	record_bytes(&record, bytes, length);
	return record_send(&record);
}

int report_number(uint32_t type, uint32_t value)
{
	return report(type, &value, sizeof(value));
}

/* `value`: of CHILD_STARTED its process as numbered inside, of CHILD_ENDED what wait(2) says, else an errno. */
int report_child(uint32_t id, enum child_event event, int value)
{
	return report(RECORD_CHILD, (uint32_t[]){ id, event, (uint32_t)value }, 3 * sizeof(uint32_t));
}

int report_applied(const char *step)
{
	return report(RECORD_APPLIED, step, strlen(step));
}

int report_failure(const char *step, int error, const char *detail)
{
	struct record record;

	record_begin(&record, RECORD_FAILURE);
	record_u32(&record, (uint32_t)error);
	record_bytes(&record, step, strlen(step) + 1);
	record_bytes(&record, detail, strlen(detail));
	return record_send(&record);
}

void note(struct trouble *trouble, const char *what, const char *path)
{
	snprintf(trouble->detail, sizeof(trouble->detail), "%s%s%s", what, path ? " " : "", path ? path : "");
}
