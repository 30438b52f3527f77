/*
 * getaddrinfo on threads of its own. libuv gives look-ups half of its four threads,
 * and a name whose servers do not answer keeps one for ten seconds and more.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "addon.h"

/* Room for the addresses of a name; more are left out. */
#define MOST_ADDRESSES 64

/* What name services of the system need; it takes no memory until it is used. */
#define STACK_BYTES (1024 * 1024)

/*
 * The way back to the event loop of one environment (a process, or a worker thread).
 * It is never freed: a thread may hold it when the environment is gone.
 */
struct door {
	pthread_mutex_t lock;
	bool is_open;
	napi_threadsafe_function call;
};

struct lookup {
	struct door *door;
	napi_ref callback;
	int error;
	uint32_t count;
	char addresses[MOST_ADDRESSES][INET6_ADDRSTRLEN];
	char host[];
};

static const char *code_of(int error)
{
	switch (error) {
	case EAI_NONAME:
#ifdef EAI_NODATA
	case EAI_NODATA:
#endif
		return "ENOTFOUND";
	case EAI_AGAIN:
		return "EAI_AGAIN";
	case EAI_MEMORY:
		return "EAI_MEMORY";
	default:
		return "EAI_FAIL";
	}
}

/* In the event loop: calls back with an error's code, or with the addresses. */
static void answer(napi_env env, napi_value unused, void *context, void *data)
{
	struct lookup *lookup = data;
	napi_handle_scope scope;
	napi_value callback = NULL, nothing, told, address;
	(void)unused;
	(void)context;
	if (env == NULL) {
		free(lookup);
		return;
	}
	napi_open_handle_scope(env, &scope);
	napi_get_undefined(env, &nothing);
	if (lookup->error != 0) {
		napi_create_string_utf8(
			env, code_of(lookup->error), NAPI_AUTO_LENGTH, &told);
	} else {
		napi_create_array_with_length(env, lookup->count, &told);
		for (uint32_t at = 0; at < lookup->count; at++) {
			napi_create_string_utf8(
				env, lookup->addresses[at], NAPI_AUTO_LENGTH, &address);
			napi_set_element(env, told, at, address);
		}
	}
	napi_get_reference_value(env, lookup->callback, &callback);
	napi_delete_reference(env, lookup->callback);
	free(lookup);
	napi_call_function(env, nothing, callback, 1, &told, NULL);
	napi_close_handle_scope(env, scope);
}

static void keep_addresses(struct lookup *lookup, const struct addrinfo *found)
{
	for (; found && lookup->count < MOST_ADDRESSES; found = found->ai_next) {
		const void *bytes =
			found->ai_family == AF_INET
				? (const void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr
			: found->ai_family == AF_INET6
				? (const void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr
				: NULL;
		if (bytes && inet_ntop(found->ai_family, bytes,
				lookup->addresses[lookup->count], INET6_ADDRSTRLEN))
			lookup->count++;
	}
	if (lookup->count == 0)
		lookup->error = EAI_NONAME;
}

static void *look_up(void *data)
{
	struct lookup *lookup = data;
	struct door *door = lookup->door;
	/* what Node's own look-up asks for */
	const struct addrinfo hints = {
		.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	bool is_told = false;
	lookup->error = getaddrinfo(lookup->host, NULL, &hints, &found);
	if (lookup->error == 0) {
		keep_addresses(lookup, found);
		freeaddrinfo(found);
	}
	pthread_mutex_lock(&door->lock);
	if (door->is_open)
		is_told = napi_call_threadsafe_function(
			door->call, lookup, napi_tsfn_nonblocking) == napi_ok;
	pthread_mutex_unlock(&door->lock);
	if (!is_told)
		free(lookup);
	return NULL;
}

static void close_door(void *data)
{
	struct door *door = data;
	pthread_mutex_lock(&door->lock);
	door->is_open = false;
	pthread_mutex_unlock(&door->lock);
}

/* The door of an environment; NULL if there cannot be one. */
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
	napi_create_string_utf8(env, "happo lookup", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL,
			NULL, answer, &door->call) != napi_ok) {
		free(door);
		return NULL;
	}
	/* who waits has a timer of its own: a dead name must not keep a program from ending */
	napi_unref_threadsafe_function(env, door->call);
	/* hooks run backwards: this one before the function's own */
	napi_add_env_cleanup_hook(env, close_door, door);
	napi_set_instance_data(env, door, NULL, NULL);
	door->is_open = true;
	return door;
}

/* Starts a thread that takes no signals, and nobody waits for. */
static bool start_thread(struct lookup *lookup)
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
		pthread_create(&thread, &attributes, look_up, lookup) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return is_started;
}

/* lookup(host, callback): false if no thread can be had. */
static napi_value lookup_name(napi_env env, napi_callback_info info)
{
	size_t count = 2, length = 0;
	napi_value given[2], is_started = NULL;
	struct lookup *lookup = NULL;
	struct door *door = door_of(env);
	bool started = false;
	napi_get_cb_info(env, info, &count, given, NULL, NULL);
	if (napi_get_value_string_utf8(env, given[0], NULL, 0, &length) != napi_ok) {
		napi_throw_type_error(env, NULL, "not a host name");
		return NULL;
	}
	if (door)
		lookup = calloc(1, sizeof *lookup + length + 1);
	if (lookup) {
		napi_get_value_string_utf8(
			env, given[0], lookup->host, length + 1, &length);
		napi_create_reference(env, given[1], 1, &lookup->callback);
		lookup->door = door;
		started = start_thread(lookup);
		if (!started) {
			napi_delete_reference(env, lookup->callback);
			free(lookup);
		}
	}
	napi_get_boolean(env, started, &is_started);
	return is_started;
}

void export_lookup(napi_env env, napi_value exports)
{
	export_function(env, exports, "lookup", lookup_name);
}
