/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leases as agents compete for them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "lease_agents.h"

#define AGENTS 8

Test(lease_book, one_heartbeat_is_renewed_however_many_leases_an_agent_holds)
{
	static const size_t counts[] = {1, 500};
	unsigned int renewals[ARRAY_SIZE(counts)];

	for (size_t k = 0; k < ARRAY_SIZE(counts); k++) {
		struct lease_server *server = lease_server_open();
		struct lease_agent agent;
		unsigned int before;
		uint64_t now = 1000;
		char name[64];

		agent_begin(&agent, server, "node-a", now);
		for (size_t i = 0; i < counts[k]; i++) {
			(void)snprintf(name, sizeof(name), "lease-%zu", i);
			agent_want(&agent, name, true);
		}
		for (; now < 6000; now += 50)
			agent_turn(&agent, now);
		cr_assert_eq(bl_lease_book_held_count(agent.book, now), counts[k]);
		/* One write for each, and the heartbeat's. */
		cr_expect_leq(server->writes, counts[k] + 4, "%u", server->writes);
		before = server->writes;
		for (; now < 106000; now += 50)
			agent_turn(&agent, now);
		renewals[k] = server->writes - before;
		cr_expect_eq(bl_lease_book_held_count(agent.book, now), counts[k]);
		cr_expect_leq(renewals[k], 51, "one each two seconds, got %u", renewals[k]);
		agent_end(&agent);
		lease_server_close(server);
	}
	cr_expect_eq(renewals[0], renewals[1]);
}

Test(lease_book, what_is_written_says_who_has_what_by_which_term)
{
	struct lease_server *server = lease_server_open();
	struct json_object *beat, *claim;
	struct lease_agent agent;

	agent_begin(&agent, server, "node-a", 1000);
	agent_want(&agent, "beeline-lb.default.web", true);
	for (uint64_t now = 1000; now < 4000; now += 50)
		agent_turn(&agent, now);
	beat = lease_find(server, "beeline-node.node-a")->object;
	claim = lease_find(server, "beeline-lb.default.web")->object;
	cr_expect_str_eq(lease_text(beat, "spec.holderIdentity"), "node-a");
	cr_expect_str_eq(lease_text(beat, "spec.acquireTime"), "2026-11-23T10:00:01.000000Z");
	cr_expect_str_eq(lease_text(beat, "spec.renewTime"), "2026-11-23T10:00:03.000000Z");
	cr_expect_str_eq(lease_text(claim, "spec.holderIdentity"), "node-a");
	cr_expect_str_eq(lease_text(claim, "spec.renewTime"), "", "it is not renewed");
	cr_expect_str_eq(lease_text(claim, "metadata.namespace"), "kube-system");
	{
		struct json_object *of_beat = NULL, *of_claim = NULL;

		(void)json_pointer_get(beat, "/metadata/annotations/beeline.dev~1term", &of_beat);
		(void)json_pointer_get(claim, "/metadata/annotations/beeline.dev~1term", &of_claim);
		cr_expect_eq(json_object_get_string_len(of_beat), 16);
		cr_expect(json_object_equal(of_beat, of_claim));
	}
	agent_end(&agent);
	lease_server_close(server);
}

