/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/attach.h"

#include <bpf/bpf.h>
#include <errno.h>

#include "datapath/load.h"
#include "datapath/pin.h"

static int attach_failed(const struct bl_program *program, int code, struct bl_err *err)
{
	errno = -code;
	if (code == -EPERM)
		return bl_err_set(err, code,
				  "cannot attach '%s' to hook '%s': %m; another program may hold "
				  "the cgroup without BPF_F_ALLOW_MULTI: see bpftool cgroup tree",
				  program->name, program->hook);
	return bl_err_set(err, code == -EINVAL ? -ENOTSUP : code,
			  "cannot attach '%s' to hook '%s': %m", program->name, program->hook);
}

/* -ENOENT when there is no link in force. */
static int replace(const char *dir, const struct bl_program *program, int program_fd,
		   uint64_t cgroup_id, struct bl_err *err)
{
	_cleanup_close_ int link_fd = -1;
	struct bpf_link_info info;
	int r;

	r = bl_pin_read_link(dir, program->name, &info);
	if (r < 0)
		return r == -ENOENT ? r : attach_failed(program, r, err);
	if (!bl_pin_link_is_live(&info, program, cgroup_id))
		return -ENOENT;
	r = bl_pin_open_link(dir, program->name, &link_fd);
	if (r == 0)
		r = bpf_link_update(link_fd, program_fd, NULL);
	if (r == -ENOLINK)
		return -ENOENT; /* its cgroup went meanwhile */
	return r < 0 ? attach_failed(program, r, err) : 0;
}

static int make(const char *dir, const struct bl_program *program, int program_fd, int cgroup_fd,
		struct bl_err *err)
{
	_cleanup_close_ int link_fd = -1;
	int r;

	r = bl_pin_remove_link(dir, program->name);
	if (r < 0)
		return attach_failed(program, r, err);
	link_fd = bpf_link_create(program_fd, cgroup_fd, (enum bpf_attach_type)program->attach_type,
				  NULL);
	if (link_fd < 0)
		return attach_failed(program, link_fd, err);
	return bl_pin_link(dir, program->name, link_fd, err);
}

static int attach_one(const char *dir, const struct bl_program *program, int program_fd,
		      int cgroup_fd, uint64_t cgroup_id, struct bl_err *err)
{
	int r;

	if (program_fd < 0) {
		r = bl_pin_remove_link(dir, program->name);
		return r < 0 ? attach_failed(program, r, err) : 0;
	}
	r = replace(dir, program, program_fd, cgroup_id, err);
	return r == -ENOENT ? make(dir, program, program_fd, cgroup_fd, err) : r;
}

int bl_attach(const char *dir, const struct sock_bpf *object, int cgroup_fd, uint64_t cgroup_id,
	      struct bl_err *err)
{
	for (size_t i = 0; i < bl_program_count; i++) {
		const struct bl_program *program = &bl_programs[i];
		int r = attach_one(dir, program, bl_load_program_fd(object, program->name),
				   cgroup_fd, cgroup_id, err);

		if (r < 0)
			return r;
	}
	return 0;
}
