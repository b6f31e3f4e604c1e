/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "packet_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tc_skel.h"
#include "xdp_skel.h"

static struct {
	char name[32];
	int fd;
} maps[40];
static size_t map_count;
static int programs[3]; /* by enum hook */
static const char *const program_names[] = {BL_PROG_XDP, BL_PROG_TC_INGRESS, BL_PROG_TC_EGRESS};
static char pins[320];

static void shrink(struct bpf_object *object)
{
	static const char *const arrays[] = {"slots",         "backends", "backend_stats",
					     "service_stats", "maglev",   "affinity"};
	static const uint32_t sizes[] = {256,  4096, 4096 / BL_STATS_BLOCK, 4096 / BL_STATS_BLOCK,
					 1024, 1024};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		cr_assert_eq(bpf_map__set_max_entries(
				     bpf_object__find_map_by_name(object, arrays[i]), sizes[i]),
			     0);
}

/* Maps by the same name are the same map, but for constants and working memory. */
static bool is_shared(const struct bpf_map *map)
{
	return !bpf_map__is_internal(map) && strcmp(bpf_map__name(map), "scratch") != 0;
}

static void share_maps(const struct xdp_bpf *xdp, const struct tc_bpf *tc)
{
	struct bpf_map *map, *shared;

	bpf_object__for_each_map(map, tc->obj)
	{
		if (!is_shared(map))
			continue;
		shared = bpf_object__find_map_by_name(xdp->obj, bpf_map__name(map));
		cr_assert_not_null(shared, "XDP has no map '%s'", bpf_map__name(map));
		cr_assert_eq(bpf_map__reuse_fd(map, bpf_map__fd(shared)), 0);
	}
}

int map_fd(const char *name)
{
	for (size_t i = 0; i < map_count; i++)
		if (strcmp(maps[i].name, name) == 0)
			return maps[i].fd;
	cr_assert_fail("no map '%s'", name);
	return -1;
}

static void keep_map(const char *name, int fd)
{
	cr_assert_lt(map_count, sizeof(maps) / sizeof(maps[0]));
	cr_assert_geq(fd, 0, "map '%s': %s", name, strerror(errno));
	(void)snprintf(maps[map_count].name, sizeof(maps[map_count].name), "%s", name);
	maps[map_count++].fd = fd;
}

static void load(struct bl_packet_tunables tunables)
{
	struct xdp_bpf *xdp = xdp_bpf__open();
	struct tc_bpf *tc = tc_bpf__open();
	struct bpf_map *map;

	cr_assert(xdp && tc);
	shrink(xdp->obj);
	*(struct bl_packet_tunables *)&xdp->rodata->tunables = tunables;
	*(struct bl_packet_tunables *)&tc->rodata->tunables = tunables;
	cr_assert_eq(xdp_bpf__load(xdp), 0, "the XDP program does not load");
	share_maps(xdp, tc);
	cr_assert_eq(tc_bpf__load(tc), 0, "the tc programs do not load");
	bpf_object__for_each_map(map, xdp->obj)
	{
		if (is_shared(map))
			keep_map(bpf_map__name(map), dup(bpf_map__fd(map)));
	}
	programs[HOOK_XDP] = dup(bpf_program__fd(xdp->progs.bl_xdp));
	programs[HOOK_TC_INGRESS] = dup(bpf_program__fd(tc->progs.bl_tc_ingress));
	programs[HOOK_TC_EGRESS] = dup(bpf_program__fd(tc->progs.bl_tc_egress));
	xdp_bpf__destroy(xdp);
	tc_bpf__destroy(tc);
}

static const char *pin_path(const char *name)
{
	static char path[512];

	(void)snprintf(path, sizeof(path), "%.300s/%.64s", pins, name);
	return path;
}

static bool choose_pins(const struct bl_packet_tunables *tunables)
{
	const char *folder = getenv("BEELINE_TEST_PINS");
	const uint8_t *bytes = (const uint8_t *)tunables;
	uint32_t hash = 2166136261u;

	if (!folder)
		return false;
	for (size_t i = 0; i < sizeof(*tunables); i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	(void)snprintf(pins, sizeof(pins), "%s/packet-%08x", folder, hash);
	return true;
}

static void pin_loaded(void)
{
	cr_assert(mkdir(pins, 0700) == 0, "'%s': %s", pins, strerror(errno));
	for (size_t i = 0; i < map_count; i++)
		cr_assert_eq(bpf_obj_pin(maps[i].fd, pin_path(maps[i].name)), 0);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		cr_assert_eq(bpf_obj_pin(programs[i], pin_path(program_names[i])), 0);
}

static bool take_pinned(void)
{
	DIR *folder = opendir(pins);
	const struct dirent *entry;

	if (!folder)
		return false;
	while ((entry = readdir(folder)))
		if (entry->d_name[0] != '.' && strncmp(entry->d_name, "bl_", 3) != 0)
			keep_map(entry->d_name, bpf_obj_get(pin_path(entry->d_name)));
	(void)closedir(folder);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		programs[i] = bpf_obj_get(pin_path(program_names[i]));
		cr_assert_geq(programs[i], 0, "'%s': %s", program_names[i], strerror(errno));
	}
	return true;
}

bool programs_up(const struct bl_packet_tunables *tunables)
{
	bool shares = choose_pins(tunables);

	if (shares && take_pinned())
		return true;
	load(*tunables);
	if (shares)
		pin_loaded();
	return false;
}

void programs_down(void)
{
	for (; map_count > 0; map_count--)
		(void)close(maps[map_count - 1].fd);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		(void)close(programs[i]);
}

int program_fd(enum hook hook)
{
	return programs[hook];
}
