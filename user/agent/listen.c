/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/cleanup.h"

#define BACKLOG 128

static int new_socket(int family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* Removes a socket that nobody serves. */
static int clear_place(const char *path, const struct sockaddr_un *address, struct bl_err *err)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : bl_err_set(err, -errno, "cannot use '%s': %m", path);
	if (!S_ISSOCK(st.st_mode))
		return bl_err_set(err, -EEXIST,
				  "'%s' exists and is no socket: remove it or name another with "
				  "--socket",
				  path);
	fd = new_socket(AF_UNIX);
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) >= 0 || errno == EAGAIN)
		return bl_err_set(err, -EADDRINUSE,
				  "another agent answers at '%s': stop it or name another socket "
				  "with --socket",
				  path);
	if (errno != ECONNREFUSED)
		return bl_err_set(err, -errno, "cannot use '%s': %m", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return bl_err_set(err, -errno, "cannot remove the old socket '%s': %m", path);
	return 0;
}

int bl_listen_unix(const char *path, struct bl_err *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = -1;
	mode_t mask;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return bl_err_set(err, -ENAMETOOLONG,
				  "the path of the socket has %zu characters, at most %zu are "
				  "possible: '%s'",
				  strlen(path), sizeof(address.sun_path) - 1, path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	r = clear_place(path, &address, err);
	if (r < 0)
		return r;
	fd = new_socket(AF_UNIX);
	if (fd < 0)
		return bl_err_set(err, fd, "cannot make a socket: %s", strerror(-fd));
	mask = umask(0177); /* never open to others, not even between bind and chmod */
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	(void)umask(mask);
	if (r >= 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return bl_err_set(err, r, "cannot listen on '%s': %s", path, strerror(-r));
	return TAKE_FD(fd);
}

int bl_listen_tcp(const struct bl_addr *addr, uint16_t port, struct bl_err *err)
{
	struct sockaddr_storage address;
	socklen_t len = bl_addr_to_sockaddr(addr, port, &address);
	_cleanup_close_ int fd = new_socket(address.ss_family);
	char text[BL_ADDR_TEXT];
	int one = 1;

	if (fd < 0)
		return bl_err_set(err, fd, "cannot make a socket: %s", strerror(-fd));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (address.ss_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0) ||
	    bind(fd, (const struct sockaddr *)&address, len) < 0 || listen(fd, BACKLOG) < 0)
		return bl_err_set(err, -errno, "cannot listen on port %u of '%s': %m", port,
				  bl_addr_format(addr, text));
	return TAKE_FD(fd);
}
