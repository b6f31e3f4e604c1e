/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Load-balancer addresses: who gets one, which, and what is kept. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "agent/pool.h"
#include "fixture.h"

static struct bl_pool *new_pool(const char *a, const char *b)
{
	struct bl_prefix prefixes[2];
	struct bl_pool *pool = NULL;
	struct bl_err err = {0};

	cr_assert_eq(bl_prefix_parse(a, &prefixes[0]), 0);
	cr_assert_eq(bl_prefix_parse(b ? b : a, &prefixes[1]), 0);
	cr_assert_eq(bl_pool_new(prefixes, b ? 2 : 1, &pool, &err), 0, "%s", err.text);
	return pool;
}

/* Assigns and returns the addresses of the status, joined with blanks. */
static const char *assign(struct bl_pool *pool, const char *name, const char *spec,
			  const char *status, int expected)
{
	static char result[256];
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct bl_service *service;
	struct bl_err err = {0};
	char text[1024];
	int r;

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: default}\n"
		       "spec: {ports: [{port: 80}], ipFamilies: [IPv4, IPv6]%s%s}\n%s\n",
		       name, spec[0] ? ", " : "", spec, status);
	object = decode_one(NULL, text);
	service = (struct bl_service *)object;
	r = bl_pool_assign(pool, service, &err);
	cr_expect_eq(r, expected, "%s: %d %s", name, r, err.text);
	cr_expect_eq(err.text[0] != '\0', r < 0);
	result[0] = '\0';
	for (size_t i = 0; i < service->ingress.count; i++)
		(void)snprintf(result + strlen(result), sizeof(result) - strlen(result), "%s%s",
			       i ? " " : "", service->ingress.items[i].ip);
	return result;
}

#define BALANCER "type: LoadBalancer"

Test(pool, services_of_type_load_balancer_get_an_address_of_each_family_and_keep_it)
{
	_cleanup_(bl_pool_free) struct bl_pool *pool = new_pool("203.0.113.0/24", "fd00:9::/64");
	char first[256];

	(void)snprintf(first, sizeof(first), "%s", assign(pool, "a", BALANCER, "", 0));
	cr_expect(strncmp(first, "203.0.113.", 10) == 0 && strstr(first, " fd00:9::"), "%s", first);
	cr_expect_str_eq(assign(pool, "a", BALANCER, "", 0), first);
	cr_expect_str_neq(assign(pool, "b", BALANCER, "", 0), first);
}

Test(pool, who_gets_none)
{
	static const struct {
		const char *spec;
		const char *status;
		const char *addresses;
	} rows[] = {
		{"", "", ""},
		{"type: NodePort", "", ""},
		{BALANCER ", loadBalancerClass: example.com/other", "", ""},
		/* Another controller's. */
		{BALANCER, "status: {loadBalancer: {ingress: [{ip: 198.51.100.1}]}}",
		 "198.51.100.1"},
	};
	_cleanup_(bl_pool_free) struct bl_pool *pool = new_pool("203.0.113.0/24", NULL);
	size_t cursor = 0;
	struct bl_addr address;
	const char *name;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		cr_expect_str_eq(assign(pool, "a", rows[i].spec, rows[i].status, 0),
				 rows[i].addresses, "row %zu", i);
	cr_expect_not(bl_pool_next(pool, &cursor, &address, &name));
}

Test(pool, a_wanted_address_is_given_when_it_is_free_and_in_the_pool)
{
	_cleanup_(bl_pool_free) struct bl_pool *pool = new_pool("203.0.113.0/24", NULL);

	cr_expect_str_eq(assign(pool, "a", BALANCER ", loadBalancerIP: 203.0.113.77", "", 0),
			 "203.0.113.77");
	cr_expect_str_eq(
		assign(pool, "b", BALANCER ", loadBalancerIP: 203.0.113.77", "", -EADDRINUSE), "");
	cr_expect_str_eq(assign(pool, "b", BALANCER ", loadBalancerIP: 192.0.2.1", "", -ERANGE),
			 "");
	/* Moving to another gives the first back. */
	cr_expect_str_eq(assign(pool, "a", BALANCER ", loadBalancerIP: 203.0.113.78", "", 0),
			 "203.0.113.78");
	cr_expect_str_eq(assign(pool, "b", BALANCER ", loadBalancerIP: 203.0.113.77", "", 0),
			 "203.0.113.77");
	/* So does another type. */
	(void)assign(pool, "b", "type: ClusterIP", "", 0);
	cr_expect_str_eq(assign(pool, "c", BALANCER ", loadBalancerIP: 203.0.113.77", "", 0),
			 "203.0.113.77");
}

