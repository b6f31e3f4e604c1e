/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `get flows` and `get maglev`, asked of a server that answers from a plan and a fake datapath. */
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/rest.h"
#include "base/exit.h"
#include "cli/cli.h"
#include "datapath/fake.h"
#include "model/codec.h"

#define WORDS_MAX 10

static char folder[] = "/tmp/bl-get-packet-XXXXXX";
static char path[64];
static struct bl_agent agent;
static pid_t child;

static const char service_text[] =
	"apiVersion: v1\nkind: Service\n"
	"metadata: {name: web, namespace: default, annotations: {beeline.dev/lb-algorithm: %s}}\n"
	"spec: {clusterIP: 10.96.0.80, ports: [{port: 80}]}\n";
static const char endpoints_text[] =
	"apiVersion: v1\nkind: Endpoints\nmetadata: {name: web, namespace: default}\n"
	"subsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 8080}]}]\n";

static void put(const char *text)
{
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	cr_assert_eq(bl_decode("test", text, strlen(text), &bl_limits_default, 0, &list, &diag), 0,
		     "%s", diag.count ? diag.problems[0].text : "");
	cr_assert_eq(bl_store_put(agent.store, list.items[0], 0, NULL), 0);
	bl_diag_done(&diag);
}

static void make_agent(const char *algorithm)
{
	struct bl_local_node node = {.name = "node-a"};
	_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	struct bl_datapath_config config;
	struct bl_err err = {0};
	char text[512];

	bl_datapath_config_init(&config);
	cr_assert_eq(bl_datapath_open_fake(&config, &agent.datapath), 0);
	cr_assert_eq(bl_plan_new(&config.limits, &agent.plan), 0);
	cr_assert_eq(bl_store_new(&agent.store), 0);
	(void)snprintf(text, sizeof(text), service_text, algorithm);
	put(text);
	put(endpoints_text);
	node.outside.cluster_ips = true;
	cr_assert_eq(bl_resolve(agent.store, &node,
				bl_service_of(bl_store_find(agent.store, BL_KIND_SERVICE, "default",
							    "web")),
				&resolved),
		     0);
	cr_assert_eq(bl_plan_put(agent.plan, resolved, &delta, &err), 0, "%s", err.text);
}

static void tuple(const char *from, uint16_t from_port, const char *to, uint16_t to_port,
		  uint8_t protocol, struct bl_tuple *ret)
{
	struct bl_addr source, destination;

	cr_assert_eq(bl_addr_parse(from, &source), 0);
	cr_assert_eq(bl_addr_parse(to, &destination), 0);
	*ret = (struct bl_tuple){
		.source = source.ip,
		.destination = destination.ip,
		.source_port = htons(from_port),
		.destination_port = htons(to_port),
		.family = source.family,
		.protocol = protocol,
	};
}

/* One of a backend that the plan has, and one whose id has gone to another since. */
static void add_flows(void)
{
	struct bl_flow_row rows[2] = {0};
	const struct bl_backend *backend = bl_plan_backend(agent.plan, 1);

	cr_assert_not_null(backend);
	tuple("198.51.100.7", 40000, "10.96.0.80", 80, IPPROTO_TCP, &rows[0].from);
	tuple("198.51.100.7", 40000, "10.0.0.1", 8080, IPPROTO_TCP, &rows[0].to);
	rows[0].flow = (struct bl_flow){.packets = 5,
					.bytes = 300,
					.kind = BL_FLOW_LOCAL,
					.state = BL_FLOW_ESTABLISHED,
					.backend_id = 1,
					.backend_generation = backend->generation};
	tuple("2001:db8::7", 41000, "fd00::80", 53, IPPROTO_UDP, &rows[1].from);
	tuple("fd00::1", 61000, "fd00::2", 5353, IPPROTO_UDP, &rows[1].to);
	rows[1].flow = (struct bl_flow){.packets = 1,
					.bytes = 60,
					.kind = BL_FLOW_REMOTE,
					.state = BL_FLOW_NEW,
					.backend_id = 1,
					.backend_generation = backend->generation + 1};
	cr_assert_eq(bl_fake_set_flows(agent.datapath, rows, ARRAY_SIZE(rows)), 0);
}

