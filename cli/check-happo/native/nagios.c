/*
 * The connection to the query handler of Nagios: registers for the plugin check_happo,
 * reads jobs and sends answers. When Nagios closes the connection, it registers again
 * and again until Nagios answers.
 *
 * Nagios does nothing else while it writes jobs, so the worker always reads them at
 * once. The registration has no pid=: Nagios would send SIGKILL to it at a reload.
 */
#define _GNU_SOURCE
#include "worker.h"

#include "broker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define REGISTRATION "@wproc register name=check_happo;max_jobs=10000;plugin=check_happo"
/* Limit of a message; a longer one is an error. */
#define MAX_MESSAGE_BYTES (16 * 1024 * 1024)
/* Nagios may take long while it reads its configuration */
#define ANSWER_MILLISECONDS 30000
/* between attempts: at first, and later */
#define SOON_MILLISECONDS 200
#define LATER_MILLISECONDS 1000
#define SOON_ATTEMPTS 50
/* limit for answers that Nagios has not read; above it, no more are taken */
#define HELD_BYTES (32 * 1024 * 1024)

static enum {
	AWAY,
	REGISTERING,
	REGISTERED,
	/* takes no more jobs */
	REFUSING,
} state = AWAY;

static struct nagios {
	struct source source;
	struct buffer in, out;
	const char *path;
	/* when to try again, or to abort an attempt */
	int64_t until;
	int attempts;
	/* number of bytes of `in` in which no message ends */
	size_t searched;
	bool is_held;
	/* the events that the loop waits for */
	uint32_t wanted;
	/* Nagios cannot take more bytes at present */
	bool is_full;
	/* everything that it has sent has been read */
	bool is_read;
	/* the last message, which is not repeated */
	char said[160];
} nagios;

static void want(uint32_t events)
{
	if (nagios.wanted == events)
		return;
	nagios.wanted = events;
	rewatch(&nagios.source, events);
}

/* Logs why there is no connection, once. */
static void say_away(const char *why)
{
	if (strncmp(nagios.said, why, sizeof nagios.said - 1) == 0)
		return;
	snprintf(nagios.said, sizeof nagios.said, "%s", why);
	say("%s: %s; trying again", nagios.path, why);
}

static void hold(bool holds)
{
	if (nagios.is_held == holds)
		return;
	nagios.is_held = holds;
	asking_hold(holds);
	running_hold(holds);
}

/* Ends the connection and stops its jobs, whose answers nobody expects any more. */
static void end(const char *why)
{
	say_away(why);
	leave(&nagios.source);
	buffer_free(&nagios.in);
	buffer_free(&nagios.out);
	nagios.searched = 0;
	nagios.is_full = false;
	jobs_forget();
	/* the ids of jobs start again, too */
	buffer_free(&nagios.out);
	hold(false);
	nagios.is_read = state == REFUSING;
	nagios.until = now() + SOON_MILLISECONDS;
	state = state == REFUSING ? REFUSING : AWAY;
}

struct buffer *nagios_answers(void)
{
	return &nagios.out;
}

/* Reads the answer to the registration, up to a NUL; jobs may follow. */
static void read_registration(void)
{
	const char *text = buffer_start(&nagios.in);
	size_t length = buffer_length(&nagios.in);
	const char *stop = length ? memchr(text, 0, length) : NULL;
	if (length >= 2 && memcmp(text, "OK", 2) == 0) {
		if (!stop)
			return;
		buffer_take(&nagios.in, (size_t)(stop - text) + 1);
		state = REGISTERED;
		nagios.attempts = 0;
		nagios.said[0] = '\0';
		say("registered with Nagios at %s", nagios.path);
	} else if (stop || length >= 100) {
		char why[120];
		snprintf(why, sizeof why, "Nagios does not register the worker: %.*s",
			(int)(length < 80 ? length : 80), text);
		end(why);
		nagios.until = now() + LATER_MILLISECONDS;
	}
}

