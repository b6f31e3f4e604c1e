/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Services over their life: canary, recreation, changes of policy and affinity. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "maps.h"

static const struct bl_plan_limits limits = {
	.frontends = 32,
	.slots = 32,
	.backends = 32,
	.services = 16,
};

struct stage {
	struct bl_plan *plan;
	struct maps maps;
};

static void stage_up(struct stage *stage)
{
	cr_assert_eq(bl_plan_new(&limits, &stage->plan), 0);
	maps_init(&stage->maps, &limits);
}

static void stage_down(struct stage *stage)
{
	maps_done(&stage->maps);
	(void)bl_plan_free(stage->plan);
}

/* Applies what a change wrote and says how many rows that was. */
static size_t apply(struct stage *stage, struct bl_delta *delta)
{
	size_t count = delta->count;
	const char *fault;

	maps_apply(&stage->maps, delta);
	bl_delta_done(delta);
	fault = maps_find_fault(&stage->maps);
	cr_assert_null(fault, "%s", fault);
	return count;
}

/* The frontend at 10.96.0.HOST; NULL: none. */
static const struct bl_frontend *find(const struct stage *stage, uint8_t host, uint16_t port)
{
	const struct bl_frontend6_key key = {
		.address = {10, 96, 0, host},
		.port = htons(port),
		.protocol = port ? IPPROTO_TCP : 0,
	};
	const struct bl_frontend_row *row = maps_find(&stage->maps, BL_FAMILY_IPV4, &key);

	return row ? &row->value : NULL;
}

static struct bl_addr address(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct bl_addr){.family = BL_FAMILY_IPV4, .ip.ipv6 = {a, b, c, d}};
}

/* Service default/web at 10.96.0.HOST over two ready backends, of which internalTrafficPolicy:
 * Local admits the first alone. */
static size_t put(struct stage *stage, uint8_t host, bool local, uint32_t affinity_timeout_s)
{
	struct bl_resolved_frontend frontend = {
		.address = address(10, 96, 0, host),
		.port = 80,
		.is_virtual = true,
		.internal_only = true,
	};
	struct bl_resolved_backend backends[2];
	struct bl_resolved_port port = {
		.protocol = IPPROTO_TCP,
		.family = BL_FAMILY_IPV4,
		.port = 80,
		.frontends = &frontend,
		.frontend_count = 1,
		.backends = backends,
		.backend_count = ARRAY_SIZE(backends),
		.affinity_timeout_s = affinity_timeout_s,
	};
	const struct bl_resolved resolved = {
		.ns = "default",
		.name = "web",
		.ports = &port,
		.port_count = 1,
	};
	struct bl_delta delta = BL_DELTA_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		backends[i] = (struct bl_resolved_backend){
			.address = address(10, 244, 0, (uint8_t)(i + 1)),
			.port = 8080,
			.state = BL_BACKEND_READY,
			.weight = 100,
			.internal = i == 0 || !local,
			.cluster = true,
		};
	cr_assert_eq(bl_plan_put(stage->plan, &resolved, &delta, NULL), 0);
	return apply(stage, &delta);
}

static size_t put_canary(struct stage *stage, uint16_t backend_port)
{
	const struct bl_addr frontend = address(10, 96, 0, 250);
	const struct bl_addr backend = address(127, 0, 0, 1);
	struct bl_delta delta = BL_DELTA_INIT;

	cr_assert_eq(
		bl_plan_put_canary(stage->plan, &frontend, 9, &backend, backend_port, &delta, NULL),
		0);
	return apply(stage, &delta);
}

