/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "maps.h"

static const struct bl_plan_limits limits = {
	.frontends = 8,
	.slots = 8,
	.backends = 8,
	.services = 4,
};

/* A Service of one port at 10.96.0.<host> with `count` ready backends. */
static int put(struct bl_plan *plan, const char *name, uint8_t host, size_t count,
	       struct bl_delta *delta, struct bl_err *err)
{
	struct bl_resolved_backend backends[16] = {0};
	struct bl_resolved_frontend frontend = {
		.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {10, 96, 0, host}},
		.port = 80,
		.is_virtual = true,
	};
	struct bl_resolved_port port = {
		.protocol = IPPROTO_TCP,
		.family = BL_FAMILY_IPV4,
		.port = 80,
		.frontends = &frontend,
		.frontend_count = 1,
		.backends = backends,
		.backend_count = count,
	};
	const struct bl_resolved resolved = {
		.ns = "default",
		.name = name,
		.ports = &port,
		.port_count = 1,
	};

	for (size_t i = 0; i < count; i++)
		backends[i] = (struct bl_resolved_backend){
			.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {10, 244, 0, (__u8)i}},
			.port = 8080,
			.state = BL_BACKEND_READY,
			.weight = 100,
			.internal = true,
		};
	return bl_plan_put(plan, &resolved, delta, err);
}

static char *print(const struct bl_plan *plan)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	bl_plan_print(plan, out);
	(void)fclose(out);
	return text;
}

Test(plan, a_refused_service_says_why_and_changes_nothing)
{
	static const struct {
		const char *name;
		uint8_t host;
		size_t backends;
		int code;
		const char *words;
	} rows[] = {
		{"b", 1, 1, -EEXIST, "belongs to service 'default/a'"},
		{"b", 2, 6, -ENOSPC, "map 'backends' of 8 entries"},
		{"a", 1, 7, -ENOSPC, "map 'slots' of 8 entries"},
	};
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;
	_cleanup_free_ char *before = NULL;

	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	cr_assert_eq(put(plan, "a", 1, 3, &delta, NULL), 0);
	bl_delta_done(&delta);
	before = print(plan);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *after = NULL;
		struct bl_err err = {0};

		cr_assert_eq(put(plan, rows[i].name, rows[i].host, rows[i].backends, &delta, &err),
			     rows[i].code, "row %zu: %s", i, err.text);
		cr_assert(strstr(err.text, rows[i].words), "%s", err.text);
		cr_assert_eq(delta.count, 0);
		after = print(plan);
		cr_assert_str_eq(after, before);
	}
	bl_delta_done(&delta);
}

/* A Service with a ClusterIP 10.96.0.<host> and an external IP, 203.0.113.<external>. */
static int put_claiming(struct bl_plan *plan, const char *name, uint8_t host, uint8_t external,
			struct bl_delta *delta, struct bl_err *err)
{
	struct bl_resolved_frontend frontends[] = {
		{.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {10, 96, 0, host}},
		 .port = 80,
		 .is_virtual = true},
		{.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {203, 0, 113, external}},
		 .port = 80,
		 .kind = BL_FRONTEND_EXTERNAL_IP,
		 .is_virtual = true},
	};
	struct bl_resolved_port port = {.protocol = IPPROTO_TCP,
					.family = BL_FAMILY_IPV4,
					.port = 80,
					.frontends = frontends,
					.frontend_count = ARRAY_SIZE(frontends)};
	const struct bl_resolved resolved = {
		.ns = "default", .name = name, .ports = &port, .port_count = 1};

	return bl_plan_put(plan, &resolved, delta, err);
}

