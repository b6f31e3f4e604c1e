/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "agent/admission.h"
#include "fixture.h"
#include "model/pod.h"
#include "model/service.h"

static const char service_text[] = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
				   "spec: {type: NodePort, ports: [{port: 80}]}\n";

static int admit(struct fixture *fixture, struct bl_object *object, struct bl_diag *diag)
{
	const struct bl_admission admission = {.store = fixture->store,
					       .allocator = fixture->allocator,
					       .node_name = "node-a",
					       .probing = true};

	return bl_admit(&admission, object, diag);
}

Test(admission, a_service_gets_addresses_and_gives_them_back_when_it_is_not_kept)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *one = decode_one(NULL, service_text), *two;
	struct fixture fixture;
	char text[512];

	fixture_setup(&fixture);
	cr_assert_eq(admit(&fixture, one, &diag), 0);
	cr_assert_not_null(bl_service_of(one)->spec.cluster_ip);
	cr_assert_neq(bl_service_of(one)->spec.ports.items[0].node_port, 0);
	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\nmetadata: {name: other}\n"
		       "spec: {clusterIP: %s, ports: [{port: 80}]}\n",
		       bl_service_of(one)->spec.cluster_ip);
	two = decode_one(NULL, text);
	cr_assert_eq(admit(&fixture, two, &diag), -EINVAL);
	cr_assert(strstr(diag.problems[0].text, "default/web"), "%s", diag.problems[0].text);
	bl_unadmit(fixture.store, fixture.allocator, one);
	cr_assert_eq(admit(&fixture, two, &diag), 0);
	bl_object_unref(one);
	bl_object_unref(two);
	bl_diag_done(&diag);
	fixture_done(&fixture);
}

Test(admission, a_pod_without_a_node_lands_on_this_one)
{
	static const char text[] = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
				   "spec: {%s containers: [{name: c, image: i}]}\n";
	static const char *const rows[][2] = {{"", "node-a"}, {"nodeName: node-b,", "node-b"}};
	struct fixture fixture;

	fixture_setup(&fixture);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_diag diag = BL_DIAG_INIT;
		struct bl_object *pod;
		char yaml[256];

		(void)snprintf(yaml, sizeof(yaml), text, rows[i][0]);
		pod = decode_one(NULL, yaml);
		cr_assert_eq(admit(&fixture, pod, &diag), 0);
		cr_expect_str_eq(bl_pod_of(pod)->spec.node_name, rows[i][1]);
		bl_object_unref(pod);
		bl_diag_done(&diag);
	}
	fixture_done(&fixture);
}
