/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define LOCK_TRIES 200
#define LOCK_PAUSE_MS 10

static int make_folders(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
}

/* A process that an agent had just started when it was killed has the lock until it gets a turn; so
 * this asks more than once. */
static int wait_for_lock(int fd)
{
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES)
			return -errno;
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return 0;
}

int bl_state_lock(const char *folder, bool make, int *ret_fd, struct bl_err *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	int r = make ? make_folders(folder) : 0;

	if (r < 0)
		return bl_err_set(err, r, "cannot make the state folder '%s': %s", folder,
				  strerror(-r));
	if (asprintf(&path, "%s/lock", folder) < 0) {
		path = NULL;
		return bl_err_set(err, -ENOMEM, "no memory");
	}
	fd = open(path, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
	if (fd < 0 && errno == ENOENT && !make) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0)
		return bl_err_set(err, -errno, "cannot open '%s': %m", path);
	r = wait_for_lock(fd);
	if (r == -EWOULDBLOCK)
		return bl_err_set(err, -EBUSY,
				  "another agent uses the state folder '%s': stop it, or name "
				  "another with --state-dir",
				  folder);
	if (r < 0)
		return bl_err_set(err, r, "cannot lock '%s': %s", path, strerror(-r));
	*ret_fd = TAKE_FD(fd);
	return 0;
}
