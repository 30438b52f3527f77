/*
 * check_happo --nagios-worker QUERY_SOCKET: a worker of Nagios Core 4 for the plugin
 * check_happo. The broker runs plain checks. The worker runs everything else, and
 * checks while the broker is unavailable, like Nagios' own workers.
 *
 * One loop waits for Nagios, the broker and the commands. It must never block: Nagios
 * hangs while a worker does not read its jobs.
 */
#define _GNU_SOURCE
#include "worker.h"

#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EVENTS 64
/* how often time limits are checked */
#define TICK_MILLISECONDS 100
/*
 * How long a worker that is told to stop still takes jobs, unless it has none left.
 * Then it takes no more, and ends when all are answered.
 */
#define STOP_MILLISECONDS 5000
/* exit status, as for every invalid command line */
#define WRONG_USAGE 3

static int loop = -1;
static struct source signals;
static struct source *discarded;
/* when the worker was told to stop, or 0 */
static int64_t stopping;
static bool refuses;
/* systemd's watchdog: its socket, the interval of our messages, and the last one */
static struct sockaddr_un watchdog;
static int watchdog_milliseconds;
static int64_t told_watchdog;

void say(const char *format, ...)
{
	char text[512];
	int length = snprintf(text, sizeof text, "check_happo worker: ");
	va_list values;
	va_start(values, format);
	int more = vsnprintf(
		text + length, sizeof text - (size_t)length - 1, format, values);
	va_end(values);
	if (more < 0)
		return;
	size_t bytes = strlen(text);
	text[bytes++] = '\n';
	ssize_t ignored = write(STDERR_FILENO, text, bytes);
	(void)ignored;
}

/*
 * Reads the variables of the watchdog, which ends a worker that hangs: Nagios would
 * hang with it. Commands do not inherit them.
 */
static void begin_watchdog(void)
{
	const char *socket = getenv("NOTIFY_SOCKET");
	const char *microseconds = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	bool is_ours = !pid || strtol(pid, NULL, 10) == getpid();
	if (socket && microseconds && is_ours &&
		strlen(socket) < sizeof watchdog.sun_path) {
		long half = strtol(microseconds, NULL, 10) / 2000;
		watchdog.sun_family = AF_UNIX;
		strcpy(watchdog.sun_path, socket);
		watchdog_milliseconds = half > INT_MAX ? INT_MAX : (int)half;
	}
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
}

/* Tells the watchdog that the loop is running. */
static void tell_watchdog(void)
{
	static const char alive[] = "WATCHDOG=1";
	if (watchdog_milliseconds <= 0 ||
		now() - told_watchdog < watchdog_milliseconds)
		return;
	told_watchdog = now();
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	struct sockaddr_un address = watchdog;
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
		strlen(watchdog.sun_path));
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0';
	sendto(fd, alive, sizeof alive - 1, MSG_NOSIGNAL,
		(const struct sockaddr *)&address, length);
	close(fd);
}

static void control(int what, struct source *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	if (epoll_ctl(loop, what, source->fd, &event) == 0)
		return;
	say("epoll_ctl: %s", strerror(errno));
	exit(1);
}

void watch(struct source *source, uint32_t events)
{
	control(EPOLL_CTL_ADD, source, events);
}

void rewatch(struct source *source, uint32_t events)
{
	control(EPOLL_CTL_MOD, source, events);
}

void leave(struct source *source)
{
	if (source->fd < 0)
		return;
	control(EPOLL_CTL_DEL, source, 0);
	close(source->fd);
	source->fd = -1;
}

void discard(struct source *source)
{
	source->next_discarded = discarded;
	discarded = source;
}

static void free_discarded(void)
{
	while (discarded) {
		struct source *source = discarded;
		discarded = source->next_discarded;
		free(source);
	}
}

static void take_signal(struct source *source, uint32_t events)
{
	struct signalfd_siginfo signal;
	(void)events;
	while (read(source->fd, &signal, sizeof signal) == sizeof signal) {
		if (signal.ssi_signo == SIGCHLD)
			continue;
		if (stopping) {
			say("stopping at once");
			jobs_forget();
			exit(0);
		}
		stopping = now();
		say("stopping, %u jobs are open", jobs_open());
	}
	running_reap();
}

