/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Columns and descriptions of recorded answers of a kube-apiserver. */
#include "cli/describe.h"
#include "cli/elastic.h"
#include "cli/print.h"
#include "golden.h"

#define NOW 1795419000 /* 2026-11-23T07:30:00Z, four hours after the recordings */

static void load(const char *name, enum bl_kind kind, struct bl_found_list *found)
{
	_cleanup_json_ struct json_object *list = golden_load(name);
	struct json_object *items = bl_json_at(list, "items");

	found->items = reallocarray(found->items, found->count + bl_json_len(items),
				    sizeof(*found->items));
	cr_assert(found->items != NULL);
	for (size_t i = 0; i < bl_json_len(items); i++)
		found->items[found->count++] = (struct bl_found){
			.kind = kind, .object = json_object_get(bl_json_item(items, i))};
}

static void print_and_compare(struct bl_printer *printer, const struct bl_found_list *found,
			      const char *golden)
{
	_cleanup_free_ char *text = NULL;
	size_t len;

	printer->out = open_memstream(&text, &len);
	printer->now = NOW;
	cr_assert_eq(bl_print_found(printer, found, true), 0);
	fclose(printer->out);
	golden_compare(golden, text);
	bl_printer_done(printer);
}

Test(print, lists_look_as_those_of_kubectl)
{
	static const struct row {
		const char *recording;
		enum bl_kind kind;
		enum bl_form form;
		bool namespaces, labels;
		const char *golden;
	} rows[] = {
		{"api/services.json", BL_KIND_SERVICE, BL_FORM_TABLE, true, false, "services.txt"},
		{"api/services.json", BL_KIND_SERVICE, BL_FORM_WIDE, false, true,
		 "services-wide.txt"},
		{"api/services.json", BL_KIND_SERVICE, BL_FORM_NAME, false, false,
		 "services-name.txt"},
		{"api/pods.json", BL_KIND_POD, BL_FORM_TABLE, false, false, "pods.txt"},
		{"api/pods.json", BL_KIND_POD, BL_FORM_WIDE, false, false, "pods-wide.txt"},
		{"api/endpointslices.json", BL_KIND_ENDPOINT_SLICE, BL_FORM_TABLE, false, false,
		 "endpointslices.txt"},
		{"api/nodes.json", BL_KIND_NODE, BL_FORM_TABLE, true, true, "nodes.txt"},
		{"api/nodes.json", BL_KIND_NODE, BL_FORM_WIDE, false, false, "nodes-wide.txt"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
		struct bl_printer printer = {.form = rows[i].form,
					     .heads = true,
					     .namespaces = rows[i].namespaces,
					     .labels = rows[i].labels};

		load(rows[i].recording, rows[i].kind, &found);
		print_and_compare(&printer, &found, rows[i].golden);
	}
}

Test(print, several_kinds_are_tables_with_an_empty_line_between)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_printer printer = {.heads = true, .with_kind = true, .namespaces = true};

	load("api/pods.json", BL_KIND_POD, &found);
	load("api/nodes.json", BL_KIND_NODE, &found);
	load("api/endpointslices.json", BL_KIND_ENDPOINT_SLICE, &found);
	print_and_compare(&printer, &found, "several.txt");
}

static void expect_connections(const char *json, const char *expected)
{
	_cleanup_json_ struct json_object *object = json_tokener_parse(json);
	struct bl_found one = {.kind = BL_KIND_POD, .object = object};
	const struct bl_found_list found = {.items = &one, .count = 1};
	struct bl_printer printer = {.form = BL_FORM_WIDE, .heads = true, .now = NOW};
	_cleanup_free_ char *text = NULL;
	char *last;
	size_t len;

	printer.live = json_tokener_parse("{\"10.0.0.1\": 3, \"fd00::1\": 2}");
	printer.out = open_memstream(&text, &len);
	cr_assert_eq(bl_print_found(&printer, &found, true), 0);
	fclose(printer.out);
	bl_printer_done(&printer);
	cr_expect(strstr(text, "CONNECTIONS"), "%s", text);
	last = strrchr(text, ' ');
	cr_expect_str_eq(last ? last + 1 : "", expected, "%s", text);
}

Test(print, connections_of_a_pod_are_those_of_its_addresses)
{
	expect_connections("{'status':{'podIP':'10.0.0.1'}}", "3\n");
	expect_connections("{'status':{'podIP':'10.0.0.1','podIPs':[{'ip':'10.0.0.1'},"
			   "{'ip':'fd00::1'}]}}",
			   "5\n");
	expect_connections("{'status':{'podIP':'10.0.0.2'}}", "0\n");
	expect_connections("{'status':{}}", "0\n");
	expect_connections("{'spec':{'hostNetwork':true},'status':{'podIP':'10.0.0.1'}}",
			   "<unknown>\n");
}

