#define _GNU_SOURCE
#include "broker.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

int64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static bool is_trusted(uid_t user)
{
	return user == 0 || user == geteuid();
}

/* Connects to a socket file that we trust; false with errno. */
static bool connect_to(int fd, const struct sockaddr_un *address)
{
	struct stat file;
	if (stat(address->sun_path, &file) != 0)
		return false;
	if (!S_ISSOCK(file.st_mode)) {
		errno = ENOTSOCK;
		return false;
	}
	if (!is_trusted(file.st_uid)) {
		errno = EPERM;
		return false;
	}
	while (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
		if (errno != EINTR)
			return false;
	/* the listener's user: the file may have been replaced meanwhile */
	struct ucred peer;
	socklen_t length = sizeof peer;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
		is_trusted(peer.uid))
		return true;
	errno = EPERM;
	return false;
}

int connect_trusted(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect_to(fd, &address))
		return fd;
	int reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

void put_number(unsigned char *at, uint32_t number)
{
	at[0] = (unsigned char)(number >> 24);
	at[1] = (unsigned char)(number >> 16);
	at[2] = (unsigned char)(number >> 8);
	at[3] = (unsigned char)number;
}

uint32_t number_at(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
		(uint32_t)at[2] << 8 | at[3];
}

void put_head(unsigned char head[HEAD_BYTES], unsigned char kind, uint32_t id,
	uint32_t bytes)
{
	put_number(head, COUNTED_BYTES + bytes);
	head[4] = BROKER_VERSION;
	head[5] = kind;
	put_number(head + 6, id);
}
