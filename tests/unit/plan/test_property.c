/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Random Services come, change and go; the maps must be right after every single write. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "maps.h"

#define SERVICES 12
#define PORTS 3
#define FRONTENDS 5
#define BACKENDS 24
#define SOURCES 3
#define STEPS 1500
#define POOL_FIRST 61000
#define POOL_LAST 61099
#define OTHERS_FIRST 900 /* ids that are given up before one comes back */

static const struct bl_plan_limits limits = {
	.frontends = 512,
	.slots = 16384,
	.backends = 16384,
	.services = 4096,
	.maglev = 1 << 20,
	.sources = 512,
	.dsr_backends = 1024,
};

/* A Service with storage of its own. */
struct sample {
	bool present;
	char name[32];
	struct bl_resolved resolved;
	struct bl_resolved_port ports[PORTS];
	struct bl_resolved_frontend frontends[PORTS][FRONTENDS];
	struct bl_resolved_backend backends[PORTS][BACKENDS];
	struct bl_prefix sources[PORTS][SOURCES];
};

static uint32_t random_state = 1;

/* xorshift32: the same sequence everywhere. */
static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % limit;
}

static struct bl_addr make_address(uint8_t family, uint8_t net, uint8_t host)
{
	struct bl_addr address = {.family = family};

	if (family == BL_FAMILY_IPV4) {
		address.ip.ipv4[0] = 10;
		address.ip.ipv4[2] = net;
		address.ip.ipv4[3] = host;
	} else {
		address.ip.ipv6[0] = 0xfd;
		address.ip.ipv6[8] = net;
		address.ip.ipv6[15] = host;
	}
	return address;
}

static void add_frontend(struct sample *sample, size_t p, struct bl_addr address, uint16_t number,
			 enum bl_frontend_kind kind, bool is_virtual)
{
	struct bl_resolved_port *port = &sample->ports[p];

	sample->frontends[p][port->frontend_count++] = (struct bl_resolved_frontend){
		.address = address,
		.port = number,
		.kind = kind,
		.is_virtual = is_virtual,
		.internal_only = bl_addr_is_loopback(&address) ||
				 (kind == BL_FRONTEND_CLUSTER_IP && random_below(2)),
		.check_sources = port->source_count > 0,
	};
}

static void fill_port(struct sample *sample, size_t p, uint8_t host)
{
	struct bl_resolved_port *port = &sample->ports[p];
	uint8_t family = random_below(2) ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6;
	struct bl_addr loopback = {.family = BL_FAMILY_IPV4, .ip.ipv6 = {127, 0, 0, 1}};

	*port = (struct bl_resolved_port){
		.name = random_below(2) ? "http" : NULL,
		.protocol = random_below(2) ? IPPROTO_TCP : IPPROTO_UDP,
		.family = family,
		.port = (uint16_t)(80 + p),
		.frontends = sample->frontends[p],
		.backends = sample->backends[p],
		.affinity_timeout_s = random_below(4) ? 0 : 60,
		.internal_elsewhere = random_below(4) == 0,
		.external_elsewhere = random_below(4) == 0,
		.maglev = random_below(3) == 0,
		.dsr = random_below(3) == 0,
		.sources = sample->sources[p],
		.source_count = random_below(2) ? 0 : random_below(SOURCES + 1),
	};
	for (size_t i = 0; i < port->source_count; i++)
		sample->sources[p][i] = (struct bl_prefix){
			.addr = make_address(family, (uint8_t)(10 * i + random_below(10)), 0),
			.bits = 24,
		};
	add_frontend(sample, p, make_address(family, 96, host), port->port, BL_FRONTEND_CLUSTER_IP,
		     true);
	if (random_below(2))
		add_frontend(sample, p, make_address(family, 1, 1),
			     (uint16_t)(30000 + 10 * host + p), BL_FRONTEND_NODE_PORT, false);
	if (random_below(2) && family == BL_FAMILY_IPV4)
		add_frontend(sample, p, loopback, (uint16_t)(30000 + 10 * host + p),
			     BL_FRONTEND_NODE_PORT, false);
	/* External addresses are shared, and are the node's own now and then. */
	if (random_below(2))
		add_frontend(sample, p, make_address(family, 200, host % 3),
			     (uint16_t)(1000 + 10 * host + p), BL_FRONTEND_EXTERNAL_IP,
			     random_below(3) > 0);
	for (uint8_t i = 0; i < BACKENDS; i++) {
		if (random_below(3) == 0)
			continue;
		sample->backends[p][port->backend_count++] = (struct bl_resolved_backend){
			.address = make_address(family, 244, i / 2),
			.port = (uint16_t)(8080 + i % 2),
			.state = random_below(5) ? BL_BACKEND_READY : BL_BACKEND_TERMINATING,
			.weight = 100,
			.zone = random_below(2) ? "a" : "b",
			.local = random_below(3) == 0,
			.internal = random_below(2),
			.cluster = random_below(2),
			.external = random_below(2),
		};
	}
}

