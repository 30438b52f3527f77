/* What Node does not offer for the descriptors of sockets. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>

#include "addon.h"

/* The descriptor that is a function's only argument; -1 after throwing a TypeError. */
static int32_t descriptor_of(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value given;
	int32_t fd = -1;
	napi_get_cb_info(env, info, &count, &given, NULL, NULL);
	if (napi_get_value_int32(env, given, &fd) == napi_ok && fd >= 0)
		return fd;
	napi_throw_type_error(env, NULL, "not a descriptor");
	return -1;
}

/*
 * peerUser(fd): the user id of the process that made the connection; undefined if
 * the system does not tell.
 */
static napi_value peer_user(napi_env env, napi_callback_info info)
{
	napi_value told = NULL;
	int32_t fd = descriptor_of(env, info);
	if (fd < 0)
		return NULL;
#ifdef SO_PEERCRED
	struct ucred peer;
	socklen_t length = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
		length == sizeof peer && peer.uid != (uid_t)-1) {
		napi_create_uint32(env, peer.uid, &told);
		return told;
	}
#endif
	napi_get_undefined(env, &told);
	return told;
}

/* duplicate(fd): another descriptor of the same socket; -1 if there are too many. */
static napi_value duplicate(napi_env env, napi_callback_info info)
{
	int32_t fd = descriptor_of(env, info);
	return fd < 0 ? NULL : number(env, fcntl(fd, F_DUPFD_CLOEXEC, 0));
}

void export_sockets(napi_env env, napi_value exports)
{
	export_function(env, exports, "duplicate", duplicate);
	export_function(env, exports, "peerUser", peer_user);
}
