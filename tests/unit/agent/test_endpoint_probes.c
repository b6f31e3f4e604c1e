/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a Service may ask for, whom that means, and what is written about them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/endpoint_probes.h"
#include "fixture.h"
#include "model/codec.h"

static struct bl_object *service_with(const char *annotations, const char *spec)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\nmetadata: {name: web, annotations: {%s}}\n"
		       "spec: {%s ports: [{port: 80}]}\n",
		       annotations, spec);
	return decode_one("a.yaml", text);
}

Test(endpoint_probes, what_a_service_asks_for)
{
	static const struct {
		const char *annotations, *spec;
		int r;
		struct bl_endpoint_probe probe;
		const char *path;
	} rows[] = {
		{"", "", 0, {0}, NULL},
		{"beeline.dev/probe: tcp", "selector: {a: b},", 0, {0}, NULL},
		{"beeline.dev/probe: tcp",
		 "",
		 0,
		 {.wanted = true, .period_s = 10, .timeout_s = 1, .failures = 3},
		 NULL},
		{"beeline.dev/probe: 'http:/a?b', beeline.dev/probe-period: '5', "
		 "beeline.dev/probe-timeout: '2', beeline.dev/probe-failures: '1'",
		 "",
		 0,
		 {.wanted = true, .http = true, .period_s = 5, .timeout_s = 2, .failures = 1},
		 "/a?b"},
		{"beeline.dev/probe: 'https:/'",
		 "",
		 0,
		 {.wanted = true,
		  .http = true,
		  .https = true,
		  .period_s = 10,
		  .timeout_s = 1,
		  .failures = 3},
		 "/"},
		{"beeline.dev/probe: icmp", "", -EINVAL, {0}, NULL},
		{"beeline.dev/probe: 'http'", "", -EINVAL, {0}, NULL},
		{"beeline.dev/probe: tcp, beeline.dev/probe-period: '0'", "", -EINVAL, {0}, NULL},
		{"beeline.dev/probe: tcp, beeline.dev/probe-period: '5s'", "", -EINVAL, {0}, NULL},
		{"beeline.dev/probe: tcp, beeline.dev/probe-timeout: ''", "", -EINVAL, {0}, NULL},
		{"beeline.dev/probe: tcp, beeline.dev/probe-failures: '3601'",
		 "",
		 -EINVAL,
		 {0},
		 NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_object *service = service_with(rows[i].annotations, rows[i].spec);
		struct bl_endpoint_probe probe;
		struct bl_err err = {0};

		cr_expect_eq(bl_endpoint_probe_read(bl_service_of(service), &probe, &err),
			     rows[i].r, "row %zu: %s", i, err.text);
		cr_expect_eq(probe.wanted, rows[i].probe.wanted, "row %zu", i);
		cr_expect_eq(probe.http, rows[i].probe.http, "row %zu", i);
		cr_expect_eq(probe.https, rows[i].probe.https, "row %zu", i);
		cr_expect_eq(probe.period_s, rows[i].probe.period_s, "row %zu", i);
		cr_expect_eq(probe.timeout_s, rows[i].probe.timeout_s, "row %zu", i);
		cr_expect_eq(probe.failures, rows[i].probe.failures, "row %zu", i);
		if (rows[i].path)
			cr_expect_str_eq(probe.path, rows[i].path);
		if (rows[i].r < 0)
			cr_expect(strstr(err.text, "expected "), "%s", err.text);
		bl_object_unref(service);
	}
}

Test(endpoint_probes, a_pod_stands_for_an_address)
{
	const struct bl_endpoint_probe tcp = {
		.wanted = true, .period_s = 7, .timeout_s = 2, .failures = 4};
	struct bl_endpoint_probe https = {.wanted = true,
					  .http = true,
					  .https = true,
					  .path = "/x",
					  .period_s = 1,
					  .timeout_s = 1,
					  .failures = 1};
	struct bl_object *object;
	const struct bl_probe *probe;

	cr_assert_eq(bl_endpoint_probe_pod(&tcp, "shop", "web", "fd00::1", 81, &object), 0);
	probe = bl_pod_of(object)->spec.containers.items[0].readiness_probe;
	cr_expect_str_eq(object->meta.name, "web@fd00::1");
	cr_expect_str_eq(object->meta.ns, "shop");
	cr_expect_str_eq(bl_pod_of(object)->status.pod_ip, "fd00::1");
	cr_expect_eq(probe->period_s, 7);
	cr_expect_eq(probe->timeout_s, 2);
	cr_expect_eq(probe->failure_threshold, 4);
	cr_expect_eq(probe->tcp_socket->port.number, 81);
	bl_object_unref(object);
	cr_assert_eq(bl_endpoint_probe_pod(&https, "shop", "web", "10.0.0.1", 82, &object), 0);
	probe = bl_pod_of(object)->spec.containers.items[0].readiness_probe;
	cr_expect_null(probe->tcp_socket);
	cr_expect_eq(probe->http_get->scheme, BL_URI_SCHEME_HTTPS);
	cr_expect_str_eq(probe->http_get->path, "/x");
	cr_expect_eq(probe->http_get->port.number, 82);
	bl_object_unref(object);
}

/* "ADDRESS:PORT " of each that is asked. */
static int note(const char *address, uint16_t port, void *userdata)
{
	size_t used = strlen(userdata);

	(void)snprintf((char *)userdata + used, 256 - used, "%s:%u ", address, port);
	return 0;
}

static bool is_down(const char *address, void *userdata)
{
	return bl_endpoint_probe_is_listed(userdata, address);
}

/* Ready addresses, "|", those that are not, "|", the list of failed ones. */
static const char *shown(const struct bl_endpoints *endpoints)
{
	static char text[512];
	size_t used = 0;

	text[0] = '\0';
	for (int ready = 1; ready >= 0; ready--) {
		for (size_t i = 0; i < endpoints->subsets.count; i++) {
			const struct bl_endpoint_subset *subset = &endpoints->subsets.items[i];
			const struct bl_endpoint_addresses *list =
				ready ? &subset->addresses : &subset->not_ready_addresses;

			for (size_t j = 0; j < list->count; j++)
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ",
							 list->items[j].ip);
		}
		used += (size_t)snprintf(text + used, sizeof(text) - used, "|");
	}
	(void)snprintf(text + used, sizeof(text) - used, "%s",
		       bl_endpoint_probe_failed(&endpoints->object));
	return text;
}

