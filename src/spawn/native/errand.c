/*
 * Runs calls that may hang, each on its own thread. libuv's pool has only four
 * threads for all files and names; a few dead servers would occupy them all.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include "addon.h"

/* Enough for the system's name services; stack pages take no memory until they are used. */
#define STACK_BYTES (1024 * 1024)

/*
 * Leads back to the event loop of one environment (a process, or a worker thread).
 * It is never freed, because a thread may still use it when the environment has
 * gone.
 */
struct door {
	pthread_mutex_t lock;
	bool is_open;
	napi_threadsafe_function call;
};

/* In the event loop: calls the callback with the result. */
static void answer(napi_env env, napi_value unused, void *context, void *data)
{
	struct errand *errand = data;
	napi_handle_scope scope;
	napi_value callback = NULL, nothing, told;
	(void)unused;
	(void)context;
	if (env == NULL) {
		free(errand);
		return;
	}
	napi_open_handle_scope(env, &scope);
	napi_get_undefined(env, &nothing);
	told = errand->answer(env, errand);
	napi_get_reference_value(env, errand->callback, &callback);
	napi_delete_reference(env, errand->callback);
	free(errand);
	napi_call_function(env, nothing, callback, 1, &told, NULL);
	napi_close_handle_scope(env, scope);
}

static void *run_errand(void *data)
{
	struct errand *errand = data;
	struct door *door = errand->door;
	bool is_told = false;
	errand->run(errand);
	pthread_mutex_lock(&door->lock);
	if (door->is_open)
		is_told = napi_call_threadsafe_function(
			door->call, errand, napi_tsfn_nonblocking) == napi_ok;
	pthread_mutex_unlock(&door->lock);
	if (!is_told)
		free(errand);
	return NULL;
}

static void close_door(void *data)
{
	struct door *door = data;
	pthread_mutex_lock(&door->lock);
	door->is_open = false;
	pthread_mutex_unlock(&door->lock);
}

/* Returns the door of an environment; NULL if it cannot be created. */
static struct door *door_of(napi_env env)
{
	struct door *door = NULL;
	napi_value name;
	napi_get_instance_data(env, (void **)&door);
	if (door)
		return door;
	door = calloc(1, sizeof *door);
	if (!door)
		return NULL;
	pthread_mutex_init(&door->lock, NULL);
	napi_create_string_utf8(env, "happo errand", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL,
			NULL, answer, &door->call) != napi_ok) {
		free(door);
		return NULL;
	}
	/* callers have timers of their own: a dead name must not keep the program alive */
	napi_unref_threadsafe_function(env, door->call);
	/* hooks run in reverse order: this one before that of the function */
	napi_add_env_cleanup_hook(env, close_door, door);
	napi_set_instance_data(env, door, NULL, NULL);
	door->is_open = true;
	return door;
}

/* Starts a detached thread with all signals blocked. */
static bool start_thread(struct errand *errand)
{
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all, before;
	sigfillset(&all);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool is_started =
		pthread_create(&thread, &attributes, run_errand, errand) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return is_started;
}

bool start_errand(napi_env env, struct errand *errand, napi_value callback)
{
	errand->door = door_of(env);
	if (errand->door) {
		napi_create_reference(env, callback, 1, &errand->callback);
		if (start_thread(errand))
			return true;
		napi_delete_reference(env, errand->callback);
	}
	free(errand);
	return false;
}

napi_value start_text_errand(napi_env env, napi_callback_info info, size_t size,
	const struct errand *kind, const char *complaint)
{
	size_t count = 2, length = 0;
	napi_value given[2], is_started = NULL;
	struct errand *errand;
	bool started = false;
	napi_get_cb_info(env, info, &count, given, NULL, NULL);
	if (napi_get_value_string_utf8(env, given[0], NULL, 0, &length) != napi_ok) {
		napi_throw_type_error(env, NULL, complaint);
		return NULL;
	}
	errand = calloc(1, size + length + 1);
	if (errand) {
		*errand = *kind;
		errand->text = (char *)errand + size;
		napi_get_value_string_utf8(
			env, given[0], errand->text, length + 1, &length);
		started = start_errand(env, errand, given[1]);
	}
	napi_get_boolean(env, started, &is_started);
	return is_started;
}
