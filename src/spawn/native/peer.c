/* Asks who is at the other end of a Unix socket. Node does not offer it. */
#define _GNU_SOURCE
#include <sys/socket.h>

#include "addon.h"

/*
 * peerUser(fd): the user id of the process that made the connection; undefined if
 * the system does not tell.
 */
static napi_value peer_user(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value given, told = NULL;
	int32_t fd = -1;
	napi_get_cb_info(env, info, &count, &given, NULL, NULL);
	if (napi_get_value_int32(env, given, &fd) != napi_ok || fd < 0) {
		napi_throw_type_error(env, NULL, "not a descriptor");
		return NULL;
	}
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

void export_peer(napi_env env, napi_value exports)
{
	export_function(env, exports, "peerUser", peer_user);
}
