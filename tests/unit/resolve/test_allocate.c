/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "fixture.h"
#include "resolve/allocate.h"

/* Not random at all: the first number of a band, so that results can be written down. */
static uint32_t first_of_band(void *userdata)
{
	(void)userdata;
	return 0;
}

static struct bl_allocator *make_allocator(const char *first, const char *second,
					   uint16_t port_first, uint16_t port_last)
{
	struct bl_prefix cidrs[2];
	struct bl_allocator_config config = {
		.service_cidrs = cidrs,
		.service_cidr_count = second ? 2 : 1,
		.node_port_first = port_first,
		.node_port_last = port_last,
		.random = first_of_band,
	};
	struct bl_allocator *allocator;

	cr_assert_eq(bl_prefix_parse(first, &cidrs[0]), 0);
	if (second)
		cr_assert_eq(bl_prefix_parse(second, &cidrs[1]), 0);
	cr_assert_eq(bl_allocator_new(&config, &allocator), 0);
	return allocator;
}

static struct bl_allocator *usual(void)
{
	return make_allocator("10.96.0.0/16", NULL, 30000, 32767);
}

#define SERVICE(name, spec)                                                                        \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {" spec "}\n"
#define WEB_PORT "ports: [{port: 80}]"

/* Allocates for a Service of text; the object is the caller's. */
static struct bl_service *allocate(struct bl_allocator *allocator, const char *text, int expected,
				   struct bl_err *err)
{
	struct bl_service *service = (struct bl_service *)decode_one(text);
	int r = bl_allocate(allocator, service, err);

	cr_assert_eq(r, expected, "got %d: %s", r, err ? err->text : "");
	return service;
}

static void expect_ip(struct bl_allocator *allocator, const char *text, const char *ip)
{
	struct bl_err err = {0};
	struct bl_service *service = allocate(allocator, text, 0, &err);

	cr_assert_str_eq(service->spec.cluster_ip ? service->spec.cluster_ip : "", ip);
	(void)bl_object_unref(&service->object);
}

static void expect_node_port(struct bl_allocator *allocator, const char *text, int32_t port)
{
	struct bl_err err = {0};
	struct bl_service *service = allocate(allocator, text, 0, &err);

	cr_assert_eq(service->spec.ports.items[0].node_port, port, "got %d",
		     service->spec.ports.items[0].node_port);
	(void)bl_object_unref(&service->object);
}

static void expect_refusal(struct bl_allocator *allocator, const char *text, int code,
			   const char *words)
{
	struct bl_err err = {0};
	struct bl_service *service = allocate(allocator, text, code, &err);

	cr_assert(strstr(err.text, words), "'%s' lacks '%s'", err.text, words);
	(void)bl_object_unref(&service->object);
}