static void serve(int ready_fd)
{
	struct bl_server *server = NULL;
	struct bl_err err = {0};
	sd_event *loop = NULL;

	if (sd_event_new(&loop) < 0 ||
	    bl_server_new(loop, path, bl_rest_handle, &agent, &server, &err) < 0 ||
	    write(ready_fd, "r", 1) != 1)
		_exit(1);
	(void)sd_event_loop(loop);
	_exit(1);
}

static void up(const char *algorithm, bool flows)
{
	char byte;
	int ends[2];

	make_agent(algorithm);
	if (flows)
		add_flows();
	cr_assert_not_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	cr_assert_eq(pipe(ends), 0);
	child = fork();
	cr_assert_geq(child, 0);
	if (child == 0)
		serve(ends[1]);
	(void)close(ends[1]);
	cr_assert_eq(read(ends[0], &byte, 1), 1, "the server did not start");
	(void)close(ends[0]);
}

static void down(void)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	(void)unlink(path);
	(void)rmdir(folder);
	bl_plan_free(agent.plan);
	bl_datapath_close(agent.datapath);
	bl_store_free(agent.store);
}

/* Runs a command line, given without the socket; what it prints is the caller's. */
static int run(const char *const *words, char **ret_out, char **ret_err)
{
	const char *argv[WORDS_MAX + 4] = {"beeline"};
	size_t out_len, err_len;
	FILE *out = open_memstream(ret_out, &out_len);
	FILE *err = open_memstream(ret_err, &err_len);
	int argc = 1, r;

	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		argv[argc++] = words[i];
	argv[argc++] = "--socket";
	argv[argc++] = path;
	r = bl_cli_main(argc, (char *const *)argv, out, err);
	fclose(out);
	fclose(err);
	return r;
}

static void expect(const char *const *words, int code, const char *out, const char *err)
{
	_cleanup_free_ char *got_out = NULL;
	_cleanup_free_ char *got_err = NULL;

	cr_expect_eq(run(words, &got_out, &got_err), code, "%s", got_err);
	if (out)
		cr_expect_str_eq(got_out, out);
	cr_expect(strstr(got_err, err), "'%s' has no '%s'", got_err, err);
}

#define WORDS(...) ((const char *const[WORDS_MAX + 1]){__VA_ARGS__})

/* The idle time depends on how long the machine is up. */
static void check_flow(struct json_object *flow, const char *const *rows)
{
	for (size_t i = 0; rows[i]; i += 2) {
		struct json_object *value = NULL;

		cr_expect(json_object_object_get_ex(flow, rows[i], &value), "%s", rows[i]);
		cr_expect_str_eq(value ? json_object_get_string(value) : "null", rows[i + 1], "%s",
				 rows[i]);
	}
}

Test(get_packet, flows_are_shown_with_their_service_and_both_ends)
{
	_cleanup_free_ char *out = NULL;
	_cleanup_free_ char *err = NULL;
	struct json_object *list;

	up("random", true);
	cr_expect_eq(run(WORDS("get", "flows", "-o", "json"), &out, &err), BL_EXIT_OK, "%s", err);
	list = json_tokener_parse(out);
	cr_assert_eq(json_object_array_length(list), 2);
	check_flow(json_object_array_get_idx(list, 0),
		   WORDS("service", "web", "namespace", "default", "protocol", "TCP", "kind",
			 "local", "state", "established"));
	check_flow(json_object_array_get_idx(list, 0),
		   WORDS("source", "198.51.100.7:40000", "destination", "10.96.0.80:80",
			 "newDestination", "10.0.0.1:8080", "packets", "5", "bytes", "300"));
	check_flow(json_object_array_get_idx(list, 1),
		   WORDS("service", "null", "protocol", "UDP", "kind", "remote", "newSource",
			 "[fd00::1]:61000", "state", "new"));
	json_object_put(list);
	down();
}

