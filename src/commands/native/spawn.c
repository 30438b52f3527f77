/*
 * Starts processes with posix_spawn, which does not copy the daemon's page
 * tables, and waits for them without blocking. Node-API only: one build serves
 * every version of Node.
 *
 * JavaScript says what to start as blocks: UTF-8 strings one after the other,
 * each with its NUL. The kernel reads them where they lie.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef ADDON_SOURCE
/* Which source this was made from; contrib/native/addon.mjs looks for it. */
const char addon_source[] = ADDON_SOURCE;
#endif

#ifdef __linux__
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define CLOSE_ON_EXEC (1U << 2) /* CLOSE_RANGE_CLOEXEC, Linux 5.11 */

/* glibc has it from 2.34 on, musl not at all: NULL where it is missing */
extern int posix_spawn_file_actions_addclosefrom_np(
	posix_spawn_file_actions_t *, int) __attribute__((weak));

/*
 * Marks all descriptors above 2 of this process close-on-exec: LevelDB opens
 * its files without. Nothing of ours is ever meant to be inherited. Answers 0
 * or an error number; a system without /proc has to live with what is marked.
 */
static int mark_descriptors(void)
{
	if (syscall(SYS_close_range, 3U, ~0U, CLOSE_ON_EXEC) == 0)
		return 0;
	DIR *open = opendir("/proc/self/fd");
	if (open == NULL)
		return errno == ENOENT ? 0 : errno;
	for (struct dirent *entry; (entry = readdir(open)) != NULL;) {
		int fd = atoi(entry->d_name);
		int flags = fd > 2 ? fcntl(fd, F_GETFD) : -1;
		if (flags != -1 && (flags & FD_CLOEXEC) == 0)
			fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
	}
	closedir(open);
	return 0;
}

/* Keeps what is above 2 out of the child, in the child itself where that can be: another thread may open a file now. */
static int keep_descriptors_out(posix_spawn_file_actions_t *actions)
{
	if (posix_spawn_file_actions_addclosefrom_np != NULL)
		return posix_spawn_file_actions_addclosefrom_np(actions, 3);
	return mark_descriptors();
}
#define KEEP_OUT_FLAG 0
#else
#define keep_descriptors_out(actions) 0
#define KEEP_OUT_FLAG POSIX_SPAWN_CLOEXEC_DEFAULT
#endif

/* Gives a descriptor above 2 in place of the given one: 0 to 2 are laid anew in the child. */
static int above_standard(int fd)
{
	if (fd < 0 || fd > 2)
		return fd;
	int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	int reason = errno;
	close(fd);
	errno = reason;
	return higher;
}

/* Opens a pipe: ends[0] reads, ends[1] writes; -1 for an end that is not open. */
static int open_pipe(int ends[2])
{
#ifdef __linux__
	if (pipe2(ends, O_CLOEXEC) != 0)
		return errno;
#else
	if (pipe(ends) != 0)
		return errno;
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#endif
	ends[0] = above_standard(ends[0]);
	int reason = ends[0] < 0 ? errno : 0;
	ends[1] = above_standard(ends[1]);
	return reason != 0 ? reason : ends[1] < 0 ? errno : 0;
}

static void close_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* The strings of a block as execve wants them; NULL without memory. */
static char **strings_of(char *block, size_t bytes)
{
	size_t count = 0;
	for (size_t at = 0; at < bytes; at++)
		if (block[at] == '\0')
			count++;
	char **strings = malloc((count + 1) * sizeof *strings);
	if (strings == NULL)
		return NULL;
	for (size_t n = 0; n < count; n++) {
		strings[n] = block;
		block += strlen(block) + 1;
	}
	strings[count] = NULL;
	return strings;
}

/* A session and group of its own, no signal blocked or ignored. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	sigemptyset(&none);
	/* sigfillset leaves out the two that glibc uses; it would have them ignored in the child */
	memset(&all, 0xff, sizeof all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	int reason = posix_spawnattr_setsigmask(attributes, &none);
	if (reason == 0)
		reason = posix_spawnattr_setsigdefault(attributes, &all);
	if (reason == 0)
		reason = posix_spawnattr_setflags(attributes,
			POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
				POSIX_SPAWN_SETSIGMASK | KEEP_OUT_FLAG);
	return reason;
}

