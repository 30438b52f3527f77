/* The jobs of Nagios: reads them, decides who runs them, answers them. */
#define _GNU_SOURCE
#include "worker.h"

#include "broker.h"
#include "words.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* limits for open jobs, and for the bytes of their messages */
#define MAX_JOBS 10000
#define MAX_MESSAGES_BYTES (64 * 1024 * 1024)
/* the time limit of a job without one, as in Nagios' own workers */
#define DEFAULT_SECONDS 60
#define MAX_SECONDS 86400
/* if a broker fails, it is asked for the same job once more */
#define MAX_TIMES_ASKED 2
/* error code of a job that timed out, and wait status of a killed command */
#define TIMED_OUT ETIME
#define KILLED 9
#define EXIT_STATUS(status) ((status) << 8)

/* the end of a message, after the NUL of its last pair */
static const char end_of_message[] = {1, 0, 0, 0};

static struct list jobs;
static unsigned open_jobs;
static size_t message_bytes;
static const char *broker_path;

void jobs_begin(const char *broker)
{
	broker_path = broker;
	list_clear(&jobs);
}

unsigned jobs_open(void)
{
	return open_jobs;
}

/* The value of a pair with this name; NULL if it is another pair. */
static const char *value_of(const char *pair, const char *name)
{
	size_t length = strlen(name);
	return strncmp(pair, name, length) == 0 && pair[length] == '='
		? pair + length + 1
		: NULL;
}

/* Runs the statement after it for each pair of a job. */
#define FOR_EACH_PAIR(pair, job) \
	for (const char *pair = (job)->message; \
		pair < (job)->message + (job)->bytes; pair += strlen(pair) + 1)

/* The last value with this name; NULL if there is none. */
static const char *last_value(const struct job *job, const char *name)
{
	const char *found = NULL;
	FOR_EACH_PAIR(pair, job)
	{
		const char *value = value_of(pair, name);
		if (value)
			found = value;
	}
	return found;
}

static int64_t seconds_of(const char *text)
{
	long seconds = text ? strtol(text, NULL, 10) : 0;
	if (seconds <= 0)
		return DEFAULT_SECONDS;
	return seconds < MAX_SECONDS ? seconds : MAX_SECONDS;
}

/* Reads a command line into `check`; false if it is not a plain check for our broker. */
static bool read_plain_check(const char *command, struct check *check)
{
	int count;
	char **words = split_words(command, &count);
	if (!words)
		return false;
	const char *slash = strrchr(words[0], '/');
	const char *name = slash ? slash + 1 : words[0];
	bool is_check = strcmp(name, "check_happo") == 0 &&
		read_check(count, words, broker_path, check);
	if (is_check && strcmp(check->broker, broker_path) != 0) {
		free(check->words);
		is_check = false;
	}
	/* `words`, which it may point into, is freed */
	check->broker = broker_path;
	free(words);
	return is_check;
}

static void forget(struct job *job)
{
	if (job->state == ASKED || job->state == WAITS_FOR_BROKER)
		asking_stop(job);
	else if (job->state != NEW)
		running_stop(job);
	list_remove(&job->all);
	list_remove(&job->queue);
	open_jobs--;
	message_bytes -= job->bytes;
	if (job->is_check)
		free(job->check.words);
	free(job->message);
	free(job);
}

void jobs_forget(void)
{
	asking_forget();
	while (!list_is_empty(&jobs))
		forget(container_of(jobs.next, struct job, all));
}

/* Adds an output up to its first NUL, which would end the pair. */
static void add_output(struct buffer *answers, const char *name,
	const char *bytes, size_t count)
{
	const char *end = count ? memchr(bytes, 0, count) : NULL;
	buffer_print(answers, "%s=", name);
	buffer_add(answers, bytes, end ? (size_t)(end - bytes) : count);
	buffer_add(answers, "", 1);
}