Test(plan, case_95_an_external_ip_of_another_service_is_left_out_and_the_rest_is_served)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;
	struct bl_err err = {0};

	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	cr_assert_eq(put_claiming(plan, "web", 1, 9, &delta, &err), 0, "%s", err.text);
	cr_expect_eq(bl_plan_counts(plan).frontends4, 4, "two, and their addresses");
	for (int i = 0; i < 2; i++) {
		bl_delta_done(&delta);
		cr_assert_eq(put_claiming(plan, "other", 2, 9, &delta, &err), 1, "%s", err.text);
		cr_expect(strstr(err.text, "frontend '203.0.113.9' port 80/tcp of service "
					   "'default/other' belongs to service 'default/web'"),
			  "%s", err.text);
		cr_expect_eq(bl_plan_counts(plan).frontends4, 6, "its ClusterIP is there");
	}
	cr_expect_eq(delta.count, 0, "the second time nothing is to be written");
	cr_assert_eq(put_claiming(plan, "web", 1, 8, &delta, &err), 0, "%s", err.text);
	cr_assert_eq(put_claiming(plan, "other", 2, 9, &delta, &err), 0, "given up meanwhile");
	cr_expect_eq(bl_plan_counts(plan).frontends4, 8);
	bl_delta_done(&delta);
}

Test(plan, case_95_who_had_an_external_ip_has_it_after_a_restart_too)
{
	_cleanup_(bl_plan_free) struct bl_plan *first = NULL;
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;
	struct bl_err err = {0};
	struct maps maps;

	maps_init(&maps, &limits);
	cr_assert_eq(bl_plan_new(&limits, &first), 0);
	cr_assert_eq(put_claiming(first, "web", 1, 9, &delta, &err), 0, "%s", err.text);
	cr_assert_eq(put_claiming(first, "aaa", 2, 9, &delta, &err), 1, "%s", err.text);
	maps_apply(&maps, &delta);
	bl_delta_done(&delta);
	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	cr_assert_eq(bl_plan_adopt(plan, &maps.rows, &err), 0, "%s", err.text);
	cr_assert_eq(put_claiming(plan, "aaa", 2, 9, &delta, &err), 1, "it comes first");
	cr_assert_eq(put_claiming(plan, "web", 1, 9, &delta, &err), 0, "%s", err.text);
	cr_assert_eq(bl_plan_remove_unclaimed(plan, &delta), 0);
	cr_expect_eq(delta.count, 0, "nothing changes");
	cr_expect_eq(bl_plan_counts(plan).frontends4, 6);
	bl_delta_done(&delta);
	maps_done(&maps);
}

Test(plan, damaged_maps_are_adopted_as_far_as_they_go_and_put_right)
{
	struct maps maps;

	srand(1);
	for (int round = 0; round < 500; round++) {
		_cleanup_(bl_plan_free) struct bl_plan *first = NULL;
		_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
		struct bl_delta delta = BL_DELTA_INIT;
		struct {
			void *bytes;
			size_t len;
		} arrays[4];

		maps_init(&maps, &limits);
		cr_assert_eq(bl_plan_new(&limits, &first), 0);
		cr_assert_eq(put(first, "a", 1, 2, &delta, NULL), 0);
		cr_assert_eq(put(first, "b", 2, 2, &delta, NULL), 0);
		maps_apply(&maps, &delta);
		bl_delta_done(&delta);
		arrays[0].bytes = maps.rows.frontends;
		arrays[0].len = maps.rows.frontend_count * sizeof(*maps.rows.frontends);
		arrays[1].bytes = maps.rows.slots;
		arrays[1].len = 4 * sizeof(*maps.rows.slots);
		arrays[2].bytes = maps.rows.backends;
		arrays[2].len = 5 * sizeof(*maps.rows.backends);
		arrays[3].bytes = maps.rows.services;
		arrays[3].len = 3 * sizeof(*maps.rows.services);
		for (int i = 0; i < 3; i++) {
			size_t array = (size_t)rand() % 4;

			((uint8_t *)arrays[array].bytes)[(size_t)rand() % arrays[array].len] =
				(uint8_t)rand();
		}
		cr_assert_eq(bl_plan_new(&limits, &plan), 0);
		cr_assert_eq(bl_plan_adopt(plan, &maps.rows, NULL), 0);
		cr_assert_eq(bl_plan_remove_unclaimed(plan, &delta), 0);
		bl_delta_done(&delta);
		cr_assert_eq(bl_plan_counts(plan).slots, 0);
		cr_assert_eq(bl_plan_counts(plan).frontends4, 0);
		maps_done(&maps);
	}
}

