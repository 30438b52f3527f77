/*
 * Sends one request over and over to a TLS server on 127.0.0.1 and reports how long the
 * answers took. It has one thread and copies no more of an answer than its head, because
 * it must cost little on the server's machine.
 *
 *	load [-k] [-p http|nrpe] [-c CONNECTIONS] [-s SECONDS] [-n ANSWERS]
 *	     [-r PER-SECOND] [-w] PORT FILE
 *
 * FILE has the bytes of the request. -k uses persistent connections; without it each
 * request has a new connection, and no TLS session is resumed. -r sends requests at fixed
 * times, answered or not, and measures from those times; otherwise each connection sends
 * the next request after an answer. -w waits until there is a server and sends one
 * request. Prints "ready" once the persistent connections are open, begins after a line
 * of input, and prints the results as a line of JSON.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum state { CLOSED, CONNECTING, SHAKING, IDLE, ASKING };

struct connection {
	enum state state;
	int fd;
	SSL *ssl;
	/* when the request was due, and how many of its bytes were sent */
	double due;
	size_t sent;
	/* bytes of the answer so far and in total; the total is 0 while unknown */
	size_t got, all;
	char head[65536];
};

static bool keep, nrpe, wait_for_server;
static int count = 1, epoll;
static double seconds = 0, rate = 0;
static long most = 0;
static struct sockaddr_in server;
static SSL_CTX *context;
static char *asked;
static size_t asked_bytes;
static struct connection *connections;

static long begun, answers, errors;
static char first_error[1000];
static float *latencies;
static size_t room;

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *memory(void *old, size_t bytes)
{
	void *fresh = realloc(old, bytes);
	if (fresh == NULL)
		die("memory");
	return fresh;
}

static void read_request(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		die(path);
	size_t got;
	do {
		asked = memory(asked, asked_bytes + 65536);
		got = fread(asked + asked_bytes, 1, 65536, file);
		asked_bytes += got;
	} while (got > 0);
	fclose(file);
}

static void hang_up(struct connection *c)
{
	if (c->state == CLOSED)
		return;
	SSL_free(c->ssl);
	close(c->fd);
	c->state = CLOSED;
}

static void fail(struct connection *c, const char *why)
{
	if (errors++ == 0)
		snprintf(first_error, sizeof first_error, "%s", why);
	hang_up(c);
}

static void watch(struct connection *c, uint32_t events, int how)
{
	struct epoll_event event = {.events = events, .data.ptr = c};
	if (epoll_ctl(epoll, how, c->fd, &event) != 0)
		die("epoll_ctl");
}

static void dial(struct connection *c)
{
	int on = 1;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		die("socket");
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->ssl = SSL_new(context);
	SSL_set_fd(c->ssl, c->fd);
	SSL_set_connect_state(c->ssl);
	c->state = CONNECTING;
	if (connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0 &&
		errno != EINPROGRESS) {
		fail(c, strerror(errno));
		return;
	}
	watch(c, EPOLLOUT, EPOLL_CTL_ADD);
}

/* Parses the head: 1 if the answer's length is known and its status good, -1 if it is bad, 0 if the head is incomplete. */
static int measure_http(struct connection *c)
{
	size_t kept = c->got < sizeof c->head ? c->got : sizeof c->head - 1;
	c->head[kept] = '\0';
	char *end = strstr(c->head, "\r\n\r\n");
	if (end == NULL)
		return 0;
	char *length = strcasestr(c->head, "\r\ncontent-length:");
	if (strncmp(c->head + strcspn(c->head, " "), " 200", 4) != 0 ||
		length == NULL || length > end)
		return -1;
	c->all = end + 4 - c->head + strtoul(length + 17, NULL, 10);
	/* a failed check has status 200, too */
	return strstr(end, "\"return_value\":") == NULL ||
			strstr(end, "\"return_value\":0") != NULL
		? 1
		: -1;
}

/* Protocol version 4: a head of 16 bytes, with the result at 8 and the length of the rest at 12. */
static int measure_nrpe(struct connection *c)
{
	uint16_t result;
	uint32_t rest;
	if (c->got < 16)
		return 0;
	memcpy(&result, c->head + 8, sizeof result);
	memcpy(&rest, c->head + 12, sizeof rest);
	c->all = 16 + ntohl(rest);
	return result == 0 ? 1 : -1;
}

static void enter(double latency)
{
	if ((size_t)answers == room) {
		room = room * 2 + 1024;
		latencies = memory(latencies, room * sizeof *latencies);
	}
	latencies[answers++] = latency;
}

static void answered(struct connection *c)
{
	enter(now() - c->due);
	if (keep) {
		c->state = IDLE;
		return;
	}
	SSL_shutdown(c->ssl);
	hang_up(c);
}

