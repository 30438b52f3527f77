/*
 * Declarations shared by the addon's C files. Each file exports its functions to
 * JavaScript in one function, which NAPI_MODULE_INIT in spawn.c calls.
 */
#ifndef HAPPO_ADDON_H
#define HAPPO_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

/* Makes a JavaScript number. */
napi_value number(napi_env env, int value);

/* Makes a JavaScript array of numbers. */
napi_value numbers(napi_env env, const int *values, uint32_t count);

/* Makes a function callable from JavaScript as `exports.name`. */
void export_function(
	napi_env env, napi_value exports, const char *name, napi_callback call);

/* In lock.c. */
void export_lock(napi_env env, napi_value exports);

/* In lookup.c. */
void export_lookup(napi_env env, napi_value exports);

/* In look.c. */
void export_look(napi_env env, napi_value exports);

/* A call that may hang. It is the first member of a struct allocated with malloc. */
struct errand {
	/* runs on a thread of its own, with all signals blocked */
	void (*run)(struct errand *errand);
	/* runs in the event loop afterwards; returns the callback's argument */
	napi_value (*answer)(napi_env env, struct errand *errand);
	/* the argument of a call by start_text_errand, behind the struct */
	char *text;
	/* set by errand.c */
	struct door *door;
	napi_ref callback;
};

/* Takes ownership of the errand, even if it fails; false if no thread can be created. */
bool start_errand(napi_env env, struct errand *errand, napi_value callback);

/*
 * Answers a call with (text, callback): starts an errand of `size` bytes, zero but
 * for what `kind` says. Returns whether it could be started; throws a TypeError with
 * `complaint` if the first argument is no string.
 */
napi_value start_text_errand(napi_env env, napi_callback_info info, size_t size,
	const struct errand *kind, const char *complaint);

/* In memory.c. */
void export_memory(napi_env env, napi_value exports);

/* In orphans.c. */
void export_orphans(napi_env env, napi_value exports);

/* In signals.c. */
void export_signals(napi_env env, napi_value exports);

/* In sockets.c. */
void export_sockets(napi_env env, napi_value exports);

#endif
