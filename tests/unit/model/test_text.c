/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts: types of scalars, documents, lists, positions, limits, damage. */
#include <errno.h>
#include <json-c/json.h>

#include "help.h"
#include "model/service.h"

#define HEAD "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  "
#define JSON_HEAD "{\"apiVersion\":\"v1\",\"kind\":\"Service\",\"metadata\":{\"name\":\"web\"},"

static const struct {
	const char *text;
	size_t objects;
	const char *problem; /* NULL: none */
} rows[] = {
	/* numbers and words */
	{HEAD "ports: [{port: 80.0}]", 1, NULL},
	{HEAD "ports: [{port: 1e3}]", 1, NULL},
	{HEAD "ports: [{port: 0x50}]", 1, NULL},
	{HEAD "ports: [{port: 1_000}]", 1, NULL},
	{HEAD "ports: [{port: 80.5}]", 0,
	 "t.yaml:5:18: service 'default/web': field "
	 "'spec.ports[0].port': expected an integer, got number "
	 "'80.5'"},
	{HEAD "ports: [{port: !!str 80}]", 0, "got string '80'"},
	{HEAD "ports: [{port: !other 80}]", 0, "unknown YAML tag"},
	{HEAD "ports: [{port: 80, name: null}]\n  selector: ~", 1, NULL},
	{HEAD "ports: [{port: 80, name: 99999999999999999999}]", 0,
	 "expected a string, got number"},
	{JSON_HEAD "\"spec\":{\"ports\":[{\"port\":80.0}]}}", 1, NULL},
	{JSON_HEAD "\"spec\":{\"ports\":[{\"port\":8e1}]}}", 1, NULL},
	/* documents */
	{"", 0, NULL},
	{"# nothing\n\n---\n# here\n---\n...\n", 0, NULL},
	{"\xef\xbb\xbf" HEAD "ports: [{port: 80}]", 1, NULL},
	{"%YAML 1.1\n---\n" HEAD "ports: [{port: 80}]", 1, NULL},
	{"apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: a\r\n", 1, NULL},
	{HEAD "ports: [{port: 80}]\n---\n" HEAD "ports: [{port: 80}]\n...\n", 2, NULL},
	{HEAD "\tports: 1\n---\n" HEAD "ports: [{port: 80}]", 1, "t.yaml:5:3: cannot read YAML"},
	{"{\"a\": 1}}\n---\n" HEAD "ports: [{port: 80}]", 1, "t.yaml:1:9: cannot read JSON"},
	{JSON_HEAD "\"spec\":{\"ports\":[{\"port\":80}]}} " JSON_HEAD
		   "\"spec\":{\"ports\":[{\"port\":80}]}}",
	 2, NULL},
	{"--- \n" JSON_HEAD "\"spec\":{\"ports\":[{\"port\":80}]}}", 1, NULL},
	{"[]", 0, "expected an object"},
	{"just words", 0, "expected an object"},
	{"a: 1", 0, "field 'kind' is missing"},
	/* kinds and versions */
	{"apiVersion: v1\nkind: Secret\nmetadata: {name: a}", 0,
	 "t.yaml:2:7: unknown kind 'Secret'; known are"},
	{"apiVersion: v1\nkind: Pods", 0, "did you mean 'Pod'?"},
	{"apiVersion: v1\nkind: EndpointSlice\nmetadata: {name: a}\naddressType: IPv4", 0,
	 "t.yaml:1:13: endpointslice 'default/a': kind 'EndpointSlice' has apiVersion "
	 "'discovery.k8s.io/v1', got 'v1'"},
	{"apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: a}", 0,
	 "unknown kind 'Service'"},
	/* lists */
	{"apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: "
	 "{name: a}\n- {apiVersion: v1, kind: Namespace, metadata: {name: B}}",
	 1, "t.yaml:7:54: namespace 'B': field 'metadata.name'"},
	{"apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: a}", 1, NULL},
	{"{\"apiVersion\":\"v1\",\"kind\":\"NamespaceList\",\"items\":[\n "
	 "{\"metadata\":{\"name\":\"a\"}},"
	 "\n {\"metadata\":{\"nam\\u0065\":\"b\", \"x\": 1}}]}",
	 1, "t.yaml:3:32: namespace 'b': unknown field 'metadata.x'"},
	/* strings */
	{JSON_HEAD "\"spec\":{\"ports\":[{\"port\":80,\"name\":\"a\\u0000b\"}]}}", 0, "zero byte"},
	{HEAD "ports: [{port: 80, name: \"a\\0b\"}]", 0, "t.yaml:5:28: zero byte in a string"},
	{HEAD "ports: [{port: 80, name: \"\xff\"}]", 0, "t.yaml:5:1: cannot read YAML"},
	{JSON_HEAD "\"x\":\"\xff\"}", 0, "cannot read JSON"},
	{"{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"a\","
	 "\"annotations\":"
	 "{\"x\":\"\\ud83d\\ude00\"}}}",
	 1, NULL},
	/* keys */
	{HEAD "ports: [{port: 80}]\n  ports: []", 0,
	 "t.yaml:6:3: key 'ports' stands twice in one mapping"},
	{JSON_HEAD "\"spec\":{},\n\"spec\":{}}", 0, "t.yaml:2:1: key 'spec' stands twice"},
	{"? [a]\n: b", 0, "must be a plain word"},
	/* anchors */
	{"apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: v1, kind: Namespace, metadata: "
	 "{name: "
	 "a}}\n- {<<: *a, metadata: {name: b}}\n- *a",
	 3, NULL},
	{"&a [*a]", 0, "alias of an anchor that is not (yet) there"},
	{"<<: 5", 0, "merge key"},
	/* all problems are named */
	{HEAD "port: []\n  type: nodeport", 0, "unknown field 'spec.port' (did you mean 'ports'?)"},
	{HEAD "port: []\n  type: nodeport", 0, "did you mean 'NodePort'?"},
	{HEAD "port: []\n  type: nodeport", 0, "required field 'spec.ports' is missing"},
};

