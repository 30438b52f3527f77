/*
 * Starts a program over and over and waits for it, some at once. No agent on this
 * machine can be faster. The program gets the environment that agents pass on, because a
 * program with a locale set looks for translations.
 *
 *	floor AT-ONCE SECONDS FILE [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu(int whose)
{
	struct rusage used;
	getrusage(whose, &used);
	return used.ru_utime.tv_sec + used.ru_stime.tv_sec +
		(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int most = atoi(argv[1]), running = 0, state;
	double seconds = atof(argv[2]);
	char **arguments = argv + 3;
	long ended = 0;
	posix_spawn_file_actions_t actions;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	double start = now();
	while (now() - start < seconds || running > 0) {
		while (running < most && now() - start < seconds) {
			int reason = posix_spawn(
				NULL, argv[3], &actions, NULL, arguments, environ);
			if (reason != 0) {
				fprintf(stderr, "floor: %s: %s\n", argv[3], strerror(reason));
				return 1;
			}
			running++;
		}
		if (wait(&state) < 0)
			break;
		running--;
		ended++;
	}
	printf("{\"answers\":%ld,\"seconds\":%.6f,\"cpuSeconds\":%.6f}\n", ended,
		now() - start, cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN));
	return 0;
}
