/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"

/* The kernel writes space, tab, newline and backslash in paths as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && strspn(from + 1, "01234567") >= 3) {
			*to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* "31 23 0:28 / /mount/point options... - type source options" */
static char *mount_point(char *line, const char *type)
{
	char *separator = strstr(line, " - ");
	char *field = line;

	if (!separator || strncmp(separator + 3, type, strlen(type)) != 0 ||
	    separator[3 + strlen(type)] != ' ')
		return NULL;
	for (int i = 0; i < 4; i++) {
		field = strchr(field, ' ');
		if (!field)
			return NULL;
		field++;
	}
	field[strcspn(field, " ")] = '\0';
	unescape(field);
	return field;
}

int bl_mounts_find_cgroup2(char **ret)
{
	_cleanup_fclose_ FILE *mounts = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	if (!mounts)
		return -errno;
	while (getline(&line, &room, mounts) >= 0) {
		const char *point = mount_point(line, "cgroup2");

		if (!point)
			continue;
		char *copy = strdup(point);
		if (!copy)
			return -ENOMEM;
		*ret = copy;
		return 0;
	}
	return -ENOENT;
}

int bl_mounts_open_cgroup(const char *path, int *ret_fd, uint64_t *ret_id, struct bl_err *err)
{
	_cleanup_free_ char *root = NULL;
	_cleanup_close_ int fd = -1;
	struct statfs filesystem;
	struct stat status;
	int r;

	if (!path) {
		r = bl_mounts_find_cgroup2(&root);
		if (r < 0 || !root)
			return bl_err_set(err, r < 0 ? r : -ENOENT,
					  "no cgroup2 hierarchy is mounted; mount one: mount -t "
					  "cgroup2 cgroup2 /sys/fs/cgroup");
		path = root;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return bl_err_set(err, -errno, "cannot open cgroup '%s': %m", path);
	if (fstatfs(fd, &filesystem) < 0 || fstat(fd, &status) < 0)
		return bl_err_set(err, -errno, "cannot read cgroup '%s': %m", path);
	if (filesystem.f_type != CGROUP2_SUPER_MAGIC)
		return bl_err_set(err, -EINVAL,
				  "'%s' is no cgroup2 folder; leave the option out, or name a "
				  "folder under the cgroup2 mount",
				  path);
	*ret_fd = TAKE_FD(fd);
	*ret_id = status.st_ino;
	return 0;
}

int bl_mounts_check_bpffs(const char *path, struct bl_err *err)
{
	struct statfs filesystem;

	if (statfs(path, &filesystem) < 0) {
		if (errno != ENOENT)
			return bl_err_set(err, -errno, "cannot look at '%s': %m", path);
		_cleanup_free_ char *copy = strdup(path);

		if (!copy)
			return bl_err_set(err, -ENOMEM, "cannot copy a path");
		path = dirname(copy);
		if (statfs(path, &filesystem) < 0)
			return bl_err_set(err, -errno,
					  "cannot find '%s': %m; mount a bpf file system: mount -t "
					  "bpf bpf /sys/fs/bpf",
					  path);
		if (filesystem.f_type == BPF_FS_MAGIC)
			return 0;
		return bl_err_set(err, -ENODEV,
				  "'%s' is no bpf file system; mount one: mount -t bpf bpf %s",
				  path, path);
	}
	if (filesystem.f_type != BPF_FS_MAGIC)
		return bl_err_set(err, -ENODEV,
				  "'%s' is on no bpf file system; mount one: mount -t bpf bpf "
				  "/sys/fs/bpf",
				  path);
	return 0;
}