/* One object that the recordings do not have. */
static void expect_row(enum bl_kind kind, bool wide, const char *json, const char *expected)
{
	_cleanup_json_ struct json_object *object = json_tokener_parse(json);
	struct bl_found one = {.kind = kind, .object = object};
	const struct bl_found_list found = {.items = &one, .count = 1};
	struct bl_printer printer = {.form = wide ? BL_FORM_WIDE : BL_FORM_TABLE, .now = NOW};
	_cleanup_free_ char *text = NULL;
	size_t len;

	cr_assert(object != NULL, "%s", json);
	printer.out = open_memstream(&text, &len);
	cr_assert_eq(bl_print_found(&printer, &found, true), 0);
	fclose(printer.out);
	bl_printer_done(&printer);
	cr_expect_str_eq(text, expected, "%s\ngot:      %sexpected: %s", json, text, expected);
}

#define META "'metadata':{'name':'a','creationTimestamp':'2026-11-23T07:29:55Z'}"
#define JSON_ROW_MAX 2048

static void expect_rows(enum bl_kind kind, const char *const (*rows)[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char json[JSON_ROW_MAX];

		(void)snprintf(json, sizeof(json), "{%s,%s}", META, rows[i][0]);
		for (char *at = json; *at; at++)
			*at = *at == '\'' ? '"' : *at;
		expect_row(kind, false, json, rows[i][1]);
	}
}

Test(print, a_service_shows_what_leads_to_it)
{
	static const char *const rows[][2] = {
		{"'spec':{'type':'LoadBalancer','clusterIP':'10.96.0.5','ports':[{'port':80,"
		 "'nodePort':30000,'protocol':'TCP'}]}",
		 "a     LoadBalancer   10.96.0.5   <pending>   80:30000/TCP   5s\n"},
		{"'spec':{'type':'LoadBalancer','clusterIP':'10.96.0.5','externalIPs':['192.0.2.9']"
		 ","
		 "'ports':[{'port':80}]},'status':{'loadBalancer':{'ingress':[{'ip':'192.0.2.2'},"
		 "{'ip':'192.0.2.10'},{'ip':'192.0.2.2'}]}}",
		 "a     LoadBalancer   10.96.0.5   192.0.2.10,19...,192.0.2.9   80/TCP   5s\n"},
		{"'spec':{'type':'ExternalName','externalName':'db.example.com'}",
		 "a     ExternalName   <none>   db.example.com   <none>   5s\n"},
		{"'spec':{'clusterIP':'None','ports':[{'port':53,'protocol':'UDP'},{'port':53}]}",
		 "a     ClusterIP   None   <none>   53/UDP,53/TCP   5s\n"},
		{"'spec':{'type':'NodePort','clusterIP':'10.96.0.5','externalIPs':['192.0.2.9',"
		 "'192.0.2.8']}",
		 "a     NodePort   10.96.0.5   192.0.2.9,192.0.2.8   <none>   5s\n"},
	};

	expect_rows(BL_KIND_SERVICE, rows, ARRAY_SIZE(rows));
}

Test(print, endpoints_show_three_and_count_the_rest)
{
	static const char *const rows[][2] = {
		{"'x':1", "a     <none>   5s\n"},
		{"'subsets':[{'addresses':[{'ip':'10.0.0.1'},{'ip':'fd00::1'}],'ports':[{'port':80}"
		 "]}]",
		 "a     10.0.0.1:80,[fd00::1]:80   5s\n"},
		{"'subsets':[{'addresses':[{'ip':'10.0.0.1'},{'ip':'10.0.0.2'}],'ports':[{'port':"
		 "80},"
		 "{'port':81}]},{'addresses':[{'ip':'10.0.0.3'}],'ports':[{'port':80}]}]",
		 "a     10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 2 more...   5s\n"},
		{"'subsets':[{'addresses':[{'ip':'10.0.0.1'}]}]", "a     10.0.0.1   5s\n"},
		{"'subsets':[{'notReadyAddresses':[{'ip':'10.0.0.1'}],'ports':[{'port':80}]}]",
		 "a           5s\n"},
	};

	expect_rows(BL_KIND_ENDPOINTS, rows, ARRAY_SIZE(rows));
}

