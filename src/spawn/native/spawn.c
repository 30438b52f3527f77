/*
 * Starts processes without copying the agent's page tables, and reaps them without
 * blocking. Uses only Node-API, so one build serves every version of Node.
 *
 * A start blocks its thread until the child has become the program: half a
 * millisecond, tens on a busy machine. So it runs on libuv's thread pool, and the
 * event loop goes on.
 *
 * JavaScript passes strings as blocks: UTF-8, one after the other, each terminated
 * by NUL.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <node_api.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "addon.h"

#ifdef ADDON_SOURCE
/* Hash of the sources; contrib/native/addon.mjs compares it. */
const char addon_source[] = ADDON_SOURCE;
#endif

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 ? 0
									 : errno;
}

/* Replaces a descriptor by one above 2, because the child overwrites 0 to 2. */
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

/*
 * Opens a pipe: ends[0] is the non-blocking read end, ends[1] the write end; -1 for
 * an end that is not open.
 */
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
	if (reason == 0 && ends[1] < 0)
		reason = errno;
	return reason != 0 ? reason : set_nonblocking(ends[0]);
}

static void close_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* UTF-8 strings one after the other, each terminated by NUL. */
struct block {
	const char *text;
	size_t bytes, strings;
};

/*
 * Copies a block to `text`, and pointers to its strings, as execve wants them, to
 * `strings`; advances both.
 */
static char **copy_strings(
	const struct block *block, char ***strings, char **text)
{
	char **first = *strings, *next = *text;
	memcpy(*text, block->text, block->bytes);
	for (size_t n = 0; n < block->strings; n++) {
		*(*strings)++ = next;
		next += strlen(next) + 1;
	}
	*(*strings)++ = NULL;
	*text += block->bytes;
	return first;
}

#ifdef __linux__
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#define SIGNALS 64
#define SIGNAL_BYTES (SIGNALS / 8)

/* For this thread; the C library's function would leave out two signals that it uses. */
static void block_signals(const uint64_t *blocked, uint64_t *before)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, blocked, before, SIGNAL_BYTES);
}

/*
 * Marks all descriptors above 2 of this process close-on-exec, for kernels before
 * 5.9. LevelDB opens its files without the flag, and none of our descriptors is
 * meant to be inherited. Returns 0 or an error number; without /proc, nothing is
 * marked.
 */
static int mark_descriptors(void)
{
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

/*
 * Turns the child of a vfork into the program: a session and group of its own, no
 * signal blocked or ignored, no descriptor above 2. Returns only if that fails,
 * with an error number. Until execve the child shares our memory and this thread's
 * stack, so it makes only system calls.
 */
static int become(const char *file, char **argv, char **envp,
	const int standard[3], const struct rlimit64 *open_files)
{
	/* as large as the kernel's struct; all zeros mean the default action */
	static const uint64_t by_default[4];
	const uint64_t none = 0;
	/* before unblocking signals, as a handler would run in our memory */
	for (int signal = 1; signal <= SIGNALS; signal++)
		syscall(SYS_rt_sigaction, signal, by_default, NULL, SIGNAL_BYTES);
	if (setsid() < 0)
		return errno;
	for (int fd = 0; fd <= 2; fd++)
		if (dup2(standard[fd], fd) < 0)
			return errno;
	syscall(SYS_close_range, 3U, ~0U, 0U);
	if (open_files->rlim_cur > 0)
		syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, open_files, NULL);
	block_signals(&none, NULL);
	execve(file, argv, envp);
	return errno;
}

/*
 * Starts `file` with the three given descriptors, all above 2, as its 0, 1 and 2;
 * returns 0 or an error number. Uses vfork instead of posix_spawn, which maps a
 * stack for each child: unmapping it interrupts every processor that runs the
 * agent.
 */
