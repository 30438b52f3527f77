/*
 * Decides whether the broker can run a command line. It parses no more than that
 * needs: the broker and check_happo.cjs share one function that parses command lines.
 */
#define _GNU_SOURCE
#include "command_line.h"

#include "broker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SOCKET "/run/happo/broker.sock"
#define DEFAULT_SECONDS 60
/* so that milliseconds fit into an int */
#define MAX_SECONDS 2000000
/* `--`, the longest name, `=` and NUL */
#define ADDED_BYTES 32

/* Options for the broker, and its socket; for all others we become the Node client. */
static const struct option {
	const char *name;
	char letter;
	/* takes no value, except after `=` */
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

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_of_word(char c)
{
	return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* Whether the name of an argument is this option's; `_` counts as `-`. */
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
 * The option that an argument names, and its value after `=`, or NULL; OPTIONS if it
 * is not one of ours.
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

/* A time limit in seconds; 0 if it is not one that we can keep. */
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

/* Bytes that all arguments may need in a request. */
static size_t room_for(int count, char *const *words)
{
	size_t room = 1;
	for (int n = 0; n < count; n++)
		room += strlen(words[n]) + ADDED_BYTES;
	return room < MAX_CHECK_BYTES ? room : MAX_CHECK_BYTES;
}

/* Adds `--name=value` and its NUL; false if the check becomes too long. */
static bool add_word(
	struct check *check, size_t room, const char *name, const char *value)
{
	size_t left = room - check->bytes;
	int length =
		snprintf(check->words + check->bytes, left, "--%s=%s", name, value);
	if (length < 0 || (size_t)length >= left)
		return false;
	check->bytes += (size_t)length + 1;
	return true;
}

/* Reads the arguments after `monitor` into a check; false if they are for Node. */
static bool read_words(
	int count, char *const *words, size_t room, struct check *check)
{
	bool has_host = false, has_plugin = false;
	for (int n = 0; n < count; n++) {
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
		if (!add_word(check, room, options[option].name, value))
			return false;
	}
	return has_host && has_plugin && check->seconds > 0 &&
		check->broker[0] != '\0';
}

bool read_check(
	int count, char *const *words, const char *broker, struct check *check)
{
	if (count < 2 || strcmp(words[1], "monitor") != 0)
		return false;
	size_t room = room_for(count, words);
	*check = (struct check){
		.broker = broker,
		.seconds = DEFAULT_SECONDS,
		.words = malloc(room),
	};
	if (check->words && read_words(count - 2, words + 2, room, check))
		return true;
	free(check->words);
	check->words = NULL;
	return false;
}

const char *default_broker(void)
{
	const char *environment = getenv("HAPPO_BROKER");
	return environment ? environment : DEFAULT_SOCKET;
}
