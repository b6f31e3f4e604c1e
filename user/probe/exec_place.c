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
	const int *const fds[] = {&place->pidfd, &place->netns,  &place->root,
				  &place->cwd,   &place->cgroup, &place->procs};

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

/* The folder of a process's cgroup ("0::/path"), of which there is none without cgroup2. */
static int open_cgroup_of(const char *pid, const char *root, struct bl_exec_place *place,
			  struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	const char *line;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	if (!root || bl_buf_read_file(&text, path, STATUS_MAX) < 0 || !text.data)
		return 0;
	line = strstr(text.data, "0::/");
	if (!line)
		return 0;
	line += 3;
	place->cgroup = open_path(O_PATH | O_DIRECTORY, err, "%s%.*s", root,
				  (int)strcspn(line, "\n"), line);
	return place->cgroup < 0 ? place->cgroup : 0;
}

static int open_by_pid(const char *text, struct bl_exec_place *place, struct bl_err *err)
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
		r = bl_exec_user_read(pid, &place->user, err);
	if (r >= 0)
		r = read_env(place, pid, err);
	place->has_user = r >= 0;
	return r;
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

	place->cgroup = open_path(O_PATH | O_DIRECTORY, err, "%s%s%s", whole ? "" : root,
				  whole || name[0] == '/' ? "" : "/", name);
	return place->cgroup < 0 ? place->cgroup : 0;
}

/* That which the pod names, that of its process, or else the agent's own. */
static int find_cgroup(const struct bl_probe_target *target, const char *root,
		       struct bl_exec_place *place, struct bl_err *err)
{
	bool is_own = !target->cgroup && !target->pid;
	int r;

	if (target->cgroup)
		r = open_cgroup(target->cgroup, root, place, err);
	else
		r = open_cgroup_of(is_own ? "self" : target->pid, root, place, is_own ? NULL : err);
	if (is_own || r < 0 || place->cgroup < 0)
		return is_own ? 0 : r;
	place->procs = openat(place->cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	return place->procs < 0 ? bl_err_set(err, -errno, "cannot enter the container's cgroup: %m")
				: 0;
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
		r = open_by_pid(target->pid, &place, err);
	if (r >= 0 && target->netns)
		r = open_netns(target->netns, &place, err);
	if (r >= 0)
		r = find_cgroup(target, cgroup_root, &place, err);
	if (r < 0)
		return r;
	*ret = place;
	place = (struct bl_exec_place)BL_EXEC_PLACE_INIT;
	return 0;
}

int bl_exec_place_enter(const struct bl_exec_place *place, int procs)
{
	bool other_users = place->has_user && place->user.is_in_other_namespace;
	int spaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;

	if (place->netns < 0)
		spaces |= CLONE_NEWNET;
	if (other_users)
		spaces |= CLONE_NEWUSER;
	if (procs >= 0 && write(procs, "0", 1) != 1)
		return errno;
	/* In there our groups have no names, and may be impossible to put off. */
	if (other_users && setgroups(0, NULL) < 0)
		return errno;
	if (place->netns >= 0 && setns(place->netns, CLONE_NEWNET) < 0)
		return errno;
	if (place->pidfd >= 0 && setns(place->pidfd, spaces) < 0)
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
	environ = place->env ? place->env : (char **)(uintptr_t)plain_env;
	return place->has_user ? bl_exec_user_become(&place->user) : 0;
}
