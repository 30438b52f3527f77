/* The command line of a check, as far as it decides who runs the check. */
#ifndef HAPPO_COMMAND_LINE_H
#define HAPPO_COMMAND_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* A check that the broker can run. */
struct check {
	/* socket of the broker */
	const char *broker;
	int seconds;
	/* the arguments in the protocol's form; allocated */
	char *words;
	size_t bytes;
};

/*
 * Reads a command line; false if it is for Node.js: then there is nothing to free.
 * `broker` is the socket that is used if the command line names none.
 */
bool read_check(
	int count, char *const *words, const char *broker, struct check *check);

/* The broker's socket if no option names one. */
const char *default_broker(void);

#endif