static void fill_sample(struct sample *sample, size_t index)
{
	sample->present = true;
	(void)snprintf(sample->name, sizeof(sample->name), "service-%zu", index);
	sample->resolved = (struct bl_resolved){
		.ns = "default",
		.name = sample->name,
		.ports = sample->ports,
		.port_count = random_below(PORTS + 1),
	};
	for (size_t p = 0; p < sample->resolved.port_count; p++)
		fill_port(sample, p, (uint8_t)index);
}

struct history {
	uint32_t step;
	uint32_t given_up;       /* backend ids, in all */
	uint32_t gone_at[16384]; /* `given_up` when this id was; 0: it was not */
};

static void watch_ids(struct history *history, const struct bl_op *op)
{
	uint32_t *gone_at;

	if (op->kind != BL_OP_SET_BACKEND)
		return;
	gone_at = &history->gone_at[op->index];
	if (op->backend.state == BL_BACKEND_GONE) {
		*gone_at = ++history->given_up;
	} else if (*gone_at != 0) {
		cr_assert_gt(history->given_up - *gone_at, OTHERS_FIRST,
			     "step %u: backend id %u came back at once", history->step, op->index);
		*gone_at = 0;
	}
}

static void apply_watched(struct maps *maps, const struct bl_delta *delta, struct history *history)
{
	for (size_t i = 0; i < delta->count; i++) {
		const char *fault;

		watch_ids(history, &delta->ops[i]);
		maps_apply_op(maps, &delta->ops[i]);
		fault = maps_find_fault(maps);
		cr_assert_null(fault, "step %u, op %zu: %s", history->step, i, fault);
	}
}

static void expect_no_difference(const struct bl_plan *plan, const struct maps *maps)
{
	struct bl_delta delta = BL_DELTA_INIT;

	cr_assert_eq(bl_plan_diff(plan, &maps->rows, &delta), 0);
	if (delta.count > 0)
		bl_delta_print(&delta, stderr);
	cr_assert_eq(delta.count, 0);
	bl_delta_done(&delta);
}

static void put_all(struct bl_plan *plan, const struct sample *samples, struct bl_delta *delta)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (samples[i].present)
			cr_assert_eq(bl_plan_put(plan, &samples[i].resolved, delta, NULL), 0);
}

/* The backends of a range as text, without their ids. */
static void print_range(const struct maps *maps, const struct bl_slot_range *range,
			struct bl_buf *buf)
{
	for (uint32_t i = 0; i < range->count; i++) {
		const struct bl_backend *backend =
			&maps->rows.backends[maps->rows.slots[range->first + i].backend_id];
		struct bl_addr address = {.ip = backend->address, .family = backend->family};
		char text[BL_ADDR_TEXT];

		bl_buf_addf(buf, " %s:%u=%u", bl_addr_format(&address, text), ntohs(backend->port),
			    backend->state);
	}
	bl_buf_add_str(buf, ";");
}

/* The same entries, whatever ids their backends have. */
static void expect_same_table(const struct maps *maps, const struct maps *fresh,
			      const struct bl_slot_range *table, const struct bl_slot_range *other)
{
	cr_assert_eq(table->count, other->count);
	for (uint32_t i = 0; i < table->count; i++) {
		uint32_t id = maps->rows.maglev[table->first + i].backend_id;
		uint32_t other_id = fresh->rows.maglev[other->first + i].backend_id;
		const struct bl_backend *a = &maps->rows.backends[id];
		const struct bl_backend *b = &fresh->rows.backends[other_id];

		cr_assert_eq(a->port, b->port);
		cr_assert_eq(memcmp(&a->address, &b->address, sizeof(a->address)), 0);
	}
}

static void expect_same_frontend(const struct maps *maps, const struct maps *fresh,
				 const struct bl_frontend_row *row)
{
	const struct bl_frontend_row *other = maps_find(fresh, row->family, &row->key);
	struct bl_buf a = {0};
	struct bl_buf b = {0};

	cr_assert_not_null(other);
	cr_assert_eq(row->value.flags, other->value.flags);
	cr_assert_eq(row->value.affinity_timeout_s, other->value.affinity_timeout_s);
	if (row->key.port == 0) { /* of an address: no range, but whether anybody answers */
		cr_assert_eq(row->value.external.count, other->value.external.count);
		return;
	}
	cr_assert_eq(memcmp(&maps->rows.services[row->value.service_id],
			    &fresh->rows.services[other->value.service_id],
			    sizeof(struct bl_service_entry)),
		     0);
	print_range(maps, &row->value.internal, &a);
	print_range(maps, &row->value.external, &a);
	print_range(fresh, &other->value.internal, &b);
	print_range(fresh, &other->value.external, &b);
	cr_assert_str_eq(a.data, b.data);
	expect_same_table(maps, fresh, &row->value.maglev, &other->value.maglev);
	bl_buf_done(&a);
	bl_buf_done(&b);
}

