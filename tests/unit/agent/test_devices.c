/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Devices by name: those that are there, that are not, and that refuse. */
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "agent/devices.h"
#include "datapath/fake.h"
#include "fixture.h"

struct watched {
	struct fixture fixture;
	sd_event *loop;
	struct bl_datapath *datapath;
	struct bl_devices *devices;
	struct bl_err err;
	unsigned int changes;
};

static void on_changed(void *userdata)
{
	((struct watched *)userdata)->changes++;
}

static void setup(struct watched *watched)
{
	struct bl_datapath_config config;

	*watched = (struct watched){0};
	fixture_setup(&watched->fixture);
	bl_datapath_config_init(&config);
	cr_assert_geq(sd_event_new(&watched->loop), 0);
	cr_assert_eq(bl_datapath_open_fake(&config, &watched->datapath), 0);
}

static int follow(struct watched *watched, enum bl_xdp_mode mode, const char *const *names,
		  size_t count)
{
	const struct bl_devices_config config = {
		.loop = watched->loop,
		.datapath = watched->datapath,
		.problems = watched->fixture.problems,
		.names = names,
		.count = count,
		.mode = mode,
		.changed = on_changed,
		.userdata = watched,
	};

	return bl_devices_new(&config, &watched->devices, &watched->err);
}

static void done(struct watched *watched)
{
	bl_devices_free(watched->devices);
	bl_datapath_close(watched->datapath);
	fixture_done(&watched->fixture);
	sd_event_unref(watched->loop);
}

static const char *const lo[] = {"lo"};

Test(devices, each_device_has_the_mode_that_it_got)
{
	static const enum bl_device_mode modes[] = {
		[BL_XDP_NATIVE] = BL_DEVICE_NATIVE,
		[BL_XDP_GENERIC] = BL_DEVICE_GENERIC,
		[BL_XDP_TC] = BL_DEVICE_TC,
	};

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		struct watched watched;
		const struct bl_device_view *view;

		setup(&watched);
		cr_assert_eq(follow(&watched, (enum bl_xdp_mode)i, lo, 1), 0);
		cr_assert_eq(bl_devices_count(watched.devices), 1);
		view = bl_devices_get(watched.devices, 0);
		cr_expect_str_eq(view->name, "lo");
		cr_expect_eq(view->ifindex, if_nametoindex("lo"));
		cr_expect_eq(view->status.mode, modes[i]);
		cr_expect_str_eq(problems(&watched.fixture), "");
		done(&watched);
	}
}

Test(devices, why_a_device_is_in_another_mode_is_shown)
{
	const struct bl_device_status tc = {.mode = BL_DEVICE_TC, .reason = "the driver has none"};
	struct watched watched;

	setup(&watched);
	bl_fake_set_device(watched.datapath, 0, &tc, NULL);
	cr_assert_eq(follow(&watched, BL_XDP_NATIVE, lo, 1), 0);
	cr_expect_eq(bl_devices_get(watched.devices, 0)->status.mode, BL_DEVICE_TC);
	cr_expect_str_eq(bl_devices_get(watched.devices, 0)->status.reason, "the driver has none");
	cr_expect_str_eq(problems(&watched.fixture), "", "it works");
	done(&watched);
}

Test(devices, a_missing_device_is_a_problem_and_the_others_work)
{
	static const char *const names[] = {"nowhere0", "lo"};
	struct watched watched;
	const uint32_t *kept;

	setup(&watched);
	cr_assert_eq(follow(&watched, BL_XDP_NATIVE, names, 2), 0);
	cr_expect_eq(bl_devices_get(watched.devices, 0)->ifindex, 0);
	cr_expect_eq(bl_devices_get(watched.devices, 0)->status.mode, BL_DEVICE_NONE);
	cr_expect_eq(bl_devices_get(watched.devices, 1)->status.mode, BL_DEVICE_NATIVE);
	cr_expect(strstr(problems(&watched.fixture), "there is no device 'nowhere0'"), "%s",
		  problems(&watched.fixture));
	cr_assert_eq(bl_fake_kept(watched.datapath, &kept), 1);
	cr_expect_eq(kept[0], if_nametoindex("lo"));
	done(&watched);
}

Test(devices, a_device_that_refuses_is_a_problem_and_not_the_end)
{
	struct watched watched;

	setup(&watched);
	bl_fake_set_device(watched.datapath, -EBUSY, NULL,
			   "device 'lo' has XDP program 'other' already");
	cr_assert_eq(follow(&watched, BL_XDP_NATIVE, lo, 1), 0);
	cr_expect_eq(bl_devices_get(watched.devices, 0)->status.mode, BL_DEVICE_NONE);
	cr_expect(strstr(bl_devices_get(watched.devices, 0)->status.reason, "'other'"));
	cr_expect(strstr(problems(&watched.fixture), "XDP program 'other'"), "%s",
		  problems(&watched.fixture));
	done(&watched);
}

Test(devices, without_devices_what_other_runs_left_is_let_go)
{
	struct watched watched;
	const uint32_t *kept;

	setup(&watched);
	cr_assert_eq(follow(&watched, BL_XDP_NATIVE, lo, 1), 0);
	cr_assert_eq(bl_fake_kept(watched.datapath, &kept), 1);
	bl_devices_free(watched.devices);
	cr_assert_eq(follow(&watched, BL_XDP_NATIVE, NULL, 0), 0);
	cr_expect_eq(bl_fake_kept(watched.datapath, &kept), 0);
	cr_expect_eq(bl_devices_count(watched.devices), 0);
	done(&watched);
}
