/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/pin.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datapath/device.h"

#define LINKS "links"
/* An agent that was told to stop a moment ago, or a load, is waited for. */
#define LOCK_WAIT_MS 2000
#define LOCK_STEP_MS 20

static int map_path(const char *dir, enum bl_map_id id, char ret[static BL_PIN_PATH])
{
	int len = snprintf(ret, BL_PIN_PATH, "%s/%s", dir, bl_map_names[id]);

	return len < BL_PIN_PATH ? 0 : -ENAMETOOLONG;
}

static int link_path(const char *dir, const char *program, char ret[static BL_PIN_PATH])
{
	int len =
		snprintf(ret, BL_PIN_PATH, "%s/" LINKS "%s%s", dir, program[0] ? "/" : "", program);

	return len < BL_PIN_PATH ? 0 : -ENAMETOOLONG;
}

int bl_pin_make_folder(const char *dir, bool *ret_made, struct bl_err *err)
{
	char links[BL_PIN_PATH];
	bool made;
	int r;

	r = link_path(dir, "", links);
	if (r < 0)
		return bl_err_set(err, r, "path '%s' is too long", dir);
	made = mkdir(dir, 0700) == 0;
	if (!made && errno != EEXIST)
		return bl_err_set(err, -errno, "cannot make folder '%s': %m", dir);
	if (mkdir(links, 0700) < 0 && errno != EEXIST) {
		r = bl_err_set(err, -errno, "cannot make folder '%s': %m", links);
		if (made)
			(void)rmdir(dir);
		return r;
	}
	*ret_made = made;
	return 0;
}

int bl_pin_lock(const char *dir, int *ret_fd, struct bl_err *err)
{
	_cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return bl_err_set(err, -errno, "cannot open folder '%s': %m", dir);
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) < 0;) {
		if (errno != EINTR && errno != EWOULDBLOCK)
			return bl_err_set(err, -errno, "cannot lock folder '%s': %m", dir);
		if (waited >= LOCK_WAIT_MS)
			return bl_err_set(err, -EBUSY,
					  "another beeline uses '%s': stop its agent, or name "
					  "another folder with --bpffs",
					  dir);
		waited += LOCK_STEP_MS;
		(void)poll(NULL, 0, LOCK_STEP_MS);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int remove_file(const char *path)
{
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

/* The kernel ends a link that nobody holds when it gets round to it; who unloads means now. */
int bl_pin_remove_link(const char *dir, const char *program)
{
	_cleanup_close_ int fd = -1;
	char path[BL_PIN_PATH];
	int r = link_path(dir, program, path);

	if (r < 0)
		return r;
	if (bl_pin_open_link(dir, program, &fd) == 0)
		(void)bpf_link_detach(fd); /* fails where the cgroup went away first */
	return remove_file(path);
}

static int remove_devices(const char *dir)
{
	_cleanup_free_ uint32_t *ifindexes = NULL;
	size_t count = 0;
	int first = bl_device_list(dir, &ifindexes, &count);

	for (size_t i = 0; i < count; i++) {
		int r = bl_device_detach(dir, ifindexes[i], NULL);

		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

/* Translation ends before replies lose their names: the reverse of the order of attaching. */
static int remove_pins(const char *dir)
{
	char path[BL_PIN_PATH];
	int first = remove_devices(dir);
	int r;

	for (size_t i = 0; i < BL_MAP_ID_COUNT; i++) {
		r = map_path(dir, (enum bl_map_id)i, path);
		if (r == 0)
			r = remove_file(path);
		if (r < 0 && first == 0)
			first = r;
	}
	for (size_t i = bl_program_count; i > 0; i--) {
		r = bl_pin_remove_link(dir, bl_programs[i - 1].name);
		if (r < 0 && first == 0)
			first = r;
	}
	return first;
}

/* Names one file that is not ours, for the message. */
static void name_stranger(const char *dir, char *ret, size_t len)
{
	const struct dirent *entry;
	DIR *folder = opendir(dir);

	(void)snprintf(ret, len, "?");
	if (!folder)
		return;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] != '.')
			(void)snprintf(ret, len, "%s", entry->d_name);
	}
	(void)closedir(folder);
}

static int remove_folder(const char *dir, struct bl_err *err)
{
	char stranger[256];

	if (rmdir(dir) == 0 || errno == ENOENT)
		return 0;
	if (errno != ENOTEMPTY)
		return bl_err_set(err, -errno, "cannot remove folder '%s': %m", dir);
	name_stranger(dir, stranger, sizeof(stranger));
	return bl_err_set(err, -ENOTEMPTY,
			  "folder '%s' is kept, because it holds '%s', which is not beeline's", dir,
			  stranger);
}

int bl_pin_remove(const char *dir, bool keep_folder, struct bl_err *err)
{
	char links[BL_PIN_PATH];
	int r;

	if (access(dir, F_OK) < 0)
		return bl_err_set(err, -errno, "cannot find folder '%s': %m", dir);
	r = remove_pins(dir);
	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot remove pins from folder '%s': %m", dir);
	}
	r = link_path(dir, "", links);
	if (r == 0)
		r = remove_folder(links, err);
	if (r < 0 || keep_folder)
		return r;
	return remove_folder(dir, err);
}

