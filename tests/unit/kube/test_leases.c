/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agents that compete for Leases at an API server, each with its own client. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "asking.h"
#include "base/cleanup.h"
#include "kube/leases.h"

#define PATIENCE_MS 20000u

struct agent {
	struct bl_kube_client *client;
	struct bl_leases *leases;
	unsigned int changes;
	unsigned int lefts;
	char problem[BL_ERR_TEXT]; /* "": none */
};

static void on_changed(void *userdata)
{
	((struct agent *)userdata)->changes++;
}

static void on_problem(const char *text, void *userdata)
{
	struct agent *agent = userdata;

	(void)snprintf(agent->problem, sizeof(agent->problem), "%s", text ? text : "");
}

static void on_left(void *userdata)
{
	((struct agent *)userdata)->lefts++;
}

static void begin(struct asking *asking, struct agent *agent, const char *node, const char *ns)
{
	struct bl_err err = {0};
	struct bl_leases_config config = {
		.loop = asking->loop,
		.ns = ns,
		.identity = node,
		.times = bl_lease_times_of(60000),
		.changed = on_changed,
		.problem = on_problem,
		.userdata = agent,
	};

	*agent = (struct agent){0};
	cr_assert_eq(bl_kube_client_new(asking->loop, &asking->config, &agent->client, &err), 0,
		     "%s", err.text);
	config.client = agent->client;
	cr_assert_eq(bl_leases_new(&config, &agent->leases), 0);
}

static void end(struct agent *agent)
{
	agent->leases = bl_leases_free(agent->leases);
	agent->client = bl_kube_client_free(agent->client);
}

static bool holds(const struct agent *agent, const char *name)
{
	return bl_leases_standing(agent->leases, name) == BL_LEASE_HELD;
}

#define WAIT_FOR(asking, condition)                                                                \
	do {                                                                                       \
		for (unsigned int waited = 0; !(condition) && waited < PATIENCE_MS; waited += 10)  \
			ask_run(asking, 10);                                                       \
		cr_assert(condition);                                                              \
	} while (0)

static int64_t count_of(struct fault_server *server, const char *what)
{
	struct json_object *stats = fault_server_do(server, "{'do':'stats'}");
	struct json_object *counts = NULL, *value = NULL;
	int64_t count = 0;

	cr_assert(json_object_object_get_ex(stats, "counts", &counts));
	if (json_object_object_get_ex(counts, what, &value))
		count = json_object_get_int64(value);
	(void)json_object_put(stats);
	return count;
}

