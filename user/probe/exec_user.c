/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/exec_user.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define FILE_MAX (64u * 1024u)
#define CAPABILITY_MAX 63

static int read_text(struct bl_buf *buf, long pid, const char *name, struct bl_err *err)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", pid, name);
	r = bl_buf_read_file(buf, path, FILE_MAX);
	if (r >= 0 && buf->failed)
		r = -ENOMEM;
	if (r >= 0 && !buf->data)
		bl_buf_add_str(buf, "");
	return r < 0 ? bl_err_set(err, r, "cannot read '%s': %s", path, strerror(-r)) : 0;
}

/* "\nUid:\t0\t0": what stands behind the name; "" when it is not there. */
static const char *line_of(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	return at ? at + strlen(name) : "";
}

static uint64_t capabilities_of(const char *status, const char *name)
{
	return strtoull(line_of(status, name), NULL, 16);
}

/* Rows "INSIDE OUTSIDE COUNT" of uid_map. True when the number outside has one inside. */
static bool map_number(const char *map, uint32_t outside, uint32_t *ret_inside)
{
	uint32_t inside, first, count;
	int used;

	for (; sscanf(map, "%" SCNu32 " %" SCNu32 " %" SCNu32 "%n", &inside, &first, &count,
		      &used) == 3;
	     map += used) {
		if (outside >= first && outside - first < count) {
			*ret_inside = inside + (outside - first);
			return true;
		}
	}
	return false;
}

static void read_groups(struct bl_exec_user *user, const char *groups)
{
	while (user->group_count < BL_EXEC_GROUPS_MAX) {
		char *end;
		unsigned long group;

		groups += strspn(groups, " \t");
		group = strtoul(groups, &end, 10);
		if (end == groups || *groups == '\n')
			break;
		user->groups[user->group_count++] = (gid_t)group;
		groups = end;
	}
}

static int read_status(struct bl_exec_user *user, long pid, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	unsigned int first;
	int r = read_text(&text, pid, "status", err);

	if (r < 0)
		return r;
	/* The second number is the effective one. */
	if (sscanf(line_of(text.data, "\nUid:"), "%u %u", &first, &user->uid) != 2 ||
	    sscanf(line_of(text.data, "\nGid:"), "%u %u", &first, &user->gid) != 2)
		return bl_err_set(err, -EINVAL, "cannot tell the user of process %ld", pid);
	read_groups(user, line_of(text.data, "\nGroups:"));
	user->inheritable = capabilities_of(text.data, "\nCapInh:");
	user->permitted = capabilities_of(text.data, "\nCapPrm:");
	user->effective = capabilities_of(text.data, "\nCapEff:");
	user->bounding = capabilities_of(text.data, "\nCapBnd:");
	user->ambient = capabilities_of(text.data, "\nCapAmb:");
	user->no_new_privileges = strtol(line_of(text.data, "\nNoNewPrivs:"), NULL, 10) == 1;
	return 0;
}

static bool is_in_our_namespace(long pid)
{
	struct stat theirs, ours;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%ld/ns/user", pid);
	return stat(path, &theirs) < 0 || stat("/proc/self/ns/user", &ours) < 0 ||
	       (theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino);
}

/* /proc tells us our numbers. */
static int translate(struct bl_exec_user *user, long pid, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf uids = {0};
	_cleanup_(bl_buf_done) struct bl_buf gids = {0};
	_cleanup_(bl_buf_done) struct bl_buf groups = {0};
	size_t kept = 0;
	int r = read_text(&uids, pid, "uid_map", err);

	if (r >= 0)
		r = read_text(&gids, pid, "gid_map", err);
	if (r >= 0)
		r = read_text(&groups, pid, "setgroups", err);
	if (r < 0)
		return r;
	if (!map_number(uids.data, user->uid, &user->uid) ||
	    !map_number(gids.data, user->gid, &user->gid))
		return bl_err_set(err, -EINVAL,
				  "user %u and group %u of process %ld have no numbers in its user "
				  "namespace",
				  user->uid, user->gid, pid);
	for (size_t i = 0; i < user->group_count; i++)
		if (map_number(gids.data, user->groups[i], &user->groups[kept]))
			kept++;
	user->group_count = kept;
	user->may_set_groups = strncmp(groups.data, "allow", 5) == 0;
	return 0;
}

int bl_exec_user_read(long pid, struct bl_exec_user *ret, struct bl_err *err)
{
	struct bl_exec_user user = {.may_set_groups = true};
	int r = read_status(&user, pid, err);

	user.is_in_other_namespace = !is_in_our_namespace(pid);
	if (r >= 0 && user.is_in_other_namespace)
		r = translate(&user, pid, err);
	if (r >= 0)
		*ret = user;
	return r;
}

/* In the child */

static bool has(uint64_t set, unsigned int capability)
{
	return set >> capability & 1;
}

/* What is not in the bounding set no program can give back. */
static int bound(const struct bl_exec_user *user)
{
	for (unsigned int i = 0; i <= CAPABILITY_MAX; i++)
		if (!has(user->bounding, i) && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1 &&
		    prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
			return errno;
	return 0;
}

static int take_capabilities(const struct bl_exec_user *user)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++)
		data[i] = (struct __user_cap_data_struct){
			.effective = (uint32_t)(user->effective >> (32 * i)),
			.permitted = (uint32_t)(user->permitted >> (32 * i)),
			.inheritable = (uint32_t)(user->inheritable >> (32 * i)),
		};
	if (syscall(SYS_capset, &header, data) < 0)
		return errno;
	for (unsigned int i = 0; i <= CAPABILITY_MAX; i++)
		if (has(user->ambient, i) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return errno;
	return 0;
}

int bl_exec_user_become(const struct bl_exec_user *user)
{
	int error = bound(user);

	if (error)
		return error;
	/* Else they would go with the user. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return errno;
	if ((user->may_set_groups && setgroups(user->group_count, user->groups) < 0) ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return errno;
	error = take_capabilities(user);
	if (error)
		return error;
	return user->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
}
