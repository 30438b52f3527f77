/*
 * Has the broker run checks, over a few connections with many requests each.
 *
 * A broker that is stopped or hangs still accepts connections, so only its silence
 * shows it. If answers are due on a silent connection, we ask the broker for a sign of
 * life. Without one, the broker hangs, and checks run without it until it gives one.
 */
#define _GNU_SOURCE
#include "worker.h"

#include "broker.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define MAX_LINKS 8
/* the broker handles at most 256 requests of one client at a time */
#define MAX_ASKED 128
/* silence before we ask for a sign of life, and how long that may take */
#define SILENCE_MILLISECONDS 500
#define SIGN_MILLISECONDS 3000
/* how long we avoid a broker that refuses us, or that we do not understand */
#define UNUSABLE_MILLISECONDS 10000
/* limit of an output; the rest is dropped */
#define MAX_OUTPUT_BYTES (1024 * 1024)
#define MAX_REASON_BYTES 256
/* the id of requests for a sign of life; no job has it */
#define SIGN_ID UINT32_MAX

/* A connection to the broker. */
struct link {
	struct source source;
	struct list links;
	struct buffer out;
	struct job *asked[MAX_ASKED];
	unsigned asked_count, next_number;
	/* when bytes last arrived; since when a sign of life is due, or 0 */
	int64_t heard, owes_sign;
	bool is_full;
	/* the frame that is arriving */
	unsigned char head[HEAD_BYTES];
	size_t head_bytes, body_bytes;
	struct buffer body;
};

static struct list links, waiting;
static unsigned link_count;
static const char *broker_path;
static int64_t unusable_until;
/* the broker hangs; one connection waits for its sign of life */
static bool hangs;
static bool is_held;
/* the last message, which is not repeated */
static char said[200];

static void ready(struct source *source, uint32_t events);

void asking_begin(const char *broker)
{
	broker_path = broker;
	list_clear(&links);
	list_clear(&waiting);
}

static void say_once(const char *what)
{
	if (strncmp(said, what, sizeof said - 1) == 0)
		return;
	snprintf(said, sizeof said, "%s", what);
	say("broker %s: %s", broker_path, what);
}

static void add_frame(
	struct link *link, unsigned char kind, uint32_t id, uint32_t bytes)
{
	unsigned char head[HEAD_BYTES];
	put_head(head, kind, id, bytes);
	buffer_add(&link->out, head, sizeof head);
}

/* Asks for a sign of life. It also tells the broker that the client is a worker. */
static void want_sign(struct link *link)
{
	link->owes_sign = now();
	add_frame(link, KIND_WORKER, SIGN_ID, 0);
}

/* Opens a connection; NULL if there is no broker. */
static struct link *open_link(void)
{
	int fd = connect_trusted(broker_path);
	if (fd < 0) {
		/* EAGAIN: its queue of connections is full, as it accepts none */
		if (errno == EAGAIN)
			unusable_until = now() + SIGN_MILLISECONDS;
		say_once(errno == EPERM ? "belongs to another user"
				: errno == ECONNREFUSED ? "nobody listens there"
							: strerror(errno));
		return NULL;
	}
	struct link *link = allocate(sizeof *link);
	*link = (struct link){
		.source = {.fd = fd, .ready = ready},
		.heard = now(),
	};
	watch(&link->source, is_held ? 0 : EPOLLIN);
	list_append(&links, &link->links);
	link_count++;
	want_sign(link);
	return link;
}

static void take_back(struct job *job)
{
	struct link *link = job->worked_on_by;
	if (job->state == ASKED) {
		link->asked[job->number % MAX_ASKED] = NULL;
		link->asked_count--;
	}
	list_remove(&job->queue);
	job->state = NEW;
	job->worked_on_by = NULL;
}

void asking_stop(struct job *job)
{
	take_back(job);
}

/* Closes a connection and moves its jobs to a list. */
static void close_link(struct link *link, struct list *jobs)
{
	for (unsigned n = 0; n < MAX_ASKED; n++) {
		struct job *job = link->asked[n];
		if (!job)
			continue;
		take_back(job);
		list_append(jobs, &job->queue);
	}
	leave(&link->source);
	list_remove(&link->links);
	link_count--;
	buffer_free(&link->out);
	buffer_free(&link->body);
	discard(&link->source);
}

/* Removes and returns the first job of a list. */
static struct job *first_of(struct list *jobs)
{
	struct job *job = container_of(jobs->next, struct job, queue);
	list_remove(&job->queue);
	return job;
}