Test(text, each_row_gives_its_objects_and_its_problem)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct decoded decoded = decode_text(rows[i].text, 0);

		cr_expect_eq(decoded.list.count, rows[i].objects, "%s\n%s", rows[i].text,
			     decoded.problems);
		cr_expect_eq(decoded.result, rows[i].problem ? -EINVAL : 0, "%s\n%s", rows[i].text,
			     decoded.problems);
		cr_expect(strstr(decoded.problems, rows[i].problem ? rows[i].problem : ""),
			  "%s\nexpected %s\ngot      %s", rows[i].text, rows[i].problem,
			  decoded.problems);
		decoded_done(&decoded);
	}
}

Test(text, unknown_kinds_are_skipped_with_a_warning_when_asked)
{
	struct decoded decoded = decode_text("apiVersion: v1\nkind: Secret\nmetadata: {name: a}",
					     BL_DECODE_SKIP_UNKNOWN_KINDS);

	cr_assert_eq(decoded.result, 0);
	cr_assert_eq(decoded.diag.warning_count, 1);
	cr_assert(strstr(decoded.problems, "warning: kind 'Secret' is not known here"));
	decoded_done(&decoded);
}

Test(text, defaults_are_those_of_the_api_server)
{
	struct decoded decoded = decode_text(HEAD "ports: [{port: 80}]\n  type: LoadBalancer\n"
						  "  sessionAffinity: ClientIP",
					     0);
	const struct bl_service_spec *spec = &bl_service_of(decoded.list.items[0])->spec;

	cr_assert_str_eq(decoded.list.items[0]->meta.ns, "default");
	cr_assert_eq(spec->ports.items[0].protocol, BL_PROTOCOL_TCP);
	cr_assert_eq(spec->ports.items[0].target_port.number, 80);
	cr_assert_eq(spec->affinity_timeout_s, 10800);
	cr_assert_eq(spec->internal_traffic_policy, BL_TRAFFIC_POLICY_CLUSTER);
	cr_assert_eq(spec->external_traffic_policy, BL_TRAFFIC_POLICY_CLUSTER);
	cr_assert_eq(spec->allocate_load_balancer_node_ports, BL_TRUE);
	decoded_done(&decoded);
}