Test(allocate, dynamic_addresses_start_behind_the_static_band)
{
	static const struct {
		const char *cidr;
		const char *expected;
	} rows[] = {
		{"10.96.0.0/16", "10.96.1.1"},           {"10.96.0.0/22", "10.96.0.65"},
		{"10.96.0.0/26", "10.96.0.17"},          {"10.96.0.0/28", "10.96.0.2"},
		{"fd00:10:96::/112", "fd00:10:96::101"}, {"fd00:10:96::/64", "fd00:10:96::101"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_allocator *allocator = make_allocator(rows[i].cidr, NULL, 30000, 32767);

		expect_ip(allocator, SERVICE("a", WEB_PORT), rows[i].expected);
		(void)bl_allocator_free(allocator);
	}
}

Test(allocate, lower_band_is_used_when_the_upper_one_is_full_and_then_it_says_so)
{
	/* Of /27 (32): band 16, usable 1-30, .1 is kept for kubernetes. */
	struct bl_allocator *allocator = make_allocator("10.0.0.0/27", NULL, 30000, 32767);
	char text[128];
	char last[BL_ADDR_TEXT];

	for (int i = 0; i < 29; i++) {
		(void)snprintf(text, sizeof(text), SERVICE("s%d", WEB_PORT), i);
		(void)snprintf(last, sizeof(last), "10.0.0.%d", i < 14 ? 17 + i : 2 + i - 14);
		expect_ip(allocator, text, last);
	}
	expect_refusal(allocator, SERVICE("late", WEB_PORT), -ENOSPC, "10.0.0.0/27");
	bl_allocate_release(allocator, "default", "s3");
	expect_ip(allocator, SERVICE("late", WEB_PORT), "10.0.0.20");
	(void)bl_allocator_free(allocator);
}

Test(allocate, first_address_is_kept_for_kubernetes)
{
	struct bl_allocator *allocator = usual();

	expect_refusal(allocator, SERVICE("a", "clusterIP: 10.96.0.1, " WEB_PORT), -EADDRINUSE,
		       "'default/kubernetes'");
	expect_ip(allocator, SERVICE("kubernetes", WEB_PORT), "10.96.0.1");
	expect_refusal(allocator, SERVICE("b", "clusterIP: 10.96.0.0, " WEB_PORT), -ERANGE,
		       "valid range");
	expect_refusal(allocator, SERVICE("b", "clusterIP: 10.96.255.255, " WEB_PORT), -ERANGE,
		       "valid range");
	expect_refusal(allocator, SERVICE("b", "clusterIP: 10.97.0.1, " WEB_PORT), -ERANGE,
		       "10.96.0.0/16");
	(void)bl_allocator_free(allocator);
}

Test(allocate, fixed_addresses_are_honoured_and_conflicts_name_the_owner)
{
	struct bl_allocator *allocator = usual();

	expect_ip(allocator, SERVICE("a", "clusterIP: 10.96.7.7, " WEB_PORT), "10.96.7.7");
	expect_refusal(allocator, SERVICE("b", "clusterIP: 10.96.7.7, " WEB_PORT), -EADDRINUSE,
		       "provided IP is already allocated to 'default/a'");
	expect_ip(allocator, SERVICE("a", WEB_PORT), "10.96.7.7");
	(void)bl_allocator_free(allocator);
}

Test(allocate, dual_stack_follows_policy_and_families)
{
	static const struct {
		const char *spec;
		const char *first;
		const char *second;
	} rows[] = {
		{"", "10.96.1.1", NULL},
		{"ipFamilyPolicy: SingleStack, ", "10.96.1.1", NULL},
		{"ipFamilyPolicy: PreferDualStack, ", "10.96.1.1", "fd00::101"},
		{"ipFamilyPolicy: RequireDualStack, ", "10.96.1.1", "fd00::101"},
		{"ipFamilies: [IPv6], ", "fd00::101", NULL},
		{"ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6], ", "fd00::101", "10.96.1.1"},
		{"ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6, IPv4], ", "fd00::101",
		 "10.96.1.1"},
		{"clusterIP: \"fd00::9\", ", "fd00::9", NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_allocator *allocator =
			make_allocator("10.96.0.0/16", "fd00::/112", 30000, 32767);
		struct bl_err err = {0};
		struct bl_service *service;
		char text[256];

		(void)snprintf(text, sizeof(text), SERVICE("a", "%s" WEB_PORT), rows[i].spec);
		service = allocate(allocator, text, 0, &err);
		cr_assert_str_eq(service->spec.cluster_ips.items[0], rows[i].first);
		cr_assert_eq(service->spec.cluster_ips.count, rows[i].second ? 2 : 1, "row %zu", i);
		if (rows[i].second)
			cr_assert_str_eq(service->spec.cluster_ips.items[1], rows[i].second);
		(void)bl_object_unref(&service->object);
		(void)bl_allocator_free(allocator);
	}
}

Test(allocate, families_without_a_service_cidr_are_refused)
{
	struct bl_allocator *allocator = usual();

	expect_refusal(allocator, SERVICE("a", "ipFamilies: [IPv6], " WEB_PORT), -EINVAL, "IPv6");
	expect_refusal(allocator, SERVICE("a", "ipFamilyPolicy: RequireDualStack, " WEB_PORT),
		       -EINVAL, "RequireDualStack");
	expect_ip(allocator, SERVICE("a", "ipFamilyPolicy: PreferDualStack, " WEB_PORT),
		  "10.96.1.1");
	(void)bl_allocator_free(allocator);
}

Test(allocate, node_ports_start_behind_their_static_band)
{
	struct bl_allocator *allocator = usual();

	expect_node_port(allocator, SERVICE("a", "type: NodePort, " WEB_PORT), 30086);
	expect_node_port(allocator, SERVICE("b", "type: NodePort, " WEB_PORT), 30087);
	expect_node_port(allocator, SERVICE("a", "type: NodePort, " WEB_PORT), 30086);
	(void)bl_allocator_free(allocator);
}

Test(allocate, case_40_one_number_serves_both_protocols_of_a_port)
{
	struct bl_allocator *allocator = usual();
	struct bl_err err = {0};
	struct bl_service *service = allocate(
		allocator,
		SERVICE("a", "type: NodePort, ports: [{name: t, port: 53}, {name: u, port: 53, "
			     "protocol: UDP}, {name: v, port: 54, protocol: UDP}]"),
		0, &err);

	cr_assert_eq(service->spec.ports.items[0].node_port, 30086);
	cr_assert_eq(service->spec.ports.items[1].node_port, 30086);
	cr_assert_eq(service->spec.ports.items[2].node_port, 30087);
	(void)bl_object_unref(&service->object);
	(void)bl_allocator_free(allocator);
}

Test(allocate, case_41_to_44_type_changes_take_and_release)
{
	struct bl_allocator *allocator = usual();
	const char *external = SERVICE("a", "type: ExternalName, externalName: example.com");

	expect_ip(allocator, external, "");
	expect_ip(allocator, SERVICE("a", WEB_PORT), "10.96.1.1"); /* 41 */
	expect_ip(allocator, external, "");                        /* 43 */
	expect_ip(allocator, SERVICE("b", WEB_PORT), "10.96.1.1");
	expect_node_port(allocator, SERVICE("a", "type: NodePort, " WEB_PORT), 30086); /* 42 */
	expect_ip(allocator, external, "");                                            /* 44 */
	expect_node_port(allocator, SERVICE("c", "type: NodePort, " WEB_PORT), 30086);
	(void)bl_allocator_free(allocator);
}

Test(allocate, case_45_node_port_collisions_name_the_owner_until_it_is_gone)
{
	struct bl_allocator *allocator = usual();
	const char *late =
		SERVICE("b", "type: NodePort, ports: [{port: 81, protocol: UDP, nodePort: 30001}]");

	expect_node_port(allocator,
			 SERVICE("a", "type: NodePort, ports: [{port: 80, nodePort: 30001}]"),
			 30001);
	expect_refusal(allocator, late, -EADDRINUSE,
		       "provided port is already allocated to 'default/a'");
	bl_allocate_release(allocator, "default", "a");
	expect_node_port(allocator, late, 30001);
	(void)bl_allocator_free(allocator);
}

Test(allocate, case_46_node_port_out_of_range_is_refused)
{
	struct bl_allocator *allocator = usual();

	expect_refusal(allocator,
		       SERVICE("a", "type: NodePort, ports: [{port: 80, nodePort: 29999}]"),
		       -ERANGE, "port is not in the valid range");
	(void)bl_allocator_free(allocator);
}

Test(allocate, case_47_delete_releases_node_ports)
{
	struct bl_allocator *allocator = make_allocator("10.96.0.0/16", NULL, 30000, 30000);
	const char *second = SERVICE("b", "type: NodePort, " WEB_PORT);

	expect_node_port(allocator, SERVICE("a", "type: NodePort, " WEB_PORT), 30000);
	expect_refusal(allocator, second, -ENOSPC, "30000-30000");
	bl_allocate_release(allocator, "default", "a");
	expect_node_port(allocator, second, 30000);
	(void)bl_allocator_free(allocator);
}

Test(allocate, a_refused_service_leaves_nothing_behind)
{
	struct bl_allocator *allocator = usual();

	expect_refusal(allocator, SERVICE("a", "type: NodePort, ports: [{port: 80, nodePort: 1}]"),
		       -ERANGE, "range");
	cr_assert(!bl_allocator_is_dirty(allocator));
	expect_ip(allocator, SERVICE("b", WEB_PORT), "10.96.1.1");
	(void)bl_allocator_free(allocator);
}

Test(allocate, health_check_port_comes_from_the_same_range_and_goes_with_the_policy)
{
	struct bl_allocator *allocator = usual();
	struct bl_err err = {0};
	struct bl_service *service = allocate(
		allocator,
		SERVICE("a", "type: LoadBalancer, externalTrafficPolicy: Local, " WEB_PORT), 0,
		&err);

	cr_assert_eq(service->spec.ports.items[0].node_port, 30086);
	cr_assert_eq(service->spec.health_check_node_port, 30087);
	(void)bl_object_unref(&service->object);
	expect_node_port(allocator, SERVICE("a", "type: LoadBalancer, " WEB_PORT), 30086);
	expect_node_port(allocator, SERVICE("b", "type: NodePort, " WEB_PORT), 30087);
	expect_node_port(
		allocator,
		SERVICE("c", "type: LoadBalancer, allocateLoadBalancerNodePorts: false, " WEB_PORT),
		0);
	(void)bl_allocator_free(allocator);
}

Test(allocate, headless_services_keep_none)
{
	struct bl_allocator *allocator = usual();

	expect_ip(allocator, SERVICE("a", "clusterIP: None, " WEB_PORT), "None");
	cr_assert(!bl_allocator_is_dirty(allocator));
	(void)bl_allocator_free(allocator);
}

Test(allocate, state_survives_a_restart_and_is_reserved_until_claimed)
{
	struct bl_allocator *allocator = usual();
	struct bl_allocator *next = usual();
	_cleanup_(bl_buf_done) struct bl_buf state = {0};
	_cleanup_(bl_buf_done) struct bl_buf again = {0};
	struct bl_err err = {0};

	expect_node_port(allocator, SERVICE("b", "type: NodePort, " WEB_PORT), 30086);
	expect_ip(allocator, SERVICE("a", "clusterIP: 10.96.3.3, " WEB_PORT), "10.96.3.3");
	cr_assert(bl_allocator_is_dirty(allocator));
	cr_assert_eq(bl_allocator_save(allocator, &state), 0);
	cr_assert(!bl_allocator_is_dirty(allocator));

	cr_assert_eq(bl_allocator_restore(next, state.data, state.len, &err), 0, "%s", err.text);
	cr_assert_eq(bl_allocator_save(next, &again), 0);
	cr_assert_str_eq(again.data, state.data);
	expect_ip(next, SERVICE("c", WEB_PORT), "10.96.1.2");
	expect_refusal(next, SERVICE("d", "clusterIP: 10.96.3.3, " WEB_PORT), -EADDRINUSE,
		       "state file");
	expect_node_port(next, SERVICE("b", "type: NodePort, " WEB_PORT), 30086);
	bl_allocator_forget_unclaimed(next);
	expect_ip(next, SERVICE("d", "clusterIP: 10.96.3.3, " WEB_PORT), "10.96.3.3");
	expect_node_port(next, SERVICE("b", "type: NodePort, " WEB_PORT), 30086);
	(void)bl_allocator_free(allocator);
	(void)bl_allocator_free(next);
}

Test(allocate, damaged_state_is_refused_and_strange_entries_are_dropped)
{
	static const char *const damaged[] = {
		"",     "{",     "[]", "{\"version\":1}", "{\"version\":2,\"services\":{}}",
		"null", "{} {}",
	};
	const char *strange = "{\"version\":1,\"services\":{\"a/b\":{\"clusterIPs\":[\"1.2.3\","
			      "7,null,\"10.96.0.9\"],\"nodePorts\":[{\"port\":80},3,{\"port\":80,"
			      "\"protocol\":\"TCP\",\"nodePort\":70000}]},\"c/d\":4}}\n";
	struct bl_allocator *allocator = usual();
	_cleanup_(bl_buf_done) struct bl_buf state = {0};
	struct bl_err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(damaged); i++)
		cr_assert_eq(bl_allocator_restore(allocator, damaged[i], strlen(damaged[i]), &err),
			     -EINVAL, "row %zu", i);
	cr_assert_eq(bl_allocator_restore(allocator, strange, strlen(strange), &err), 0, "%s",
		     err.text);
	cr_assert_eq(bl_allocator_save(allocator, &state), 0);
	cr_assert(strstr(state.data, "10.96.0.9"));
	cr_assert_null(strstr(state.data, "1.2.3"));
	cr_assert_null(strstr(state.data, "nodePort"));
	cr_assert_null(strstr(state.data, "c/d"));
	(void)bl_allocator_free(allocator);
}

Test(allocate, whoever_had_an_address_keeps_it_when_the_range_is_moved)
{
	const char *fixed = SERVICE("a", "clusterIP: 10.96.3.3, type: NodePort, "
					 "ports: [{port: 80, nodePort: 30100}]");
	const char *dual =
		SERVICE("d", "clusterIP: 10.96.3.4, clusterIPs: [10.96.3.4, 'fd00:96::4'], "
			     "ipFamilies: [IPv4, IPv6], " WEB_PORT);
	struct bl_allocator *before = make_allocator("10.96.0.0/16", "fd00:96::/112", 30000, 32767);
	struct bl_allocator *after = make_allocator("10.111.0.0/24", NULL, 31000, 31999);
	_cleanup_(bl_buf_done) struct bl_buf state = {0};
	struct bl_err err = {0};

	expect_ip(before, fixed, "10.96.3.3");
	expect_ip(before, dual, "10.96.3.4");
	expect_ip(before, SERVICE("free", WEB_PORT), "10.96.1.1");
	cr_assert_eq(bl_allocator_save(before, &state), 0);

	cr_assert_eq(bl_allocator_restore(after, state.data, state.len, &err), 0, "%s", err.text);
	expect_ip(after, fixed, "10.96.3.3");
	expect_node_port(after, fixed, 30100);
	expect_ip(after, dual, "10.96.3.4");
	/* Nobody asked for this one. */
	expect_ip(after, SERVICE("free", WEB_PORT), "10.111.0.17");
	/* What others had is no reason to give it to somebody new. */
	bl_allocate_release(after, "default", "a");
	expect_refusal(after, SERVICE("late", "clusterIP: 10.96.3.3, " WEB_PORT), -ERANGE,
		       "10.111.0.0/24");
	expect_refusal(after, SERVICE("late", "ipFamilies: [IPv6], " WEB_PORT), -EINVAL,
		       "no service CIDR of this family");
	(void)bl_allocator_free(before);
	(void)bl_allocator_free(after);
}
