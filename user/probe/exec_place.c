/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/exec_place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/buf.h"

#define ENV_MAX (256u * 1024u)
#define STATUS_MAX (64u * 1024u)

static const char *const plain_env[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", NULL};

void bl_exec_place_done(struct bl_exec_place *place)
{
	const int *const fds[] = {&place->pidfd, &place->netns, &place->root, &place->cwd,
				  &place->cgroup};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		bl_close_p(fds[i]);
	free(place->env_text);
	free(place->env);
	*place = (struct bl_exec_place)BL_EXEC_PLACE_INIT;
}

static int open_path(int flags, struct bl_err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int open_path(int flags, struct bl_err *err, const char *format, ...)
{
	char path[4096];
	va_list args;
	int fd;

	va_start(args, format);
	(void)vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? bl_err_set(err, -errno, "cannot open '%s': %m", path) : fd;
}

static int read_text(struct bl_buf *buf, size_t max, struct bl_err *err, long pid, const char *name)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	r = bl_buf_read_file(buf, path, max);
	if (r >= 0 && buf->failed)
		r = -ENOMEM;
	return r < 0 ? bl_err_set(err, r, "cannot read '%s': %s", path, strerror(-r)) : 0;
}

/* "Uid:\t0\t0\t0\t0": the second number is the effective one. */
static const char *line_of(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? at + strlen(name) : NULL;
}

static int read_user(struct bl_exec_place *place, long pid, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf status = {0};
	unsigned int real_uid, real_gid;
	const char *uid, *gid, *groups;
	int r = read_text(&status, STATUS_MAX, err, pid, "status");

	if (r < 0)
		return r;
	uid = line_of(status.data ? status.data : "", "\nUid:");
	gid = line_of(status.data ? status.data : "", "\nGid:");
	groups = line_of(status.data ? status.data : "", "\nGroups:");
	if (!uid || !gid || sscanf(uid, "%u %u", &real_uid, &place->uid) != 2 ||
	    sscanf(gid, "%u %u", &real_gid, &place->gid) != 2)
		return bl_err_set(err, -EINVAL, "cannot tell the user of process %ld", pid);
	while (groups && place->group_count < BL_EXEC_GROUPS_MAX) {
		char *end;
		unsigned long group;

		groups += strspn(groups, " \t");
		group = strtoul(groups, &end, 10);
		if (end == groups || *groups == '\n')
			break;
		place->groups[place->group_count++] = (gid_t)group;
		groups = end;
	}
	place->has_user = true;
	return 0;
}

/* What the container was started with. */
static int read_env(struct bl_exec_place *place, long pid, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	size_t count = 0, used = 0;
	int r = read_text(&text, ENV_MAX, err, pid, "environ");

	if (r < 0)
		return r;
	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == '\0';
	place->env = calloc(count + 2, sizeof(*place->env));
	if (!place->env)
		return bl_err_set(err, -ENOMEM, "no memory");
	for (size_t at = 0; at < text.len; at += strlen(text.data + at) + 1)
		place->env[used++] = text.data + at;
	place->env_text = text.data;
	text = (struct bl_buf){0};
	return 0;
}

/* "0::/path" */
static int open_cgroup_of(long pid, const char *root, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	const char *line;
	int r = read_text(&text, STATUS_MAX, err, pid, "cgroup");

	if (r < 0)
		return r;
	line = text.data ? strstr(text.data, "0::/") : NULL;
	if (!line || !root)
		return -1; /* no cgroup2 here: it runs in ours */
	line += 3;
	return open_path(O_WRONLY, err, "%s%.*s/cgroup.procs", root, (int)strcspn(line, "\n"),
			 line);
}

static int open_by_pid(const char *text, const char *cgroup_root, struct bl_exec_place *place,
		       struct bl_err *err)
{
	char *end;
	long pid = strtol(text, &end, 10);
	int r;

	if (*end || pid < 1)
		return bl_err_set(err, -EINVAL,
				  "annotation '%s': expected a process id, got '%.40s'",
				  BL_ANNOTATION_PID, text);
	place->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (place->pidfd < 0)
		return bl_err_set(err, -errno, "process %ld of the container: %m", pid);
	place->root = r = open_path(O_PATH | O_DIRECTORY, err, "/proc/%ld/root", pid);
	if (r >= 0)
		place->cwd = r = open_path(O_PATH | O_DIRECTORY, err, "/proc/%ld/cwd", pid);
	if (r >= 0)
		r = read_user(place, pid, err);
	if (r >= 0)
		r = read_env(place, pid, err);
	if (r < 0)
		return r;
	r = open_cgroup_of(pid, cgroup_root, err);
	place->cgroup = r < 0 ? -1 : r;
	return r < -1 ? r : 0;
}

static int open_netns(const char *name, struct bl_exec_place *place, struct bl_err *err)
{
	place->netns = open_path(O_RDONLY, err, name[0] == '/' ? "%s" : "/run/netns/%s", name);
	return place->netns < 0 ? place->netns : 0;
}

static int open_cgroup(const char *name, const char *root, struct bl_exec_place *place,
		       struct bl_err *err)
{
	size_t len = root ? strlen(root) : 0;
	bool whole = !root || strncmp(name, root, len) == 0;

	bl_close_p(&place->cgroup);
	place->cgroup = open_path(O_WRONLY, err, "%s%s%s/cgroup.procs", whole ? "" : root,
				  whole || name[0] == '/' ? "" : "/", name);
	return place->cgroup < 0 ? place->cgroup : 0;
}

int bl_exec_place_open(const struct bl_probe_target *target, const char *cgroup_root,
		       struct bl_exec_place *ret, struct bl_err *err)
{
	_cleanup_(bl_exec_place_done) struct bl_exec_place place = BL_EXEC_PLACE_INIT;
	int r = 0;

	if (!target->pid && !target->netns)
		return bl_err_set(err, -EINVAL,
				  "nobody says where the container runs: give the agent "
				  "--cri-socket, or the pod an annotation '%s' or '%s'",
				  BL_ANNOTATION_PID, BL_ANNOTATION_NETNS);
	if (target->pid)
		r = open_by_pid(target->pid, cgroup_root, &place, err);
	if (r >= 0 && target->netns)
		r = open_netns(target->netns, &place, err);
	if (r >= 0 && target->cgroup)
		r = open_cgroup(target->cgroup, cgroup_root, &place, err);
	if (r < 0)
		return r;
	*ret = place;
	place = (struct bl_exec_place)BL_EXEC_PLACE_INIT;
	return 0;
}

int bl_exec_place_enter(const struct bl_exec_place *place)
{
	const int spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
			   CLONE_NEWCGROUP;

	if (place->cgroup >= 0 && write(place->cgroup, "0", 1) != 1)
		return errno;
	if (place->pidfd >= 0 && setns(place->pidfd, spaces) < 0)
		return errno;
	if (place->netns >= 0 && setns(place->netns, CLONE_NEWNET) < 0)
		return errno;
	return 0;
}

int bl_exec_place_become(const struct bl_exec_place *place)
{
	if (place->root >= 0 && (fchdir(place->root) < 0 || chroot(".") < 0))
		return errno;
	/* The folder may be one that its user may not enter any more. */
	if (place->cwd >= 0 && fchdir(place->cwd) < 0 && chdir("/") < 0)
		return errno;
	if (place->has_user && (setgroups(place->group_count, place->groups) < 0 ||
				setresgid(place->gid, place->gid, place->gid) < 0 ||
				setresuid(place->uid, place->uid, place->uid) < 0))
		return errno;
	environ = place->env ? place->env : (char **)(uintptr_t)plain_env;
	return 0;
}