Test(print, a_slice_shows_ports_and_addresses_apart)
{
	static const char *const rows[][2] = {
		{"'addressType':'IPv4'", "a     IPv4   <unset>   <unset>   5s\n"},
		{"'addressType':'IPv6','ports':[{'port':80},{'port':null,'name':'x'},{},{'port':1}]"
		 ","
		 "'endpoints':[{'addresses':['fd00::1']},{'addresses':['fd00::2']}]",
		 "a     IPv6   80,x,* + 1 more...   fd00::1,fd00::2   5s\n"},
	};

	expect_rows(BL_KIND_ENDPOINT_SLICE, rows, ARRAY_SIZE(rows));
}

#define RUNNING "'state':{'running':{}},'ready':true"

Test(print, a_pod_says_in_a_word_how_it_is)
{
	static const char *const rows[][2] = {
		{"'spec':{'containers':[{}]},'status':{'phase':'Pending'}",
		 "a     0/1   Pending   0     5s\n"},
		{"'spec':{'containers':[{},{}]},'status':{'phase':'Running','containerStatuses':["
		 "{" RUNNING "},{'state':{'waiting':{'reason':'CrashLoopBackOff'}},'restartCount':"
		 "7,'lastState':{"
		 "'terminated':{'finishedAt':'2026-11-23T07:25:00Z'}}}]}",
		 "a     1/2   CrashLoopBackOff   7 (5m ago)   5s\n"},
		{"'spec':{'containers':[{}]},'status':{'phase':'Succeeded','containerStatuses':[{"
		 "'state':{'terminated':{'exitCode':0,'reason':'Completed'}}}]}",
		 "a     0/1   Completed   0     5s\n"},
		{"'spec':{'containers':[{}]},'status':{'phase':'Failed','reason':'Evicted'}",
		 "a     0/1   Evicted   0     5s\n"},
		{"'spec':{'containers':[{}]},'status':{'phase':'Failed','containerStatuses':[{'"
		 "state':{"
		 "'terminated':{'exitCode':137,'signal':9}}}]}",
		 "a     0/1   Signal:9   0     5s\n"},
		{"'spec':{'containers':[{}]},'status':{'phase':'Failed','containerStatuses':[{'"
		 "state':{"
		 "'terminated':{'exitCode':3}}}]}",
		 "a     0/1   ExitCode:3   0     5s\n"},
		{"'spec':{'containers':[{}],'initContainers':[{'name':'i'},{'name':'j'}]},'status':"
		 "{"
		 "'phase':'Pending','initContainerStatuses':[{'name':'i','state':{'terminated':{"
		 "'exitCode':0}}},{'name':'j','state':{'running':{}}}]}",
		 "a     0/1   Init:1/2   0     5s\n"},
		{"'spec':{'containers':[{}],'initContainers':[{'name':'i'}]},'status':{'phase':'"
		 "Pending',"
		 "'initContainerStatuses':[{'name':'i','restartCount':2,'state':{'terminated':{"
		 "'exitCode':1,'reason':'Error'}}}]}",
		 "a     0/1   Init:Error   2     5s\n"},
		{"'spec':{'containers':[{}],'initContainers':[{'name':'s','restartPolicy':'Always'}"
		 "]},"
		 "'status':{'phase':'Running','initContainerStatuses':[{'name':'s','started':true,"
		 "'restartCount':1," RUNNING "}],'containerStatuses':[{" RUNNING "}]}",
		 "a     2/2   Running   1     5s\n"},
		/* Without a kubelet nobody writes containerStatuses: the condition counts. */
		{"'spec':{'containers':[{},{}]},'status':{'phase':'Running','conditions':[{'type':"
		 "'Ready','status':'True'}]}",
		 "a     2/2   Running   0     5s\n"},
		{"'spec':{'containers':[{}]},'status':{'phase':'Running','conditions':[{'type':"
		 "'Ready','status':'False'}]}",
		 "a     0/1   Running   0     5s\n"},
		{"'spec':{'containers':[{}]},'status':{'phase':'Pending','conditions':[{'type':"
		 "'PodScheduled','status':'False','reason':'SchedulingGated'}]}",
		 "a     0/1   SchedulingGated   0     5s\n"},
	};

	expect_rows(BL_KIND_POD, rows, ARRAY_SIZE(rows));
	expect_row(BL_KIND_POD, true,
		   "{\"metadata\":{\"name\":\"a\",\"deletionTimestamp\":\"2026-11-23T07:29:00Z\"},"
		   "\"spec\":{\"containers\":[{}],\"readinessGates\":[{\"conditionType\":\"x\"},"
		   "{\"conditionType\":\"y\"}]},\"status\":{\"phase\":\"Running\",\"conditions\":["
		   "{\"type\":\"x\",\"status\":\"True\"}]}}",
		   "a     0/1   Terminating   0     <unknown>   <none>   <none>   <none>   1/2\n");
}