Test(pool, an_address_that_the_status_has_is_kept_when_nobody_else_has_it)
{
	static const char status[] = "status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}";
	_cleanup_(bl_pool_free) struct bl_pool *pool = new_pool("203.0.113.0/24", NULL);

	cr_expect_str_eq(assign(pool, "a", BALANCER, status, 0), "203.0.113.9");
	cr_expect_str_neq(assign(pool, "b", BALANCER, status, 0), "203.0.113.9");
	cr_expect_str_eq(assign(pool, "a", BALANCER, "", 0), "203.0.113.9");
}

Test(pool, the_last_address_is_given_and_then_no_more_until_one_is_free)
{
	_cleanup_(bl_pool_free) struct bl_pool *pool = new_pool("203.0.113.0/30", NULL);
	char a[64], b[64];

	(void)snprintf(a, sizeof(a), "%s", assign(pool, "a", BALANCER, "", 0));
	(void)snprintf(b, sizeof(b), "%s", assign(pool, "b", BALANCER, "", 0));
	/* Neither the network's address nor the broadcast one. */
	cr_expect(strcmp(a, "203.0.113.1") == 0 || strcmp(a, "203.0.113.2") == 0, "%s", a);
	cr_expect(strcmp(b, "203.0.113.1") == 0 || strcmp(b, "203.0.113.2") == 0, "%s", b);
	cr_expect_str_neq(a, b);
	cr_expect_str_eq(assign(pool, "c", BALANCER, "", -ENOSPC), "");
	bl_pool_release(pool, "default", "a");
	cr_expect_str_eq(assign(pool, "c", BALANCER, "", 0), a);
}

Test(pool, addresses_are_kept_over_a_restart_for_services_that_come_again)
{
	struct bl_pool *pool = new_pool("203.0.113.0/24", "fd00:9::/64");
	_cleanup_(bl_buf_done) struct bl_buf state = {0};
	_cleanup_(bl_buf_done) struct bl_buf again = {0};
	char a[256];
	size_t cursor = 0;
	size_t count = 0;
	struct bl_addr address;
	const char *name;

	(void)assign(pool, "b", BALANCER, "", 0);
	(void)snprintf(a, sizeof(a), "%s",
		       assign(pool, "a", BALANCER ", loadBalancerIP: 203.0.113.200", "", 0));
	cr_expect(bl_pool_is_dirty(pool));
	cr_assert_eq(bl_pool_save(pool, &state), 0);
	cr_expect_not(bl_pool_is_dirty(pool));
	pool = bl_pool_free(pool);
	pool = new_pool("203.0.113.0/24", "fd00:9::/64");
	cr_assert_eq(bl_pool_restore(pool, state.data, state.len, NULL), 0);
	cr_assert_eq(bl_pool_save(pool, &again), 0);
	cr_expect_str_eq(again.data, state.data);
	/* Nobody else gets what waits for its Service. */
	cr_expect_not(strstr(
		assign(pool, "c", BALANCER ", loadBalancerIP: 203.0.113.200", "", -EADDRINUSE),
		"203.0.113."));
	bl_pool_release(pool, "default", "c");
	cr_expect_str_eq(assign(pool, "a", BALANCER, "", 0), a);
	bl_pool_forget_unclaimed(pool);
	while (bl_pool_next(pool, &cursor, &address, &name)) {
		cr_expect_str_eq(name, "default/a");
		count++;
	}
	cr_expect_eq(count, 2);
	bl_pool_free(pool);
}

Test(pool, damaged_state_is_refused)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{\"version\":2,\"services\":{}}",
		"{\"version\":1}",
		"{\"version\":1,\"services\":{\"a/b\":\"203.0.113.1\"}}",
		"{\"version\":1,\"services\":{\"a/b\":[\"x\"]}}",
		"{\"version\":1,\"services\":{\"a/b\":[7]}}",
		("{\"version\":1,\"services\":{\"a/b\":[\"203.0.113.1\"],"
		 "\"a/c\":[\"203.0.113.1\"]}}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(bl_pool_free) struct bl_pool *pool = new_pool("203.0.113.0/24", NULL);
		struct bl_err err = {0};

		cr_expect_eq(bl_pool_restore(pool, texts[i], strlen(texts[i]), &err), -EINVAL,
			     "row %zu", i);
		cr_expect_neq(err.text[0], '\0', "row %zu", i);
	}
}

Test(pool, networks_that_overlap_are_refused)
{
	struct bl_prefix prefixes[2];
	struct bl_pool *pool = NULL;
	struct bl_err err = {0};

	cr_assert_eq(bl_prefix_parse("10.0.0.0/8", &prefixes[0]), 0);
	cr_assert_eq(bl_prefix_parse("10.1.0.0/16", &prefixes[1]), 0);
	cr_expect_eq(bl_pool_new(prefixes, 2, &pool, &err), -EINVAL);
	cr_expect(strstr(err.text, "'10.0.0.0/8' and '10.1.0.0/16' overlap"), "%s", err.text);
}
