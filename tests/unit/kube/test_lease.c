/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leases as agents compete for them, over a server of a few lines and clocks that tests move. */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kube/fetch.h"
#include "kube/lease.h"

#define WALL_US 1795428000000000ull

struct server { /* one Lease with versions, as an API server keeps it */
	struct json_object *object;
	unsigned int version;
	unsigned int writes;
};

static void init(struct bl_lease *lease, const char *identity)
{
	*lease = (struct bl_lease){
		.name = "web",
		.ns = "kube-system",
		.identity = identity,
		.times = bl_lease_times_default,
		.wanted = true,
	};
}

static const char *text(struct json_object *object, const char *path)
{
	const char *found = bl_kube_json_text(object, path);

	return found ? found : "";
}

static void stamp(struct server *server, struct json_object *object)
{
	char version[16];
	struct json_object *meta;

	(void)snprintf(version, sizeof(version), "%u", ++server->version);
	cr_assert(json_object_object_get_ex(object, "metadata", &meta));
	(void)json_object_object_add(meta, "resourceVersion", json_object_new_string(version));
	(void)json_object_put(server->object);
	server->object = object;
	server->writes++;
}

static int serve(struct server *server, enum bl_lease_act act, struct json_object *object)
{
	const char *current = text(server->object, "metadata.resourceVersion");

	if (act == BL_LEASE_CREATE && server->object)
		return 409;
	if (act != BL_LEASE_CREATE && !server->object)
		return 404;
	if (act == BL_LEASE_DELETE) {
		if (strcmp(text(object, "preconditions.resourceVersion"), current) != 0)
			return 409;
		(void)json_object_put(server->object);
		server->object = NULL;
		return 200;
	}
	if (act == BL_LEASE_UPDATE &&
	    strcmp(text(object, "metadata.resourceVersion"), current) != 0)
		return 409;
	stamp(server, json_object_get(object));
	return act == BL_LEASE_CREATE ? 201 : 200;
}

enum weather { FINE, DOWN, LOST_ANSWER };

/* All that a lease does at one time. */
static void turn(struct bl_lease *lease, struct server *server, uint64_t now, enum weather weather)
{
	for (int i = 0; i < 5; i++) {
		enum bl_lease_act act = bl_lease_turn(lease, now);
		_cleanup_(bl_buf_done) struct bl_buf body = {0};
		struct json_object *object;
		int status;

		if (act == BL_LEASE_NOTHING)
			return;
		if (act == BL_LEASE_LOOK) {
			if (weather == FINE)
				bl_lease_saw(lease, server->object, now);
			continue;
		}
		bl_lease_write(lease, act, WALL_US + now * 1000, &body);
		object = json_tokener_parse(body.data);
		cr_assert(object, "%s", body.data);
		status = weather == DOWN ? 0 : serve(server, act, object);
		if (weather == LOST_ANSWER)
			status = 0;
		bl_lease_wrote(lease, status, status ? server->object : NULL, now);
		(void)json_object_put(object);
	}
}

static void done(struct server *server)
{
	(void)json_object_put(server->object);
}

Test(lease, who_comes_first_holds_it_and_renews_it)
{
	struct server server = {0};
	struct bl_lease a, b;

	init(&a, "node-a");
	init(&b, "node-b");
	turn(&a, &server, 1000, FINE);
	turn(&b, &server, 1000, FINE);
	cr_expect(bl_lease_is_held(&a, 1000));
	cr_expect_not(bl_lease_is_held(&b, 1000));
	cr_expect_str_eq(text(server.object, "spec.holderIdentity"), "node-a");
	cr_expect_str_eq(text(server.object, "metadata.name"), "web");
	cr_expect_str_eq(text(server.object, "metadata.namespace"), "kube-system");
	cr_expect_str_eq(text(server.object, "spec.renewTime"), "2026-11-23T10:00:01.000000Z");
	for (uint64_t now = 1500; now < 100000; now += 500) {
		turn(&a, &server, now, FINE);
		turn(&b, &server, now, FINE);
		cr_assert(bl_lease_is_held(&a, now) && !bl_lease_is_held(&b, now));
	}
	cr_expect_str_eq(text(server.object, "spec.acquireTime"), "2026-11-23T10:00:01.000000Z");
	cr_expect_str_eq(b.holder, "node-a");
	cr_expect_eq(server.writes, 50, "one renewal each two seconds, got %u", server.writes);
	done(&server);
}

Test(lease, a_holder_that_is_gone_is_followed_after_its_time_and_not_before)
{
	struct server server = {0};
	struct bl_lease a, b;
	uint64_t now;

	init(&a, "node-a");
	init(&b, "node-b");
	turn(&a, &server, 1000, FINE);
	turn(&b, &server, 1100, FINE);
	for (now = 1200; !bl_lease_is_held(&b, now) && now < 60000; now += 100)
		turn(&b, &server, now, FINE);
	cr_expect(now > 16100 && now <= 18300, "%lu", now);
	cr_expect_eq(b.transitions, 1);
	done(&server);
}

