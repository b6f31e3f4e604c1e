/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "datapath_fixture.h"

TestSuite(life, .init = place_up, .fini = place_down, .timeout = 600);

static const char *const maps[] = {
	BL_MAP_ABI,           BL_MAP_FRONTENDS4, BL_MAP_FRONTENDS6,  BL_MAP_SLOTS,
	BL_MAP_BACKENDS,      BL_MAP_SERVICES,   BL_MAP_ADDR_FILTER, BL_MAP_SOCKS,
	BL_MAP_UDP_PEERS,     BL_MAP_AFFINITY,   BL_MAP_NETNS_PODS,  BL_MAP_SERVICE_STATS,
	BL_MAP_BACKEND_STATS, BL_MAP_REASONS,    BL_MAP_TCP_PEERS,
};

static const struct web web4 = {"10.96.0.1",      80, "127.0.0.1", 8080, IPPROTO_TCP,
				BL_BACKEND_READY, 1};
static const struct web web6 = {"fd00:10:96::1", 80, "::1", 8080, IPPROTO_TCP, BL_BACKEND_READY, 1};

static int dial_web4(void *userdata)
{
	(void)userdata;
	return -dial(web4.address, web4.port, SOCK_STREAM);
}

static int dial_web6(void *userdata)
{
	(void)userdata;
	return -dial(web6.address, web6.port, SOCK_STREAM);
}

Test(life, a_first_load_pins_every_map_and_puts_every_program_in_force)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	const struct bl_program_status *status;
	size_t count;

	cr_expect_not(bl_datapath_was_adopted(datapath));
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		cr_expect_neq(pinned_map_id(maps[i]), 0, "%s", maps[i]);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	cr_expect_eq(count, 11);
	for (size_t i = 0; i < count; i++) {
		cr_expect(status[i].attached, "%s", status[i].name);
		cr_expect_neq(status[i].id, 0, "%s", status[i].name);
	}
}

Test(life, a_client_of_a_frontend_reaches_its_backend_also_after_close)
{
	_cleanup_close_ int server4 = listen_on("127.0.0.1", 8080);
	_cleanup_close_ int server6 = listen_on("::1", 8080);
	struct bl_datapath *datapath = place_open();
	struct bl_err err = {0};

	cr_expect_eq(child_wait(child_start(dial_web4, NULL)), ENETUNREACH);
	cr_assert_eq(web_apply(datapath, &web4, &err), 0, "%s", err.text);
	cr_expect_eq(child_wait(child_start(dial_web4, NULL)), 0);
	cr_assert_eq(web_apply(datapath, &web6, &err), 0, "%s", err.text);
	cr_expect_eq(child_wait(child_start(dial_web6, NULL)), 0);
	datapath = bl_datapath_close(datapath);
	cr_expect_null(datapath);
	cr_expect_eq(child_wait(child_start(dial_web6, NULL)), 0);
}

struct traffic {
	volatile int stop;
	volatile unsigned int tries;
	volatile unsigned int failures;
};

static int dial_until_stopped(void *userdata)
{
	struct traffic *traffic = userdata;

	while (!traffic->stop) {
		if (dial(web4.address, web4.port, SOCK_STREAM) < 0)
			traffic->failures++;
		traffic->tries++;
	}
	return 0;
}

static void *drain(int server, struct traffic *traffic, unsigned int tries)
{
	/* Keeps the backlog short while the clients go on. */
	while (traffic->tries < tries) {
		int fd = accept(server, NULL, NULL);

		if (fd >= 0)
			(void)close(fd);
	}
	return NULL;
}

