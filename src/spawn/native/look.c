/* Calls stat and access for a file on a thread of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include "addon.h"

struct look {
	struct errand errand;
	bool is_there;
	bool may_run;
	struct stat found;
};

/*
 * The symbol stat needs glibc 2.33; on 64-bit systems the system call fills in the
 * same struct.
 */
static int stat_file(const char *file, struct stat *found)
{
#if defined(SYS_newfstatat) && defined(__LP64__)
	return (int)syscall(SYS_newfstatat, AT_FDCWD, file, found, 0);
#else
	return stat(file, found);
#endif
}

static void run(struct errand *errand)
{
	struct look *look = (struct look *)errand;
	look->is_there = stat_file(errand->text, &look->found) == 0;
	look->may_run = look->is_there && access(errand->text, X_OK) == 0;
}

/* undefined, or [mode, size, whether this user may execute it] */
static napi_value answer(napi_env env, struct errand *errand)
{
	const struct look *look = (struct look *)errand;
	napi_value told, value;
	if (!look->is_there) {
		napi_get_undefined(env, &told);
		return told;
	}
	napi_create_array_with_length(env, 3, &told);
	napi_create_uint32(env, look->found.st_mode, &value);
	napi_set_element(env, told, 0, value);
	napi_create_double(env, (double)look->found.st_size, &value);
	napi_set_element(env, told, 1, value);
	napi_get_boolean(env, look->may_run, &value);
	napi_set_element(env, told, 2, value);
	return told;
}

/* look(file, callback): returns false if no thread can be created. */
static napi_value look_at(napi_env env, napi_callback_info info)
{
	const struct errand kind = {.run = run, .answer = answer};
	return start_text_errand(
		env, info, sizeof(struct look), &kind, "not a path");
}

void export_look(napi_env env, napi_value exports)
{
	export_function(env, exports, "look", look_at);
}
