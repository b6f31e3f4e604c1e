/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The manifests of a book's chapter on Services, as a reader would type them. */
#include "help.h"

static const struct {
	const char *file;
	size_t objects;
	const char *problems[3]; /* each stands in what is printed; NULL ends; none: it is good */
} rows[] = {
	{"01-service.yaml", 1, {NULL}},
	{"02-session-affinity-part.yaml", 0, {"'...' stands for something left out", NULL}},
	{"03-two-ports.yaml", 1, {NULL}},
	{"04-pod-part.yaml",
	 0,
	 {"field 'apiVersion' is missing; kind 'Pod' has 'v1'",
	  "required field 'metadata.name' is missing", NULL}},
	{"05-named-ports.yaml", 1, {NULL}},
	{"06-no-selector.yaml", 1, {NULL}},
	{"07-endpoints.yaml", 1, {NULL}},
	{"08-external-name.yaml",
	 0,
	 {"08-external-name.yaml:2:7: unknown kind 'service' (did you mean 'Service'?)", NULL}},
	{"09-node-port.yaml", 1, {NULL}},
	{"10-load-balancer.yaml",
	 0,
	 {"10-load-balancer.yaml:10:5: service 'default/zch-loadbalancer': unknown field "
	  "'spec.ports[0].NodePort' (did you mean 'nodePort'?)",
	  NULL}},
	{"11-traffic-policy-part.yaml", 0, {"'...' stands for something left out", NULL}},
	{"12-readiness-part.yaml", 0, {"'...' stands for something left out", NULL}},
	{"13-headless.yaml", 1, {NULL}},
	{"14-tolerate-unready-part.yaml",
	 0,
	 {"field 'apiVersion' is missing", "required field 'metadata.name' is missing", NULL}},
};

Test(seed, each_block_succeeds_or_says_how_to_mend_it)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_object_list list = {0};
		struct bl_diag diag = BL_DIAG_INIT;
		struct bl_buf text = {0};
		char path[512], *printed = NULL;
		size_t size;
		FILE *out = open_memstream(&printed, &size);

		(void)snprintf(path, sizeof(path), "%s/seed/%s", TEST_DATA, rows[i].file);
		cr_assert_eq(bl_buf_read_file(&text, path, 1u << 20), 0);
		int r = bl_decode(rows[i].file, text.data, text.len, &bl_limits_default,
				  BL_DECODE_SKIP_UNKNOWN_KINDS, &list, &diag);
		bl_diag_print(&diag, out);
		(void)fclose(out);
		cr_assert_eq(list.count, rows[i].objects, "%s: %s", rows[i].file, printed);
		cr_assert_eq(r, rows[i].problems[0] ? -22 : 0, "%s: %s", rows[i].file, printed);
		for (size_t j = 0; rows[i].problems[j]; j++)
			cr_assert(strstr(printed, rows[i].problems[j]), "%s: no '%s' in:\n%s",
				  rows[i].file, rows[i].problems[j], printed);
		free(printed);
		bl_buf_done(&text);
		bl_object_list_done(&list);
		bl_diag_done(&diag);
	}
}
