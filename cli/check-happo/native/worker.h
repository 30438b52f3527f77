/*
 * A worker of Nagios Core 4: the parts in worker.c (the loop), nagios.c (the connection
 * to Nagios), jobs.c (what Nagios asks for), asking.c (the broker) and running.c
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

/* Whether a command line starts a worker; and runs it until it is told to stop. */
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
/* Frees the struct of a closed source once no pending event refers to it. */
void discard(struct source *source);

/* Writes a line to the log. */
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
	/* in the queue for the broker, or sent to it */
	WAITS_FOR_BROKER,
	ASKED,
	/* in the queue for a start, or started */
	WAITS_FOR_START,
	STARTED,
};

/* What Nagios asks a worker to run. */
struct job {
	/* in the list of all jobs, and in the queue in which it waits */
	struct list all, queue;
	enum job_state state;
	/* what Nagios sent: pairs such as `job_id=7`, each terminated by NUL */
	char *message;
	size_t bytes;
	const char *command;
	/* variables for the command, one a line; NULL if there are none */
	const char *environment;
	/* wall-clock time, for Nagios */
	struct timespec start;
	/* monotonic times; the first two in milliseconds */
	int64_t begun, deadline, begun_microseconds;
	/* whether the command line is a plain check; then also which */
	bool is_check;
	struct check check;
	/* how often the broker was asked, and whether to run without it */
	int times_asked;
	bool avoids_broker;
	/* the connection or command that works on it, and its number there */
	void *worked_on_by;
	uint32_t number;
};

/* How a job ended. */
struct outcome {
	/* as wait() returns it */
	int wait_status;
	/* 0, or why the command did not end by itself */
	int error_code;
	const char *output;
	size_t output_bytes;
	const char *errors;
	size_t error_bytes;
};

void jobs_begin(const char *broker);
/* Handles a message of Nagios, without its end. */
void jobs_take(const char *message, size_t bytes);
/* Gives a job to the broker or starts it. */
void job_go(struct job *job);
/* Starts it without the broker; `avoids_broker` if the broker hangs. */
void job_go_alone(struct job *job, bool avoids_broker);
/* Answers a job and frees it. */
void job_answer(struct job *job, const struct outcome *outcome);
/* Answers with a message of our own and the status UNKNOWN. */
void job_answer_unknown(struct job *job, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Stops all jobs, as nobody waits for their answers any more. */
void jobs_forget(void);
/* Answers the jobs that have timed out. */
void jobs_tick(void);
unsigned jobs_open(void);

/* ---- asking.c ---- */

void asking_begin(const char *broker);
/* Asks the broker, now or as soon as there is a place; false if it is unavailable. */
bool ask_for(struct job *job);
/* Takes a job back. */
void asking_stop(struct job *job);
/* Takes all jobs back, and has the broker abort them. */
void asking_forget(void);
/* Asks for jobs that waited for a place, and sends what has accumulated. */
void asking_flush(void);
void asking_tick(void);
/* Whether asking_tick() has something to watch. */
bool asking_waits(void);
/* Stops or resumes reading answers. */
void asking_hold(bool holds);

/* ---- running.c ---- */

void running_begin(void);
/* Has running_flush() start a job as soon as there is a place. */
void start_for(struct job *job);
void running_flush(void);
void running_stop(struct job *job);
/* Reaps the commands that have ended. */
void running_reap(void);
/* Gives checks that wait for a start to the broker, which answers again. */
void running_return(void);
void running_hold(bool holds);

/* ---- nagios.c ---- */

void nagios_begin(const char *query_socket);
/* The connection's output; nagios_flush() sends it. */
struct buffer *nagios_answers(void);
void nagios_flush(void);
void nagios_tick(void);
/* Milliseconds until there is something to do; -1 if only Nagios can cause it. */
int nagios_waits(void);
/* Takes no more jobs. */
void nagios_refuse(void);
/* Whether everything from Nagios has been read and all answers have been sent. */
bool nagios_is_done(void);

#endif
