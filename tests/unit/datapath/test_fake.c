/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/datapath.h"

static struct bl_datapath *open_small(void)
{
	struct bl_datapath_config config;
	struct bl_datapath *datapath = NULL;

	bl_datapath_config_init(&config);
	config.limits =
		(struct bl_plan_limits){.frontends = 2, .slots = 8, .backends = 4, .services = 4};
	cr_assert_eq(bl_datapath_open_fake(&config, &datapath), 0);
	return datapath;
}

static struct bl_op frontend_op(uint8_t family, uint16_t port, uint32_t service_id)
{
	struct bl_op op = {.kind = BL_OP_SET_FRONTEND, .count = 1, .family = family};

	op.frontend.key.address[0] = 10;
	op.frontend.key.port = htons(port);
	op.frontend.key.protocol = IPPROTO_TCP;
	op.frontend.value.service_id = service_id;
	return op;
}

static int apply(struct bl_datapath *datapath, struct bl_op *ops, size_t count, struct bl_err *err)
{
	struct bl_delta delta = {.ops = ops, .count = count, .capacity = count};

	return bl_datapath_apply(datapath, &delta, err);
}

static void rows_free(struct bl_plan_rows *rows)
{
	free(rows->frontends);
	free(rows->slots);
	free(rows->backends);
	free(rows->services);
	free(rows->filter);
}

Test(fake, a_new_datapath_holds_nothing)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	__attribute__((cleanup(rows_free))) struct bl_plan_rows rows = {0};

	cr_expect_not(bl_datapath_was_adopted(datapath));
	cr_assert_eq(bl_datapath_read(datapath, &rows, NULL), 0);
	cr_expect_eq(rows.frontend_count + rows.slot_count + rows.backend_count, 0);
	cr_expect_eq(rows.service_count + rows.filter_count, 0);
}

Test(fake, what_was_applied_is_read_back)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	__attribute__((cleanup(rows_free))) struct bl_plan_rows rows = {0};
	struct bl_slot slots[] = {{2}, {1}};
	struct bl_service_entry service = {.ns = "shop", .name = "web", .in_use = 1};
	struct bl_op ops[] = {
		{.kind = BL_OP_SET_BACKEND,
		 .index = 2,
		 .count = 1,
		 .backend = {.port = htons(8080),
			     .family = BL_FAMILY_IPV4,
			     .state = BL_BACKEND_READY,
			     .generation = 3,
			     .service_id = 1,
			     .weight = 100}},
		{.kind = BL_OP_SET_SLOTS, .index = 4, .count = 2, .slots = slots},
		{.kind = BL_OP_SET_SERVICE, .index = 1, .count = 1, .service = &service},
		{.kind = BL_OP_SET_FILTER, .index = 9, .count = 1, .filter = {.frontend = 5}},
		frontend_op(BL_FAMILY_IPV4, 80, 1),
		frontend_op(BL_FAMILY_IPV6, 80, 1),
	};

	cr_assert_eq(apply(datapath, ops, ARRAY_SIZE(ops), NULL), 0);
	cr_assert_eq(bl_datapath_read(datapath, &rows, NULL), 0);
	cr_expect_eq(rows.frontend_count, 2);
	cr_assert_eq(rows.slot_count, 6);
	cr_expect_eq(rows.slots[4].backend_id, 2);
	cr_expect_eq(rows.slots[5].backend_id, 1);
	cr_assert_eq(rows.backend_count, 3);
	cr_expect_eq(memcmp(&rows.backends[2], &ops[0].backend, sizeof(struct bl_backend)), 0);
	cr_assert_eq(rows.service_count, 2);
	cr_expect_str_eq(rows.services[1].name, "web");
	cr_expect_eq(rows.services[1].in_use, 1);
	cr_assert_eq(rows.filter_count, 10);
	cr_expect_eq(rows.filter[9].frontend, 5);
}

Test(fake, a_frontend_set_twice_is_one_row_with_the_last_value)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	__attribute__((cleanup(rows_free))) struct bl_plan_rows rows = {0};
	struct bl_op ops[] = {frontend_op(BL_FAMILY_IPV4, 80, 1),
			      frontend_op(BL_FAMILY_IPV4, 80, 2)};

	cr_assert_eq(apply(datapath, ops, ARRAY_SIZE(ops), NULL), 0);
	cr_assert_eq(bl_datapath_read(datapath, &rows, NULL), 0);
	cr_assert_eq(rows.frontend_count, 1);
	cr_expect_eq(rows.frontends[0].value.service_id, 2);
}

