/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "datapath/kernel.h"
#include "datapath_fixture.h"

TestSuite(apply, .init = place_up, .fini = place_down, .timeout = 600);

/* Frontends at consecutive addresses, one op each. */
static struct bl_op *make_frontends(uint8_t family, uint32_t count)
{
	struct bl_op *ops = calloc(count, sizeof(*ops));

	cr_assert_not_null(ops);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t low = htonl(i);

		ops[i].kind = BL_OP_SET_FRONTEND;
		ops[i].family = family;
		ops[i].count = 1;
		if (family == BL_FAMILY_IPV4) {
			memcpy(ops[i].frontend.key.address, &low, 4);
			ops[i].frontend.key.address[0] = 10;
		} else {
			ops[i].frontend.key.address[0] = 0xfd;
			memcpy(ops[i].frontend.key.address + 12, &low, 4);
		}
		ops[i].frontend.key.port = htons(80);
		ops[i].frontend.key.protocol = IPPROTO_TCP;
		ops[i].frontend.value.service_id = i + 1;
	}
	return ops;
}

static int apply(struct bl_datapath *datapath, struct bl_op *ops, size_t count, struct bl_err *err)
{
	struct bl_delta delta = {.ops = ops, .count = count};

	return bl_datapath_apply(datapath, &delta, err);
}

/* Every row of `ops` is there once, with its value. */
static void expect_frontends(struct bl_datapath *datapath, const struct bl_op *ops, uint32_t count)
{
	__attribute__((cleanup(rows_done))) struct bl_plan_rows rows = {0};
	_cleanup_free_ bool *seen = calloc(count, sizeof(*seen));

	cr_assert_eq(bl_datapath_read(datapath, &rows, NULL), 0);
	cr_assert_eq(rows.frontend_count, count);
	for (size_t i = 0; i < rows.frontend_count; i++) {
		uint32_t id = rows.frontends[i].value.service_id;

		cr_assert(id >= 1 && id <= count && !seen[id - 1]);
		seen[id - 1] = true;
		cr_expect_eq(rows.frontends[i].family, ops[id - 1].family);
		cr_expect_eq(memcmp(&rows.frontends[i].key, &ops[id - 1].frontend.key,
				    sizeof(struct bl_frontend6_key)),
			     0);
	}
}

/* More than one batch, with and without the kernel's batch calls. */
Test(apply, thousands_of_frontends_are_read_back_as_they_were_written)
{
	static const uint8_t families[] = {BL_FAMILY_IPV4, BL_FAMILY_IPV6};
	const uint32_t count = 5000;

	place.limits.frontends = count;
	for (size_t i = 0; i < ARRAY_SIZE(families) * 2; i++) {
		_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
		_cleanup_free_ struct bl_op *ops = make_frontends(families[i / 2], count);
		struct bl_err err = {0};

		((struct bl_kernel *)datapath)->no_batch = i % 2 == 1;
		cr_assert_eq(apply(datapath, ops, count, &err), 0, "%s", err.text);
		cr_expect_eq(((struct bl_kernel *)datapath)->no_batch, i % 2 == 1);
		expect_frontends(datapath, ops, count);

		for (uint32_t j = 0; j < count; j++)
			ops[j].kind = BL_OP_DELETE_FRONTEND;
		cr_assert_eq(apply(datapath, ops, count, &err), 0, "%s", err.text);
		cr_assert_eq(apply(datapath, ops, 1, &err), 0, "deleting twice is fine");
		expect_frontends(datapath, ops, 0);
	}
}

/* In the middle of a batch, at its start, and one by one. */
Test(apply, a_full_map_is_named_with_the_row_that_found_no_room)
{
	static const struct {
		uint32_t room;
		bool no_batch;
	} cases[] = {{64, false}, {1024, false}, {64, true}};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ struct bl_op *ops =
			make_frontends(BL_FAMILY_IPV4, cases[i].room + 10);
		struct bl_datapath *datapath;
		struct bl_err err = {0};
		char row[32];

		place.limits.frontends = cases[i].room;
		datapath = place_open();
		((struct bl_kernel *)datapath)->no_batch = cases[i].no_batch;
		cr_expect_eq(apply(datapath, ops, cases[i].room + 10, &err), -E2BIG);
		cr_expect(strstr(err.text, "'frontends4' is full"), "%s", err.text);
		cr_expect(strstr(err.text, "beeline unload"), "%s", err.text);
		(void)snprintf(row, sizeof(row), "'10.0.%u.%u:80/TCP'", cases[i].room >> 8,
			       cases[i].room & 0xff);
		cr_expect(strstr(err.text, row), "%s in %s", row, err.text);
		expect_frontends(datapath, ops, cases[i].room);
		(void)bl_datapath_close(datapath);
		cr_assert_eq(bl_datapath_unload(&place, NULL), 0);
	}
}

Test(apply, rows_beyond_an_array_are_refused_and_the_last_row_is_not)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	__attribute__((cleanup(rows_done))) struct bl_plan_rows rows = {0};
	struct bl_slot slot = {.backend_id = 7};
	struct bl_op ops[] = {
		{.kind = BL_OP_SET_SLOTS, .index = 4095, .count = 1, .slots = &slot},
		{.kind = BL_OP_SET_BACKEND, .index = 1023, .count = 1, .backend = {.weight = 9}},
		{.kind = BL_OP_SET_BACKEND, .index = 1024, .count = 1},
	};
	struct bl_err err = {0};

	cr_expect_eq(apply(datapath, ops, ARRAY_SIZE(ops), &err), -E2BIG);
	cr_expect(strstr(err.text, "'backends' is full: row 1024"), "%s", err.text);
	cr_assert_eq(bl_datapath_read(datapath, &rows, NULL), 0);
	cr_assert_eq(rows.slot_count, 4096);
	cr_expect_eq(rows.slots[4095].backend_id, 7);
	cr_assert_eq(rows.backend_count, 1024);
	cr_expect_eq(rows.backends[1023].weight, 9);
}