Test(lease, a_holder_that_cannot_renew_stops_before_another_can_start)
{
	for (enum weather weather = DOWN; weather <= LOST_ANSWER; weather++) {
		struct server server = {0};
		uint64_t lost = 0, won = 0;
		struct bl_lease a, b;

		init(&a, "node-a");
		init(&b, "node-b");
		turn(&a, &server, 1000, FINE);
		for (uint64_t now = 1100; !won && now < 90000; now += 100) {
			/* Answers that are lost keep it for the others, but not for itself. */
			turn(&a, &server, now, now < 5000 ? FINE : (now < 30000 ? weather : DOWN));
			turn(&b, &server, now, FINE);
			cr_assert_not(bl_lease_is_held(&a, now) && bl_lease_is_held(&b, now));
			if (!lost && !bl_lease_is_held(&a, now))
				lost = now;
			if (bl_lease_is_held(&b, now))
				won = now;
		}
		cr_expect(lost && lost <= 15000, "%lu", lost);
		cr_expect(won >= lost + 4900, "%lu and %lu", lost, won);
		done(&server);
	}
}

Test(lease, an_outage_shorter_than_the_deadline_is_not_noticed)
{
	struct server server = {0};
	struct bl_lease a;

	init(&a, "node-a");
	for (uint64_t now = 1000; now < 60000; now += 100) {
		bool out = now > 20000 && now < 27000;

		turn(&a, &server, now, out ? (now % 200 ? DOWN : LOST_ANSWER) : FINE);
		cr_assert(bl_lease_is_held(&a, now), "%lu", now);
	}
	done(&server);
}

Test(lease, many_candidates_get_one_holder)
{
	static const char *const names[] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"};
	struct bl_lease leases[ARRAY_SIZE(names)];
	struct server server = {0};
	unsigned int seed = 7;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		init(&leases[i], names[i]);
	for (uint64_t now = 1000; now < 600000; now += 100) {
		size_t holders = 0;

		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			/* Each is away for 30 seconds now and then. */
			bool away = (now / 30000 + i) % 4 == 0;

			seed = seed * 1103515245u + 12345u;
			turn(&leases[i], &server, now,
			     away ? ((seed >> 16) % 2 ? DOWN : LOST_ANSWER) : FINE);
			holders += bl_lease_is_held(&leases[i], now);
		}
		cr_assert_leq(holders, 1, "%zu at %lu", holders, now);
	}
	done(&server);
}

Test(lease, what_is_not_wanted_any_more_is_free_at_once)
{
	struct server server = {0};
	struct bl_lease a, b;

	init(&a, "node-a");
	init(&b, "node-b");
	turn(&a, &server, 1000, FINE);
	turn(&b, &server, 1000, FINE);
	a.wanted = false;
	turn(&a, &server, 3100, FINE);
	cr_expect_not(bl_lease_is_held(&a, 3100));
	cr_expect_null(server.object);
	turn(&b, &server, 3200, FINE);
	cr_expect(bl_lease_is_held(&b, 3200));
	turn(&a, &server, 9000, FINE);
	cr_expect(server.object, "who does not hold it deletes nothing");
	done(&server);
}

Test(lease, an_agent_that_starts_again_goes_on_with_its_own)
{
	struct server server = {0};
	struct bl_lease a, again;

	init(&a, "node-a");
	turn(&a, &server, 1000, FINE);
	init(&again, "node-a");
	cr_expect_not(bl_lease_is_held(&again, 1500));
	turn(&again, &server, 1500, FINE);
	cr_expect(bl_lease_is_held(&again, 1500));
	cr_expect_eq(again.transitions, 0);
	done(&server);
}

Test(lease, only_renewals_count_as_signs_of_life)
{
	static const char format[] =
		"{\"metadata\":{\"resourceVersion\":\"%d\"},\"spec\":{\"holderIdentity\":\"x\","
		"\"leaseDurationSeconds\":%d,\"renewTime\":\"t%d\"}}";
	struct bl_lease a;
	char line[256];

	init(&a, "node-a");
	for (int i = 0; i < 10; i++) { /* somebody writes labels */
		struct json_object *object;

		(void)snprintf(line, sizeof(line), format, i, 5, 1);
		object = json_tokener_parse(line);
		bl_lease_saw(&a, object, 1000 + (uint64_t)i * 1000);
		(void)json_object_put(object);
	}
	cr_expect_eq(bl_lease_turn(&a, 12000), BL_LEASE_UPDATE, "its 5 s are over");
	init(&a, "node-a");
	(void)snprintf(line, sizeof(line), format, 1, 100000000, 1);
	{
		struct json_object *object = json_tokener_parse(line);

		bl_lease_saw(&a, object, 1000);
		(void)json_object_put(object);
	}
	cr_expect_eq(bl_lease_turn(&a, 3599000), BL_LEASE_LOOK);
	cr_expect_eq(bl_lease_turn(&a, 3602000), BL_LEASE_UPDATE, "nothing lasts for ever");
}

Test(lease, what_is_no_lease_is_treated_as_free)
{
	static const char *const objects[] = {
		"{}", "{\"spec\":7}", "{\"spec\":{\"holderIdentity\":[]}}",
		"{\"spec\":{\"holderIdentity\":\"\",\"leaseTransitions\":\"x\"}}",
		"{\"metadata\":{\"resourceVersion\":\"\\\"1\"}}"};

	for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
		struct json_object *object = json_tokener_parse(objects[i]);
		_cleanup_(bl_buf_done) struct bl_buf body = {0};
		struct json_object *written;
		struct bl_lease a;

		init(&a, "node-a");
		bl_lease_saw(&a, object, 1000);
		cr_expect_eq(bl_lease_turn(&a, 1000), BL_LEASE_UPDATE, "%s", objects[i]);
		bl_lease_write(&a, BL_LEASE_UPDATE, WALL_US, &body);
		written = json_tokener_parse(body.data);
		cr_expect(written, "%s", body.data);
		(void)json_object_put(written);
		(void)json_object_put(object);
	}
}