Test(life, adoption_replaces_programs_under_traffic_without_a_failed_connect)
{
	struct traffic *traffic = mmap(NULL, sizeof(*traffic), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_cleanup_close_ int server = listen_on("127.0.0.1", 8080);
	struct bl_datapath *datapath = place_open();
	const struct bl_program_status *status;
	uint32_t map_ids[ARRAY_SIZE(maps)];
	uint32_t link_id = pinned_link_id("bl_connect4");
	uint32_t program_id;
	unsigned int overlaps = 0;
	unsigned int tries;
	size_t count;

	cr_assert_neq(traffic, MAP_FAILED);
	cr_assert_eq(web_apply(datapath, &web4, NULL), 0);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	program_id = status[0].id;
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		map_ids[i] = pinned_map_id(maps[i]);
	datapath = bl_datapath_close(datapath);

	pid_t client = child_start(dial_until_stopped, traffic);
	pid_t acceptor = fork();
	cr_assert_geq(acceptor, 0);
	if (acceptor == 0) {
		(void)drain(server, traffic, 1u << 30);
		_exit(0);
	}
	while (traffic->tries == 0)
		(void)usleep(1000);
	/* On a busy machine the client may get no turn during one of them. */
	for (int i = 0; i < 30 && overlaps < 3; i++) {
		datapath = bl_datapath_close(datapath);
		tries = traffic->tries;
		datapath = place_open();
		cr_expect(bl_datapath_was_adopted(datapath));
		overlaps += traffic->tries > tries;
	}
	cr_expect_eq(overlaps, 3, "no traffic while programs were replaced");
	tries = traffic->tries;
	while (traffic->tries < tries + 100)
		(void)usleep(1000);
	traffic->stop = 1;
	cr_expect_eq(child_wait(client), 0);
	(void)kill(acceptor, SIGKILL);
	(void)waitpid(acceptor, NULL, 0);

	cr_expect_eq(traffic->failures, 0, "%u of %u failed", traffic->failures, traffic->tries);
	cr_expect_eq(pinned_link_id("bl_connect4"), link_id);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		cr_expect_eq(pinned_map_id(maps[i]), map_ids[i], "%s", maps[i]);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	cr_expect_neq(status[0].id, program_id);
	cr_expect(status[0].attached);
	(void)bl_datapath_close(datapath);
}

Test(life, adopted_maps_keep_their_sizes)
{
	struct bl_datapath *datapath = bl_datapath_close(place_open());

	place.limits.frontends = 4;
	place.limits.backends = 9999;
	datapath = place_open();
	cr_expect_eq(bl_datapath_limits(datapath).frontends, 64);
	cr_expect_eq(bl_datapath_limits(datapath).backends, 1024);
	(void)bl_datapath_close(datapath);
}

Test(life, a_link_to_another_cgroup_is_made_anew)
{
	struct bl_datapath *datapath = place_open();
	uint32_t link_id = pinned_link_id("bl_connect4");
	const char *cgroup = place.cgroup;
	const struct bl_program_status *status;
	size_t count;

	(void)bl_datapath_close(datapath);
	place.cgroup = place_other_cgroup();
	datapath = place_open();
	cr_expect(bl_datapath_was_adopted(datapath));
	cr_expect_neq(pinned_link_id("bl_connect4"), link_id);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		cr_expect(status[i].attached, "%s", status[i].name);
	(void)bl_datapath_close(datapath);

	/* Seen from the first cgroup they are in force nowhere. */
	place.cgroup = cgroup;
	cr_assert_eq(bl_datapath_open_read_only(&place, &datapath, NULL), 0);
	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		cr_expect_not(status[i].attached, "%s", status[i].name);
	(void)bl_datapath_close(datapath);
}

Test(life, without_refuse_bind_no_program_watches_binds)
{
	struct bl_datapath *datapath = bl_datapath_close(place_open());

	cr_expect_neq(pinned_link_id("bl_post_bind4"), 0);
	place.refuse_bind = false;
	datapath = place_open();
	cr_expect_eq(pinned_link_id("bl_post_bind4"), 0);
	cr_expect_neq(pinned_link_id("bl_connect4"), 0);
	(void)bl_datapath_close(datapath);
}

Test(life, one_process_at_a_time_writes_and_others_may_look)
{
	struct bl_datapath *datapath = place_open(), *second = NULL;
	uint32_t link_id = pinned_link_id("bl_connect4");
	struct bl_err err = {0};

	cr_expect_eq(bl_datapath_open(&place, &second, &err), -EBUSY);
	cr_expect(strstr(err.text, PLACE_BPFFS), "%s", err.text);
	cr_expect_eq(bl_datapath_unload(&place, &err), -EBUSY);
	cr_expect_eq(pinned_link_id("bl_connect4"), link_id);
	cr_assert_eq(bl_datapath_open_read_only(&place, &second, &err), 0, "%s", err.text);
	(void)bl_datapath_close(second);
	(void)bl_datapath_close(datapath);
	cr_expect_eq(bl_datapath_unload(&place, &err), 0, "%s", err.text);
}

static bool all_attached(struct bl_datapath *datapath)
{
	const struct bl_program_status *status;
	size_t count;
	bool all = true;

	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		all &= status[i].attached;
	return all;
}

Test(life, programs_that_were_taken_off_their_hooks_are_put_back)
{
	_cleanup_close_ int server = listen_on("127.0.0.1", 8080);
	struct bl_datapath *datapath = place_open();
	_cleanup_close_ int link = bpf_obj_get(PLACE_BPFFS "/links/bl_connect4");
	struct bl_err err = {0};

	cr_assert_eq(web_apply(datapath, &web4, NULL), 0);
	cr_assert_eq(bpf_link_detach(link), 0);
	cr_assert_eq(unlink(PLACE_BPFFS "/links/bl_getpeername6"), 0);
	cr_expect_not(all_attached(datapath));
	cr_expect_eq(child_wait(child_start(dial_web4, NULL)), ENETUNREACH);

	cr_assert_eq(bl_datapath_attach_again(datapath, &place, &err), 0, "%s", err.text);
	cr_expect(all_attached(datapath));
	cr_expect_eq(child_wait(child_start(dial_web4, NULL)), 0);
	(void)bl_datapath_close(datapath);
}

Test(life, maps_of_another_version_are_refused_with_advice)
{
	struct bl_datapath *datapath = bl_datapath_close(place_open());
	_cleanup_close_ int fd = bpf_obj_get(PLACE_BPFFS "/" BL_MAP_ABI);
	struct bl_abi abi = {.magic = BL_ABI_MAGIC, .version = BL_ABI_VERSION + 1};
	struct bl_err err = {0};
	uint32_t zero = 0;

	cr_assert_eq(bpf_map_update_elem(fd, &zero, &abi, BPF_ANY), 0);
	cr_expect_eq(bl_datapath_open(&place, &datapath, &err), -EEXIST);
	cr_expect(strstr(err.text, "beeline unload"), "%s", err.text);
	cr_expect_neq(pinned_link_id("bl_connect4"), 0, "what was in force stays in force");
	cr_expect_eq(bl_datapath_open_read_only(&place, &datapath, &err), -EEXIST);
}

Test(life, a_pinned_map_of_another_kind_is_refused_with_advice)
{
	struct bl_datapath *datapath = bl_datapath_close(place_open());
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "odd", 4, 8, 16, NULL);
	struct bl_err err = {0};

	cr_assert_geq(fd, 0);
	cr_assert_eq(unlink(PLACE_BPFFS "/" BL_MAP_FRONTENDS4), 0);
	cr_expect_eq(bl_datapath_open(&place, &datapath, &err), -EEXIST);
	cr_expect(strstr(err.text, "'frontends4' is not in"), "%s", err.text);
	cr_assert_eq(bpf_obj_pin(fd, PLACE_BPFFS "/" BL_MAP_FRONTENDS4), 0);
	cr_expect_eq(bl_datapath_open(&place, &datapath, &err), -EEXIST);
	cr_expect(strstr(err.text, "'frontends4' is of another kind"), "%s", err.text);
	cr_expect(strstr(err.text, "beeline unload"), "%s", err.text);
}

