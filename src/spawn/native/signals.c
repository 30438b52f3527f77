/*
 * Disarms signals that would end the process and that Node cannot listen for:
 * real-time signals, which scripts and supervisors of some sites send, and SIGPROF,
 * which the CPU profiler takes over while it runs.
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
 * Uses a handler instead of SIG_IGN, so that started programs get the default
 * action back with either engine: libuv resets only the first 31 signals.
 */
static void disarm(int signal)
{
	struct sigaction found, harmless = {.sa_flags = SA_RESTART};
	harmless.sa_handler = do_nothing;
	/* leave other handlers alone */
	if (sigaction(signal, NULL, &found) == 0 &&
		(found.sa_flags & SA_SIGINFO) == 0 && found.sa_handler == SIG_DFL)
		sigaction(signal, &harmless, NULL);
}

/* disarmSignals(): from now on these signals have no effect. */
static napi_value disarm_signals(napi_env env, napi_callback_info info)
{
	(void)env;
	(void)info;
#ifdef SIGRTMIN
	/* the C library reserves those below */
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