/* Continues as far as possible without blocking. */
static void advance(struct connection *c)
{
	char scratch[65536];
	int done;
	if (c->state == CONNECTING) {
		socklen_t size = sizeof errno;
		int reason = 0;
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &reason, &size);
		if (reason != 0) {
			fail(c, strerror(reason));
			return;
		}
		c->state = SHAKING;
	}
	ERR_clear_error();
	if (c->state == SHAKING) {
		done = SSL_do_handshake(c->ssl);
		if (done != 1)
			goto wait;
		c->state = keep && begun == 0 ? IDLE : ASKING;
		if (c->state == IDLE) {
			watch(c, EPOLLIN, EPOLL_CTL_MOD);
			return;
		}
	}
	while (c->state == ASKING && c->sent < asked_bytes) {
		done = SSL_write(c->ssl, asked + c->sent, asked_bytes - c->sent);
		if (done <= 0)
			goto wait;
		c->sent += done;
	}
	while (c->state == ASKING || c->state == IDLE) {
		size_t left =
			c->got < sizeof c->head - 1 ? sizeof c->head - 1 - c->got : 0;
		done = left > 0 ? SSL_read(c->ssl, c->head + c->got, left)
						: SSL_read(c->ssl, scratch, sizeof scratch);
		if (done <= 0)
			goto wait;
		c->got += done;
		int measured = c->all > 0 && c->got < c->all ? 0
			: nrpe									 ? measure_nrpe(c)
													 : measure_http(c);
		if (measured < 0) {
			fail(c, c->head);
			return;
		}
		if (c->all > 0 && c->got >= c->all) {
			answered(c);
			if (c->state == IDLE)
				watch(c, EPOLLIN, EPOLL_CTL_MOD);
			return;
		}
	}
	return;
wait:
	switch (SSL_get_error(c->ssl, done)) {
	case SSL_ERROR_WANT_READ:
		watch(c, EPOLLIN, EPOLL_CTL_MOD);
		return;
	case SSL_ERROR_WANT_WRITE:
		watch(c, EPOLLOUT, EPOLL_CTL_MOD);
		return;
	default:
		fail(c, "the connection ended before the answer");
	}
}

static void ask(struct connection *c, double due)
{
	begun++;
	c->due = due;
	c->sent = c->got = c->all = 0;
	if (c->state == CLOSED) {
		dial(c);
		return;
	}
	c->state = ASKING;
	advance(c);
}

static void turn(int milliseconds)
{
	struct epoll_event events[256];
	int got = epoll_wait(epoll, events, 256, milliseconds);
	for (int n = 0; n < got; n++)
		advance(events[n].data.ptr);
}

static bool all_in(enum state one, enum state other)
{
	for (int n = 0; n < count; n++)
		if (connections[n].state != one && connections[n].state != other)
			return false;
	return true;
}

/* Sends requests until it is time to stop, and waits for requests in flight. */
static double run(void)
{
	double start = now();
	for (;;) {
		double time = now() - start;
		bool over = (seconds > 0 && time >= seconds) ||
			(most > 0 && begun >= most) || errors > 100;
		if (over && (all_in(CLOSED, IDLE) || time > seconds + 60))
			return time;
		for (int n = 0; n < count && !over; n++) {
			struct connection *c = &connections[n];
			if (c->state != CLOSED && c->state != IDLE)
				continue;
			double due = rate > 0 ? begun / rate : time;
			if (due > time || (most > 0 && begun >= most))
				break;
			ask(c, start + due);
		}
		turn(over || rate <= 0 ? 100 : 1);
	}
}

/* Returns when a starting server has answered its first request. */
static void await_server(void)
{
	struct timespec pause = {.tv_nsec = 500000};
	double until = now() + 60;
	while (answers == 0 && now() < until) {
		errors = 0;
		ask(&connections[0], now());
		while (connections[0].state != CLOSED && connections[0].state != IDLE)
			turn(100);
		if (answers == 0)
			nanosleep(&pause, NULL);
	}
}

static int compare(const void *one, const void *other)
{
	float a = *(const float *)one, b = *(const float *)other;
	return (a > b) - (a < b);
}

static double percentile(double part)
{
	long index = (long)(part * answers + 0.999999) - 1;
	return answers == 0 ? 0 : 1000.0 * latencies[index < 0 ? 0 : index];
}

static double cpu(void)
{
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
		(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void print_text(const char *text)
{
	putchar('"');
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\' || (unsigned char)*text < ' ')
			printf("\\u%04x", (unsigned char)*text);
		else
			putchar(*text);
	putchar('"');
}

int main(int argc, char **argv)
{
	int option;
	while ((option = getopt(argc, argv, "kp:c:s:n:r:w")) != -1)
		switch (option) {
		case 'k':
			keep = true;
			break;
		case 'p':
			nrpe = strcmp(optarg, "nrpe") == 0;
			break;
		case 'c':
			count = atoi(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'n':
			most = atol(optarg);
			break;
		case 'r':
			rate = atof(optarg);
			break;
		case 'w':
			wait_for_server = true;
			break;
		default:
			return 2;
		}
	if (argc - optind != 2 || count < 1)
		return 2;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	server.sin_family = AF_INET;
	server.sin_port = htons(atoi(argv[optind]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	read_request(argv[optind + 1]);
	context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
	connections = calloc(count, sizeof *connections);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (context == NULL || connections == NULL || epoll < 0)
		die("start");

	for (int n = 0; n < count && keep && !wait_for_server; n++)
		dial(&connections[n]);
	while (keep && !wait_for_server && !all_in(IDLE, CLOSED))
		turn(100);
	if (errors > 0) {
		fprintf(stderr, "load: %s\n", first_error);
		return 1;
	}
	char line[16];
	printf("ready\n");
	fflush(stdout);
	if (!wait_for_server && fgets(line, sizeof line, stdin) == NULL)
		return 1;
	double cpu_before = cpu();
	double took = 0;
	if (wait_for_server)
		await_server();
	else
		took = run();
	double used = cpu() - cpu_before;
	qsort(latencies, answers, sizeof *latencies, compare);
	printf("{\"answers\":%ld,\"errors\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f,"
		   "\"endedAt\":%.6f,\"p50\":%.4f,\"p99\":%.4f,\"longest\":%.4f,"
		   "\"firstError\":",
		answers, errors, took, used, now(), percentile(0.5), percentile(0.99),
		percentile(1));
	print_text(first_error);
	printf("}\n");
	return 0;
}