Test(plan, canary_is_one_frontend_that_says_so_and_no_virtual_address)
{
	struct stage stage;
	const struct bl_frontend *canary;
	uint32_t service_id;

	stage_up(&stage);
	cr_assert_gt(put_canary(&stage, 4001), 0);
	canary = find(&stage, 250, 9);
	cr_assert_not_null(canary);
	cr_expect(canary->flags & BL_FRONTEND_F_CANARY);
	cr_expect_not(canary->flags & BL_FRONTEND_F_VIRTUAL);
	cr_expect_eq(canary->internal.count, 1);
	cr_expect(canary->flags & BL_FRONTEND_F_INTERNAL_ONLY);
	cr_expect_null(find(&stage, 250, 0), "other ports of its address are left alone");
	service_id = canary->service_id;

	cr_expect_eq(put_canary(&stage, 4001), 0, "nothing to write twice");
	/* The agent starts again and listens elsewhere. */
	cr_assert_gt(put_canary(&stage, 4002), 0);
	canary = find(&stage, 250, 9);
	cr_assert_not_null(canary);
	cr_expect_eq(canary->service_id, service_id);
	cr_expect_eq(canary->internal.count, 1);
	cr_expect_eq(bl_plan_counts(stage.plan).frontends4, 1);
	stage_down(&stage);
}

Test(plan, case_35_a_recreated_service_answers_at_its_new_address_and_not_at_the_old)
{
	struct bl_delta delta = BL_DELTA_INIT;
	struct stage stage;
	uint32_t service_id;

	stage_up(&stage);
	cr_assert_gt(put(&stage, 1, false, 0), 0);
	service_id = find(&stage, 1, 80)->service_id;
	cr_assert_eq(bl_plan_remove(stage.plan, "default", "web", &delta), 0);
	cr_expect(delta.backends_left, "its sockets are to be looked after");
	cr_assert_gt(apply(&stage, &delta), 0);
	cr_expect_null(find(&stage, 1, 80));
	cr_expect_null(find(&stage, 1, 0));

	cr_assert_gt(put(&stage, 2, false, 0), 0);
	cr_expect_null(find(&stage, 1, 80));
	cr_assert_not_null(find(&stage, 2, 80));
	cr_assert_not_null(find(&stage, 2, 0));
	cr_expect_neq(find(&stage, 2, 80)->service_id, service_id,
		      "what is known of the old one must not be taken for the new one's");
	stage_down(&stage);
}

/* An affinity entry is good without a search as long as the range is the one that it names. */
Test(plan, affinity_policy_change_moves_the_slots_and_only_then)
{
	struct bl_frontend before, after;
	struct stage stage;

	stage_up(&stage);
	(void)put(&stage, 1, false, 10800);
	before = *find(&stage, 1, 80);
	cr_expect(before.flags & BL_FRONTEND_F_AFFINITY);
	cr_expect_eq(before.affinity_timeout_s, 10800);
	cr_expect_eq(before.internal.count, 2);

	(void)put(&stage, 1, false, 60);
	after = *find(&stage, 1, 80);
	cr_expect_eq(after.affinity_timeout_s, 60);
	cr_expect_eq(after.internal.first, before.internal.first, "the set is the same");

	(void)put(&stage, 1, true, 60);
	after = *find(&stage, 1, 80);
	cr_expect_eq(after.internal.count, 1);
	cr_expect_neq(after.internal.first, before.internal.first, "the set is another");

	before = after;
	(void)put(&stage, 1, false, 60);
	after = *find(&stage, 1, 80);
	cr_expect_eq(after.internal.count, 2);
	cr_expect_neq(after.internal.first, before.internal.first);
	stage_down(&stage);
}

Test(plan, case_52_and_54_session_affinity_is_switched_off_and_on)
{
	struct stage stage;

	stage_up(&stage);
	for (int i = 0; i < 3; i++) {
		(void)put(&stage, 1, false, 10800);
		cr_expect(find(&stage, 1, 80)->flags & BL_FRONTEND_F_AFFINITY);
		(void)put(&stage, 1, false, 0);
		cr_expect_not(find(&stage, 1, 80)->flags & BL_FRONTEND_F_AFFINITY);
		cr_expect_eq(find(&stage, 1, 80)->affinity_timeout_s, 0);
	}
	stage_down(&stage);
}
