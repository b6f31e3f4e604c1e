/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events in a cluster, at a server that answers as its script says. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/cluster_events.h"
#include "asking.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "fixture.h"

static size_t count_requests(struct fault_server *server)
{
	struct json_object *all = fault_server_do(server, "{'do':'requests'}");
	size_t count = json_object_array_length(all);

	(void)json_object_put(all);
	return count;
}

static void wait_for_requests(struct asking *asking, struct fault_server *server, size_t count)
{
	for (int i = 0; count_requests(server) < count && i < 1000; i++)
		ask_run(asking, 10);
	cr_assert_eq(count_requests(server), count);
}

static struct bl_object *service(void)
{
	return decode_one(NULL, "apiVersion: v1\nkind: Service\n"
				"metadata: {name: web, namespace: shop, uid: u1}\n"
				"spec: {ports: [{port: 80}]}\n");
}

static const char *text_at(struct json_object *json, const char *pointer)
{
	struct json_object *found = NULL;

	return json_pointer_get(json, pointer, &found) == 0 && found ? json_object_get_string(found)
								     : "";
}

Test(cluster_events, an_event_says_what_happened_to_which_service)
{
	static const struct {
		enum bl_cluster_event event;
		const char *type, *reason;
	} rows[] = {{BL_CLUSTER_EVENT_ADDRESS, "Normal", "LoadBalancerAddress"},
		    {BL_CLUSTER_EVENT_NO_ADDRESS, "Warning", "NoLoadBalancerAddress"}};
	struct fault_server *server = fault_server_start(0);
	_cleanup_(bl_object_unref) struct bl_object *object = service();
	struct bl_cluster_events *events = NULL;
	struct json_object *all;
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'status':201,'body':'{}'}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	cr_assert_eq(bl_cluster_events_new(asking.client, "node-a", &events), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bl_cluster_events_send(events, bl_service_of(object), rows[i].event, "it is \"%s\"",
				       "so");
		wait_for_requests(&asking, server, i + 1);
	}
	all = fault_server_do(server, "{'do':'requests'}");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *request = json_object_array_get_idx(all, i);
		struct json_object *event = json_tokener_parse(text_at(request, "/body"));

		cr_expect_str_eq(text_at(request, "/method"), "POST");
		cr_expect_str_eq(text_at(request, "/path"),
				 "/apis/events.k8s.io/v1/namespaces/shop/events");
		cr_expect_str_eq(text_at(event, "/apiVersion"), "events.k8s.io/v1");
		cr_expect_str_eq(text_at(event, "/type"), rows[i].type);
		cr_expect_str_eq(text_at(event, "/reason"), rows[i].reason);
		cr_expect_str_eq(text_at(event, "/note"), "it is \"so\"");
		cr_expect_str_eq(text_at(event, "/regarding/name"), "web");
		cr_expect_str_eq(text_at(event, "/regarding/uid"), "u1");
		cr_expect_str_eq(text_at(event, "/reportingInstance"), "beeline-node-a");
		cr_expect_eq(strncmp(text_at(event, "/metadata/name"), "web.", 4), 0);
		cr_expect_eq(strlen(text_at(event, "/eventTime")),
			     strlen("2026-11-23T10:00:00.000000Z"));
		(void)json_object_put(event);
	}
	(void)json_object_put(all);
	(void)bl_cluster_events_free(events);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(cluster_events, what_the_server_refuses_is_not_sent_again_and_others_still_are)
{
	struct fault_server *server = fault_server_start(0);
	_cleanup_(bl_object_unref) struct bl_object *object = service();
	struct bl_cluster_events *events = NULL;
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'status':403,'body':'{}'}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	cr_assert_eq(bl_cluster_events_new(asking.client, "node-a", &events), 0);
	for (size_t i = 0; i < 3; i++) {
		bl_cluster_events_send(events, bl_service_of(object), BL_CLUSTER_EVENT_ADDRESS,
				       "it is so");
		wait_for_requests(&asking, server, i + 1);
		ask_run(&asking, 20);
	}
	cr_expect_eq(count_requests(server), 3);
	(void)bl_cluster_events_free(events);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(cluster_events, no_more_than_sixteen_are_under_way)
{
	struct fault_server *server = fault_server_start(0);
	_cleanup_(bl_object_unref) struct bl_object *object = service();
	struct bl_cluster_events *events = NULL;
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'silent':true}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	cr_assert_eq(bl_cluster_events_new(asking.client, "node-a", &events), 0);
	for (size_t i = 0; i < 40; i++)
		bl_cluster_events_send(events, bl_service_of(object), BL_CLUSTER_EVENT_ADDRESS,
				       "it is so");
	wait_for_requests(&asking, server, 16);
	ask_run(&asking, 100);
	cr_expect_eq(count_requests(server), 16);
	(void)bl_cluster_events_free(events); /* with all of them under way */
	ask_run(&asking, 20);
	asking_done(&asking);
	fault_server_stop(server);
}