static int start(pid_t *pid, const char *file, char **argv, char **envp,
	const int standard[3], uint32_t open_files)
{
	const uint64_t all = ~(uint64_t)0;
	uint64_t before = 0;
	/* an empty range: tells whether the system call exists */
	bool can_close = syscall(SYS_close_range, ~0U, ~0U, 0U) == 0;
	int unmarked = can_close ? 0 : mark_descriptors();
	if (unmarked != 0)
		return unmarked;
	/* Node has raised our own soft limit; 0 keeps it */
	struct rlimit64 limit = {0, 0};
	if (open_files > 0 &&
		syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) == 0)
		limit.rlim_cur =
			open_files < limit.rlim_max ? open_files : limit.rlim_max;
	else
		limit.rlim_cur = 0;
	/* written by the child, while vfork suspends this thread */
	volatile int reason = 0;
	block_signals(&all, &before);
	pid_t child = vfork();
	if (child == 0) {
		reason = become(file, argv, envp, standard, &limit);
		_exit(127);
	}
	if (child < 0)
		reason = errno;
	block_signals(&before, NULL);
	if (child > 0 && reason != 0)
		while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
			;
	*pid = child;
	return reason;
}
#else
/* Session and group of its own, no signal blocked or ignored, no descriptor above 2. */
static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	int reason = posix_spawnattr_setsigmask(attributes, &none);
	if (reason == 0)
		reason = posix_spawnattr_setsigdefault(attributes, &all);
	if (reason == 0)
		reason = posix_spawnattr_setflags(attributes,
			POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF |
				POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_CLOEXEC_DEFAULT);
	return reason;
}

/* As above, but the child keeps our limit of open files. */
static int start(pid_t *pid, const char *file, char **argv, char **envp,
	const int standard[3], uint32_t open_files)
{
	(void)open_files;
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
			reason = posix_spawn(
				pid, file, &actions, &attributes, argv, envp);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return reason;
}
#endif

napi_value number(napi_env env, int value)
{
	napi_value result = NULL;
	napi_create_int32(env, value, &result);
	return result;
}

napi_value numbers(napi_env env, const int *values, uint32_t count)
{
	napi_value result = NULL;
	napi_create_array_with_length(env, count, &result);
	for (uint32_t n = 0; n < count; n++)
		napi_set_element(env, result, n, number(env, values[n]));
	return result;
}

static napi_value doubles(napi_env env, const double *values, uint32_t count)
{
	napi_value result = NULL, value = NULL;
	napi_create_array_with_length(env, count, &result);
	for (uint32_t n = 0; n < count; n++) {
		napi_create_double(env, values[n], &value);
		napi_set_element(env, result, n, value);
	}
	return result;
}

/*
 * Reads a block, which must end with NUL; otherwise throws an exception and returns
 * false.
 */
static bool block_of(napi_env env, napi_value value, struct block *block)
{
	void *text = NULL;
	if (napi_get_buffer_info(env, value, &text, &block->bytes) != napi_ok ||
		(block->bytes > 0 && ((char *)text)[block->bytes - 1] != '\0')) {
		napi_throw_type_error(env, NULL, "not a block of strings");
		return false;
	}
	block->text = text;
	block->strings = 0;
	for (size_t at = 0; at < block->bytes; at++)
		block->strings += block->text[at] == '\0';
	return true;
}

/* A requested start; its strings follow it in memory. */
struct request {
	/* for a thread of its own */
	struct errand errand;
	/* for the thread pool */
	napi_async_work work;
	napi_ref started;
	char **file, **argv, **envp;
	bool merged;
	uint32_t open_files;
	/* the result: 0 or an error number, and the read ends, -1 for none */
	int reason, out, err;
	pid_t pid;
};

/* Runs on a thread of the pool, or on its own. */
static void start_requested(napi_env env, void *data)
{
	(void)env;
	struct request *request = data;
	int out[2] = {-1, -1}, err[2] = {-1, -1}, null = -1;
	int reason = open_pipe(out);
	if (reason == 0 && !request->merged)
		reason = open_pipe(err);
	if (reason == 0) {
		null = above_standard(open("/dev/null", O_RDONLY | O_CLOEXEC));
		reason = null < 0 ? errno : 0;
	}
	if (reason == 0) {
		int standard[3] = {null, out[1], request->merged ? out[1] : err[1]};
		reason = start(&request->pid, request->file[0], request->argv,
			request->envp, standard, request->open_files);
	}
	close_open(null);
	close_open(out[1]);
	close_open(err[1]);
	if (reason != 0) {
		close_open(out[0]);
		close_open(err[0]);
	}
	request->reason = reason;
	request->out = out[0];
	request->err = err[0];
}