/* Limits */

static int decode_limited(const char *text, size_t len, const struct bl_limits *limits)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_decode("t", text, len, limits, 0, &list, &diag);

	cr_assert(r == 0 || diag.error_count > 0, "a failure has words");
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return r;
}

Test(text, what_grows_beyond_a_limit_is_refused)
{
	struct bl_limits limits = bl_limits_default;
	struct bl_buf text = {0};

	bl_buf_add_str(&text, "a: &x0 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]\n");
	for (int i = 1; i < 30; i++) {
		bl_buf_addf(&text, "b%d: &x%d [", i, i);
		for (int j = 0; j < 10; j++)
			bl_buf_addf(&text, "%s*x%d", j ? ", " : "", i - 1);
		bl_buf_add_str(&text, "]\n");
	}
	cr_assert_eq(decode_limited(text.data, text.len, &limits), -E2BIG, "a billion laughs");

	for (const char *bracket = "[{"; *bracket; bracket++) {
		text.len = 0;
		for (int i = 0; i < 100000; i++)
			bl_buf_addf(&text, "%s", *bracket == '[' ? "[" : "{\"a\":");
		cr_assert_eq(decode_limited(text.data, text.len, &limits), -E2BIG, "deep JSON");
		text.len = 0;
		bl_buf_add_str(&text, "a: ");
		for (int i = 0; i < 100000; i++)
			bl_buf_addf(&text, "%s", *bracket == '[' ? "[" : "{a: ");
		cr_assert_eq(decode_limited(text.data, text.len, &limits), -E2BIG, "deep YAML");
	}

	limits.bytes = 10;
	cr_assert_eq(decode_limited("a: 1234567890", 13, &limits), -E2BIG);
	limits = bl_limits_default;
	limits.documents = 1;
	cr_assert_eq(decode_limited("a: 1\n---\na: 2\n", 14, &limits), -E2BIG);
	limits = bl_limits_default;
	limits.objects = 1;
	cr_assert_eq(decode_limited("a: 1\n---\na: 2\n", 14, &limits), -E2BIG);
	limits = bl_limits_default;
	limits.nodes = 5;
	cr_assert_eq(decode_limited("[1,2,3,4,5]", 11, &limits), -E2BIG);
	bl_buf_done(&text);
}

Test(text, a_scalar_of_10_megabytes_is_no_trouble)
{
	struct bl_buf text = {0};
	char *filler = malloc(10000001);

	memset(filler, 'x', 10000000);
	filler[10000000] = '\0';
	bl_buf_add_str(&text, "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ");
	bl_buf_add_str(&text, filler);
	cr_assert_eq(decode_limited(text.data, text.len, &bl_limits_default), -EINVAL);
	free(filler);
	bl_buf_done(&text);
}

/* Damage: every prefix of a good text is an answer, never a crash. */
Test(text, every_prefix_of_a_good_text_decodes_or_says_why_not)
{
	static const char *const files[] = {"seed/03-two-ports.yaml", "seed/07-endpoints.yaml",
					    "api/nodes.json"};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct bl_buf text = {0};
		char path[512];

		(void)snprintf(path, sizeof(path), "%s/%s", TEST_DATA, files[i]);
		cr_assert_eq(bl_buf_read_file(&text, path, 1u << 20), 0);
		for (size_t len = 0; len < text.len && len < 4000; len++) {
			/* A copy of exactly this size: reading on is found out. */
			char *copy = malloc(len ? len : 1);

			memcpy(copy, text.data, len);
			int r = decode_limited(copy, len, &bl_limits_default);
			cr_assert(r == 0 || r == -EINVAL);
			free(copy);
		}
		bl_buf_done(&text);
	}
}