Test(life, unload_leaves_no_pin_no_program_and_no_map)
{
	struct bl_datapath *datapath = place_open();
	const struct bl_program_status *status;
	uint32_t program_ids[16];
	uint32_t map_ids[ARRAY_SIZE(maps)];
	size_t count;

	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	for (size_t i = 0; i < count; i++)
		program_ids[i] = status[i].id;
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		map_ids[i] = pinned_map_id(maps[i]);
	(void)bl_datapath_close(datapath);

	cr_expect_eq(bl_datapath_unload(&place, NULL), 0);
	cr_expect_neq(access(PLACE_BPFFS, F_OK), 0);
	for (size_t i = 0; i < count; i++)
		cr_expect_not(program_exists(program_ids[i]), "program %u", program_ids[i]);
	for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
		cr_expect_not(map_exists(map_ids[i]), "%s", maps[i]);
	cr_expect_eq(bl_datapath_unload(&place, NULL), 0, "nothing to unload is fine");
}

Test(life, unload_keeps_what_is_not_ours_and_says_so)
{
	_cleanup_close_ int fd = bpf_map_create(BPF_MAP_TYPE_HASH, "odd", 4, 8, 16, NULL);
	struct bl_err err = {0};

	(void)bl_datapath_close(place_open());
	cr_assert_eq(bpf_obj_pin(fd, PLACE_BPFFS "/stranger"), 0);
	cr_expect_eq(bl_datapath_unload(&place, &err), 0);
	cr_expect(strstr(err.text, "'stranger'"), "%s", err.text);
	cr_expect_eq(access(PLACE_BPFFS "/stranger", F_OK), 0);
	cr_expect_neq(access(PLACE_BPFFS "/links", F_OK), 0);
	cr_expect_eq(pinned_map_id(BL_MAP_ABI), 0);
	cr_assert_eq(unlink(PLACE_BPFFS "/stranger"), 0);
}