/* Starts `file` with the three descriptors given as its 0, 1 and 2; answers 0 or an error number. */
static int start(pid_t *pid, const char *file, char **argv, char **envp,
	const int standard[3])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int reason = posix_spawn_file_actions_init(&actions);
	if (reason != 0)
		return reason;
	reason = posix_spawnattr_init(&attributes);
	if (reason == 0) {
		reason = set_attributes(&attributes);
		for (int fd = 0; fd <= 2 && reason == 0; fd++)
			reason = posix_spawn_file_actions_adddup2(
				&actions, standard[fd], fd);
		if (reason == 0)
			reason = keep_descriptors_out(&actions);
		if (reason == 0)
			reason = posix_spawn(
				pid, file, &actions, &attributes, argv, envp);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return reason;
}

static napi_value number(napi_env env, int value)
{
	napi_value result = NULL;
	napi_create_int32(env, value, &result);
	return result;
}

static napi_value numbers(napi_env env, const int *values, uint32_t count)
{
	napi_value result = NULL;
	napi_create_array_with_length(env, count, &result);
	for (uint32_t n = 0; n < count; n++)
		napi_set_element(env, result, n, number(env, values[n]));
	return result;
}

/* A block that ends with NUL; NULL, and an exception, for anything else. */
static char *block_of(napi_env env, napi_value value, size_t *bytes)
{
	void *block = NULL;
	if (napi_get_buffer_info(env, value, &block, bytes) != napi_ok ||
		(*bytes > 0 && ((char *)block)[*bytes - 1] != '\0')) {
		napi_throw_type_error(env, NULL, "not a block of strings");
		return NULL;
	}
	return *bytes > 0 ? block : "";
}

/*
 * spawn(file, argv, envp, merged): blocks, and whether standard error goes
 * where standard output goes. Answers [pid, stdout, stderr], stderr -1 when
 * merged, or an error number.
 */
static napi_value spawn(napi_env env, napi_callback_info info)
{
	size_t count = 4, file_bytes, argv_bytes, envp_bytes;
	napi_value given[4];
	bool merged = false;
	napi_get_cb_info(env, info, &count, given, NULL, NULL);
	const char *file = block_of(env, given[0], &file_bytes);
	char *argv_block = file ? block_of(env, given[1], &argv_bytes) : NULL;
	char *envp_block = argv_block ? block_of(env, given[2], &envp_bytes) : NULL;
	if (envp_block == NULL)
		return NULL;
	napi_get_value_bool(env, given[3], &merged);

	int out[2] = {-1, -1}, err[2] = {-1, -1}, null = -1;
	pid_t pid = -1;
	char **argv = strings_of(argv_block, argv_bytes);
	char **envp = strings_of(envp_block, envp_bytes);
	int reason = argv == NULL || envp == NULL ? ENOMEM : open_pipe(out);
	if (reason == 0 && !merged)
		reason = open_pipe(err);
	if (reason == 0) {
		null = above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
		reason = null < 0 ? errno : 0;
	}
	if (reason == 0) {
		int standard[3] = {null, out[1], merged ? out[1] : err[1]};
		reason = start(&pid, file, argv, envp, standard);
	}
	free(argv);
	free(envp);
	close_open(null);
	close_open(out[1]);
	close_open(err[1]);
	if (reason == 0)
		return numbers(env, (int[]){pid, out[0], err[0]}, 3);
	close_open(out[0]);
	close_open(err[0]);
	return number(env, reason);
}

/*
 * reap(pid): undefined while the process runs, then, once, [exit status,
 * signal], one of them -1; both when somebody else has waited for it.
 */
static napi_value reap(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value given;
	int32_t pid = 0;
	int state = 0;
	napi_get_cb_info(env, info, &count, &given, NULL, NULL);
	/* 0 and below would wait for any child, those of libuv too */
	if (napi_get_value_int32(env, given, &pid) != napi_ok || pid <= 0) {
		napi_throw_type_error(env, NULL, "not a process id");
		return NULL;
	}
	pid_t waited = waitpid(pid, &state, WNOHANG);
	if (waited == 0)
		return NULL;
	int status = waited > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
	int signal = waited > 0 && WIFSIGNALED(state) ? WTERMSIG(state) : -1;
	return numbers(env, (int[]){status, signal}, 2);
}

static void export_function(
	napi_env env, napi_value exports, const char *name, napi_callback call)
{
	napi_value function = NULL;
	napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function);
	napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT()
{
	export_function(env, exports, "spawn", spawn);
	export_function(env, exports, "reap", reap);
#ifdef SIGRTMIN
	/* not a constant: the C library keeps some for itself */
	napi_set_named_property(
		env, exports, "firstRealTimeSignal", number(env, SIGRTMIN));
#endif
	return exports;
}
