/* Command lines, split as a worker of Nagios splits them. */
#ifndef HAPPO_WORDS_H
#define HAPPO_WORDS_H

/*
 * The arguments of a command line, terminated by NULL, in one block for free(); NULL if
 * the line needs a shell.
 */
char **split_words(const char *line, int *count);

#endif
