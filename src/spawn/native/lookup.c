/* Calls getaddrinfo for a name on a thread of its own. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <string.h>
#include "addon.h"

/* Limit of addresses per name; further ones are dropped. */
#define MAX_ADDRESSES 64

struct lookup {
	struct errand errand;
	int error;
	uint32_t count;
	char addresses[MAX_ADDRESSES][INET6_ADDRSTRLEN];
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

/* Returns an error code, or the addresses. */
static napi_value answer(napi_env env, struct errand *errand)
{
	struct lookup *lookup = (struct lookup *)errand;
	napi_value told, address;
	if (lookup->error != 0) {
		napi_create_string_utf8(
			env, code_of(lookup->error), NAPI_AUTO_LENGTH, &told);
		return told;
	}
	napi_create_array_with_length(env, lookup->count, &told);
	for (uint32_t at = 0; at < lookup->count; at++) {
		napi_create_string_utf8(
			env, lookup->addresses[at], NAPI_AUTO_LENGTH, &address);
		napi_set_element(env, told, at, address);
	}
	return told;
}

static void keep_addresses(struct lookup *lookup, const struct addrinfo *found)
{
	for (; found && lookup->count < MAX_ADDRESSES; found = found->ai_next) {
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

static void look_up(struct errand *errand)
{
	struct lookup *lookup = (struct lookup *)errand;
	/* the hints of Node's own look-up */
	const struct addrinfo hints = {
		.ai_flags = AI_ADDRCONFIG, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	lookup->error = getaddrinfo(errand->text, NULL, &hints, &found);
	if (lookup->error == 0) {
		keep_addresses(lookup, found);
		freeaddrinfo(found);
	}
}

/* lookup(host, callback): returns false if no thread can be created. */
static napi_value lookup_name(napi_env env, napi_callback_info info)
{
	const struct errand kind = {.run = look_up, .answer = answer};
	return start_text_errand(
		env, info, sizeof(struct lookup), &kind, "not a host name");
}

void export_lookup(napi_env env, napi_value exports)
{
	export_function(env, exports, "lookup", lookup_name);
}