static void expect_pool(const struct bl_plan *plan, struct maps *maps)
{
	struct bl_delta delta = BL_DELTA_INIT;
	uint32_t bit = bl_packet_port_bit(IPPROTO_UDP, POOL_LAST);

	cr_assert_eq(bl_plan_diff(plan, &maps->rows, &delta), 0);
	maps_apply(maps, &delta);
	bl_delta_done(&delta);
	cr_assert(maps->rows.ports[bit / 64].destination & 1ull << bit % 64);
	bit = bl_packet_port_bit(IPPROTO_TCP, POOL_FIRST - 1);
	cr_assert_not(maps->rows.ports[bit / 64].destination & 1ull << bit % 64);
}

/* A plan of the same Services from nothing means the same, only its numbers differ. */
static void expect_same_meaning(const struct maps *maps, const struct sample *samples)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;
	struct maps fresh;

	maps_init(&fresh, &limits);
	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	bl_plan_set_snat_pool(plan, POOL_FIRST, POOL_LAST);
	expect_pool(plan, &fresh);
	put_all(plan, samples, &delta);
	maps_apply(&fresh, &delta);
	cr_assert_eq(maps->rows.frontend_count, fresh.rows.frontend_count);
	for (size_t i = 0; i < maps->rows.frontend_count; i++)
		expect_same_frontend(maps, &fresh, &maps->rows.frontends[i]);
	cr_assert_eq(memcmp(maps->rows.filter, fresh.rows.filter,
			    BL_ADDR_FILTER_WORDS * sizeof(*fresh.rows.filter)),
		     0);
	cr_assert_eq(memcmp(maps->rows.ports, fresh.rows.ports,
			    BL_PACKET_PORT_WORDS * sizeof(*fresh.rows.ports)),
		     0);
	cr_assert_eq(maps->rows.packet_row_count, fresh.rows.packet_row_count);
	bl_delta_done(&delta);
	maps_done(&fresh);
}

/* A new agent adopts the maps, is given the same Services, and has nothing to write. */
static void expect_adoption(const struct maps *maps, const struct sample *samples)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_delta delta = BL_DELTA_INIT;

	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	bl_plan_set_snat_pool(plan, POOL_FIRST, POOL_LAST);
	cr_assert_eq(bl_plan_adopt(plan, &maps->rows, NULL), 0);
	expect_no_difference(plan, maps);
	put_all(plan, samples, &delta);
	cr_assert_eq(bl_plan_remove_unclaimed(plan, &delta), 0);
	for (size_t i = 0; i < delta.count; i++)
		cr_assert(delta.ops[i].kind == BL_OP_SET_BACKEND &&
				  delta.ops[i].backend.state != BL_BACKEND_GONE,
			  "op %zu is more than a zone's new number", i);
	bl_delta_done(&delta);
}

Test(plan_property, every_write_of_random_changes_leaves_right_maps)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	static struct sample samples[SERVICES];
	static struct history history;
	struct maps maps;

	maps_init(&maps, &limits);
	cr_assert_eq(bl_plan_new(&limits, &plan), 0);
	bl_plan_set_snat_pool(plan, POOL_FIRST, POOL_LAST);
	/* The pool's ports are nobody's change. */
	expect_pool(plan, &maps);
	for (history.step = 0; history.step < STEPS; history.step++) {
		size_t index = random_below(SERVICES);
		struct bl_delta delta = BL_DELTA_INIT;
		struct bl_err err = {0};
		int r;

		if (random_below(5) == 0) {
			samples[index].present = false;
			r = bl_plan_remove(plan, "default", samples[index].name, &delta);
		} else {
			fill_sample(&samples[index], index);
			r = bl_plan_put(plan, &samples[index].resolved, &delta, &err);
		}
		cr_assert_eq(r, 0, "step %u: %s", history.step, err.text);
		apply_watched(&maps, &delta, &history);
		expect_no_difference(plan, &maps);
		bl_delta_done(&delta);
		if (samples[index].present) {
			cr_assert_eq(bl_plan_put(plan, &samples[index].resolved, &delta, NULL), 0);
			cr_assert_eq(delta.count, 0, "an unchanged Service was written again");
			bl_delta_done(&delta);
		}
		if (history.step % 25 == 0) {
			expect_same_meaning(&maps, samples);
			expect_adoption(&maps, samples);
		}
	}
	maps_done(&maps);
}

Test(plan_property, slots_stay_within_twice_what_is_in_use_over_long_churn)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	const struct bl_plan_limits tight = {
		/* Twelve Services of three ports with three sets of 24, twice, and the wait. */
		.frontends = 512,
		.slots = 2 * 12 * 3 * 3 * 24 + 1024,
		.backends = 16384,
		.services = 4096,
		/* Two tables a port, twice, and the wait. */
		.maglev = 2 * 12 * 3 * 2 * 8191,
		.sources = 512,
		.dsr_backends = 1024,
	};
	static struct sample sample;

	cr_assert_eq(bl_plan_new(&tight, &plan), 0);
	for (size_t step = 0; step < 5000; step++) {
		size_t index = random_below(SERVICES);
		struct bl_delta delta = BL_DELTA_INIT;

		fill_sample(&sample, index);
		cr_assert_eq(bl_plan_put(plan, &sample.resolved, &delta, NULL), 0);
		bl_delta_done(&delta);
	}
}
