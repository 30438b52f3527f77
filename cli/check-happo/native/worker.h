/*
 * A worker of Nagios Core 4: the parts in worker.c (the loop), nagios.c (the connection
 * to Nagios), jobs.c (what it has asked for), asking.c (the broker) and running.c
 * (commands that the worker starts itself).
 */
#ifndef HAPPO_WORKER_H
#define HAPPO_WORKER_H

#include "buffer.h"
#include "command_line.h"

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* ---- worker.c ---- */

/* Whether a command line starts a worker, and running it until it is told to end. */
bool is_worker(int count, char *const *words);
int be_worker(int count, char *const *words);

/* A descriptor that the loop waits for; it is the first member of a struct. */
struct source {
	int fd;
	void (*ready)(struct source *source, uint32_t events);
	struct source *next_discarded;
};

void watch(struct source *source, uint32_t events);
void rewatch(struct source *source, uint32_t events);
/* Closes it; `ready` is not called any more. */
void leave(struct source *source);
/* Frees the struct of a closed source as soon as no event names it any more. */
void discard(struct source *source);

/* One line for the log. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- lists ---- */

struct list {
	struct list *previous, *next;
};

static inline void list_clear(struct list *list)
{
	list->previous = list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_remove(struct list *item)
{
	item->previous->next = item->next;
	item->next->previous = item->previous;
	list_clear(item);
}

static inline void list_append(struct list *list, struct list *item)
{
	item->previous = list->previous;
	item->next = list;
	list->previous->next = item;
	list->previous = item;
}

#define container_of(item, type, member) \
	((type *)(void *)((char *)(item) - offsetof(type, member)))

/* ---- jobs.c ---- */

enum job_state {
	NEW,
	/* in a queue for the broker, or with it */
	WAITS_FOR_BROKER,
	ASKED,
	/* in a queue for a start, or started */
	WAITS_FOR_START,
	STARTED,
};

/* Something that Nagios wants to have run. */
struct job {
	/* of all jobs, and of the queue that it waits in */
	struct list all, queue;
	enum job_state state;
	/* what Nagios sent: pairs such as `job_id=7`, each ended by NUL */
	char *message;
	size_t bytes;
	const char *command;
	/* variables for the command, one a line; NULL if there are none */
	const char *environment;
	/* by the clock on the wall, for Nagios */
	struct timespec start;
	/* by a clock that nobody sets; the first two in milliseconds */
	int64_t begun, deadline, begun_microseconds;
	/* whether the command line is a plain check, and which */
	bool is_check;
	struct check check;
	/* how often a broker was asked, and whether it is to be left alone */
	int times_asked;
	bool avoids_broker;
	/* of whoever works on it */
	void *worked_on_by;
	uint32_t number;
};

/* What becomes of a job. */
struct outcome {
	/* as of wait() */
	int wait_status;
	/* 0, or why it did not end by itself */
	int error_code;
	const char *output;
	size_t output_bytes;
	const char *errors;
	size_t error_bytes;
};

void jobs_begin(const char *broker);
/* Takes a message of Nagios, without its end. */
void jobs_take(const char *message, size_t bytes);
/* Gives a job to the broker or starts it. */
void job_go(struct job *job);
/* Starts it without the broker; `avoids_broker` if that one hangs. */
void job_go_alone(struct job *job, bool avoids_broker);
/* Answers a job, and forgets it. */
void job_answer(struct job *job, const struct outcome *outcome);
/* Answers with a text of our own, UNKNOWN. */
void job_answer_unknown(struct job *job, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Stops all jobs: nobody waits for their answers. */
void jobs_forget(void);
/* Answers those whose time is over. */
void jobs_tick(void);
unsigned jobs_open(void);

/* ---- asking.c ---- */

void asking_begin(const char *broker);
/* Asks the broker, at once or as soon as there is a place; false without a broker. */
bool ask_for(struct job *job);
/* Takes a job back. */
void asking_stop(struct job *job);
/* Takes all jobs back, and has the broker stop them. */
void asking_forget(void);
/* Asks for those that have waited for a place, and sends what has come together. */
void asking_flush(void);
void asking_tick(void);
/* Whether there is something that a tick is needed for. */
bool asking_waits(void);
/* Reads no answers for now, or reads them again. */
void asking_hold(bool holds);

/* ---- running.c ---- */

void running_begin(void);
/* Has running_flush() start it, as soon as there is a place. */
void start_for(struct job *job);
void running_flush(void);
void running_stop(struct job *job);
/* Takes the commands that have ended. */
void running_reap(void);
/* The broker answers again: gives it the checks that wait for a start. */
void running_return(void);
void running_hold(bool holds);

/* ---- nagios.c ---- */

void nagios_begin(const char *query_socket);
/* The connection's output; `nagios_flush` sends it. */
struct buffer *nagios_answers(void);
void nagios_flush(void);
void nagios_tick(void);
/* Milliseconds until it has something to do; -1 if it waits for Nagios only. */
int nagios_waits(void);
/* Takes no more jobs. */
void nagios_refuse(void);
/* Whether all that Nagios has sent is read, and all answers are sent. */
bool nagios_is_done(void);

#endif
