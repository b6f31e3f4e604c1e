/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bpf/bpf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "datapath/features.h"
#include "datapath_fixture.h"

static const struct bl_device_wish nobody; /* outside */

TestSuite(features, .init = place_up, .fini = place_down, .timeout = 600);

static const struct bl_feature *find(const struct bl_feature *items, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(items[i].name, name) == 0)
			return &items[i];
	}
	cr_assert_fail("no feature '%s'", name);
	return NULL;
}

/* The other tests of this folder load the programs here, so all that they need is here. */
Test(features, everything_required_is_found_where_the_programs_load)
{
	_cleanup_free_ struct bl_feature *items = NULL;
	size_t count = 0;

	(void)bl_datapath_close(place_open());
	cr_assert_eq(bl_features_probe(&place, &nobody, &items, &count), 0);
	cr_expect_gt(count, 20);
	for (size_t i = 0; i < count; i++) {
		printf("%-26s %-4s %s\n", items[i].name, items[i].found ? "yes" : "no",
		       items[i].detail);
		cr_expect(items[i].found || items[i].need == BL_FEATURE_OPTIONAL, "%s: %s",
			  items[i].name, items[i].detail);
		cr_expect(items[i].lost[0] && items[i].mend[0] && items[i].since[0], "%s",
			  items[i].name);
		cr_expect(items[i].found || items[i].detail[0], "%s says why", items[i].name);
	}
}

Test(features, what_is_missing_is_told_with_its_reason)
{
	_cleanup_free_ struct bl_feature *items = NULL;
	const struct bl_feature *row;
	size_t count = 0;

	place.bpffs = "/dev/shm/beeline";
	place.cgroup = "/proc";
	cr_assert_eq(bl_features_probe(&place, &nobody, &items, &count), 0);
	place.bpffs = PLACE_BPFFS;
	row = find(items, count, "bpf file system");
	cr_expect_not(row->found);
	cr_expect(strstr(row->detail, "/dev/shm"), "%s", row->detail);
	row = find(items, count, "cgroup2");
	cr_expect_not(row->found);
	cr_expect(strstr(row->detail, "'/proc'"), "%s", row->detail);
}

/* Also told by an agent that is not root. */
static int probe_unprivileged(void *userdata)
{
	_cleanup_free_ struct bl_feature *items = NULL;
	size_t count = 0;

	(void)userdata;
	if (setresuid(65534, 65534, 65534) < 0 ||
	    bl_features_probe(&place, &nobody, &items, &count) < 0)
		return 1;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(items[i].name, "connect hooks") == 0)
			return items[i].found || !strstr(items[i].detail, "not permitted") ? 2 : 0;
	}
	return 3;
}

Test(features, without_privilege_the_hooks_are_not_found)
{
	cr_expect_eq(child_wait(child_start(probe_unprivileged, NULL)), 0);
}

static const struct bl_feature *find_of(const struct bl_feature *items, size_t count,
					const char *device, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(items[i].device, device) == 0 && strcmp(items[i].name, name) == 0)
			return &items[i];
	cr_assert_fail("no feature '%s' of '%s'", name, device);
	return NULL;
}

Test(features, what_packets_need_is_found_where_their_programs_load)
{
	static const char *const names[] = {"lo", "nowhere0"};
	const struct bl_device_wish wish = {.names = names, .count = ARRAY_SIZE(names)};
	_cleanup_free_ struct bl_feature *items = NULL;
	size_t count = 0, packet = 0;

	cr_assert_eq(bl_features_probe(&place, &wish, &items, &count), 0);
	for (size_t i = 0; i < count; i++) {
		printf("%-8s %-26s %-4s %s\n", items[i].device, items[i].name,
		       items[i].found ? "yes" : "no", items[i].detail);
		cr_expect(items[i].found || items[i].detail[0], "%s says why", items[i].name);
		cr_expect(items[i].lost[0] && items[i].mend[0] && items[i].since[0], "%s",
			  items[i].name);
		if (items[i].device[0])
			continue;
		packet += strcmp(items[i].name, "packet programs") == 0;
		cr_expect(items[i].found || items[i].need == BL_FEATURE_OPTIONAL, "%s: %s",
			  items[i].name, items[i].detail);
	}
	cr_expect_eq(packet, 1);
	cr_expect(find_of(items, count, "lo", "there")->found);
	cr_expect(find_of(items, count, "lo", "free for XDP")->found);
	cr_expect(find_of(items, count, "lo", "room at tc")->found);
	cr_expect_not(find_of(items, count, "lo", "native XDP")->found, "lo has no driver");
	cr_expect_not(find_of(items, count, "nowhere0", "there")->found);
	cr_expect_eq(find_of(items, count, "nowhere0", "there")->need, BL_FEATURE_REQUIRED);
}

static unsigned int count_ids(int (*next)(uint32_t start, uint32_t *ret), int (*open_id)(uint32_t))
{
	unsigned int count = 0;

	for (uint32_t id = 0; next(id, &id) == 0;) {
		_cleanup_close_ int fd = open_id(id);
		union {
			struct bpf_prog_info program;
			struct bpf_map_info map;
		} info = {0};
		bool is_program = open_id == bpf_prog_get_fd_by_id;
		uint32_t len = is_program ? sizeof(info.program) : sizeof(info.map);

		if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) < 0)
			continue;
		count += strcmp(is_program ? info.program.name : info.map.name, "bl_probe") == 0;
	}
	return count;
}

Test(features, trials_leave_no_program_no_map_no_descriptor_and_no_limit_behind)
{
	static const char *const name = "lo";
	const struct bl_device_wish lo = {.names = &name, .count = 1};
	_cleanup_free_ struct bl_feature *items = NULL;
	struct rlimit before;
	struct rlimit after;
	size_t count = 0;
	unsigned int left = 1;
	int fd_before = dup(0);
	int fd_after;

	(void)close(fd_before);
	cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &before), 0);
	cr_assert_eq(bl_features_probe(&place, &lo, &items, &count), 0);
	cr_assert_eq(getrlimit(RLIMIT_MEMLOCK, &after), 0);
	fd_after = dup(0);
	(void)close(fd_after);
	cr_expect_eq(fd_after, fd_before);
	cr_expect_eq(before.rlim_cur, after.rlim_cur);
	cr_expect_neq(access(PLACE_BPFFS, F_OK), 0);
	/* Freed a little after the last reference went; other tests may be trying as well. */
	for (int i = 0; i < 3000 && left > 0; i++) {
		left = count_ids(bpf_prog_get_next_id, bpf_prog_get_fd_by_id) +
		       count_ids(bpf_map_get_next_id, bpf_map_get_fd_by_id);
		(void)usleep(left > 0 ? 10000 : 0);
	}
	cr_expect_eq(left, 0);
}
