/* The broker's protocol and socket, for the client of one check and for the worker. */
#ifndef HAPPO_BROKER_H
#define HAPPO_BROKER_H

#include <stdbool.h>
#include <stdint.h>

/* The protocol: cli/broker/frame.ts describes it. */
#define BROKER_VERSION 1
#define KIND_CHECK 1
#define KIND_WORKER 4
#define KIND_RESULT 17
#define KIND_ELSEWHERE 18
#define HEAD_BYTES 10
#define COUNTED_BYTES 6
#define MAX_REQUEST_BYTES 262144
/* limit of the arguments in a request */
#define MAX_CHECK_BYTES (MAX_REQUEST_BYTES - 64)
#define MAX_ANSWER_BYTES (64 * 1024 * 1024 + 64)

/* how long after the time limit we wait for the broker to report it */
#define GRACE_MILLISECONDS 500

/* exit status of a plugin */
#define UNKNOWN 3

/* Milliseconds of the monotonic clock. */
int64_t now(void);

/*
 * Connects to a Unix socket without waiting; the connection does not block. Returns -1
 * with errno on failure: EAGAIN if its queue is full, EPERM if the socket or its listener
 * belongs neither to root nor to our own user. Another user could invent results, or
 * have us run commands.
 */
int connect_trusted(const char *path);

void put_number(unsigned char *at, uint32_t number);
uint32_t number_at(const unsigned char *at);

/* Writes the head of a frame with a body of this many bytes. */
void put_head(unsigned char head[HEAD_BYTES], unsigned char kind, uint32_t id,
	uint32_t bytes);

#endif