/* Rows in every window of a large map, in no order, seen again by another process's eyes. */
Test(apply, rows_all_over_a_large_map_are_read_back)
{
	struct bl_datapath *datapath;
	__attribute__((cleanup(rows_done))) struct bl_plan_rows rows = {0};
	const uint32_t step = 7919;
	struct bl_err err = {0};

	place.limits.backends = 100000;
	place.limits.services = 10000;
	datapath = place_open();
	for (uint32_t i = 1; i <= 1000; i++) {
		struct bl_service_entry service = {.ns = "shop", .in_use = 1};
		uint32_t backend_id = i * step % 100000;
		uint32_t service_id = i * step % 10000;
		struct bl_op ops[] = {
			{.kind = BL_OP_SET_BACKEND,
			 .index = backend_id,
			 .count = 1,
			 .backend = {.service_id = backend_id, .state = BL_BACKEND_READY}},
			{.kind = BL_OP_SET_SERVICE,
			 .index = service_id,
			 .count = 1,
			 .service = &service},
		};

		(void)snprintf(service.name, sizeof(service.name), "%u", service_id);
		cr_assert_eq(apply(datapath, ops, ARRAY_SIZE(ops), NULL), 0);
	}
	(void)bl_datapath_close(datapath);
	cr_assert_eq(bl_datapath_open_read_only(&place, &datapath, &err), 0, "%s", err.text);
	cr_assert_eq(bl_datapath_read(datapath, &rows, &err), 0, "%s", err.text);
	for (uint32_t i = 1; i <= 1000; i++) {
		uint32_t service_id = i * step % 10000;
		char name[16];

		(void)snprintf(name, sizeof(name), "%u", service_id);
		cr_assert_lt(i * step % 100000, rows.backend_count);
		cr_expect_eq(rows.backends[i * step % 100000].service_id, i * step % 100000);
		cr_assert_lt(service_id, rows.service_count);
		cr_expect_str_eq(rows.services[service_id].name, name);
	}
	(void)bl_datapath_close(datapath);
}

Test(apply, pods_replace_what_was_there)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_free_ struct bl_netns_pod_row *rows = calloc(BL_NETNS_PODS_MAX, sizeof(*rows));
	const struct bl_kernel *kernel = (struct bl_kernel *)datapath;
	uint64_t key;
	uint64_t last;
	struct bl_err err = {0};

	cr_assert_not_null(rows);
	for (uint64_t i = 0; i < BL_NETNS_PODS_MAX; i++)
		rows[i].cookie = i + 1;
	cr_assert_eq(bl_datapath_set_netns_pods(datapath, rows, BL_NETNS_PODS_MAX, &err), 0, "%s",
		     err.text);
	/* The map is full: what goes makes room for what comes. */
	for (uint64_t i = 0; i < BL_NETNS_PODS_MAX; i++)
		rows[i].cookie = i + 100000;
	cr_assert_eq(bl_datapath_set_netns_pods(datapath, rows, BL_NETNS_PODS_MAX, &err), 0, "%s",
		     err.text);
	cr_assert_eq(bl_datapath_set_netns_pods(datapath, rows + 5, 1, &err), 0, "%s", err.text);
	cr_assert_eq(bpf_map_get_next_key(kernel->maps.fds[BL_MAP_ID_NETNS_PODS], NULL, &key), 0);
	cr_expect_eq(key, 100005);
	cr_expect_eq(bpf_map_get_next_key(kernel->maps.fds[BL_MAP_ID_NETNS_PODS], &key, &last),
		     -ENOENT);
	cr_assert_eq(bl_datapath_set_netns_pods(datapath, NULL, 0, &err), 0, "%s", err.text);
	cr_expect_eq(bpf_map_get_next_key(kernel->maps.fds[BL_MAP_ID_NETNS_PODS], NULL, &key),
		     -ENOENT);
}

static int dial_often(void *userdata)
{
	(void)userdata;
	for (int i = 0; i < 10; i++) {
		if (dial("10.96.0.1", 80, SOCK_STREAM) < 0)
			return 1;
	}
	return 0;
}

Test(apply, counters_are_sums_over_all_processors)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_close_ int server = listen_on("127.0.0.1", 8080);
	const struct web web = {"10.96.0.1",      80, "127.0.0.1", 8080, IPPROTO_TCP,
				BL_BACKEND_READY, 1};
	struct bl_service_stats service = {0};
	struct bl_backend_stats backend = {0};
	uint64_t reasons[BL_REASON_COUNT] = {0};

	cr_assert_eq(web_apply(datapath, &web, NULL), 0);
	cr_assert_eq(child_wait(child_start(dial_often, NULL)), 0);
	cr_assert_eq(bl_datapath_read_service_stats(datapath, 1, &service), 0);
	cr_expect_eq(service.connections, 10);
	cr_assert_eq(bl_datapath_read_backend_stats(datapath, 1, 1, &backend), 0);
	cr_expect_eq(backend.connections, 10);
	cr_expect_eq(backend.released, 10);
	cr_assert_eq(bl_datapath_read_reasons(datapath, reasons), 0);
	cr_expect_eq(reasons[BL_REASON_TRANSLATED], 10);
	cr_expect_eq(bl_datapath_read_service_stats(datapath, 256, &service), -ENOENT);
	cr_expect_eq(bl_datapath_read_backend_stats(datapath, 1024, 1, &backend), -ENOENT);
}
