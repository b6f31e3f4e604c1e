/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Load-balancer addresses after the Services are there: who waited gets one, and agents that share
 * a pool give the same. */
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

#include "agent/balancing.h"
#include "fixture.h"
#include "model/service.h"

struct balanced {
	struct fixture fixture;
	sd_event *loop;
	struct bl_pool *pool;
	struct bl_balancing *balancing;
};

static void setup(struct balanced *balanced, const char *network, bool shared)
{
	struct bl_prefix prefix;
	struct bl_err err = {0};
	struct bl_balancing_config config = {0};

	*balanced = (struct balanced){0};
	fixture_setup(&balanced->fixture);
	cr_assert_eq(bl_prefix_parse(network, &prefix), 0);
	cr_assert_eq(bl_pool_new(&prefix, 1, &balanced->pool, &err), 0);
	if (shared)
		bl_pool_set_shared(balanced->pool);
	cr_assert_eq(bl_allocations_open_pool(&balanced->fixture.allocations, balanced->pool, NULL,
					      &err),
		     0);
	cr_assert_geq(sd_event_new(&balanced->loop), 0);
	config.loop = balanced->loop;
	config.store = balanced->fixture.store;
	config.catalog = balanced->fixture.catalog;
	config.allocations = &balanced->fixture.allocations;
	config.problems = balanced->fixture.problems;
	cr_assert_eq(bl_balancing_new(&config, &balanced->balancing), 0);
}

static void done(struct balanced *balanced)
{
	bl_balancing_free(balanced->balancing);
	fixture_done(&balanced->fixture);
	bl_pool_free(balanced->pool);
	sd_event_unref(balanced->loop);
}

static void put(struct balanced *balanced, const char *name, const char *spec)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: default}\n"
		       "spec: {ports: [{port: 80}]%s%s}\n",
		       name, strstr(spec, "type:") ? "" : ", type: LoadBalancer", spec);
	deliver(&balanced->fixture, "services.yaml", text);
}

static void settle(const struct balanced *balanced)
{
	/* Its turn, and the one for the changes that it made. */
	for (int i = 0; i < 2; i++)
		cr_assert_geq(sd_event_run(balanced->loop, 50 * 1000), 0);
}

static const char *address_of(const struct balanced *balanced, const char *name)
{
	const struct bl_object *object = find(&balanced->fixture, BL_KIND_SERVICE, name);
	const struct bl_service *service = object ? bl_service_of(object) : NULL;

	return service && service->ingress.count ? service->ingress.items[0].ip : "";
}

Test(balancing, a_service_without_an_address_has_one_as_soon_as_another_gives_it_up)
{
	struct balanced balanced;
	char freed[64];

	setup(&balanced, "203.0.113.0/30", false);
	put(&balanced, "a", "");
	put(&balanced, "b", "");
	put(&balanced, "c", "");
	bl_balancing_begin(balanced.balancing);
	cr_expect_str_eq(address_of(&balanced, "c"), "");
	cr_expect(strstr(problems(&balanced.fixture),
			 "service 'default/c' has no load-balancer address: no address is free"),
		  "%s", problems(&balanced.fixture));
	(void)snprintf(freed, sizeof(freed), "%s", address_of(&balanced, "a"));
	withdraw(&balanced.fixture, BL_KIND_SERVICE, "default", "a");
	settle(&balanced);
	cr_expect_str_eq(address_of(&balanced, "c"), freed);
	cr_expect_str_eq(problems(&balanced.fixture), "");
	done(&balanced);
}

Test(balancing, a_service_that_changes_its_type_frees_its_address_for_one_that_waits)
{
	struct balanced balanced;

	setup(&balanced, "203.0.113.7/32", false);
	put(&balanced, "a", "");
	bl_balancing_begin(balanced.balancing);
	put(&balanced, "b", "");
	settle(&balanced);
	cr_expect_str_eq(address_of(&balanced, "b"), "");
	put(&balanced, "a", ", type: ClusterIP");
	settle(&balanced);
	cr_expect_str_eq(address_of(&balanced, "b"), "203.0.113.7");
	cr_expect_str_eq(address_of(&balanced, "a"), "");
	done(&balanced);
}

