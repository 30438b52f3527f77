/*
 * Handles orphans: in a container the agent may be PID 1, and processes that
 * plugins leave behind become its children. Also exits without waiting for other
 * threads.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "addon.h"

/*
 * peek(): returns the process id of a child that has ended and has not been reaped,
 * 0 if there is none. Does not reap it.
 */
static napi_value peek(napi_env env, napi_callback_info info)
{
	(void)info;
	siginfo_t found;
	found.si_pid = 0;
	if (waitid(P_ALL, 0, &found, WEXITED | WNOHANG | WNOWAIT) != 0)
		found.si_pid = 0;
	return number(env, found.si_pid);
}

/* isReaper(): whether orphaned descendants become children of this process. */
static napi_value is_reaper(napi_env env, napi_callback_info info)
{
	(void)info;
	int reaper = getpid() == 1;
#ifdef PR_GET_CHILD_SUBREAPER
	int asked_for = 0;
	if (prctl(PR_GET_CHILD_SUBREAPER, &asked_for, 0, 0, 0) == 0)
		reaper = reaper || asked_for != 0;
#endif
	napi_value result = NULL;
	napi_get_boolean(env, reaper, &result);
	return result;
}

/*
 * exit(status): exits at once. The usual exit waits for the threads of libuv's
 * pool, which may hang in a file system.
 */
static napi_value exit_now(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value given;
	int32_t status = 1;
	napi_get_cb_info(env, info, &count, &given, NULL, NULL);
	napi_get_value_int32(env, given, &status);
	_exit(status);
}

void export_orphans(napi_env env, napi_value exports)
{
	export_function(env, exports, "peek", peek);
	export_function(env, exports, "isReaper", is_reaper);
	export_function(env, exports, "exit", exit_now);
}
