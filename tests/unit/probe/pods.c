/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "pods.h"

#include <criterion/criterion.h>
#include <string.h>

#include "model/codec.h"

struct bl_pod *pod_of_text(const char *text)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert_eq(bl_decode("pod", text, strlen(text), &bl_limits_default, 0, &list, &diag), 0,
		     "%s", diag.count ? diag.problems[0].text : text);
	cr_assert_eq(list.count, 1);
	bl_diag_done(&diag);
	return (struct bl_pod *)bl_object_ref(list.items[0]);
}

struct bl_pod *pod_with(const char *container, const char *status)
{
	char text[2048];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
		       "spec: {nodeName: node-a, containers: [{name: c, image: i%s%s}]}\n"
		       "status: {podIP: 10.0.0.1%s%s}\n",
		       *container ? ", " : "", container, *status ? ", " : "", status);
	return pod_of_text(text);
}
