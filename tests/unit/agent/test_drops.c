/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that are dropped for something that can be mended. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/drops.h"
#include "datapath/fake.h"
#include "fixture.h"

static int open_fake(struct bl_datapath **ret)
{
	struct bl_datapath_config config;

	bl_datapath_config_init(&config);
	return bl_datapath_open_fake(&config, ret);
}

Test(drops, are_a_problem_with_advice_while_they_go_on)
{
	static const struct {
		const char *name;
		uint64_t strangers;
		int64_t now_s;
		bool expected;
	} steps[] = {
		{"as before", 0, 110, false},
		{"one more", 1, 120, true},
		{"quiet", 1, 130, true},
		{"again", 9, 140, true},
		{"quiet for less than a minute", 9, 199, true},
		{"for a minute", 9, 200, false},
		{"new maps", 0, 210, false},
		{"and a drop", 1, 220, true},
	};
	struct fixture fixture;
	struct bl_datapath *datapath;
	struct bl_drops *drops;
	sd_event *loop;

	fixture_setup(&fixture);
	cr_assert_eq(open_fake(&datapath), 0);
	cr_assert_geq(sd_event_new(&loop), 0);

	const struct bl_drops_config wanted = {
		.loop = loop, .datapath = datapath, .problems = fixture.problems};

	cr_assert_eq(bl_drops_new(&wanted, &drops), 0);
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		uint64_t counts[BL_REASON_COUNT] = {[BL_REASON_DSR_STRANGER] = steps[i].strangers,
						    [BL_REASON_FLOW_LOCAL] = i * 1000};

		bl_drops_look(drops, counts, steps[i].now_s);
		cr_expect_eq(strstr(problems(&fixture), "--dsr-peer") != NULL, steps[i].expected,
			     "%s: %s", steps[i].name, problems(&fixture));
	}
	bl_drops_free(drops);
	bl_datapath_close(datapath);
	fixture_done(&fixture);
	sd_event_unref(loop);
}

Test(drops, each_reason_is_named_as_status_names_it)
{
	static const struct {
		enum bl_reason reason;
		const char *label;
	} reasons[] = {
#define ROW(name, number, label, text) {BL_REASON_##name, label},
		BL_REASONS(ROW)
#undef ROW
	};
	size_t told = 0;

	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++) {
		_cleanup_(bl_drops_free) struct bl_drops *drops = NULL;
		uint64_t counts[BL_REASON_COUNT] = {0};
		struct bl_drops_config config = {0};
		struct fixture fixture;
		char words[64];

		fixture_setup(&fixture);
		cr_assert_geq(sd_event_new(&config.loop), 0);
		config.problems = fixture.problems;
		cr_assert_eq(open_fake(&config.datapath), 0);
		cr_assert_eq(bl_drops_new(&config, &drops), 0);
		counts[reasons[i].reason] = 1;
		bl_drops_look(drops, counts, 1);
		(void)snprintf(words, sizeof(words), "are dropped (%s): ", reasons[i].label);
		cr_expect(problems(&fixture)[0] == '\0' || strstr(problems(&fixture), words),
			  "%s: %s", reasons[i].label, problems(&fixture));
		told += problems(&fixture)[0] != '\0';
		drops = bl_drops_free(drops);
		bl_datapath_close(config.datapath);
		fixture_done(&fixture);
		sd_event_unref(config.loop);
	}
	cr_expect_eq(told, 5);
}