Test(endpoint_probes, addresses_are_sorted_and_what_the_user_wrote_stays)
{
	static const char text[] =
		"apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\nsubsets:\n"
		"- addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]\n"
		"  notReadyAddresses: [{ip: 10.0.0.3}]\n"
		"  ports: [{name: dns, port: 53, protocol: UDP}, {name: web, port: 80}]\n"
		"- addresses: [{ip: 10.0.0.4}]\n"
		"  ports: [{port: 53, protocol: UDP}]\n";
	struct bl_object *object = decode_one(NULL, text);
	struct bl_endpoints *endpoints = (struct bl_endpoints *)object;
	char asked[256] = "";
	bool changed;

	cr_assert_eq(bl_endpoint_probe_each(endpoints, note, asked), 0);
	cr_expect_str_eq(asked, "10.0.0.1:80 10.0.0.2:80 ", "only TCP, and none that is off");
	cr_assert_eq(bl_endpoint_probe_apply(endpoints, is_down, (void *)(uintptr_t) "", &changed),
		     0);
	cr_expect_not(changed);
	/* One fails, and comes back. */
	cr_assert_eq(bl_endpoint_probe_apply(endpoints, is_down, (void *)(uintptr_t) "10.0.0.2",
					     &changed),
		     0);
	cr_expect(changed);
	cr_expect_str_eq(shown(endpoints), "10.0.0.1 10.0.0.4 |10.0.0.2 10.0.0.3 |10.0.0.2");
	asked[0] = '\0';
	cr_assert_eq(bl_endpoint_probe_each(endpoints, note, asked), 0);
	cr_expect_str_eq(asked, "10.0.0.1:80 10.0.0.2:80 ", "it is asked on");
	cr_assert_eq(bl_endpoint_probe_apply(endpoints, is_down, (void *)(uintptr_t) "10.0.0.2",
					     &changed),
		     0);
	cr_expect_not(changed);
	cr_assert_eq(bl_endpoint_probe_apply(endpoints, NULL, NULL, &changed), 0);
	cr_expect(changed);
	cr_expect_str_eq(shown(endpoints), "10.0.0.1 10.0.0.2 10.0.0.4 |10.0.0.3 |");
	bl_object_unref(object);
}