Test(plan, an_adopted_service_that_nobody_brings_yields_its_frontend)
{
	_cleanup_(bl_plan_free) struct bl_plan *first = NULL;
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;
	struct maps maps;

	maps_init(&maps, &limits);
	cr_assert_eq(bl_plan_new(&limits, &first), 0);
	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	cr_assert_eq(put(first, "old", 1, 2, &delta, NULL), 0);
	maps_apply(&maps, &delta);
	bl_delta_done(&delta);
	cr_assert_eq(bl_plan_adopt(plan, &maps.rows, NULL), 0);
	cr_assert_eq(put(plan, "new", 1, 2, &delta, NULL), 0);
	maps_apply(&maps, &delta);
	bl_delta_done(&delta);
	cr_assert_null(maps_find_fault(&maps));
	cr_assert_eq(bl_plan_diff(plan, &maps.rows, &delta), 0);
	cr_assert_eq(delta.count, 0);
	bl_delta_done(&delta);
	maps_done(&maps);
}

Test(plan, maps_of_the_packet_path_refuse_what_they_have_no_room_for)
{
	static const struct {
		struct bl_plan_limits limits;
		const char *words;
	} rows[] = {
		{{8, 8, 8, 4, 250, 2, 1}, "map 'maglev' of 250 entries"},
		{{8, 8, 8, 4, 251, 1, 1}, "map 'sources4' of 1 entries"},
		{{8, 8, 8, 4, 251, 2, 0}, "map 'dsr_backends' of 0 entries"},
		{{8, 8, 8, 4, 251, 2, 1}, NULL},
	};
	struct bl_resolved_backend backends[2] = {0};
	struct bl_resolved_frontend frontend = {
		.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {203, 0, 113, 7}},
		.port = 80,
		.kind = BL_FRONTEND_LOAD_BALANCER_IP,
		.is_virtual = true,
		.check_sources = true,
	};
	const struct bl_prefix sources[2] = {
		{.addr = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {10}}, .bits = 8},
		{.addr = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {11}}, .bits = 8},
	};
	struct bl_resolved_port port = {
		.protocol = IPPROTO_TCP,
		.family = BL_FAMILY_IPV4,
		.port = 80,
		.frontends = &frontend,
		.frontend_count = 1,
		.backends = backends,
		.backend_count = 2,
		.maglev = true,
		.dsr = true,
		.sources = sources,
		.source_count = 2,
	};
	const struct bl_resolved resolved = {
		.ns = "default", .name = "front", .ports = &port, .port_count = 1};

	for (uint8_t i = 0; i < 2; i++)
		backends[i] = (struct bl_resolved_backend){
			.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {10, 244, 0, i}},
			.port = 8080,
			.state = BL_BACKEND_READY,
			.weight = 100,
			.local = i == 0,
			.cluster = true,
			.external = true,
		};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
		struct bl_delta delta = BL_DELTA_INIT;
		struct bl_err err = {0};
		int r;

		cr_assert_eq(bl_plan_new(&rows[i].limits, &plan), 0);
		r = bl_plan_put(plan, &resolved, &delta, &err);
		cr_expect_eq(r, rows[i].words ? -ENOSPC : 0, "row %zu: %d", i, r);
		cr_expect(!rows[i].words || strstr(err.text, rows[i].words), "%s", err.text);
		cr_expect_eq(bl_plan_counts(plan).maglev, rows[i].words ? 0 : 251);
		cr_expect_eq(bl_plan_maglev(plan, 1).count, rows[i].words ? 0 : 251);
		bl_delta_done(&delta);
	}
}