/* Starts all jobs of the broker without it; `is_hanging` if it hangs. */
static void do_without(bool is_hanging)
{
	struct list jobs;
	list_clear(&jobs);
	while (!list_is_empty(&links))
		close_link(container_of(links.next, struct link, links), &jobs);
	while (!list_is_empty(&waiting)) {
		struct job *job = container_of(waiting.next, struct job, queue);
		take_back(job);
		list_append(&jobs, &job->queue);
	}
	while (!list_is_empty(&jobs))
		job_go_alone(first_of(&jobs), is_hanging);
}

void asking_forget(void)
{
	struct list jobs;
	list_clear(&jobs);
	for (struct list *item = links.next, *next; item != &links; item = next) {
		struct link *link = container_of(item, struct link, links);
		next = item->next;
		/* the broker aborts what it runs for a client that leaves */
		if (link->asked_count > 0)
			close_link(link, &jobs);
	}
	while (!list_is_empty(&jobs))
		first_of(&jobs);
}

static void begin_to_hang(void)
{
	say_once("does not answer: checks run without it");
	hangs = true;
	do_without(true);
	/* this connection waits for a sign of life, unless the broker has ended */
	if (!open_link())
		hangs = false;
}

/* The broker has given a sign of life. */
static void end_silence(void)
{
	say_once("answers");
	if (!hangs)
		return;
	hangs = false;
	running_return();
}

static void become_unusable(const char *why)
{
	say_once(why);
	unusable_until = now() + UNUSABLE_MILLISECONDS;
	hangs = false;
	do_without(false);
}

/* The broker has closed a connection; others, or a new one, may still work. */
static void lose_link(struct link *link)
{
	struct list jobs;
	list_clear(&jobs);
	close_link(link, &jobs);
	if (link_count == 0)
		hangs = false;
	while (!list_is_empty(&jobs))
		job_go(first_of(&jobs));
}

static void ask_over(struct link *link, struct job *job)
{
	unsigned slot = 0;
	while (link->asked[slot])
		slot++;
	int64_t time = now();
	int64_t left = job->begun + 1000 * (int64_t)job->check.seconds - time;
	if (left > job->deadline - time)
		left = job->deadline - time;
	unsigned char told[4];
	put_number(told, left > 0 ? (uint32_t)left : 1);
	/* an id is used again only after very many others */
	link->next_number = (link->next_number + 1) % 0x1000000;
	job->number = link->next_number * MAX_ASKED + slot;
	job->state = ASKED;
	job->worked_on_by = link;
	job->times_asked++;
	link->asked[slot] = job;
	/* silence begins when the first answer is due */
	if (link->asked_count++ == 0)
		link->heard = time;
	add_frame(link, KIND_CHECK, job->number,
		(uint32_t)(sizeof told + job->check.bytes));
	buffer_add(&link->out, told, sizeof told);
	buffer_add(&link->out, job->check.words, job->check.bytes);
}

/* A connection with a free place; NULL if there is none. */
static struct link *free_link(void)
{
	for (struct list *item = links.next; item != &links; item = item->next) {
		struct link *link = container_of(item, struct link, links);
		if (link->asked_count < MAX_ASKED)
			return link;
	}
	return link_count < MAX_LINKS ? open_link() : NULL;
}

bool ask_for(struct job *job)
{
	if (broker_path[0] == '\0' || hangs || now() < unusable_until)
		return false;
	struct link *link = list_is_empty(&waiting) ? free_link() : NULL;
	if (link) {
		ask_over(link, job);
		return true;
	}
	if (link_count == 0)
		return false;
	job->state = WAITS_FOR_BROKER;
	list_append(&waiting, &job->queue);
	return true;
}

void asking_flush(void)
{
	struct link *link;
	while (!hangs && !list_is_empty(&waiting) && (link = free_link()))
		ask_over(link, first_of(&waiting));
	for (struct list *item = links.next, *next; item != &links; item = next) {
		link = container_of(item, struct link, links);
		next = item->next;
		if (link->is_full || buffer_length(&link->out) == 0)
			continue;
		uint32_t reading = is_held ? 0 : EPOLLIN;
		/* a lost connection is noticed when its end is read */
		link->is_full =
			buffer_write(&link->out, link->source.fd) == IO_WAITS;
		if (link->is_full)
			rewatch(&link->source, reading | EPOLLOUT);
	}
}

/* The job that a frame answers; NULL if no job waits for it. */
static struct job *job_of(struct link *link, uint32_t id)
{
	struct job *job = link->asked[id % MAX_ASKED];
	return job && job->number == id ? job : NULL;
}