static struct bl_slice_endpoint nth(const struct bl_endpoint_slice *slice, size_t n)
{
	struct bl_endpoint_cursor cursor = {.list = &slice->endpoints};

	for (size_t i = 0; i <= n; i++)
		cr_assert(bl_endpoint_next(&cursor));
	return cursor.endpoint;
}

Test(endpoint_probes, a_slice_gets_conditions_and_what_the_user_wrote_stays)
{
	static const char text[] =
		"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
		"metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n"
		"addressType: IPv4\nports: [{port: 80, protocol: TCP}]\nendpoints:\n"
		"- {addresses: [10.0.0.1]}\n"
		"- {addresses: [10.0.0.2], conditions: {ready: false}}\n"
		"- {addresses: [10.0.0.3], conditions: {ready: true, terminating: true}}\n"
		"- {addresses: [10.0.0.11]}\n";
	struct bl_object *object = decode_one(NULL, text);
	struct bl_endpoint_slice *slice = (struct bl_endpoint_slice *)object;
	char asked[256] = "", all[] = "10.0.0.1,10.0.0.2,10.0.0.3";
	bool changed;

	cr_assert_eq(bl_slice_probe_each(slice, note, asked), 0);
	cr_expect_str_eq(asked, "10.0.0.1:80 10.0.0.11:80 ");
	cr_assert_eq(bl_slice_probe_apply(slice, is_down, all, &changed), 0);
	cr_expect(changed);
	cr_expect_eq(nth(slice, 0).ready, BL_FALSE);
	cr_expect_eq(nth(slice, 0).serving, BL_FALSE);
	cr_expect_eq(nth(slice, 2).ready, BL_TRUE, "it terminates");
	cr_expect_eq(nth(slice, 3).ready, BL_UNSET, "10.0.0.1 is not 10.0.0.11");
	cr_expect_str_eq(bl_endpoint_probe_failed(object), "10.0.0.1");
	cr_assert_eq(bl_slice_probe_apply(slice, is_down, all, &changed), 0);
	cr_expect_not(changed);
	asked[0] = '\0';
	cr_assert_eq(bl_slice_probe_each(slice, note, asked), 0);
	cr_expect_str_eq(asked, "10.0.0.1:80 10.0.0.11:80 ", "it is asked on");
	cr_assert_eq(bl_slice_probe_apply(slice, NULL, NULL, &changed), 0);
	cr_expect(changed);
	cr_expect_eq(nth(slice, 0).ready, BL_TRUE);
	cr_expect_eq(nth(slice, 1).ready, BL_FALSE, "the user's word");
	cr_expect_str_eq(bl_endpoint_probe_failed(object), "");
	bl_object_unref(object);
}

Test(endpoint_probes, the_list_of_failed_ones_stands_among_other_annotations_in_order)
{
	struct bl_object *object =
		decode_one(NULL, "apiVersion: v1\nkind: Endpoints\n"
				 "metadata: {name: web, annotations: {a: x, zz: x}}\n");

	cr_assert_eq(bl_endpoint_probe_annotate(object, "10.0.0.1"), 0);
	cr_assert_eq(object->meta.annotations.count, 3);
	cr_expect_str_eq(object->meta.annotations.items[1].key, BL_ANNOTATION_PROBE_FAILED);
	cr_assert_eq(bl_endpoint_probe_annotate(object, "10.0.0.2"), 0);
	cr_assert_eq(object->meta.annotations.count, 3);
	cr_expect_str_eq(bl_endpoint_probe_failed(object), "10.0.0.2");
	cr_assert_eq(bl_endpoint_probe_annotate(object, ""), 0);
	cr_expect_eq(object->meta.annotations.count, 2);
	bl_object_unref(object);
}