Test(get_packet, flows_are_a_table_too)
{
	_cleanup_free_ char *out = NULL;
	_cleanup_free_ char *err = NULL;

	up("random", true);
	cr_expect_eq(run(WORDS("get", "flows"), &out, &err), BL_EXIT_OK, "%s", err);
	cr_expect(strncmp(out, "PROTOCOL ", 9) == 0, "%s", out);
	cr_expect(strstr(out, "\nTCP        local    established   198.51.100.7:40000    "
			      "10.96.0.80:80"),
		  "%s", out);
	cr_expect(strstr(out, "\nUDP        remote   new           [2001:db8::7]:41000"), "%s",
		  out);
	down();
}

Test(get_packet, no_flows_are_no_rows)
{
	up("random", false);
	expect(WORDS("get", "flows", "--no-headers"), BL_EXIT_OK, "", "");
	expect(WORDS("get", "flows", "-o", "json"), BL_EXIT_OK, "[\n]\n", "");
	down();
}

Test(get_packet, shares_of_a_maglev_table_add_up_to_its_size)
{
	_cleanup_free_ char *out = NULL;
	_cleanup_free_ char *err = NULL;
	struct json_object *list, *table, *backends, *size;
	int64_t sum = 0;

	up("maglev", false);
	cr_expect_eq(run(WORDS("get", "maglev", "web", "-o", "json"), &out, &err), BL_EXIT_OK, "%s",
		     err);
	list = json_tokener_parse(out);
	cr_assert_eq(json_object_array_length(list), 1);
	table = json_object_array_get_idx(list, 0);
	check_flow(table, WORDS("port", "80", "protocol", "TCP", "algorithm", "maglev"));
	cr_assert(json_object_object_get_ex(table, "backends", &backends));
	cr_assert(json_object_object_get_ex(table, "size", &size));
	cr_assert_eq(json_object_array_length(backends), 2);
	for (size_t i = 0; i < 2; i++) {
		struct json_object *entries;

		json_object_object_get_ex(json_object_array_get_idx(backends, i), "entries",
					  &entries);
		cr_expect_gt(json_object_get_int64(entries), 0);
		sum += json_object_get_int64(entries);
	}
	cr_expect_gt(sum, 2);
	cr_expect_eq(sum, json_object_get_int64(size));
	json_object_put(list);
	down();
}

Test(get_packet, what_cannot_be_shown_is_said)
{
	up("random", false);
	expect(WORDS("get", "maglev", "web"), BL_EXIT_OK, "", "chooses at random");
	expect(WORDS("get", "maglev", "nobody"), BL_EXIT_FAILURE, "", "\"nobody\" not found");
	expect(WORDS("get", "maglev"), BL_EXIT_USAGE, "", "expected 'get maglev SERVICE'");
	expect(WORDS("get", "flows", "web"), BL_EXIT_USAGE, "", "takes no names");
	expect(WORDS("get", "flows", "-o", "yaml"), BL_EXIT_USAGE, "", "'json' alone");
	expect(WORDS("get", "flows", "-w"), BL_EXIT_USAGE, "", "does not know option '--watch'");
	expect(WORDS("get", "flows", "-l", "a=b"), BL_EXIT_USAGE, "", "option '--selector'");
	expect(WORDS("get", "maglev", "web", "--show-labels"), BL_EXIT_USAGE, "",
	       "'get maglev' does not know option '--show-labels'");
	down();
}

static size_t count_flows(const char *const *words)
{
	_cleanup_free_ char *out = NULL;
	_cleanup_free_ char *err = NULL;
	struct json_object *list;
	size_t count;

	cr_expect_eq(run(words, &out, &err), BL_EXIT_OK, "%s", err);
	list = json_tokener_parse(out);
	count = json_object_array_length(list);
	json_object_put(list);
	return count;
}

Test(get_packet, flows_are_those_of_a_namespace_where_one_is_named)
{
	up("random", true);
	cr_expect_eq(count_flows(WORDS("get", "flows", "-o", "json", "-n", "default")), 1);
	cr_expect_eq(count_flows(WORDS("get", "flows", "-o", "json", "-n", "other")), 0);
	cr_expect_eq(count_flows(WORDS("get", "flows", "-o", "json", "-n", "other", "-A")), 2);
	down();
}