/* Runs in the event loop: returns [pid, stdout, stderr], or an error number. */
static napi_value answer_of(napi_env env, struct errand *errand)
{
	struct request *request = (struct request *)errand;
	if (request->reason != 0)
		return number(env, request->reason);
	return numbers(env, (int[]){request->pid, request->out, request->err}, 3);
}

static void run_start(struct errand *errand)
{
	start_requested(NULL, errand);
}

/* Runs in the event loop, after the pool's thread. */
static void tell_started(napi_env env, napi_status status, void *data)
{
	struct request *request = data;
	napi_value this, call, answer;
	/* otherwise cancelled before it began, as the process exits */
	if (status == napi_ok) {
		napi_get_global(env, &this);
		napi_get_reference_value(env, request->started, &call);
		answer = answer_of(env, &request->errand);
		/* a pending exception becomes an uncaught one in Node */
		napi_call_function(env, this, call, 1, &answer, NULL);
	}
	napi_delete_reference(env, request->started);
	napi_delete_async_work(env, request->work);
	free(request);
}

/*
 * spawn(file, argv, envp, merged, started, open_files, own_thread): the first three
 * are blocks. merged sends standard error to standard output. open_files is the
 * soft limit of open files; 0 or undefined keeps our own. own_thread uses a new
 * thread instead of the pool's. Calls `started`, in a later turn, with [pid,
 * stdout, stderr], stderr -1 if merged, or with an error number.
 */
