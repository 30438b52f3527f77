#define _GNU_SOURCE
#include "buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEPT_BYTES 65536
#define READ_BYTES 65536

static _Noreturn void no_memory(void)
{
	static const char said[] = "check_happo worker: no memory\n";
	ssize_t ignored = write(STDERR_FILENO, said, sizeof said - 1);
	(void)ignored;
	_exit(1);
}

void *allocate(size_t bytes)
{
	void *memory = malloc(bytes ? bytes : 1);
	if (!memory)
		no_memory();
	return memory;
}

char *buffer_room(struct buffer *buffer, size_t bytes)
{
	size_t length = buffer_length(buffer);
	/* never moves more bytes than have been taken */
	if (buffer->begin > length && buffer->room - buffer->end < bytes) {
		memmove(buffer->bytes, buffer_start(buffer), length);
		buffer->begin = 0;
		buffer->end = length;
	}
	if (buffer->room - buffer->end < bytes) {
		size_t room = buffer->room * 2;
		if (room < buffer->end + bytes)
			room = buffer->end + bytes;
		char *moved = realloc(buffer->bytes, room);
		if (!moved)
			no_memory();
		buffer->bytes = moved;
		buffer->room = room;
	}
	return buffer->bytes + buffer->end;
}

void buffer_added(struct buffer *buffer, size_t bytes)
{
	buffer->end += bytes;
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t count)
{
	if (count == 0)
		return;
	memcpy(buffer_room(buffer, count), bytes, count);
	buffer_added(buffer, count);
}

void buffer_print_values(
	struct buffer *buffer, const char *format, va_list values)
{
	char text[512];
	int length = vsnprintf(text, sizeof text, format, values);
	if (length < 0)
		return;
	buffer_add(buffer, text,
		(size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

void buffer_print(struct buffer *buffer, const char *format, ...)
{
	va_list values;
	va_start(values, format);
	buffer_print_values(buffer, format, values);
	va_end(values);
}

void buffer_take(struct buffer *buffer, size_t bytes)
{
	buffer->begin += bytes;
	if (buffer->begin < buffer->end)
		return;
	buffer->begin = buffer->end = 0;
	if (buffer->room > KEPT_BYTES)
		buffer_free(buffer);
}

void buffer_free(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}

enum io buffer_read(struct buffer *buffer, int fd)
{
	for (;;) {
		ssize_t got = read(fd, buffer_room(buffer, READ_BYTES), READ_BYTES);
		if (got > 0) {
			buffer_added(buffer, (size_t)got);
			return IO_DONE;
		}
		if (got == 0 || (errno != EINTR && errno != EAGAIN))
			return IO_ENDED;
		if (errno == EAGAIN)
			return IO_WAITS;
	}
}

enum io buffer_write(struct buffer *buffer, int fd)
{
	while (buffer_length(buffer) > 0) {
		ssize_t sent = send(fd, buffer_start(buffer), buffer_length(buffer),
			MSG_NOSIGNAL);
		if (sent >= 0)
			buffer_take(buffer, (size_t)sent);
		else if (errno == EAGAIN)
			return IO_WAITS;
		else if (errno != EINTR)
			return IO_ENDED;
	}
	return IO_DONE;
}
