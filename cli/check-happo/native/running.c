/*
 * Starts commands as a worker of Nagios does: without a shell if the command line is
 * simple, each in a process group of its own, which is killed at the time limit.
 */
#define _GNU_SOURCE
#include "worker.h"

#include "broker.h"
#include "words.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Limit for running commands; others wait. Without a broker, each check starts
 * Node.js.
 */
#define MAX_RUNNING 64
/* limit of an output; the rest is read and dropped */
#define MAX_OUTPUT_BYTES (1024 * 1024)
/* reads at a command's end: more than a pipe holds */
#define MAX_LAST_READS 32
/* a shell's exit statuses for a program that it cannot start */
#define CANNOT_START 126
#define NOT_FOUND 127
#define EXIT_STATUS(status) ((status) << 8)

/* An output of a command. */
struct pipe {
	struct source source;
	struct buffer text;
};

/* A running command. */
struct run {
	struct source discarded;
	struct list runs;
	pid_t pid;
	/* NULL if no job waits for it any more */
	struct job *job;
	struct pipe output, errors;
};

static struct list runs, waiting;
static unsigned run_count;
static bool is_held;

extern char **environ;

void running_begin(void)
{
	list_clear(&runs);
	list_clear(&waiting);
}

/* Reads once; true if there may be more. */
static bool read_pipe(struct pipe *pipe)
{
	size_t before = buffer_length(&pipe->text);
	enum io io = buffer_read(&pipe->text, pipe->source.fd);
	if (before >= MAX_OUTPUT_BYTES)
		pipe->text.end = pipe->text.begin + before;
	if (io == IO_ENDED)
		leave(&pipe->source);
	return io == IO_DONE;
}

/* Reads what has arrived; left-behind processes of a command may write for ever. */
static void drain(struct pipe *pipe)
{
	unsigned reads = 0;
	while (pipe->source.fd >= 0 && reads < MAX_LAST_READS && read_pipe(pipe))
		reads++;
}

static void ready(struct source *source, uint32_t events)
{
	(void)events;
	read_pipe((struct pipe *)(void *)source);
}

static void close_pipe(struct pipe *pipe)
{
	leave(&pipe->source);
	buffer_free(&pipe->text);
}

/* The pipe's end for the command; -1 with errno. */
static int open_pipe(struct pipe *pipe)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	pipe->source = (struct source){.fd = ends[0], .ready = ready};
	watch(&pipe->source, is_held ? 0 : EPOLLIN);
	return ends[1];
}

/* Whether a variable is also set by one of these lines. */
static bool is_replaced(const char *variable, const char *lines)
{
	size_t length = strcspn(variable, "=");
	for (const char *line = lines; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, variable, length) == 0 && line[length] == '=')
			return true;
	}
	return false;
}

/* Our own variables and those of the job, in one block for free(). */
static char **environment_of(const struct job *job)
{
	const char *lines = job->environment ? job->environment : "";
	size_t own = 0, count = 2, bytes = strlen(lines) + 1;
	while (environ[own])
		own++;
	for (const char *at = lines; *at; at++)
		count += *at == '\n';
	char **all = allocate((own + count) * sizeof *all + bytes);
	char *text = memcpy((char *)(all + own + count), lines, bytes);
	size_t n = 0;
	for (char *rest = text, *line; (line = strsep(&rest, "\n"));)
		if (line[0] != '=' && strchr(line, '='))
			all[n++] = line;
	for (size_t at = 0; at < own; at++)
		if (!is_replaced(environ[at], lines))
			all[n++] = environ[at];
	all[n] = NULL;
	return all;
}

/* Starts a program; 0 or an error number. */
static int spawn(struct run *run, char *const *words, char *const *variables,
	int output, int errors)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(
		&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
			POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	int reason = posix_spawnp(
		&run->pid, words[0], &actions, &attributes, words, variables);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return reason;
}

/* Starts a command line with a shell. */
static int spawn_shell(struct run *run, const char *command,
	char *const *variables, int output, int errors)
{
	char *words[] = {(char *)"/bin/sh", (char *)"-c", (char *)command, NULL};
	return spawn(run, words, variables, output, errors);
}

/* Starts the command of a job; 0 or an error number. */
static int spawn_job(struct run *run, int output, int errors)
{
	struct job *job = run->job;
	char **variables = environment_of(job);
	int count, reason = ENOEXEC;
	char **words = split_words(job->command, &count);
	if (words) {
		/* if an option is given twice, the last one counts */
		char **more = allocate(((size_t)count + 3) * sizeof *more);
		char limit[32];
		memcpy(more, words, (size_t)count * sizeof *more);
		int64_t over = (now() - job->begun) / 1000;
		if (job->is_check && over > 0) {
			int64_t left = job->check.seconds - over;
			snprintf(limit, sizeof limit, "--timeout=%d",
				(int)(left > 1 ? left : 1));
			more[count++] = limit;
		}
		if (job->is_check && job->avoids_broker)
			more[count++] = (char *)"--broker=";
		more[count] = NULL;
		reason = spawn(run, more, variables, output, errors);
		free(more);
		free(words);
	}
	/* a shell runs scripts without an interpreter in their first line */
	if (reason == ENOEXEC)
		reason =
			spawn_shell(run, job->command, variables, output, errors);
	free(variables);
	return reason;
}