Test(print, nothing_that_a_server_sends_reaches_the_terminal_raw)
{
	expect_row(BL_KIND_NAMESPACE, false,
		   "{\"metadata\":{\"name\":\"a\\u001b[31m\\nb\\tc\"},\"status\":{\"phase\":7}}",
		   "a?[31m\\nb\\tc   Active   <unknown>\n");
	expect_row(BL_KIND_SERVICE, true, "[]",
		   "      ClusterIP   <none>   <none>   <none>   <unknown>   <none>\n");
	expect_row(BL_KIND_POD, true, "{\"spec\":[],\"status\":\"x\",\"metadata\":null}",
		   "      0/0         0     <unknown>   <none>   <none>   <none>   <none>\n");
}

static void describe_all(const char *recording, enum bl_kind kind, const char *golden)
{
	_cleanup_json_ struct json_object *list = golden_load(recording);
	_cleanup_json_ struct json_object *slices = golden_load("api/endpointslices.json");
	_cleanup_json_ struct json_object *pods = golden_load("api/pods.json");
	struct json_object *items = bl_json_at(list, "items");
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < bl_json_len(items); i++) {
		_cleanup_(bl_buf_done) struct bl_buf words = {0};
		_cleanup_json_ struct json_object *own = json_object_new_array();
		struct bl_description what = {.object = bl_json_item(items, i),
					      .slices = own,
					      .pods = bl_json_at(pods, "items"),
					      .now = NOW};
		struct json_object *all = bl_json_at(slices, "items");
		const char *name = bl_json_str(what.object, "metadata.name");

		for (size_t s = 0; s < bl_json_len(all); s++) {
			struct json_object *slice = bl_json_item(all, s);
			struct json_object *labels = bl_json_at(slice, "metadata.labels");
			const char *service =
				bl_json_str(bl_json_key(labels, "kubernetes.io/service-name"), "");

			if (service && strcmp(service, name) == 0)
				json_object_array_add(own, json_object_get(slice));
		}
		bl_describe(kind, &what, &words);
		cr_assert_eq(bl_elastic_print(words.data, 2, out), 0);
		fputs("\n\n", out);
	}
	fclose(out);
	golden_compare(golden, text);
}

Test(describe, every_recorded_object_reads_as_kubectl_says_it)
{
	setenv("TZ", "UTC", 1);
	describe_all("api/services.json", BL_KIND_SERVICE, "describe-services.txt");
	describe_all("api/pods.json", BL_KIND_POD, "describe-pods.txt");
	describe_all("api/nodes.json", BL_KIND_NODE, "describe-nodes.txt");
	describe_all("api/endpointslices.json", BL_KIND_ENDPOINT_SLICE, "describe-slices.txt");
}

Test(table, widths_are_remembered_for_rows_that_come_later)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	struct bl_grid table;

	bl_grid_init(&table, 2);
	bl_grid_add(&table, "a-long-name");
	bl_grid_add(&table, "x");
	cr_assert_eq(bl_grid_print(&table, out), 0);
	bl_grid_add(&table, "b");
	bl_grid_add(&table, "y");
	cr_assert_eq(bl_grid_print(&table, out), 0);
	bl_grid_add(&table, "ünï");
	bl_grid_add(&table, "z");
	cr_assert_eq(bl_grid_print(&table, out), 0);
	bl_grid_done(&table);
	fclose(out);
	cr_expect_str_eq(text, "a-long-name   x\nb             y\nünï           z\n");
}

Test(elastic, a_line_without_tabs_parts_two_columns)
{
	static const struct row {
		const char *text, *expected;
	} rows[] = {
		{"", ""},
		{"a", "a\n"},
		{"a\tb\nccc\td\n", "a    b\nccc  d\n"},
		{"a\tb\n\nccc\td\n", "a  b\n\nccc  d\n"},
		{"a\tb\tc\nddd\te\n", "a    b  c\nddd  e\n"},
		{"a\t\n", "a  \n"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *text = NULL;
		size_t len;
		FILE *out = open_memstream(&text, &len);

		cr_assert_eq(bl_elastic_print(rows[i].text, 2, out), 0);
		fclose(out);
		cr_expect_str_eq(text, rows[i].expected);
	}
}
