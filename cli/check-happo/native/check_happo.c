/*
 * check_happo for a monitoring server with a broker (happo-ctl broker): hands the
 * check to the broker's Unix socket, prints the answer and ends with its status.
 * It starts in a millisecond, which Node.js cannot.
 *
 * Whatever it does not do itself, check_happo.cjs beside it does, which this program
 * then becomes: without a broker that it trusts, for help and wrong command lines,
 * and with options of trust. It parses no more of a command line than it needs to
 * tell which case it is; the broker and check_happo.cjs parse it with one function.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/run/happo/broker.sock"
#define NODE_CLIENT "check_happo.cjs"
#define DEFAULT_SECONDS 60
/* so that no number of milliseconds leaves an int */
#define MAX_SECONDS 2000000
/* the broker keeps the time limit; it is given this long to say so */
#define GRACE_MILLISECONDS 500
/* how long a broker may be too busy to accept a connection */
#define CONNECT_MILLISECONDS 1000
#define RETRY_MILLISECONDS 20

/* The protocol: cli/broker/frame.ts describes it. */
#define VERSION 1
#define KIND_CHECK 1
#define KIND_RESULT 17
#define REQUEST_ID 1
#define HEAD_BYTES 10
#define COUNTED_BYTES 6
#define MAX_REQUEST_BYTES 262144
#define MAX_ANSWER_BYTES (64 * 1024 * 1024 + 64)

#ifdef CLIENT_SOURCE
/* contrib/native/client.mjs looks for it */
static const char source[] __attribute__((used)) = CLIENT_SOURCE;
#endif

#define UNKNOWN 3

/* Options that go to the broker, and where it listens; all others are for Node. */
static const struct option {
	const char *name;
	char letter;
	/* takes no value, unless bound with `=` */
	bool is_switch;
} options[] = {
	{"host", 'H', false},
	{"port", 'P', false},
	{"proxy", 'X', false},
	{"plugin-name", 'p', false},
	{"plugin-option", 'o', false},
	{"timeout", 't', false},
	{"perfdata-first-line", '\0', true},
	{"broker", '\0', false},
};
enum {
	HOST, PORT, PROXY, PLUGIN_NAME, PLUGIN_OPTION, TIMEOUT, PERFDATA_FIRST_LINE,
	BROKER, OPTIONS
};

/* A command line that a broker can be asked to run. */
struct check {
	const char *broker;
	int seconds;
	/* the arguments as the protocol has them */
	char *words;
	size_t bytes;
};

static char **arguments;
static int64_t started;

