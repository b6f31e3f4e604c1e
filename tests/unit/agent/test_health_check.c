/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Health checks of load balancers: which Services have one, and what it answers on loopback. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/health_check.h"
#include "fixture.h"

static struct bl_addr own_address;
static struct bl_local_node here = {
	.name = "node-1", .addresses = &own_address, .address_count = 1};
static bool maps_are_right = true;

static const struct bl_local_node *node_facts(void *userdata)
{
	(void)userdata;
	return &here;
}

static bool is_healthy(void *userdata)
{
	(void)userdata;
	return maps_are_right;
}

#define SLICE_HEAD                                                                                 \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                                   \
	"metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n"                     \
	"addressType: IPv4\nports: [{port: 8080}]\nendpoints:\n"

static void put_service(struct fixture *fixture, const char *spec, unsigned int port)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {%s, "
		       "healthCheckNodePort: %u, ports: [{port: 80}]}\n",
		       spec, port);
	deliver(fixture, NULL, text);
}

/* A port of the range of NodePorts that is free now; where to begin differs from run to run. */
static uint16_t free_port(void)
{
	for (int i = 0; i < 1000; i++) {
		uint16_t port = (uint16_t)(30000 + (getpid() + i) % 2768);
		const struct sockaddr_in6 address = {.sin6_family = AF_INET6,
						     .sin6_port = htons(port)};
		_cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
			return port;
	}
	cr_assert(false, "no port is free");
	return 0;
}

static void turn(sd_event *loop)
{
	for (int i = 0; i < 20; i++)
		cr_assert_geq(sd_event_run(loop, 2000), 0);
}

/* The whole answer on loopback; "" when nobody listens. */
static void ask(sd_event *loop, uint16_t port, char *ret, size_t size)
{
	static const char request[] =
		"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
	const struct sockaddr_in address = {.sin_family = AF_INET,
					    .sin_port = htons(port),
					    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t len = 0;

	turn(loop);
	ret[0] = '\0';
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		cr_assert_eq(errno, ECONNREFUSED);
		return;
	}
	cr_assert_eq(send(fd, request, sizeof(request) - 1, 0), (ssize_t)sizeof(request) - 1);
	cr_assert_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	for (int i = 0; i < 2000; i++) {
		ssize_t got;

		cr_assert_geq(sd_event_run(loop, 5000), 0);
		got = recv(fd, ret + len, size - len - 1, 0);
		if (got == 0)
			break;
		len += got > 0 ? (size_t)got : 0;
	}
	ret[len] = '\0';
}

Test(health_check, case_64_case_89_only_ready_endpoints_of_this_node_count)
{
	static const struct {
		const char *endpoints;
		size_t count;
	} rows[] = {
		{"- {addresses: [10.0.0.1], nodeName: node-1}\n", 1},
		{"- {addresses: [10.0.0.1], nodeName: node-2}\n", 0},
		{"- {addresses: [10.0.0.1], nodeName: node-1, conditions: {ready: false}}\n", 0},
		{"- {addresses: [10.0.0.1], nodeName: node-1, conditions: {ready: false, serving: "
		 "true, terminating: true}}\n",
		 0},
		{"- {addresses: [10.0.0.1], nodeName: node-1}\n"
		 "- {addresses: [10.0.0.2], nodeName: node-1}\n"
		 "- {addresses: [10.0.0.3], nodeName: node-2}\n",
		 2},
		/* At an address of this node, whatever the slice says. */
		{"- {addresses: [192.0.2.10]}\n", 1},
	};

	cr_assert_eq(bl_addr_parse("192.0.2.10", &own_address), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;
		char text[2048];
		size_t count = 99;

		fixture_setup(&fixture);
		put_service(&fixture, "type: LoadBalancer, externalTrafficPolicy: Local", 30990);
		(void)snprintf(text, sizeof(text), SLICE_HEAD "%s", rows[i].endpoints);
		deliver(&fixture, NULL, text);
		cr_assert_eq(bl_health_check_count(
				     fixture.store, &here,
				     bl_service_of(find(&fixture, BL_KIND_SERVICE, "web")), &count),
			     0);
		cr_expect_eq(count, rows[i].count, "row %zu: %zu", i, count);
		fixture_done(&fixture);
	}
}