/* Handles a complete frame; false if the connection is closed. */
static bool take_frame(struct link *link)
{
	uint32_t id = number_at(link->head + 6);
	unsigned char kind = link->head[5];
	const char *body = buffer_start(&link->body);
	size_t bytes = buffer_length(&link->body);
	if (id == 0) {
		/* about the whole connection: the broker refuses us */
		size_t begin = kind == KIND_RESULT && bytes > 0 ? 1 : 0;
		while (bytes > begin && body[bytes - 1] == '\n')
			bytes--;
		char why[MAX_REASON_BYTES];
		snprintf(why, sizeof why, "%.*s", (int)(bytes - begin),
			bytes > begin ? body + begin : "");
		become_unusable(why);
		return false;
	}
	link->heard = now();
	if (id == SIGN_ID) {
		link->owes_sign = 0;
		end_silence();
		return true;
	}
	struct job *job = job_of(link, id);
	if (!job)
		return true;
	if (kind != KIND_RESULT || bytes == 0) {
		take_back(job);
		job_go_alone(job, false);
		return true;
	}
	struct outcome outcome = {
		.wait_status = (unsigned char)body[0] << 8,
		.output = body + 1,
		.output_bytes = bytes - 1,
	};
	job_answer(job, &outcome);
	return true;
}

/* Handles bytes that have arrived; false if the connection is closed. */
static bool take_bytes(struct link *link, const char *bytes, size_t count)
{
	while (count > 0) {
		if (link->head_bytes < HEAD_BYTES) {
			size_t taken = HEAD_BYTES - link->head_bytes;
			if (taken > count)
				taken = count;
			memcpy(link->head + link->head_bytes, bytes, taken);
			link->head_bytes += taken;
			bytes += taken;
			count -= taken;
			if (link->head_bytes < HEAD_BYTES)
				return true;
			uint32_t counted = number_at(link->head);
			if (link->head[4] != BROKER_VERSION ||
				counted < COUNTED_BYTES || counted > MAX_ANSWER_BYTES) {
				become_unusable("has a protocol that this worker does not know");
				return false;
			}
			link->body_bytes = counted - COUNTED_BYTES;
		}
		size_t taken = link->body_bytes < count ? link->body_bytes : count;
		size_t most = link->head[5] == KIND_RESULT ? MAX_OUTPUT_BYTES + 1
							  : MAX_REASON_BYTES;
		size_t room = most - buffer_length(&link->body);
		buffer_add(&link->body, bytes, taken < room ? taken : room);
		bytes += taken;
		count -= taken;
		link->body_bytes -= taken;
		if (link->body_bytes > 0)
			continue;
		link->head_bytes = 0;
		if (!take_frame(link))
			return false;
		buffer_take(&link->body, buffer_length(&link->body));
	}
	return true;
}

static void ready(struct source *source, uint32_t events)
{
	static char bytes[65536];
	struct link *link = (struct link *)(void *)source;
	if (events & EPOLLOUT) {
		link->is_full = false;
		rewatch(source, is_held ? 0 : EPOLLIN);
	}
	if (!(events & ~(uint32_t)EPOLLOUT))
		return;
	ssize_t got = read(source->fd, bytes, sizeof bytes);
	if (got > 0) {
		/* a part of a long answer is a sign of life, too */
		link->heard = now();
		if (link->owes_sign)
			link->owes_sign = link->heard;
		take_bytes(link, bytes, (size_t)got);
	} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
		lose_link(link);
	}
}

void asking_tick(void)
{
	int64_t time = now();
	if (is_held || hangs)
		return;
	for (struct list *item = links.next; item != &links; item = item->next) {
		struct link *link = container_of(item, struct link, links);
		if (link->owes_sign) {
			if (time - link->owes_sign < SIGN_MILLISECONDS)
				continue;
			begin_to_hang();
			return;
		}
		if (link->asked_count > 0 && time - link->heard >= SILENCE_MILLISECONDS)
			want_sign(link);
	}
}

bool asking_waits(void)
{
	for (struct list *item = links.next; item != &links; item = item->next)
		if (container_of(item, struct link, links)->owes_sign && !hangs)
			return true;
	return false;
}

void asking_hold(bool holds)
{
	is_held = holds;
	for (struct list *item = links.next; item != &links; item = item->next) {
		struct link *link = container_of(item, struct link, links);
		uint32_t writing = link->is_full ? EPOLLOUT : 0;
		rewatch(&link->source, writing | (holds ? 0 : EPOLLIN));
		link->heard = now();
		if (link->owes_sign)
			link->owes_sign = link->heard;
	}
}
