/*
 * Nagios' workers start simple command lines without a shell: words between blanks,
 * with quotes and backslashes. Lines with other shell syntax go to a shell.
 */
#include "words.h"

#include "buffer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Whether a character outside of quotes needs a shell. */
static bool is_special(char c)
{
	return strchr("|<>&;()*?`$", c) != NULL;
}

/* Copies a text in double quotes; returns its end, or NULL if it needs a shell. */
static const char *quoted(const char *from, char **to)
{
	for (; *from != '"'; from++) {
		if (*from == '\0' || *from == '`' || *from == '$')
			return NULL;
		if (*from == '\\' && from[1] == '"')
			/* Nagios counts this quote, too, and then starts a shell */
			return NULL;
		if (*from == '\\' && from[1] != '\0' && strchr("\\$`", from[1]))
			from++;
		*(*to)++ = *from;
	}
	return from + 1;
}

/* Copies one word; returns its end, or NULL if it needs a shell. */
static const char *one_word(const char *from, char **to)
{
	while (*from != '\0' && !is_blank(*from)) {
		if (*from == '\'') {
			const char *end = strchr(from + 1, '\'');
			if (!end)
				return NULL;
			size_t length = (size_t)(end - from) - 1;
			memcpy(*to, from + 1, length);
			*to += length;
			from = end + 1;
		} else if (*from == '"') {
			from = quoted(from + 1, to);
			if (!from)
				return NULL;
		} else if (is_special(*from)) {
			return NULL;
		} else {
			if (*from == '\\' && *++from == '\0')
				return NULL;
			*(*to)++ = *from++;
		}
	}
	*(*to)++ = '\0';
	return from;
}

char **split_words(const char *line, int *count)
{
	/* a word and the blank after it take two characters or more; NULL ends the list */
	size_t length = strlen(line), most = length / 2 + 2;
	char **words = allocate(most * sizeof *words + length + 2);
	char *to = (char *)(words + most);
	*count = 0;
	for (const char *from = line;;) {
		while (is_blank(*from))
			from++;
		if (*from == '\0')
			break;
		words[*count] = to;
		from = one_word(from, &to);
		if (!from) {
			free(words);
			return NULL;
		}
		++*count;
	}
	words[*count] = NULL;
	/* an assignment before the command needs a shell, too */
	if (*count > 0 && !strchr(words[0], '='))
		return words;
	free(words);
	return NULL;
}