static int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/* Writes everything to standard output, and ends. What nobody reads is lost; the status still tells. */
static _Noreturn void finish(const char *text, size_t bytes, int status)
{
	signal(SIGPIPE, SIG_IGN);
	while (bytes > 0) {
		ssize_t written = write(STDOUT_FILENO, text, bytes);
		if (written >= 0) {
			text += written;
			bytes -= (size_t)written;
		} else if (errno == EAGAIN) {
			/* someone else made the pipe non-blocking */
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
 * Becomes the client for Node, with the same arguments; with a shorter time limit
 * if a part of it is over.
 */
static _Noreturn void become_node(int seconds_left)
{
	static char path[PATH_MAX], limit[32];
	size_t count = 0;
	node_client(path);
	while (arguments[count])
		count++;
	char **all = calloc(count + 3, sizeof *all);
	if (!all)
		finish_unknown(NODE_CLIENT, ": no memory");
	/* an empty argv is possible */
	memcpy(all, arguments, count * sizeof *all);
	all[0] = path;
	if (seconds_left > 0) {
		snprintf(limit, sizeof limit, "--timeout=%d", seconds_left);
		all[count] = limit;
	}
	execv(path, all);
	static char what[PATH_MAX + 2];
	snprintf(what, sizeof what, "%s: ", path);
	finish_unknown(what, strerror(errno));
}

/* A broker that was asked is gone: what is left of the time is for Node. */
static _Noreturn void leave_broker(const struct check *check)
{
	int64_t over = (now() - started) / 1000;
	int64_t left = check->seconds - over;
	become_node(over > 0 ? (int)(left > 1 ? left : 1) : 0);
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_of_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Whether an argument's name, of this length, is an option; `_` is as good as `-`. */
static bool is_named(const char *name, size_t length, const struct option *option)
{
	if (length == 1 && option->letter != '\0' && name[0] == option->letter)
		return true;
	if (strlen(option->name) != length)
		return false;
	for (size_t n = 0; n < length; n++)
		if ((name[n] == '_' ? '-' : name[n]) != option->name[n])
			return false;
	return true;
}

/*
 * The option that an argument names, and the value bound to it with `=`, else NULL;
 * OPTIONS if it is none of ours.
 */
static int option_of(const char *argument, const char **bound)
{
	if (argument[0] != '-')
		return OPTIONS;
	const char *name = argument + (argument[1] == '-' ? 2 : 1);
	size_t length = 0;
	if (!is_letter(name[0]))
		return OPTIONS;
	while (is_of_word(name[length]))
		length++;
	if (name[length] != '\0' && name[length] != '=')
		return OPTIONS;
	*bound = name[length] == '=' ? name + length + 1 : NULL;
	int option = 0;
	while (option < OPTIONS && !is_named(name, length, &options[option]))
		option++;
	return option;
}

/* A time limit in seconds; 0 if it is none that we keep. */
static int seconds_of(const char *text)
{
	int seconds = 0;
	for (const char *digit = text; *digit; digit++) {
		if (*digit < '0' || *digit > '9' || digit - text >= 10)
			return 0;
		seconds = seconds * 10 + (*digit - '0');
		if (seconds > MAX_SECONDS)
			return 0;
	}
	return seconds;
}

/* Adds `--name=value` and its NUL; false if the check becomes too long. */
static bool add_word(struct check *check, const char *name, const char *value)
{
	size_t room = MAX_REQUEST_BYTES - 64 - check->bytes;
	int length = snprintf(
		check->words + check->bytes, room, "--%s=%s", name, value);
	if (length < 0 || (size_t)length >= room)
		return false;
	check->bytes += (size_t)length + 1;
	return true;
}

/* Reads a command line; false if it is one for Node. */
static bool read_check(int count, char **words, struct check *check)
{
	const char *environment = getenv("HAPPO_BROKER");
	bool has_host = false, has_plugin = false;
	check->broker = environment ? environment : DEFAULT_SOCKET;
	check->seconds = DEFAULT_SECONDS;
	check->bytes = 0;
	check->words = malloc(MAX_REQUEST_BYTES);
	if (!check->words || count < 2 || strcmp(words[1], "monitor") != 0)
		return false;
	for (int n = 2; n < count; n++) {
		const char *value = NULL;
		int option = option_of(words[n], &value);
		if (option == OPTIONS)
			return false;
		if (!value && options[option].is_switch)
			value = "yes";
		if (!value && ++n == count)
			return false;
		if (!value)
			value = words[n];
		if (option == BROKER) {
			check->broker = value;
			continue;
		}
		/* the last one counts */
		if (option == HOST)
			has_host = value[0] != '\0';
		if (option == PLUGIN_NAME)
			has_plugin = value[0] != '\0';
		if (option == TIMEOUT)
			check->seconds = seconds_of(value);
		if (!add_word(check, options[option].name, value))
			return false;
	}
	return has_host && has_plugin && check->seconds > 0 &&
		check->broker[0] != '\0';
}

static bool is_trusted(uid_t user)
{
	return user == 0 || user == geteuid();
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

/*
 * A connection to the broker; -1 if there is none that belongs to root or to our own
 * user: another one could invent results.
 */
static int connect_broker(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat file;
	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	strcpy(address.sun_path, path);
	if (stat(path, &file) != 0 || !S_ISSOCK(file.st_mode) ||
		!is_trusted(file.st_uid))
		return -1;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	int64_t deadline = now() + CONNECT_MILLISECONDS;
	while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
		/* EAGAIN: so many wait that no more fit */
		bool is_full = errno == EAGAIN && now() < deadline;
		if (!is_full && errno != EINTR) {
			close(fd);
			return -1;
		}
		poll(NULL, 0, RETRY_MILLISECONDS);
	}
	/* of who listens; the file may have been exchanged meanwhile */
	struct ucred peer;
	socklen_t length = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
		is_trusted(peer.uid))
		return fd;
	close(fd);
	return -1;
}

static void put_number(unsigned char *at, uint32_t number)
{
	at[0] = (unsigned char)(number >> 24);
	at[1] = (unsigned char)(number >> 16);
	at[2] = (unsigned char)(number >> 8);
	at[3] = (unsigned char)number;
}

static uint32_t number_at(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
		(uint32_t)at[2] << 8 | at[3];
}

/* Sends everything; false if that is not possible, and the broker's answer may say why. */
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
	put_number(head, (uint32_t)(COUNTED_BYTES + 4 + check->bytes));
	head[4] = VERSION;
	head[5] = KIND_CHECK;
	put_number(head + 6, REQUEST_ID);
	put_number(head + HEAD_BYTES, left > 0 ? (uint32_t)left : 1);
	if (send_all(fd, head, sizeof head, deadline))
		send_all(fd, check->words, check->bytes, deadline);
}

/* Reads so many bytes; false if the broker closes before. Ends at the deadline. */
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

/* Prints the broker's answer and ends, unless it is none that we understand. */
static void tell_answer(const struct check *check, int fd, int64_t deadline)
{
	unsigned char head[HEAD_BYTES];
	if (!receive(check, fd, head, sizeof head, deadline))
		return;
	uint32_t counted = number_at(head);
	if (head[4] != VERSION || head[5] != KIND_RESULT ||
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
	if (!read_check(count, words, &check))
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
