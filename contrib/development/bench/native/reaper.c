/*
 * Runs a program and reaps all processes that it leaves behind, so that their CPU time
 * counts for this process. NRPE forks twice for each connection, so the process that
 * answers has no parent.
 *
 *	reaper FILE [ARGUMENT...]
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t program;

static void pass_on(int number)
{
	kill(program, number);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	program = fork();
	if (program == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	struct sigaction action = {.sa_handler = pass_on};
	sigaction(SIGTERM, &action, NULL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	return 0;
}
