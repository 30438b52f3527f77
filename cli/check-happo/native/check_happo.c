/*
 * check_happo for a monitoring server with a broker (happo-ctl broker): sends the
 * check to the broker's Unix socket, prints the answer and exits with its status.
 * It starts in a millisecond, which Node.js cannot.
 *
 * For everything else it becomes check_happo.cjs, which is in the same directory: if
 * there is no broker that it trusts, for help and invalid command lines, and for
 * options about certificates and keys. With --nagios-worker it is a worker of Nagios:
 * worker.c.
 */
#define _GNU_SOURCE
#include "broker.h"
#include "command_line.h"
#include "worker.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NODE_CLIENT "check_happo.cjs"
/* how long the broker may be too busy to accept a connection */
#define CONNECT_MILLISECONDS 1000
#define RETRY_MILLISECONDS 20
#define REQUEST_ID 1

#ifdef CLIENT_SOURCE
/* contrib/native/client.mjs looks for it */
static const char source[] __attribute__((used)) = CLIENT_SOURCE;
#endif

static char **arguments;
static int64_t started;

/* Writes everything to standard output and exits. If nobody reads it, the status still counts. */
static _Noreturn void finish(const char *text, size_t bytes, int status)
{
	signal(SIGPIPE, SIG_IGN);
	while (bytes > 0) {
		ssize_t written = write(STDOUT_FILENO, text, bytes);
		if (written >= 0) {
			text += written;
			bytes -= (size_t)written;
		} else if (errno == EAGAIN) {
			/* another process made the pipe non-blocking */
			struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
			poll(&out, 1, -1);
		} else if (errno != EINTR) {
			break;
		}
	}
	_exit(status);
}

static _Noreturn void finish_unknown(const char *what, const char *why)
{
	static char text[PATH_MAX + 256];
	int length = snprintf(
		text, sizeof text, "UNKNOWN(check_happo): %s%s\n", what, why);
	finish(text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1,
		UNKNOWN);
}

/* The path of the client for Node, beside this program. */
static void node_client(char path[PATH_MAX])
{
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
	if (length < 0)
		finish_unknown("/proc/self/exe: ", strerror(errno));
	path[length] = '\0';
	char *slash = strrchr(path, '/');
	size_t folder = slash ? (size_t)(slash - path) + 1 : 0;
	if (folder + sizeof NODE_CLIENT > PATH_MAX)
		finish_unknown(path, ": the path is too long");
	memcpy(path + folder, NODE_CLIENT, sizeof NODE_CLIENT);
}

/*
 * Becomes the client for Node with the same arguments, and with a shorter time limit
 * if part of it has passed.
 */
static _Noreturn void become_node(int seconds_left)
{
	static char path[PATH_MAX], limit[32];
	size_t count = 0;
	node_client(path);
	while (arguments[count])
		count++;
	/* a word more for NODE_PROGRAM, one for the limit, and NULL */
	char **all = calloc(count + 4, sizeof *all);
	if (!all)
		finish_unknown(NODE_CLIENT, ": no memory");
	char **words = all + 1;
	/* an empty argv is possible */
	memcpy(words, arguments, count * sizeof *words);
	words[0] = path;
	if (seconds_left > 0) {
		snprintf(limit, sizeof limit, "--timeout=%d", seconds_left);
		words[count] = limit;
	}
#ifdef NODE_PROGRAM
	/* the packages bring a Node.js that is not in PATH */
	const char *program = NODE_PROGRAM;
	all[0] = (char *)program;
	words = all;
#else
	const char *program = path;
#endif
	execv(program, words);
	static char what[PATH_MAX + 2];
	snprintf(what, sizeof what, "%s: ", program);
	finish_unknown(what, strerror(errno));
}

/* The broker has ended after we asked it; Node gets the remaining time. */
static _Noreturn void leave_broker(const struct check *check)
{
	int64_t over = (now() - started) / 1000;
	int64_t left = check->seconds - over;
	become_node(over > 0 ? (int)(left > 1 ? left : 1) : 0);
}