Test(life, unload_touches_no_file_outside_a_bpf_file_system)
{
	char folder[] = "/dev/shm/beeline-XXXXXX";
	char file[64];
	struct bl_err err = {0};

	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/" BL_MAP_SERVICES, folder);
	cr_assert_eq(mknod(file, S_IFREG | 0600, 0), 0);
	place.bpffs = folder;
	cr_expect_eq(bl_datapath_unload(&place, &err), -ENODEV);
	place.bpffs = PLACE_BPFFS;
	cr_expect(strstr(err.text, "no bpf file system"), "%s", err.text);
	cr_expect_eq(unlink(file), 0);
	cr_expect_eq(rmdir(folder), 0);
}

Test(life, a_load_that_fails_names_the_map_and_leaves_nothing)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	place.limits.backends = UINT32_MAX;
	cr_expect_lt(bl_datapath_open(&place, &datapath, &err), 0);
	cr_expect(strstr(err.text, "'backends'"), "%s", err.text);
	cr_expect_null(datapath);
	cr_expect_neq(access(PLACE_BPFFS, F_OK), 0);
}

Test(life, what_a_load_that_was_cut_short_left_behind_is_replaced)
{
	struct bl_datapath *datapath = bl_datapath_close(place_open());
	uint32_t map_id = pinned_map_id(BL_MAP_SLOTS);

	/* `abi` is pinned last. */
	cr_assert_eq(unlink(PLACE_BPFFS "/" BL_MAP_ABI), 0);
	datapath = place_open();
	cr_expect_not(bl_datapath_was_adopted(datapath));
	cr_expect_neq(pinned_map_id(BL_MAP_SLOTS), map_id);
	(void)bl_datapath_close(datapath);
}

Test(life, a_folder_on_another_file_system_is_refused_with_advice)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	place.bpffs = "/dev/shm/beeline-no-bpffs";
	cr_expect_eq(bl_datapath_open(&place, &datapath, &err), -ENODEV);
	cr_expect(strstr(err.text, "mount -t bpf"), "%s", err.text);
	cr_expect_neq(access(place.bpffs, F_OK), 0);
	place.bpffs = PLACE_BPFFS;
}

Test(life, a_folder_that_is_no_cgroup_is_refused)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	place.cgroup = "/proc";
	cr_expect_eq(bl_datapath_open(&place, &datapath, &err), -EINVAL);
	cr_expect(strstr(err.text, "'/proc' is no cgroup2 folder"), "%s", err.text);
}

Test(life, read_only_is_enoent_when_nothing_is_loaded_and_cannot_write_otherwise)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	cr_expect_eq(bl_datapath_open_read_only(&place, &datapath, &err), -ENOENT);
	cr_expect_null(datapath);
	(void)bl_datapath_close(place_open());
	cr_assert_eq(bl_datapath_open_read_only(&place, &datapath, &err), 0, "%s", err.text);
	cr_expect_eq(web_apply(datapath, &web4, &err), -EROFS);
	(void)bl_datapath_close(datapath);
}