Test(lease_book, a_holder_that_is_gone_is_followed_after_its_time_and_not_before)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000, died;

	agent_begin(&a, server, "node-a", now);
	agent_begin(&b, server, "node-b", now);
	agent_want(&a, "web", true);
	for (; !agent_has(&a, "web", now); now += 10)
		agent_turn(&a, now);
	agent_want(&b, "web", true);
	for (uint64_t until = now + 20000; now < until; now += 10) {
		agent_turn(&a, now);
		agent_turn(&b, now);
		cr_assert(agent_has(&a, "web", now) && !agent_has(&b, "web", now));
		cr_assert_eq(bl_lease_book_standing(b.book, "web", now), BL_LEASE_TAKEN);
	}
	cr_expect_str_eq(bl_lease_book_holder(b.book, "web"), "node-a");
	died = now;
	for (; !agent_has(&b, "web", now) && now < died + 60000; now += 10)
		agent_turn(&b, now);
	/* Its last renewal may be two seconds old by then. */
	cr_expect(now - died > 7900 && now - died <= 11100, "%lu", now - died);
	cr_expect_str_eq(lease_holder(server, "web"), "node-b");
	cr_expect_str_eq(lease_holder(server, "beeline-node.node-a"), "");
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, all_that_an_agent_had_is_free_by_one_write_when_it_leaves)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000, left;
	unsigned int before;
	char name[16];

	agent_begin(&a, server, "node-a", now);
	agent_begin(&b, server, "node-b", now);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "web-%d", i);
		agent_want(&a, name, true);
	}
	for (; now < 5000; now += 50)
		agent_turn(&a, now);
	cr_assert_eq(bl_lease_book_held_count(a.book, now), 40);
	for (int i = 0; i < 40; i++) {
		(void)snprintf(name, sizeof(name), "web-%d", i);
		agent_want(&b, name, true);
	}
	for (; now < 9000; now += 50) {
		agent_turn(&a, now);
		agent_turn(&b, now);
	}
	cr_assert_eq(bl_lease_book_held_count(a.book, now), 40);
	left = now;
	before = server->writes;
	bl_lease_book_leave(a.book);
	cr_expect_not(agent_has(&a, "web-0", now), "not even before it is written");
	agent_turn(&a, now);
	cr_expect(bl_lease_book_has_left(a.book));
	cr_expect_eq(server->writes - before, 1);
	for (; bl_lease_book_held_count(b.book, now) < 40 && now < left + 60000; now += 50)
		agent_turn(&b, now);
	cr_expect_leq(now - left, 1000, "%lu", now - left);
	cr_expect_leq(server->writes - before, 45, "%u", server->writes - before);
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, an_agent_that_starts_again_goes_on_with_its_own_without_writing_them_anew)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, again;
	uint64_t now = 1000;
	unsigned int before;

	agent_begin(&a, server, "node-a", now);
	agent_want(&a, "one", true);
	agent_want(&a, "two", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	before = server->writes;
	agent_begin_seeded(&again, server, "node-a", 99, now);
	agent_want(&again, "one", true);
	agent_want(&again, "two", true);
	cr_expect_not(agent_has(&again, "one", now));
	cr_expect_eq(bl_lease_book_standing(again.book, "one", now), BL_LEASE_LAPSED);
	agent_turn(&again, now);
	cr_expect(agent_has(&again, "one", now) && agent_has(&again, "two", now));
	cr_expect_eq(server->writes - before, 1);
	agent_end(&a);
	agent_end(&again);
	lease_server_close(server);
}

Test(lease_book, an_agent_that_starts_again_has_time_to_say_what_it_wants)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, again;
	uint64_t now = 1000, since;

	agent_begin(&a, server, "node-a", now);
	agent_want(&a, "pool", true);
	agent_want(&a, "one", true);
	agent_want(&a, "old", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	agent_begin_seeded(&again, server, "node-a", 99, now);
	agent_want(&again, "pool", true);
	for (since = now; now < since + 1500; now += 50)
		agent_turn(&again, now);
	cr_expect_str_eq(lease_holder(server, "one"), "node-a");
	agent_want(&again, "one", true);
	for (since = now; now < since + 3000; now += 50)
		agent_turn(&again, now);
	cr_expect(agent_has(&again, "one", now));
	cr_expect_null(lease_find(server, "old")->object, "nobody wants it any more");
	agent_end(&a);
	agent_end(&again);
	lease_server_close(server);
}

Test(lease_book, what_was_left_is_not_taken_for_ones_own_after_a_restart)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, again;
	uint64_t now = 1000;

	agent_begin(&a, server, "node-a", now);
	agent_want(&a, "one", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	bl_lease_book_leave(a.book);
	agent_turn(&a, now);
	agent_begin_seeded(&again, server, "node-a", 99, now);
	agent_want(&again, "one", true);
	cr_expect_not(agent_has(&again, "one", now));
	for (uint64_t until = now + 2000; now < until; now += 50)
		agent_turn(&again, now);
	cr_expect(agent_has(&again, "one", now), "nobody else wanted it");
	agent_end(&a);
	agent_end(&again);
	lease_server_close(server);
}