/* Waits until a descriptor is ready; false at the deadline. */
static bool wait_for(int fd, short events, int64_t deadline)
{
	for (;;) {
		int64_t left = deadline - now();
		if (left <= 0)
			return false;
		struct pollfd one = {.fd = fd, .events = events};
		int ready =
			poll(&one, 1, left > INT_MAX ? INT_MAX : (int)left);
		if (ready > 0)
			return true;
		if (ready < 0 && errno != EINTR)
			return false;
	}
}

/* A connection to the broker; -1 if there is none that we trust. */
static int connect_broker(const char *path)
{
	int64_t deadline = now() + CONNECT_MILLISECONDS;
	for (;;) {
		int fd = connect_trusted(path);
		/* EAGAIN: its queue of connections is full */
		if (fd >= 0 || errno != EAGAIN || now() >= deadline)
			return fd;
		poll(NULL, 0, RETRY_MILLISECONDS);
	}
}

/* Sends everything; false if that fails: the broker's answer may say why. */
static bool send_all(
	int fd, const void *bytes, size_t count, int64_t deadline)
{
	const char *next = bytes;
	while (count > 0) {
		ssize_t sent = send(fd, next, count, MSG_NOSIGNAL);
		if (sent >= 0) {
			next += sent;
			count -= (size_t)sent;
		} else if (errno == EAGAIN) {
			if (!wait_for(fd, POLLOUT, deadline))
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* Sends the check. */
static void ask(int fd, const struct check *check, int64_t deadline)
{
	unsigned char head[HEAD_BYTES + 4];
	int64_t left = deadline - GRACE_MILLISECONDS - now();
	put_head(head, KIND_CHECK, REQUEST_ID, (uint32_t)(4 + check->bytes));
	put_number(head + HEAD_BYTES, left > 0 ? (uint32_t)left : 1);
	if (send_all(fd, head, sizeof head, deadline))
		send_all(fd, check->words, check->bytes, deadline);
}

/* Reads this many bytes; false if the broker closes before. Exits at the deadline. */
static bool receive(const struct check *check, int fd, void *bytes,
	size_t count, int64_t deadline)
{
	char *next = bytes;
	while (count > 0) {
		ssize_t got = recv(fd, next, count, 0);
		if (got > 0) {
			next += got;
			count -= (size_t)got;
		} else if (got == 0) {
			return false;
		} else if (errno == EAGAIN) {
			if (wait_for(fd, POLLIN, deadline))
				continue;
			static char what[PATH_MAX + 64], why[64];
			snprintf(what, sizeof what, "the broker at %s", check->broker);
			snprintf(why, sizeof why, ": no answer within %d seconds",
				check->seconds);
			finish_unknown(what, why);
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* Prints the broker's answer and exits; returns if it cannot be understood. */
static void tell_answer(const struct check *check, int fd, int64_t deadline)
{
	unsigned char head[HEAD_BYTES];
	if (!receive(check, fd, head, sizeof head, deadline))
		return;
	uint32_t counted = number_at(head);
	if (head[4] != BROKER_VERSION || head[5] != KIND_RESULT ||
		counted <= COUNTED_BYTES || counted > MAX_ANSWER_BYTES)
		return;
	size_t bytes = counted - COUNTED_BYTES;
	unsigned char *body = malloc(bytes);
	if (body && receive(check, fd, body, bytes, deadline))
		finish((const char *)body + 1, bytes - 1, body[0]);
}

int main(int count, char **words)
{
	static char *none[] = {(char *)"check_happo", NULL};
	struct check check;
	arguments = count > 0 ? words : none;
	started = now();
	if (is_worker(count, words))
		return be_worker(count, words);
	if (!read_check(count, words, default_broker(), &check))
		become_node(0);
	int fd = connect_broker(check.broker);
	if (fd < 0)
		become_node(0);
	int64_t deadline =
		started + (int64_t)check.seconds * 1000 + GRACE_MILLISECONDS;
	ask(fd, &check, deadline);
	tell_answer(&check, fd, deadline);
	leave_broker(&check);
}