static int pin(int fd, const char *path, struct bl_err *err)
{
	int r = bpf_obj_pin(fd, path);

	if (r == 0)
		return 0;
	if (r == -EEXIST)
		return bl_err_set(err, r,
				  "cannot pin '%s': it is there already; another beeline may be "
				  "loading at the same time",
				  path);
	errno = -r;
	return bl_err_set(err, r, "cannot pin '%s': %m", path);
}

int bl_pin_map(const char *dir, enum bl_map_id id, int fd, struct bl_err *err)
{
	char path[BL_PIN_PATH];
	int r = map_path(dir, id, path);

	return r < 0 ? bl_err_set(err, r, "path '%s' is too long", dir) : pin(fd, path, err);
}

int bl_pin_open_map(const char *dir, enum bl_map_id id, bool read_only, int *ret_fd)
{
	LIBBPF_OPTS(bpf_obj_get_opts, options, .file_flags = read_only ? BPF_F_RDONLY : 0);
	char path[BL_PIN_PATH];
	int r = map_path(dir, id, path);

	if (r < 0)
		return r;
	r = bpf_obj_get_opts(path, &options);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

int bl_pin_link(const char *dir, const char *program, int fd, struct bl_err *err)
{
	char path[BL_PIN_PATH];
	int r = link_path(dir, program, path);

	return r < 0 ? bl_err_set(err, r, "path '%s' is too long", dir) : pin(fd, path, err);
}

int bl_pin_open_link(const char *dir, const char *program, int *ret_fd)
{
	char path[BL_PIN_PATH];
	int r = link_path(dir, program, path);

	if (r < 0)
		return r;
	r = bpf_obj_get(path);
	if (r < 0)
		return r;
	*ret_fd = r;
	return 0;
}

int bl_pin_read_link(const char *dir, const char *program, struct bpf_link_info *ret)
{
	_cleanup_close_ int fd = -1;
	struct bpf_link_info info = {0};
	uint32_t len = sizeof(info);
	int r;

	r = bl_pin_open_link(dir, program, &fd);
	if (r < 0)
		return r;
	r = bpf_obj_get_info_by_fd(fd, &info, &len);
	if (r < 0)
		return r;
	*ret = info;
	return 0;
}

bool bl_pin_link_is_live(const struct bpf_link_info *info, const struct bl_program *program,
			 uint64_t cgroup_id)
{
	return info->type == BPF_LINK_TYPE_CGROUP && info->cgroup.cgroup_id == cgroup_id &&
	       info->cgroup.attach_type == (uint32_t)program->attach_type;
}