Test(lease_book, a_holder_that_cannot_renew_stops_before_another_can_start)
{
	for (enum lease_weather weather = DOWN; weather <= LOST_ANSWER; weather++) {
		struct lease_server *server = lease_server_open();
		uint64_t lost = 0, won = 0, now = 1000;
		struct lease_agent a, b;

		agent_begin(&a, server, "node-a", now);
		agent_begin(&b, server, "node-b", now);
		agent_want(&a, "web", true);
		for (; !agent_has(&a, "web", now); now += 50)
			agent_turn(&a, now);
		agent_want(&b, "web", true);
		for (; !won && now < 90000; now += 50) {
			/* Answers that are lost keep it for the others, but not for itself. */
			a.weather = now < 10000 ? FINE : (now < 40000 ? weather : DOWN);
			agent_turn(&a, now);
			agent_turn(&b, now);
			cr_assert_not(agent_has(&a, "web", now) && agent_has(&b, "web", now));
			if (!lost && !agent_has(&a, "web", now))
				lost = now;
			if (agent_has(&b, "web", now))
				won = now;
		}
		cr_expect(lost > 10000 && lost <= 16800, "%lu", lost);
		cr_expect(won >= lost + 1500, "%lu and %lu", lost, won);
		/* It comes back, and sees that it has lost it. */
		a.weather = FINE;
		for (uint64_t until = now + 20000; now < until; now += 50) {
			agent_turn(&a, now);
			agent_turn(&b, now);
			cr_assert(agent_has(&b, "web", now) && !agent_has(&a, "web", now));
		}
		agent_end(&a);
		agent_end(&b);
		lease_server_close(server);
	}
}

Test(lease_book, after_an_outage_for_all_everybody_has_what_he_had)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000;
	unsigned int before;

	agent_begin(&a, server, "node-a", now);
	agent_begin(&b, server, "node-b", now);
	agent_want(&a, "one", true);
	agent_want(&b, "two", true);
	for (; now < 5000; now += 50) {
		agent_turn(&a, now);
		agent_turn(&b, now);
	}
	agent_want(&a, "two", true);
	agent_want(&b, "one", true);
	before = server->writes;
	a.weather = b.weather = DOWN;
	for (; now < 100000; now += 50) {
		agent_turn(&a, now);
		agent_turn(&b, now);
	}
	cr_expect_eq(bl_lease_book_standing(a.book, "one", now), BL_LEASE_LAPSED);
	cr_expect_eq(bl_lease_book_standing(a.book, "two", now), BL_LEASE_UNKNOWN);
	a.weather = b.weather = FINE;
	/* The first writes of both are renewals: who ends another's heartbeat waits for a moment.
	 */
	for (; now < 110000; now += 50) {
		bl_lease_book_hear(a.book, now);
		bl_lease_book_hear(b.book, now);
		agent_turn(&a, now);
		agent_turn(&b, now);
	}
	cr_expect(agent_has(&a, "one", now) && agent_has(&b, "two", now));
	cr_expect_leq(server->writes - before, 12);
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, a_watch_that_brings_nothing_takes_nothing_from_a_holder_that_renews)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000;

	agent_begin(&a, server, "node-a", now);
	agent_begin(&b, server, "node-b", now);
	agent_want(&a, "web", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	agent_want(&b, "web", true);
	agent_turn(&b, now);
	b.deaf = true;
	for (; now < 60000; now += 50) {
		bl_lease_book_hear(b.book, now); /* bookmarks alone */
		agent_turn(&a, now);
		agent_turn(&b, now);
		cr_assert(agent_has(&a, "web", now) && !agent_has(&b, "web", now), "%lu", now);
	}
	cr_expect_gt(server->refused, 0, "it tried to");
	cr_expect(b.lists > 0 && b.lists < 15, "%u: not more often than every five seconds",
		  b.lists);
	cr_expect_eq(a.lists, 0);
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, nothing_is_taken_while_a_list_comes_in)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000;

	agent_begin(&a, server, "node-a", now);
	agent_want(&a, "web", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	agent_begin(&b, server, "node-b", now);
	agent_want(&b, "web", true);
	/* As if the claim stood in the list before the heartbeat that it counts by. */
	bl_lease_book_remove(b.book, "beeline-node.node-a", now);
	bl_lease_book_set_watching(b.book, false);
	for (; now < 8000; now += 50) {
		bl_lease_book_hear(b.book, now);
		agent_turn(&b, now);
	}
	cr_expect_str_eq(lease_holder(server, "web"), "node-a");
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, many_candidates_get_one_holder_each_and_share_them)
{
	static const char *const names[AGENTS] = {"n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"};
	struct lease_server *server = lease_server_open();
	struct lease_agent agents[AGENTS];
	unsigned int held[AGENTS] = {0}, writes;
	char name[16];

	for (size_t i = 0; i < AGENTS; i++) {
		agent_begin(&agents[i], server, names[i], 1000);
		for (int k = 0; k < 80; k++) {
			(void)snprintf(name, sizeof(name), "web-%d", k);
			agent_want(&agents[i], name, true);
		}
	}
	for (uint64_t now = 1000; now < 4000; now += 10)
		for (size_t i = 0; i < AGENTS; i++)
			agent_turn(&agents[i], now);
	for (int k = 0; k < 80; k++) {
		size_t holders = 0;

		(void)snprintf(name, sizeof(name), "web-%d", k);
		for (size_t i = 0; i < AGENTS; i++)
			if (agent_has(&agents[i], name, 4000)) {
				holders++;
				held[i]++;
			}
		cr_assert_eq(holders, 1, "%s: %zu", name, holders);
	}
	for (size_t i = 0; i < AGENTS; i++) {
		cr_expect_gt(held[i], 1, "%zu has %u", i, held[i]);
		cr_expect_lt(held[i], 30, "%zu has %u", i, held[i]);
	}
	writes = server->writes;
	cr_expect_leq(writes, 80 + AGENTS * 3, "%u", writes);
	for (size_t i = 0; i < AGENTS; i++)
		agent_end(&agents[i]);
	lease_server_close(server);
}