static napi_value spawn(napi_env env, napi_callback_info info)
{
	size_t count = 7;
	napi_value given[7], name;
	struct block file, argv, envp;
	bool merged = false, own_thread = false;
	napi_get_cb_info(env, info, &count, given, NULL, NULL);
	if (!block_of(env, given[0], &file) || !block_of(env, given[1], &argv) ||
		!block_of(env, given[2], &envp))
		return NULL;
	if (file.strings != 1) {
		napi_throw_type_error(env, NULL, "not one file");
		return NULL;
	}
	napi_get_value_bool(env, given[3], &merged);
	/* each block of strings ends with a NULL */
	size_t strings = file.strings + argv.strings + envp.strings + 3;
	struct request *request = calloc(1, sizeof *request +
			strings * sizeof(char *) + file.bytes + argv.bytes + envp.bytes);
	if (request == NULL) {
		napi_throw_error(env, NULL, "no memory for a start");
		return NULL;
	}
	char **next = (char **)(request + 1), *text = (char *)(next + strings);
	request->file = copy_strings(&file, &next, &text);
	request->argv = copy_strings(&argv, &next, &text);
	request->envp = copy_strings(&envp, &next, &text);
	request->merged = merged;
	/* stays 0 for anything but a number */
	napi_get_value_uint32(env, given[5], &request->open_files);
	napi_get_value_bool(env, given[6], &own_thread);
	if (own_thread) {
		request->errand.run = run_start;
		request->errand.answer = answer_of;
		if (!start_errand(env, &request->errand, given[4]))
			napi_throw_error(env, "EAGAIN", "no thread for a start");
		return NULL;
	}
	napi_create_string_latin1(env, "spawn", NAPI_AUTO_LENGTH, &name);
	if (napi_create_reference(env, given[4], 1, &request->started) != napi_ok ||
		napi_create_async_work(env, NULL, name, start_requested,
			tell_started, request, &request->work) != napi_ok ||
		napi_queue_async_work(env, request->work) != napi_ok) {
		napi_throw_error(env, NULL, "the start could not be queued");
		free(request);
	}
	return NULL;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/*
 * The peak of a child's resident memory in bytes; -1 if it is not known to be the
 * child's. Until execve a child uses our memory, and the kernel counts that, so only
 * a peak above our own says something. The eighth more is for the kernel's counters,
 * which are inexact while many processors use them.
 */
static double peak_of(const struct rusage *child)
{
	struct rusage own;
	if (getrusage(RUSAGE_SELF, &own) != 0 ||
		child->ru_maxrss <= own.ru_maxrss + own.ru_maxrss / 8)
		return -1;
#ifdef __linux__
	return (double)child->ru_maxrss * 1024;
#else
	return (double)child->ru_maxrss;
#endif
}

/*
 * reap(pid): returns undefined while the process runs, then once [exit status,
 * signal, left, CPU seconds, peak of memory]. One of the first two is -1; both are
 * if the child has been reaped elsewhere, and then the last two are, too. left is 0
 * if the process's group is empty: checking it here takes a microsecond, while
 * process.kill would create an Error.
 */
static napi_value reap(napi_env env, napi_callback_info info)
{
	size_t count = 1;
	napi_value given;
	int32_t pid = 0;
	int state = 0;
	struct rusage used;
	double cpu = -1, peak = -1;
	napi_get_cb_info(env, info, &count, &given, NULL, NULL);
	/* 0 and below would reap any child, also those of libuv */
	if (napi_get_value_int32(env, given, &pid) != napi_ok || pid <= 0) {
		napi_throw_type_error(env, NULL, "not a process id");
		return NULL;
	}
	pid_t waited = wait4(pid, &state, WNOHANG, &used);
	if (waited == 0)
		return NULL;
	if (waited > 0) {
		cpu = seconds(used.ru_utime) + seconds(used.ru_stime);
		peak = peak_of(&used);
	}
	int status = waited > 0 && WIFEXITED(state) ? WEXITSTATUS(state) : -1;
	int signal = waited > 0 && WIFSIGNALED(state) ? WTERMSIG(state) : -1;
	int left = kill(-pid, 0) == 0 || errno != ESRCH;
	return doubles(env, (double[]){status, signal, left, cpu, peak}, 5);
}

/*
 * drain(fd): reads the contents of a pipe. Returns [Buffer or undefined, whether it
 * has ended]. Closes a pipe that has ended or cannot be read.
 */
static napi_value drain(napi_env env, napi_callback_info info)
{
	/* a pipe's capacity; static, as only the event loop's thread calls this */
	static char bytes[65536];
	size_t count = 1, got = 0;
	ssize_t more = 1;
	int32_t fd = -1;
	napi_value given, buffer = NULL, ended = NULL, answer = NULL;
	napi_get_cb_info(env, info, &count, &given, NULL, NULL);
	if (napi_get_value_int32(env, given, &fd) != napi_ok || fd < 0) {
		napi_throw_type_error(env, NULL, "not a descriptor");
		return NULL;
	}
	while (got < sizeof bytes && more > 0) {
		more = read(fd, bytes + got, sizeof bytes - got);
		if (more > 0)
			got += more;
		else if (more < 0 && errno == EINTR)
			more = 1;
	}
	bool is_ended = more == 0 || (more < 0 && errno != EAGAIN);
	if (is_ended)
		close(fd);
	napi_create_array_with_length(env, 2, &answer);
	if (got == 0)
		napi_get_undefined(env, &buffer);
	else if (napi_create_buffer_copy(env, got, bytes, NULL, &buffer) != napi_ok)
		return NULL;
	napi_set_element(env, answer, 0, buffer);
	napi_get_boolean(env, is_ended, &ended);
	napi_set_element(env, answer, 1, ended);
	return answer;
}

void export_function(
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
	export_function(env, exports, "drain", drain);
	export_lock(env, exports);
	export_lookup(env, exports);
	export_look(env, exports);
	export_memory(env, exports);
	export_orphans(env, exports);
	export_signals(env, exports);
	export_sockets(env, exports);
#ifdef SIGRTMIN
	/* not a constant: the C library reserves some */
	napi_set_named_property(
		env, exports, "firstRealTimeSignal", number(env, SIGRTMIN));
#endif
	return exports;
}