static int64_t microseconds(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

/* Nagios schedules by these times, so we measure them ourselves. */
static void add_times(struct buffer *answers, const struct job *job)
{
	int64_t took = microseconds() - job->begun_microseconds;
	int64_t stop = job->start.tv_nsec / 1000 + took;
	buffer_print(answers, "start=%lld.%06ld", (long long)job->start.tv_sec,
		job->start.tv_nsec / 1000);
	buffer_add(answers, "", 1);
	buffer_print(answers, "stop=%lld.%06lld",
		(long long)(job->start.tv_sec + stop / 1000000),
		(long long)(stop % 1000000));
	buffer_add(answers, "", 1);
	buffer_print(answers, "runtime=%lld.%06lld", (long long)(took / 1000000),
		(long long)(took % 1000000));
	buffer_add(answers, "", 1);
}

void job_answer(struct job *job, const struct outcome *outcome)
{
	struct buffer *answers = nagios_answers();
	FOR_EACH_PAIR(pair, job)
	{
		if (!value_of(pair, "env"))
			buffer_add(answers, pair, strlen(pair) + 1);
	}
	buffer_print(answers, "wait_status=%d", outcome->wait_status);
	buffer_add(answers, "", 1);
	add_times(answers, job);
	buffer_print(answers, "exited_ok=%d", outcome->error_code == 0);
	buffer_add(answers, "", 1);
	if (outcome->error_code) {
		buffer_print(answers, "error_code=%d", outcome->error_code);
		buffer_add(answers, "", 1);
	}
	add_output(answers, "outerr", outcome->errors, outcome->error_bytes);
	add_output(answers, "outstd", outcome->output, outcome->output_bytes);
	buffer_add(answers, end_of_message, sizeof end_of_message);
	forget(job);
}

void job_answer_unknown(struct job *job, const char *format, ...)
{
	struct buffer text = {0};
	va_list values;
	va_start(values, format);
	buffer_print_values(&text, format, values);
	va_end(values);
	struct outcome outcome = {
		.wait_status = EXIT_STATUS(UNKNOWN),
		.output = buffer_start(&text),
		.output_bytes = buffer_length(&text),
	};
	job_answer(job, &outcome);
	buffer_free(&text);
}

void job_go_alone(struct job *job, bool avoids_broker)
{
	if (avoids_broker)
		job->avoids_broker = true;
	start_for(job);
}

void job_go(struct job *job)
{
	if (!job->is_check || job->avoids_broker ||
		job->times_asked == MAX_TIMES_ASKED || !ask_for(job))
		start_for(job);
}

/* Copies the pairs of a message, without words that are not pairs. */
static void copy_pairs(struct job *job, const char *message, size_t bytes)
{
	job->message = allocate(bytes + 1);
	const char *end = message + bytes;
	for (const char *next = message; next < end;) {
		size_t length = strnlen(next, (size_t)(end - next));
		if (length > 0 && memchr(next, '=', length)) {
			memcpy(job->message + job->bytes, next, length);
			job->message[job->bytes + length] = '\0';
			job->bytes += length + 1;
		}
		next += length + 1;
	}
}

void jobs_take(const char *message, size_t bytes)
{
	struct job *job = allocate(sizeof *job);
	*job = (struct job){
		.state = NEW,
		.begun = now(),
		.begun_microseconds = microseconds(),
	};
	clock_gettime(CLOCK_REALTIME, &job->start);
	copy_pairs(job, message, bytes);
	list_append(&jobs, &job->all);
	list_clear(&job->queue);
	open_jobs++;
	message_bytes += job->bytes;
	job->deadline =
		job->begun + 1000 * seconds_of(last_value(job, "timeout"));
	job->environment = last_value(job, "env");
	job->command = last_value(job, "command");
	if (!last_value(job, "job_id")) {
		say("Nagios sent a message that is not a job");
		forget(job);
	} else if (!job->command) {
		job_answer_unknown(
			job, "UNKNOWN(check_happo): the job has no command\n");
	} else if (open_jobs > MAX_JOBS || message_bytes > MAX_MESSAGES_BYTES) {
		job_answer_unknown(
			job, "UNKNOWN(check_happo): the worker has too many jobs\n");
	} else {
		job->is_check = read_plain_check(job->command, &job->check);
		job_go(job);
	}
}

void jobs_tick(void)
{
	int64_t time = now();
	for (struct list *item = jobs.next, *next; item != &jobs; item = next) {
		struct job *job = container_of(item, struct job, all);
		next = item->next;
		if (time >= job->deadline) {
			struct outcome outcome = {
				.wait_status = KILLED,
				.error_code = TIMED_OUT,
			};
			job_answer(job, &outcome);
		} else if ((job->state == ASKED || job->state == WAITS_FOR_BROKER) &&
			time >= job->begun + 1000 * (int64_t)job->check.seconds +
					GRACE_MILLISECONDS) {
			job_answer_unknown(job,
				"UNKNOWN(check_happo): the broker at %s: no answer within %d seconds\n",
				broker_path, job->check.seconds);
		}
	}
}
