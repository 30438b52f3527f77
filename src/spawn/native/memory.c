/*
 * Memory that the C library gets for large blocks: bodies, answers and the encrypted
 * bytes of connections.
 */
#include <stddef.h>

#include "addon.h"

/* glibc's; weak, because other C libraries have none, and the addon names no library */
extern int mallopt(int parameter, int value) __attribute__((weak));

/* M_MMAP_THRESHOLD in glibc's malloc.h, which other C libraries do not have */
static const int mmap_threshold = -3;

/*
 * returnLargeBlocks(bytes): from now on, blocks of at least this size go back to the
 * system when they are freed. By itself, glibc raises the limit to 32 MiB as soon as
 * a block of that size is freed, and then keeps the memory for a time.
 */
static napi_value return_large_blocks(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value argument;
	int32_t bytes = 0;

	if (mallopt &&
		napi_get_cb_info(env, info, &count, &argument, NULL, NULL) == napi_ok &&
		napi_get_value_int32(env, argument, &bytes) == napi_ok && bytes > 0)
		mallopt(mmap_threshold, bytes);
	return NULL;
}

void export_memory(napi_env env, napi_value exports)
{
	export_function(env, exports, "returnLargeBlocks", return_large_blocks);
}
