/* A buffer of bytes: added at the end, taken from the front. */
#ifndef HAPPO_BUFFER_H
#define HAPPO_BUFFER_H

#include <stdarg.h>
#include <stddef.h>

struct buffer {
	char *bytes;
	size_t begin, end, room;
};

/* The first byte of the content. */
static inline char *buffer_start(const struct buffer *buffer)
{
	return buffer->bytes + buffer->begin;
}

static inline size_t buffer_length(const struct buffer *buffer)
{
	return buffer->end - buffer->begin;
}

/* Reserves room for more bytes and returns its start; buffer_added() then counts them. */
char *buffer_room(struct buffer *buffer, size_t bytes);
void buffer_added(struct buffer *buffer, size_t bytes);

void buffer_add(struct buffer *buffer, const void *bytes, size_t count);

/* Adds what printf() would print, at most 511 bytes of it. */
void buffer_print(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void buffer_print_values(
	struct buffer *buffer, const char *format, va_list values)
	__attribute__((format(printf, 2, 0)));

/* Takes bytes from the front; an empty buffer keeps little memory. */
void buffer_take(struct buffer *buffer, size_t bytes);
void buffer_free(struct buffer *buffer);

enum io { IO_DONE, IO_WAITS, IO_ENDED };

/* Reads once; IO_ENDED at the end of the stream and at errors. */
enum io buffer_read(struct buffer *buffer, int fd);

/* Writes to a socket as much as it takes; IO_ENDED at errors. */
enum io buffer_write(struct buffer *buffer, int fd);

/* malloc() that ends the program when there is no memory. */
void *allocate(size_t bytes);

#endif
