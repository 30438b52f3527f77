/* Command lines, split as a worker of Nagios splits them. */
#ifndef HAPPO_WORDS_H
#define HAPPO_WORDS_H

/*
 * The arguments of a command line, ended by NULL, in one piece of memory for free();
 * NULL if the line is one for a shell.
 */
char **split_words(const char *line, int *count);

#endif