Test(fake, deleting_makes_room_and_deleting_what_is_not_there_is_fine)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	struct bl_op ops[] = {
		frontend_op(BL_FAMILY_IPV4, 80, 1), frontend_op(BL_FAMILY_IPV4, 81, 1),
		frontend_op(BL_FAMILY_IPV4, 80, 1), frontend_op(BL_FAMILY_IPV4, 80, 1),
		frontend_op(BL_FAMILY_IPV4, 82, 1),
	};

	ops[2].kind = BL_OP_DELETE_FRONTEND;
	ops[3].kind = BL_OP_DELETE_FRONTEND;
	cr_expect_eq(apply(datapath, ops, ARRAY_SIZE(ops), NULL), 0);
}

/* What each op beyond its map's end answers, and that the words name map and remedy. */
Test(fake, a_full_map_is_named_with_its_size_and_a_remedy)
{
	struct bl_slot slots[] = {{1}, {1}};
	struct bl_service_entry service = {.in_use = 1};
	const struct {
		struct bl_op op;
		const char *map;
		const char *limit;
	} cases[] = {
		{{.kind = BL_OP_SET_BACKEND, .index = 4, .count = 1}, "'backends'", "4"},
		{{.kind = BL_OP_SET_SLOTS, .index = 7, .count = 2, .slots = slots}, "'slots'", "8"},
		{{.kind = BL_OP_SET_SERVICE, .index = 4, .count = 1, .service = &service},
		 "'services'",
		 "4"},
		{{.kind = BL_OP_SET_FILTER, .index = BL_ADDR_FILTER_WORDS, .count = 1},
		 "'addr_filter'",
		 "4096"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
		struct bl_op op = cases[i].op;
		struct bl_err err = {0};

		cr_expect_eq(apply(datapath, &op, 1, &err), -E2BIG);
		cr_expect(strstr(err.text, cases[i].map), "%s", err.text);
		cr_expect(strstr(err.text, cases[i].limit), "%s", err.text);
		cr_expect(strstr(err.text, "beeline unload"), "%s", err.text);
	}
}

Test(fake, a_full_frontend_map_names_the_row_and_keeps_what_it_had)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	__attribute__((cleanup(rows_free))) struct bl_plan_rows rows = {0};
	struct bl_op ops[] = {
		frontend_op(BL_FAMILY_IPV4, 80, 1),
		frontend_op(BL_FAMILY_IPV4, 81, 1),
		frontend_op(BL_FAMILY_IPV4, 82, 1),
	};
	struct bl_err err = {0};

	cr_expect_eq(apply(datapath, ops, ARRAY_SIZE(ops), &err), -E2BIG);
	cr_expect(strstr(err.text, "'frontends4' is full"), "%s", err.text);
	cr_expect(strstr(err.text, "'10.0.0.0:82/TCP'"), "%s", err.text);
	cr_assert_eq(bl_datapath_read(datapath, &rows, NULL), 0);
	cr_expect_eq(rows.frontend_count, 2);
}

Test(fake, programs_are_named_but_none_is_attached)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	const struct bl_program_status *status = NULL;
	size_t count = 0;

	cr_assert_eq(bl_datapath_programs(datapath, &status, &count), 0);
	cr_assert_gt(count, 0);
	for (size_t i = 0; i < count; i++) {
		cr_expect_not(status[i].attached);
		cr_expect(strncmp(status[i].name, "bl_", 3) == 0);
		cr_expect(strncmp(status[i].hook, "cgroup/", 7) == 0);
	}
}

Test(fake, more_pods_than_the_map_holds_are_refused)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = open_small();
	_cleanup_free_ struct bl_netns_pod_row *rows = calloc(BL_NETNS_PODS_MAX + 1, sizeof(*rows));
	struct bl_err err = {0};

	cr_assert_not_null(rows);
	cr_expect_eq(bl_datapath_set_netns_pods(datapath, rows, BL_NETNS_PODS_MAX, &err), 0);
	cr_expect_eq(bl_datapath_set_netns_pods(datapath, rows, BL_NETNS_PODS_MAX + 1, &err),
		     -E2BIG);
	cr_expect(strstr(err.text, BL_MAP_NETNS_PODS), "%s", err.text);
}