Test(lease_book, nobody_ever_has_what_another_has_whatever_the_weather)
{
	static const char *const names[] = {"n0", "n1", "n2", "n3", "n4"};
	struct lease_server *server = lease_server_open();
	struct lease_agent agents[ARRAY_SIZE(names)];
	unsigned int seed = 7, handovers = 0;
	size_t last = ARRAY_SIZE(names);

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		agent_begin(&agents[i], server, names[i], 1000);
		agent_want(&agents[i], "web", true);
	}
	for (uint64_t now = 1000; now < 900000; now += 100) {
		size_t holders = 0;

		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			/* Each is away for 30 seconds now and then, or its watch is. */
			unsigned int mood = (unsigned int)(now / 30000 + i) % 4;

			seed = seed * 1103515245u + 12345u;
			agents[i].weather =
				mood == 0 ? ((seed >> 16) % 2 ? DOWN : LOST_ANSWER) : FINE;
			agents[i].deaf = mood == 1 && (seed >> 20) % 3 == 0;
			agent_turn(&agents[i], now);
			if (!agent_has(&agents[i], "web", now))
				continue;
			holders++;
			handovers += last != i;
			last = i;
		}
		cr_assert_leq(holders, 1, "%zu at %lu", holders, now);
	}
	cr_expect_gt(handovers, 5, "%u", handovers);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		agent_end(&agents[i]);
	lease_server_close(server);
}