static void begin_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* there is no configuration to read again */
	signal(SIGHUP, SIG_IGN);
	signals = (struct source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = take_signal,
	};
	watch(&signals, EPOLLIN);
}

/* Ends the program if it was told to stop and has nothing left to do. */
static void stop_if_possible(void)
{
	if (!stopping)
		return;
	bool is_idle = jobs_open() == 0 && buffer_length(nagios_answers()) == 0;
	if (!refuses && (is_idle || now() - stopping >= STOP_MILLISECONDS)) {
		nagios_refuse();
		refuses = true;
	}
	if (refuses && jobs_open() == 0 && nagios_is_done())
		exit(0);
}

/* Milliseconds until something has to be checked; -1 if nothing has to. */
static int patience(void)
{
	int nagios = nagios_waits();
	bool ticks = jobs_open() > 0 || asking_waits() || stopping;
	if (ticks && (nagios < 0 || nagios > TICK_MILLISECONDS))
		return TICK_MILLISECONDS;
	if (watchdog_milliseconds > 0 &&
		(nagios < 0 || nagios > watchdog_milliseconds))
		return watchdog_milliseconds;
	return nagios;
}

static _Noreturn void run(void)
{
	struct epoll_event events[EVENTS];
	int64_t ticked = 0;
	for (;;) {
		int count = epoll_wait(loop, events, EVENTS, patience());
		for (int n = 0; n < count; n++) {
			struct source *source = events[n].data.ptr;
			if (source->fd >= 0)
				source->ready(source, events[n].events);
		}
		if (now() - ticked >= TICK_MILLISECONDS) {
			ticked = now();
			jobs_tick();
			asking_tick();
		}
		nagios_tick();
		running_flush();
		asking_flush();
		nagios_flush();
		free_discarded();
		tell_watchdog();
		stop_if_possible();
	}
}

static _Noreturn void wrong_usage(const char *why)
{
	fprintf(stderr,
		"check_happo: %s\n"
		"Usage: check_happo --nagios-worker QUERY_SOCKET [--broker SOCKET]\n",
		why);
	exit(WRONG_USAGE);
}

/* The value of an option, after `=` or in the next word; NULL if it is another option. */
static const char *value_of(
	const char *name, int count, char *const *words, int *at)
{
	size_t length = strlen(name);
	if (strncmp(words[*at], name, length) != 0)
		return NULL;
	if (words[*at][length] == '=')
		return words[*at] + length + 1;
	if (words[*at][length] != '\0')
		return NULL;
	if (*at + 1 == count) {
		static char why[64];
		snprintf(why, sizeof why, "%s: the value is missing", name);
		wrong_usage(why);
	}
	return words[++*at];
}

bool is_worker(int count, char *const *words)
{
	static const char option[] = "--nagios-worker";
	size_t length = sizeof option - 1;
	return count > 1 && strncmp(words[1], option, length) == 0 &&
		(words[1][length] == '\0' || words[1][length] == '=');
}

/* Opens descriptors 0 to 2, so that no connection gets one of them. */
static void begin_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

int be_worker(int count, char *const *words)
{
	const char *query_socket = NULL, *broker = default_broker();
	for (int n = 1; n < count; n++) {
		const char *value;
		if ((value = value_of("--nagios-worker", count, words, &n)))
			query_socket = value;
		else if ((value = value_of("--broker", count, words, &n)))
			broker = value;
		else
			wrong_usage("--nagios-worker and --broker are all its options");
	}
	if (!query_socket || query_socket[0] == '\0')
		wrong_usage("--nagios-worker: no socket");
	begin_descriptors();
	begin_watchdog();
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (loop < 0) {
		say("epoll_create1: %s", strerror(errno));
		return 1;
	}
	begin_signals();
	jobs_begin(broker);
	asking_begin(broker);
	running_begin();
	nagios_begin(query_socket);
	run();
}
