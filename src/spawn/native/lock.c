/*
 * Locks a file against other programs in both common ways: flock (Go's LevelDB) and
 * fcntl (LevelDB itself). Node offers neither.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <unistd.h>

#include "addon.h"

/*
 * lockFile(fd, byFlock): takes the fcntl lock on the whole file, and optionally the
 * flock, without waiting. Returns [error number, process id]: 0 if both are ours;
 * the process id is that of the fcntl lock's holder, 0 if unknown.
 */
static napi_value lock_file(napi_env env, napi_callback_info info)
{
	size_t count = 2;
	napi_value given[2];
	int32_t fd = -1;
	bool by_flock = false;
	napi_get_cb_info(env, info, &count, given, NULL, NULL);
	if (count != 2 || napi_get_value_int32(env, given[0], &fd) != napi_ok ||
	    fd < 0 || napi_get_value_bool(env, given[1], &by_flock) != napi_ok) {
		napi_throw_type_error(env, NULL, "not a descriptor and a boolean");
		return NULL;
	}
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (by_flock && flock(fd, LOCK_EX | LOCK_NB) != 0)
		return numbers(env, (int[]){errno, 0}, 2);
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return numbers(env, (int[]){0, 0}, 2);
	int reason = errno;
	struct flock holder = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_GETLK, &holder) != 0 || holder.l_type == F_UNLCK ||
	    holder.l_pid < 0)
		holder.l_pid = 0;
	return numbers(env, (int[]){reason, holder.l_pid}, 2);
}

void export_lock(napi_env env, napi_value exports)
{
	export_function(env, exports, "lockFile", lock_file);
}
