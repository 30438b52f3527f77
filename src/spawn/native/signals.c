/*
 * Signals that end a process and that Node has no listener for: real-time signals,
 * which some shops' scripts and supervisors send, and SIGPROF, which the CPU
 * profiler takes over while it runs.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stddef.h>

#include "addon.h"

static void do_nothing(int signal)
{
	(void)signal;
}

/*
 * A handler and not SIG_IGN: a program that is started gets the default action
 * back by itself, whichever engine starts it. libuv resets the first 31 only.
 */
static void disarm(int signal)
{
	struct sigaction found, harmless = {.sa_flags = SA_RESTART};
	harmless.sa_handler = do_nothing;
	/* somebody else's stays */
	if (sigaction(signal, NULL, &found) == 0 &&
		(found.sa_flags & SA_SIGINFO) == 0 && found.sa_handler == SIG_DFL)
		sigaction(signal, &harmless, NULL);
}

/* disarmSignals(): from now on these signals change nothing. */
static napi_value disarm_signals(napi_env env, napi_callback_info info)
{
	(void)env;
	(void)info;
#ifdef SIGRTMIN
	/* those below are the C library's own */
	for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
		disarm(signal);
#endif
	disarm(SIGPROF);
	return NULL;
}

void export_signals(napi_env env, napi_value exports)
{
	export_function(env, exports, "disarmSignals", disarm_signals);
}