Test(health_check, case_71_the_port_answers_as_the_policy_and_the_endpoints_say)
{
	struct bl_health_check *check;
	struct fixture fixture;
	sd_event *loop;
	char text[4096];
	uint16_t port = free_port();
	char spec[64];

	fixture_setup(&fixture);
	cr_assert_geq(sd_event_new(&loop), 0);
	const struct bl_health_check_config config = {
		.loop = loop,
		.store = fixture.store,
		.problems = fixture.problems,
		.node = node_facts,
		.healthy = is_healthy,
	};
	cr_assert_eq(bl_health_check_new(&config, &check), 0);
	put_service(&fixture, "type: LoadBalancer, externalTrafficPolicy: Local", port);
	cr_assert_neq(find(&fixture, BL_KIND_SERVICE, "web"), NULL, "%s", problems(&fixture));
	ask(loop, port, text, sizeof(text));
	cr_expect(strstr(text, "HTTP/1.1 503"), "%s", text);
	deliver(&fixture, NULL, SLICE_HEAD "- {addresses: [10.0.0.1], nodeName: node-1}\n");
	ask(loop, port, text, sizeof(text));
	cr_expect(strstr(text, "HTTP/1.1 200"), "%s", text);
	cr_expect(strstr(text, "X-Load-Balancing-Endpoint-Weight: 1\r\n"), "%s", text);
	cr_expect(strstr(text, "Content-Type: application/json\r\n"), "%s", text);
	cr_expect(strstr(text, "{\"service\":{\"namespace\":\"default\",\"name\":\"web\"},"
			       "\"localEndpoints\":1,\"serviceProxyHealthy\":true}"),
		  "%s", text);
	maps_are_right = false;
	ask(loop, port, text, sizeof(text));
	cr_expect(strstr(text, "HTTP/1.1 503"), "%s", text);
	cr_expect(strstr(text, "\"serviceProxyHealthy\":false"), "%s", text);
	maps_are_right = true;
	deliver(&fixture, NULL,
		SLICE_HEAD "- {addresses: [10.0.0.1], nodeName: node-1, conditions: {ready: false, "
			   "serving: true, terminating: true}}\n");
	ask(loop, port, text, sizeof(text));
	cr_expect(strstr(text, "HTTP/1.1 503"), "%s", text);
	/* The policy changes: nobody listens any more. */
	(void)snprintf(spec, sizeof(spec), "type: LoadBalancer, externalTrafficPolicy: Cluster");
	put_service(&fixture, spec, 0);
	ask(loop, port, text, sizeof(text));
	cr_expect_str_eq(text, "");
	bl_health_check_free(check);
	sd_event_unref(loop);
	fixture_done(&fixture);
}

Test(health_check, a_node_that_is_to_go_says_so)
{
	static const struct {
		const char *node;
		const char *words;
	} rows[] = {
		{"metadata: {name: node-1}\n", NULL},
		{"metadata: {name: node-1}\nspec: {taints: [{key: other, effect: NoSchedule}]}\n",
		 NULL},
		{"metadata: {name: node-1}\nspec: {taints: [{key: ToBeDeletedByClusterAutoscaler, "
		 "effect: NoSchedule}]}\n",
		 "ToBeDeletedByClusterAutoscaler"},
		{"metadata: {name: node-2}\nspec: {taints: [{key: ToBeDeletedByClusterAutoscaler, "
		 "effect: NoSchedule}]}\n",
		 NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fixture fixture;
		char text[1024];
		const char *why;

		fixture_setup(&fixture);
		(void)snprintf(text, sizeof(text), "apiVersion: v1\nkind: Node\n%s", rows[i].node);
		deliver(&fixture, NULL, text);
		why = bl_health_check_leaving(fixture.store, "node-1");
		cr_expect_eq(why != NULL, rows[i].words != NULL, "row %zu", i);
		cr_expect(!why || !rows[i].words || strstr(why, rows[i].words), "%s", why);
		fixture_done(&fixture);
	}
}