/* Answers as a shell does if it cannot start a command. */
static void answer_not_started(struct job *job, int reason)
{
	if (reason == EAGAIN || reason == ENOMEM || reason == EMFILE ||
		reason == ENFILE) {
		job_answer_unknown(job,
			"UNKNOWN(check_happo): the command cannot be started: %s\n",
			strerror(reason));
		return;
	}
	char text[256];
	int length = snprintf(text, sizeof text, "cannot be started: %s: %s\n",
		strerror(reason), job->command);
	struct outcome outcome = {
		.wait_status = EXIT_STATUS(
			reason == ENOENT || reason == ENOTDIR ? NOT_FOUND
							      : CANNOT_START),
		.errors = text,
		.error_bytes = (size_t)length < sizeof text ? (size_t)length
							    : sizeof text - 1,
	};
	job_answer(job, &outcome);
}

static void end_run(struct run *run)
{
	close_pipe(&run->output);
	close_pipe(&run->errors);
	list_remove(&run->runs);
	run_count--;
	discard(&run->discarded);
}

static void start(struct job *job)
{
	struct run *run = allocate(sizeof *run);
	*run = (struct run){
		.discarded.fd = -1,
		.job = job,
		.output.source.fd = -1,
		.errors.source.fd = -1,
	};
	list_append(&runs, &run->runs);
	run_count++;
	int output = open_pipe(&run->output), reason = errno;
	int errors = output < 0 ? -1 : open_pipe(&run->errors);
	if (errors >= 0)
		reason = spawn_job(run, output, errors);
	else if (output >= 0)
		reason = errno;
	if (output >= 0)
		close(output);
	if (errors >= 0)
		close(errors);
	if (reason == 0) {
		job->state = STARTED;
		job->worked_on_by = run;
		return;
	}
	job->state = NEW;
	end_run(run);
	answer_not_started(job, reason);
}

void start_for(struct job *job)
{
	job->state = WAITS_FOR_START;
	list_append(&waiting, &job->queue);
}

void running_flush(void)
{
	while (run_count < MAX_RUNNING && !list_is_empty(&waiting)) {
		struct job *job = container_of(waiting.next, struct job, queue);
		list_remove(&job->queue);
		start(job);
	}
}

void running_stop(struct job *job)
{
	struct run *run = job->worked_on_by;
	if (job->state != STARTED)
		return;
	/* it keeps its place until it has ended */
	kill(-run->pid, SIGKILL);
	run->job = NULL;
	close_pipe(&run->output);
	close_pipe(&run->errors);
}

/* The command with a process id; NULL if it is not ours. */
static struct run *run_of(pid_t pid)
{
	for (struct list *item = runs.next; item != &runs; item = item->next) {
		struct run *run = container_of(item, struct run, runs);
		if (run->pid == pid)
			return run;
	}
	return NULL;
}

void running_reap(void)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		struct run *run = run_of(pid);
		if (!run)
			continue;
		struct job *job = run->job;
		if (job) {
			drain(&run->output);
			drain(&run->errors);
			struct outcome outcome = {
				.wait_status = status,
				.output = buffer_start(&run->output.text),
				.output_bytes = buffer_length(&run->output.text),
				.errors = buffer_start(&run->errors.text),
				.error_bytes = buffer_length(&run->errors.text),
			};
			job->state = NEW;
			job_answer(job, &outcome);
		}
		end_run(run);
	}
}

void running_return(void)
{
	struct list jobs;
	list_clear(&jobs);
	while (!list_is_empty(&waiting)) {
		struct job *job = container_of(waiting.next, struct job, queue);
		list_remove(&job->queue);
		list_append(&jobs, &job->queue);
	}
	while (!list_is_empty(&jobs)) {
		struct job *job = container_of(jobs.next, struct job, queue);
		list_remove(&job->queue);
		job->state = NEW;
		job->avoids_broker = false;
		job_go(job);
	}
}

void running_hold(bool holds)
{
	is_held = holds;
	for (struct list *item = runs.next; item != &runs; item = item->next) {
		struct run *run = container_of(item, struct run, runs);
		struct pipe *pipes[] = {&run->output, &run->errors};
		for (size_t n = 0; n < 2; n++)
			if (pipes[n]->source.fd >= 0)
				rewatch(&pipes[n]->source, holds ? 0 : EPOLLIN);
	}
}