Test(leases, of_two_agents_one_gets_each_and_all_go_over_when_it_leaves)
{
	struct fault_server *server = api_server_start();
	struct agent a, b;
	struct asking asking;
	char name[16];

	asking_init(&asking, server);
	begin(&asking, &a, "node-a", "kube-system");
	begin(&asking, &b, "node-b", "kube-system");
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "web-%d", i);
		cr_assert_eq(bl_leases_want(a.leases, name, true), 0);
	}
	WAIT_FOR(&asking, bl_leases_held_count(a.leases) == 30);
	cr_expect_gt(a.changes, 0);
	cr_expect_eq(count_of(server, "POST leases"), 31, "each, and the heartbeat: %ld",
		     (long)count_of(server, "POST leases"));
	for (int i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "web-%d", i);
		cr_assert_eq(bl_leases_want(b.leases, name, true), 0);
	}
	WAIT_FOR(&asking, bl_leases_standing(b.leases, "web-7") == BL_LEASE_TAKEN);
	cr_expect_str_eq(bl_leases_holder(b.leases, "web-7"), "node-a");
	cr_expect_eq(bl_leases_held_count(b.leases), 0);
	cr_expect_eq(bl_leases_info(b.leases).writes, 0, "who holds nothing writes nothing");
	bl_leases_leave(a.leases, on_left, &a);
	cr_expect_eq(bl_leases_held_count(a.leases), 0, "at once");
	WAIT_FOR(&asking, a.lefts == 1);
	WAIT_FOR(&asking, bl_leases_held_count(b.leases) == 30);
	cr_expect_eq(a.lefts, 1);
	cr_expect_str_empty(a.problem);
	cr_expect_str_empty(b.problem);
	end(&a);
	end(&b);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(leases, what_is_not_wanted_any_more_is_deleted_and_another_takes_it)
{
	struct fault_server *server = api_server_start();
	struct agent a, b;
	struct asking asking;

	asking_init(&asking, server);
	begin(&asking, &a, "node-a", "kube-system");
	begin(&asking, &b, "node-b", "kube-system");
	cr_assert_eq(bl_leases_want(a.leases, "web", true), 0);
	WAIT_FOR(&asking, holds(&a, "web"));
	cr_assert_eq(bl_leases_want(b.leases, "web", true), 0);
	WAIT_FOR(&asking, bl_leases_standing(b.leases, "web") == BL_LEASE_TAKEN);
	bl_leases_begin(a.leases);
	bl_leases_end(a.leases);
	cr_expect_not(holds(&a, "web") && bl_leases_held_count(a.leases));
	WAIT_FOR(&asking, holds(&b, "web"));
	cr_expect_eq(count_of(server, "DELETE leases"), 1);
	end(&a);
	end(&b);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(leases, those_of_two_namespaces_have_nothing_to_do_with_each_other)
{
	struct fault_server *server = api_server_start();
	struct agent a, b;
	struct asking asking;

	asking_init(&asking, server);
	begin(&asking, &a, "node-a", "kube-system");
	begin(&asking, &b, "node-b", "beeline");
	cr_assert_eq(bl_leases_want(a.leases, "web", true), 0);
	cr_assert_eq(bl_leases_want(b.leases, "web", true), 0);
	WAIT_FOR(&asking, holds(&a, "web") && holds(&b, "web"));
	end(&a);
	end(&b);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(leases, rights_that_are_missing_are_named_with_the_namespace)
{
	static const char *const methods[] = {"GET", "POST"};

	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		struct fault_server *server = api_server_start();
		struct asking asking;
		struct agent a;

		fault_server_tell(server, "{'do':'forbid','method':'%s','words':'/leases'}",
				  methods[i]);
		asking_init(&asking, server);
		begin(&asking, &a, "node-a", "beeline");
		cr_assert_eq(bl_leases_want(a.leases, "web", true), 0);
		WAIT_FOR(&asking, a.problem[0]);
		cr_expect(strstr(a.problem, "'leases'") || strstr(a.problem, "leases"), "%s",
			  a.problem);
		if (!strcmp(methods[i], "POST"))
			cr_expect(strstr(a.problem, "a Role in namespace 'beeline'"), "%s",
				  a.problem);
		cr_expect_not(holds(&a, "web"));
		fault_server_tell(server, "{'do':'allow'}");
		WAIT_FOR(&asking, holds(&a, "web"));
		WAIT_FOR(&asking, !a.problem[0]);
		end(&a);
		asking_done(&asking);
		fault_server_stop(server);
	}
}

Test(leases, connections_that_are_cut_change_nothing_of_who_holds_what)
{
	struct fault_server *server = api_server_start();
	struct agent a, b;
	struct asking asking;

	asking_init(&asking, server);
	begin(&asking, &a, "node-a", "kube-system");
	begin(&asking, &b, "node-b", "kube-system");
	cr_assert_eq(bl_leases_want(a.leases, "web", true), 0);
	WAIT_FOR(&asking, holds(&a, "web"));
	cr_assert_eq(bl_leases_want(b.leases, "web", true), 0);
	WAIT_FOR(&asking, bl_leases_standing(b.leases, "web") == BL_LEASE_TAKEN);
	for (int i = 0; i < 3; i++) {
		fault_server_tell(server, "{'do':'cut'}");
		fault_server_tell(server, "{'do':'compact'}");
		ask_run(&asking, 100);
		cr_expect(holds(&a, "web") && !holds(&b, "web"));
	}
	/* The watch goes on: what changes is heard. */
	bl_leases_leave(a.leases, on_left, &a);
	WAIT_FOR(&asking, holds(&b, "web"));
	end(&a);
	end(&b);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(leases, a_lease_that_a_person_deletes_is_taken_anew)
{
	struct fault_server *server = api_server_start();
	struct asking asking;
	struct agent a;

	asking_init(&asking, server);
	begin(&asking, &a, "node-a", "kube-system");
	cr_assert_eq(bl_leases_want(a.leases, "web", true), 0);
	WAIT_FOR(&asking, holds(&a, "web"));
	fault_server_tell(server, "{'do':'delete','kind':'Lease','name':'web',"
				  "'namespace':'kube-system'}");
	WAIT_FOR(&asking, count_of(server, "POST leases") == 3 && holds(&a, "web"));
	end(&a);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(leases, who_has_nothing_leaves_at_once)
{
	struct fault_server *server = api_server_start();
	struct asking asking;
	struct agent a;

	asking_init(&asking, server);
	begin(&asking, &a, "node-a", "kube-system");
	bl_leases_leave(a.leases, on_left, &a);
	cr_expect_eq(a.lefts, 0, "not before it has returned");
	WAIT_FOR(&asking, a.lefts == 1);
	end(&a);
	asking_done(&asking);
	fault_server_stop(server);
}
