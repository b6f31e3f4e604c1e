/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/resolv_conf.h"
#include "model/codec.h"

static const char node_file[] = "# of the node\n"
				"nameserver 192.0.2.53\nnameserver 192.0.2.54 \n"
				"domain old.example\nsearch example.org  corp.example\n"
				"options timeout:1 rotate\nsortlist 10.0.0.0\n";

static struct bl_object *decode_one(const char *text)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object_list list = {0};
	struct bl_object *object;

	cr_assert_eq(
		bl_decode("test.yaml", text, strlen(text), &bl_limits_default, 0, &list, &diag), 0);
	object = bl_object_ref(list.items[0]);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return object;
}

struct row {
	const char *spec; /* of the pod, beside its containers */
	const char *want; /* NULL: refused */
};

static const struct row rows[] = {
	{"", "search shop.svc.cluster.local svc.cluster.local cluster.local example.org "
	     "corp.example\nnameserver 10.96.0.10\noptions ndots:5\n"},
	{", dnsPolicy: ClusterFirst, hostNetwork: true",
	 "search example.org corp.example\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n"
	 "options timeout:1 rotate\n"},
	{", dnsPolicy: ClusterFirstWithHostNet, hostNetwork: true",
	 "search shop.svc.cluster.local svc.cluster.local cluster.local example.org "
	 "corp.example\nnameserver 10.96.0.10\noptions ndots:5\n"},
	{", dnsPolicy: Default", "search example.org corp.example\nnameserver 192.0.2.53\n"
				 "nameserver 192.0.2.54\noptions timeout:1 rotate\n"},
	{", dnsPolicy: Default, dnsConfig: {nameservers: [192.0.2.54, 192.0.2.55, 192.0.2.56]}",
	 "search example.org corp.example\nnameserver 192.0.2.53\nnameserver 192.0.2.54\n"
	 "nameserver 192.0.2.55\noptions timeout:1 rotate\n"},
	{", dnsPolicy: None", NULL},
	{", dnsPolicy: None, dnsConfig: {nameservers: ['fd00::53'], searches: [a.example],\n"
	 "  options: [{name: edns0}, {name: ndots, value: '1'}]}",
	 "search a.example\nnameserver fd00::53\noptions edns0 ndots:1\n"},
	{", dnsConfig: {searches: [cluster.local, b.example],\n"
	 "  options: [{name: ndots, value: '2'}, {name: single-request}]}",
	 "search shop.svc.cluster.local svc.cluster.local cluster.local example.org corp.example "
	 "b.example\nnameserver 10.96.0.10\noptions ndots:2 single-request\n"},
};

static char *write_conf(const char *spec, size_t servers)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_resolv_cluster cluster = {.domain = "cluster.local", .server_count = servers};
	struct bl_resolv_conf node;
	struct bl_addr server;
	struct bl_buf yaml = {0}, buf = {0};
	struct bl_object *pod;
	struct bl_err err = {0};
	int r;

	cr_assert_eq(bl_arena_new(&arena), 0);
	cr_assert_eq(bl_resolv_conf_parse(node_file, arena, &node), 0);
	cr_assert_eq(bl_addr_parse("10.96.0.10", &server), 0);
	cluster.server = &server;
	bl_buf_addf(&yaml,
		    "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: shop}\n"
		    "spec: {containers: [{name: c}]%s}\n",
		    spec);
	pod = decode_one(yaml.data);
	r = bl_resolv_conf_of_pod(bl_pod_of(pod), &cluster, &node, &buf, &err);
	cr_assert_eq(r < 0, err.text[0] != '\0');
	bl_object_unref(pod);
	bl_buf_done(&yaml);
	if (r < 0) {
		bl_buf_done(&buf);
		return NULL;
	}
	return bl_buf_take(&buf);
}

Test(resolv_conf, pod_gets_what_its_policy_says)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = write_conf(rows[i].spec, 1);

		cr_expect_eq(!text, !rows[i].want, "row %zu", i);
		if (text && rows[i].want)
			cr_expect_str_eq(text, rows[i].want, "row %zu:\n%s", i, text);
	}
}

Test(resolv_conf, cluster_without_dns_is_an_error)
{
	cr_expect_null(write_conf("", 0));
}