Test(balancing, the_problem_of_a_service_goes_with_it)
{
	struct balanced balanced;

	setup(&balanced, "203.0.113.7/32", false);
	put(&balanced, "a", "");
	put(&balanced, "b", "");
	bl_balancing_begin(balanced.balancing);
	cr_expect_neq(problems(&balanced.fixture)[0], '\0');
	withdraw(&balanced.fixture, BL_KIND_SERVICE, "default", "b");
	settle(&balanced);
	cr_expect_str_eq(problems(&balanced.fixture), "");
	done(&balanced);
}

Test(balancing, services_keep_their_addresses_when_others_come)
{
	struct balanced balanced;
	char before[64], name[8];

	setup(&balanced, "203.0.113.0/26", false);
	put(&balanced, "first", "");
	bl_balancing_begin(balanced.balancing);
	(void)snprintf(before, sizeof(before), "%s", address_of(&balanced, "first"));
	for (int i = 0; i < 60; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(&balanced, name, "");
	}
	settle(&balanced);
	cr_expect_str_eq(address_of(&balanced, "first"), before);
	done(&balanced);
}

#define SERVICES 13 /* of 14 addresses: hardly one gets the first that it would have */

Test(balancing, agents_that_share_a_pool_give_the_same_in_whatever_order_they_learn)
{
	struct balanced one, other;
	char name[8];

	setup(&one, "203.0.113.0/28", true);
	setup(&other, "203.0.113.0/28", true);
	bl_balancing_begin(one.balancing);
	for (int i = 0; i < SERVICES; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(&one, name, i == 5 ? ", loadBalancerIP: 203.0.113.3" : "");
		settle(&one); /* one after the other */
	}
	for (int i = SERVICES; i-- > 0;) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		put(&other, name, i == 5 ? ", loadBalancerIP: 203.0.113.3" : "");
	}
	put(&other, "gone", ""); /* that the first never saw */
	bl_balancing_begin(other.balancing);
	withdraw(&other.fixture, BL_KIND_SERVICE, "default", "gone");
	settle(&other);
	for (int i = 0; i < SERVICES; i++) {
		(void)snprintf(name, sizeof(name), "s%d", i);
		cr_expect_str_neq(address_of(&one, name), "");
		cr_expect_str_eq(address_of(&one, name), address_of(&other, name), "%s", name);
	}
	cr_expect_str_eq(address_of(&one, "s5"), "203.0.113.3");
	done(&one);
	done(&other);
}

Test(balancing, a_changed_service_of_a_shared_pool_is_never_without_its_address)
{
	struct balanced balanced;
	char before[64];

	setup(&balanced, "203.0.113.0/28", true);
	put(&balanced, "a", "");
	bl_balancing_begin(balanced.balancing);
	(void)snprintf(before, sizeof(before), "%s", address_of(&balanced, "a"));
	cr_expect_str_neq(before, "");
	put(&balanced, "a", ", externalTrafficPolicy: Local");
	cr_expect_str_eq(address_of(&balanced, "a"), before, "before its turn");
	done(&balanced);
}

static void redirect(void)
{
	cr_redirect_stderr();
}

Test(balancing, nothing_is_said_of_a_host_name_that_another_load_balancer_gave, .init = redirect)
{
	struct balanced balanced;
	char said[256];

	setup(&balanced, "203.0.113.0/30", false);
	deliver(&balanced.fixture, "services.yaml",
		"apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: default}\n"
		"spec: {ports: [{port: 80}], type: LoadBalancer}\n"
		"status: {loadBalancer: {ingress: [{hostname: lb.example.org}]}}\n");
	bl_balancing_begin(balanced.balancing);
	settle(&balanced);
	cr_expect_str_eq(problems(&balanced.fixture), "");
	done(&balanced);
	(void)fflush(stderr);
	(void)fclose(stderr);
	said[fread(said, 1, sizeof(said) - 1, cr_get_redirected_stderr())] = '\0';
	cr_expect_str_eq(said, "");
}