Test(plan, default_maps_have_room_for_the_tables_of_8192_services_of_five_backends)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_resolved_backend backends[5] = {0};
	struct bl_resolved_frontend frontend = {.address.family = BL_FAMILY_IPV4,
						.port = 80,
						.kind = BL_FRONTEND_LOAD_BALANCER_IP,
						.is_virtual = true};
	struct bl_resolved_port port = {.protocol = IPPROTO_TCP,
					.family = BL_FAMILY_IPV4,
					.port = 80,
					.frontends = &frontend,
					.frontend_count = 1,
					.backends = backends,
					.backend_count = ARRAY_SIZE(backends),
					.maglev = true};
	struct bl_err err = {0};
	char name[32];
	const struct bl_resolved resolved = {
		.ns = "default", .name = name, .ports = &port, .port_count = 1};

	cr_assert_eq(bl_plan_new(&bl_plan_limits_default, &plan), 0);
	for (uint32_t i = 0; i < 8192; i++) {
		_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;

		(void)snprintf(name, sizeof(name), "service-%u", i);
		frontend.address.ip.words[0] = htonl(0x0a600000 + i);
		for (uint32_t k = 0; k < ARRAY_SIZE(backends); k++)
			backends[k] = (struct bl_resolved_backend){
				.address = {.family = BL_FAMILY_IPV4,
					    .ip.words = {htonl(0x0af40000 + 5 * i + k)}},
				.port = 8080,
				.state = BL_BACKEND_READY,
				.weight = 100,
				.cluster = true,
				.external = true};
		cr_assert_eq(bl_plan_put(plan, &resolved, &delta, &err), 0, "%s", err.text);
	}
	cr_expect_eq(bl_plan_counts(plan).maglev, 8192 * 251);
}

/* A Service at a NodePort with `count` backends on this node. */
static int put_node_port(struct bl_plan *plan, const char *name, uint16_t node_port, size_t count,
			 bool dsr, struct bl_delta *delta)
{
	struct bl_resolved_backend backends[4] = {0};
	struct bl_resolved_frontend frontend = {
		.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {192, 168, 77, 11}},
		.port = node_port,
		.kind = BL_FRONTEND_NODE_PORT};
	struct bl_resolved_port port = {.protocol = IPPROTO_TCP,
					.family = BL_FAMILY_IPV4,
					.port = 80,
					.frontends = &frontend,
					.frontend_count = 1,
					.backends = backends,
					.backend_count = count,
					.dsr = dsr};
	const struct bl_resolved resolved = {
		.ns = "default", .name = name, .ports = &port, .port_count = 1};

	for (size_t i = 0; i < count; i++)
		backends[i] = (struct bl_resolved_backend){
			.address = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {10, 244, 0, (__u8)i}},
			.port = 8080,
			.state = BL_BACKEND_READY,
			.weight = 100,
			.local = true,
			.cluster = true,
			.external = true};
	return bl_plan_put(plan, &resolved, delta, NULL);
}

static size_t count_ops(const struct bl_delta *delta, enum bl_op_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < delta->count; i++)
		count += delta->ops[i].kind == kind;
	return count;
}

Test(plan, encapsulated_packets_are_known_before_and_after_the_mode_is_direct_server_return)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;

	cr_assert_eq(bl_plan_new(&(struct bl_plan_limits){.frontends = 8,
							  .slots = 16,
							  .backends = 16,
							  .services = 4,
							  .dsr_backends = 6},
				 &plan),
		     0);
	cr_assert_eq(put_node_port(plan, "a", 30080, 2, false, &delta), 0);
	cr_expect_eq(bl_plan_counts(plan).dsr_backends, 2);
	for (int dsr = 1; dsr >= 0; dsr--) {
		bl_delta_done(&delta);
		cr_assert_eq(put_node_port(plan, "a", 30080, 2, dsr, &delta), 0);
		cr_expect_eq(count_ops(&delta, BL_OP_SET_PACKET_ROW) +
				     count_ops(&delta, BL_OP_DELETE_PACKET_ROW),
			     0);
	}
	cr_assert_eq(put_node_port(plan, "b", 30081, 2, false, &delta), 0,
		     "half the map is for those that need it, and no Service is refused for that");
	cr_expect_eq(bl_plan_counts(plan).dsr_backends, 2);
	cr_assert_eq(put_node_port(plan, "b", 30081, 4, true, &delta), 0);
	cr_expect_eq(bl_plan_counts(plan).dsr_backends, 6);
	cr_assert_eq(put_node_port(plan, "b", 30081, 4, false, &delta), 0);
	cr_expect_eq(bl_plan_counts(plan).dsr_backends, 2);
	bl_delta_done(&delta);
}