Test(lease_book, what_is_not_wanted_any_more_is_deleted_by_its_holder_alone)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000;

	agent_begin(&a, server, "node-a", now);
	agent_begin(&b, server, "node-b", now);
	agent_want(&a, "web", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	agent_want(&b, "web", true);
	agent_turn(&b, now);
	bl_lease_book_begin(a.book);
	bl_lease_book_end(a.book);
	cr_expect_not(agent_has(&a, "web", now) && bl_lease_book_held_count(a.book, now));
	for (; now < 5000; now += 50) {
		agent_turn(&a, now);
		agent_turn(&b, now);
	}
	cr_expect(agent_has(&b, "web", now));
	bl_lease_book_begin(b.book);
	bl_lease_book_end(b.book);
	for (; now < 7000; now += 50)
		agent_turn(&b, now);
	cr_expect_null(lease_find(server, "web")->object);
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

static bool needs_nothing(const char *name, void *userdata)
{
	(void)userdata;
	return !strcmp(name, "kept");
}

Test(lease_book, what_nobody_needs_is_swept_away_and_nothing_else)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000;

	agent_begin(&a, server, "node-a", now);
	agent_want(&a, "old", true);
	agent_want(&a, "kept", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	agent_end(&a); /* the machine is gone for good */
	agent_begin(&b, server, "node-b", now);
	agent_want(&b, "own", true);
	for (uint64_t until = now + 30000; now < until; now += 50)
		agent_turn(&b, now);
	/* Its heartbeat has not been ended, for nobody wanted what it had: both count. */
	bl_lease_book_sweep(b.book, needs_nothing, NULL, now);
	for (uint64_t until = now + 70000; now < until; now += 50)
		agent_turn(&b, now);
	bl_lease_book_sweep(b.book, needs_nothing, NULL, now);
	for (uint64_t until = now + 2000; now < until; now += 50)
		agent_turn(&b, now);
	cr_expect_str_eq(lease_holder(server, "old"), "node-a");
	/* Now somebody does. */
	agent_want(&b, "kept", true);
	for (uint64_t until = now + 5000; now < until; now += 50)
		agent_turn(&b, now);
	cr_expect(agent_has(&b, "kept", now));
	bl_lease_book_sweep(b.book, needs_nothing, NULL, now);
	for (uint64_t until = now + 50000; now < until; now += 50)
		agent_turn(&b, now);
	cr_expect(lease_find(server, "old")->object, "not at once");
	for (uint64_t until = now + 20000; now < until; now += 50)
		agent_turn(&b, now);
	bl_lease_book_sweep(b.book, needs_nothing, NULL, now);
	for (uint64_t until = now + 2000; now < until; now += 50)
		agent_turn(&b, now);
	cr_expect_null(lease_find(server, "old")->object);
	cr_expect(lease_find(server, "beeline-node.node-a")->object,
		  "within an hour it may come back");
	cr_expect(agent_has(&b, "kept", now) && agent_has(&b, "own", now));
	for (uint64_t until = now + 3800000; now < until; now += 1000) {
		agent_turn(&b, now);
		if (now % 60000 < 1000)
			bl_lease_book_sweep(b.book, needs_nothing, NULL, now);
	}
	cr_expect_null(lease_find(server, "beeline-node.node-a")->object);
	cr_expect(agent_has(&b, "kept", now) && agent_has(&b, "own", now));
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, a_heartbeat_that_somebody_deleted_voids_what_counted_by_it)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a;
	uint64_t now = 1000;

	agent_begin(&a, server, "node-a", now);
	agent_want(&a, "web", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	lease_keep(server, "beeline-node.node-a", NULL);
	for (uint64_t until = now + 5000; now < until; now += 50)
		agent_turn(&a, now);
	cr_expect(agent_has(&a, "web", now), "it has another term, and took it anew");
	agent_end(&a);
	lease_server_close(server);
}

Test(lease_book, only_what_its_holder_writes_is_a_sign_of_life)
{
	struct lease_server *server = lease_server_open();
	struct lease_agent a, b;
	uint64_t now = 1000, died;

	agent_begin(&a, server, "node-a", now);
	agent_begin(&b, server, "node-b", now);
	agent_want(&a, "web", true);
	for (; now < 3000; now += 50)
		agent_turn(&a, now);
	agent_want(&b, "web", true);
	died = now;
	for (int i = 0; !agent_has(&b, "web", now) && now < died + 60000; now += 50, i++) {
		struct json_object *copy = NULL, *meta;

		if (i % 20 == 0) { /* somebody writes labels */
			(void)json_object_deep_copy(
				lease_find(server, "beeline-node.node-a")->object, &copy, NULL);
			(void)json_object_object_get_ex(copy, "metadata", &meta);
			(void)json_object_object_add(meta, "generation", json_object_new_int(i));
			lease_keep(server, "beeline-node.node-a", copy);
		}
		agent_turn(&b, now);
	}
	cr_expect(now - died <= 12000, "%lu", now - died);
	agent_end(&a);
	agent_end(&b);
	lease_server_close(server);
}

Test(lease_book, what_is_no_lease_of_ours_is_free)
{
	static const char *const specs[] = {
		"{}",
		"{\"holderIdentity\":\"\"}",
		"{\"holderIdentity\":\"stranger\"}",
		"{\"holderIdentity\":\"stranger\",\"leaseDurationSeconds\":100000000}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct lease_server *server = lease_server_open();
		struct lease_agent a;
		uint64_t now = 1000;
		char line[512];

		(void)snprintf(line, sizeof(line),
			       "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
			       "\"metadata\":{\"name\":\"web\",\"namespace\":\"kube-system\","
			       "\"annotations\":{\"beeline.dev/term\":\"%s\"}},\"spec\":%s}",
			       i % 2 ? "zzz" : "00000000000000ff", specs[i]);
		lease_keep(server, "web", json_tokener_parse(line));
		agent_begin(&a, server, "node-a", now);
		agent_want(&a, "web", true);
		for (; now < 3000; now += 50)
			agent_turn(&a, now);
		cr_expect(agent_has(&a, "web", now), "%s", specs[i]);
		agent_end(&a);
		lease_server_close(server);
	}
}

Test(lease_book, a_name_of_a_node_that_no_lease_can_have_is_refused)
{
	char name[300];
	const struct bl_lease_book_config config = {
		.ns = "kube-system", .identity = name, .times = bl_lease_times_of(10000)};
	struct bl_lease_book *book = NULL;

	memset(name, 'a', sizeof(name));
	name[BL_LEASE_NODE_MAX + 1] = '\0';
	cr_expect_eq(bl_lease_book_new(&config, &book), -ENAMETOOLONG);
	name[BL_LEASE_NODE_MAX] = '\0';
	cr_expect_eq(bl_lease_book_new(&config, &book), 0);
	(void)bl_lease_book_free(book);
}
