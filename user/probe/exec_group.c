/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "probe/exec_group.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRY_USEC (50 * 1000ull)

struct bl_exec_group {
	struct bl_exec_group *next; /* of those that wait */
	int parent;
	int procs, kill;
	char name[64];
};

struct bl_exec_groups {
	struct bl_exec_group *waiting;
	sd_event_source *timer;
};

static void free_group(struct bl_exec_group *group)
{
	bl_close_p(&group->parent);
	bl_close_p(&group->procs);
	bl_close_p(&group->kill);
	free(group);
}

/* Gone, or not to be removed by us any more. */
static bool is_removed(const struct bl_exec_group *group)
{
	return unlinkat(group->parent, group->name, AT_REMOVEDIR) == 0 || errno != EBUSY;
}

static void remove_waiting(struct bl_exec_groups *groups)
{
	for (struct bl_exec_group **at = &groups->waiting; *at;) {
		struct bl_exec_group *group = *at;

		if (!is_removed(group)) {
			at = &group->next;
			continue;
		}
		*at = group->next;
		free_group(group);
	}
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_exec_groups *groups = userdata;

	(void)usec;
	remove_waiting(groups);
	if (!groups->waiting)
		return 0;
	(void)sd_event_source_set_time_relative(timer, RETRY_USEC);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

int bl_exec_groups_new(sd_event *loop, struct bl_exec_groups **ret)
{
	_cleanup_(bl_exec_groups_free) struct bl_exec_groups *groups = calloc(1, sizeof(*groups));
	int r;

	if (!groups)
		return -ENOMEM;
	r = sd_event_add_time_relative(loop, &groups->timer, CLOCK_MONOTONIC, 0, 0, on_timer,
				       groups);
	if (r >= 0)
		r = sd_event_source_set_enabled(groups->timer, SD_EVENT_OFF);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(groups);
	return 0;
}

struct bl_exec_groups *bl_exec_groups_free(struct bl_exec_groups *groups)
{
	if (!groups)
		return NULL;
	/* What was killed a moment ago is about to go. */
	for (int i = 0; groups->waiting && i < 20; i++) {
		remove_waiting(groups);
		if (groups->waiting)
			(void)usleep(5000);
	}
	while (groups->waiting) {
		struct bl_exec_group *group = groups->waiting;

		groups->waiting = group->next;
		free_group(group);
	}
	sd_event_source_disable_unref(groups->timer);
	free(groups);
	return NULL;
}

static int open_file(const struct bl_exec_group *group, const char *file, int *ret_fd)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/%s", group->name, file);
	*ret_fd = openat(group->parent, path, O_WRONLY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

int bl_exec_group_new(int parent, struct bl_exec_group **ret)
{
	static uint64_t number;
	struct bl_exec_group *group = calloc(1, sizeof(*group));
	int r;

	if (!group)
		return -ENOMEM;
	group->procs = group->kill = -1;
	group->parent = fcntl(parent, F_DUPFD_CLOEXEC, 3);
	(void)snprintf(group->name, sizeof(group->name), "beeline-probe-%d-%llu", (int)getpid(),
		       (unsigned long long)++number);
	r = group->parent < 0 || mkdirat(group->parent, group->name, 0755) < 0 ? -errno : 0;
	if (r < 0) {
		free_group(group);
		return r;
	}
	r = open_file(group, "cgroup.procs", &group->procs);
	if (r >= 0)
		r = open_file(group, "cgroup.kill", &group->kill);
	if (r < 0) {
		(void)is_removed(group);
		free_group(group);
		return r;
	}
	*ret = group;
	return 0;
}

int bl_exec_group_procs(const struct bl_exec_group *group)
{
	return group ? group->procs : -1;
}

struct bl_exec_group *bl_exec_group_end(struct bl_exec_groups *groups, struct bl_exec_group *group)
{
	if (!group)
		return NULL;
	if (is_removed(group)) { /* nobody is left in there */
		free_group(group);
		return NULL;
	}
	(void)!write(group->kill, "1", 1);
	group->next = groups->waiting;
	groups->waiting = group;
	(void)sd_event_source_set_time_relative(groups->timer, RETRY_USEC);
	(void)sd_event_source_set_enabled(groups->timer, SD_EVENT_ONESHOT);
	return NULL;
}
