/*
 * What the C files of the addon share. Each exports its functions to JavaScript in
 * a function of its own, which NAPI_MODULE_INIT in spawn.c calls.
 */
#ifndef HAPPO_ADDON_H
#define HAPPO_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>

/* A JavaScript number. */
napi_value number(napi_env env, int value);

/* A JavaScript array of numbers. */
napi_value numbers(napi_env env, const int *values, uint32_t count);

/* Makes a function callable from JavaScript as `exports.name`. */
void export_function(
	napi_env env, napi_value exports, const char *name, napi_callback call);

/* What lock.c exports. */
void export_lock(napi_env env, napi_value exports);

/* What lookup.c exports. */
void export_lookup(napi_env env, napi_value exports);

/* What look.c exports. */
void export_look(napi_env env, napi_value exports);

/* A call that may hang: the first member of what malloc gave for it. */
struct errand {
	/* on a thread of its own, without signals */
	void (*run)(struct errand *errand);
	/* in the event loop, afterwards: what the callback gets */
	napi_value (*answer)(napi_env env, struct errand *errand);
	/* of errand.c */
	struct door *door;
	napi_ref callback;
};

/* Takes the errand, and frees it whatever happens; false if no thread can be had. */
bool start_errand(napi_env env, struct errand *errand, napi_value callback);

/* What orphans.c exports. */
void export_orphans(napi_env env, napi_value exports);

/* What signals.c exports. */
void export_signals(napi_env env, napi_value exports);

#endif