Test(text, places_in_a_long_json_list_are_found_without_walking_it_again)
{
	struct bl_buf text = {0};

	bl_buf_add_str(&text, "{\"apiVersion\":\"v1\",\"kind\":\"NamespaceList\",\"items\":[");
	for (int i = 0; i < 20000; i++)
		bl_buf_addf(&text, "%s\n{\"metadata\":{\"name\":\"n%d\"}}", i ? "," : "", i);
	bl_buf_add_str(&text, ",\n {\"metadata\":{\"name\":\"n\", \"x\":1}}]}");
	struct decoded decoded = decode_bytes(text.data, text.len, 0);
	cr_assert_eq(decoded.list.count, 20000);
	cr_assert_eq(decoded.list.items[19999]->origin.line, 20001);
	cr_assert_eq(decoded.list.items[19999]->origin.column, 1);
	cr_assert(strstr(decoded.problems, "t.yaml:20002:27: namespace 'n': unknown field"), "%s",
		  decoded.problems);
	decoded_done(&decoded);
	bl_buf_done(&text);
}

Test(text, times_of_any_year_come_back)
{
	static const char *const times[] = {"0474-11-23T03:24:32Z", "1969-12-31T23:59:59Z",
					    "9999-12-31T23:59:59Z"};
	static const char *const bad[] = {"0000-01-01T00:00:00Z", "2026-1-1T00:00:00Z",
					  "2026-01-01 00:00:00Z", "2026-01-01T00:00:00",
					  "9999-12-31T23:59:59-01:00"};

	for (size_t i = 0; i < ARRAY_SIZE(times) + ARRAY_SIZE(bad); i++) {
		bool good = i < ARRAY_SIZE(times);
		const char *time = good ? times[i] : bad[i - ARRAY_SIZE(times)];
		char manifest[256];
		struct bl_buf yaml = {0};

		(void)snprintf(manifest, sizeof(manifest),
			       "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n"
			       "  creationTimestamp: \"%s\"\n",
			       time);
		struct decoded decoded = decode_text(manifest, 0);
		cr_assert_eq(decoded.result, good ? 0 : -EINVAL, "%s", manifest);
		if (good) {
			cr_assert_eq(bl_encode_yaml(decoded.list.items[0], &yaml), 0);
			cr_assert(strstr(yaml.data, time), "%s", yaml.data);
		}
		bl_buf_done(&yaml);
		decoded_done(&decoded);
	}
}

/* RFC 7386, appendix A, and null inside. */
Test(text, merge_patches_follow_the_rfc)
{
	static const struct {
		const char *target, *patch, *result;
	} patches[] = {
		{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
		{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
		{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
		{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
		{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
		{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
		 "{\"a\":{\"b\":\"d\"}}"},
		{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
		{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
		{"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
		{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
		{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(patches); i++) {
		struct json_object *target = json_tokener_parse(patches[i].target);
		struct json_object *patch = json_tokener_parse(patches[i].patch), *result = NULL;

		cr_assert_eq(bl_json_merge_patch(target, patch, &result), 0);
		cr_assert_str_eq(json_object_to_json_string_ext(result, JSON_C_TO_STRING_PLAIN),
				 patches[i].result);
		cr_assert_str_eq(json_object_to_json_string_ext(target, JSON_C_TO_STRING_PLAIN),
				 patches[i].target, "the target is only read");
		json_object_put(target);
		json_object_put(patch);
		json_object_put(result);
	}
}

Test(text, fields_explain_themselves)
{
	struct bl_field_help help;

	cr_assert_eq(bl_field_help(BL_KIND_SERVICE, "spec.ports.nodePort", &help), 0);
	cr_assert_str_eq(help.type, "integer");
	cr_assert(strstr(help.help, "every node"));
	cr_assert_eq(bl_field_help(BL_KIND_POD, "spec.tolerations", &help), 0);
	cr_assert(!help.is_used);
	cr_assert_eq(bl_field_help(BL_KIND_POD, "spec.x", &help), -ENOENT);
	cr_assert_str_eq(bl_field_child(BL_KIND_SERVICE, "spec.ports", 0), "name");
	cr_assert_null(bl_field_child(BL_KIND_SERVICE, "spec.ports", 6));
}