/* Where the next message ends; NULL if its end has not arrived. */
static const char *end_of_message(void)
{
	const char *text = buffer_start(&nagios.in);
	size_t length = buffer_length(&nagios.in);
	for (size_t from = nagios.searched; from < length;) {
		const char *mark = memchr(text + from, 1, length - from);
		if (!mark)
			break;
		size_t at = (size_t)(mark - text);
		if (at + 4 > length) {
			nagios.searched = at;
			return NULL;
		}
		if (memcmp(mark + 1, "\0\0\0", 3) == 0)
			return mark;
		from = at + 1;
	}
	nagios.searched = length;
	return NULL;
}

static void read_jobs(void)
{
	const char *mark;
	while (state != AWAY && buffer_length(&nagios.in) > 0 &&
		(mark = end_of_message())) {
		const char *text = buffer_start(&nagios.in);
		jobs_take(text, (size_t)(mark - text));
		buffer_take(&nagios.in, (size_t)(mark - text) + 4);
		nagios.searched = 0;
	}
	if (buffer_length(&nagios.in) > MAX_MESSAGE_BYTES)
		end("Nagios sends a message without an end");
}

static void ready(struct source *source, uint32_t events)
{
	if (events & EPOLLOUT)
		nagios.is_full = false;
	if (state == REFUSING && nagios.is_read) {
		if (events & (EPOLLHUP | EPOLLERR))
			end("Nagios has ended the connection");
		return;
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	enum io io = buffer_read(&nagios.in, source->fd);
	if (io == IO_WAITS)
		return;
	if (io == IO_ENDED && state == REFUSING) {
		nagios.is_read = true;
		/* otherwise epoll would report it again and again */
		want(nagios.is_full ? EPOLLOUT : 0);
	} else if (io == IO_ENDED) {
		end("Nagios has ended the connection");
	} else {
		if (state == REGISTERING)
			read_registration();
		if (state == REGISTERED || state == REFUSING)
			read_jobs();
	}
}

static void try_to_register(void)
{
	int fd = connect_trusted(nagios.path);
	nagios.attempts++;
	nagios.until = now() +
		(nagios.attempts > SOON_ATTEMPTS ? LATER_MILLISECONDS
						 : SOON_MILLISECONDS);
	if (fd < 0) {
		say_away(errno == EPERM
				? "belongs to a user who is neither root nor the worker's"
				: strerror(errno));
		return;
	}
	nagios.source = (struct source){.fd = fd, .ready = ready};
	nagios.wanted = EPOLLIN;
	watch(&nagios.source, nagios.wanted);
	state = REGISTERING;
	nagios.until = now() + ANSWER_MILLISECONDS;
	if (send(fd, REGISTRATION, sizeof REGISTRATION, MSG_NOSIGNAL) !=
		(ssize_t)sizeof REGISTRATION)
		end(strerror(errno));
}

void nagios_begin(const char *query_socket)
{
	nagios.path = query_socket;
	nagios.source.fd = -1;
}

void nagios_flush(void)
{
	if (nagios.source.fd < 0 || nagios.is_full)
		return;
	uint32_t reading = nagios.is_read ? 0 : EPOLLIN;
	switch (buffer_write(&nagios.out, nagios.source.fd)) {
	case IO_DONE:
		want(reading);
		break;
	case IO_WAITS:
		nagios.is_full = true;
		want(reading | EPOLLOUT);
		break;
	case IO_ENDED:
		end("Nagios has ended the connection");
		return;
	}
	hold(buffer_length(&nagios.out) > HELD_BYTES);
}

void nagios_tick(void)
{
	if (state == REGISTERING && now() >= nagios.until)
		end("Nagios does not answer");
	if (state == AWAY && now() >= nagios.until)
		try_to_register();
}

int nagios_waits(void)
{
	if (state != AWAY && state != REGISTERING)
		return -1;
	int64_t left = nagios.until - now();
	return left > 0 ? (int)left : 0;
}

void nagios_refuse(void)
{
	if (state == REGISTERED) {
		/* Nagios can write no more; we still read what it has written */
		shutdown(nagios.source.fd, SHUT_RD);
	} else {
		if (state == REGISTERING)
			leave(&nagios.source);
		nagios.is_read = true;
	}
	state = REFUSING;
}

bool nagios_is_done(void)
{
	return nagios.is_read && buffer_length(&nagios.out) == 0;
}
