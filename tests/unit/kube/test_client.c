/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client against a server that keeps to HTTP and one that does not. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "asking.h"
#include "base/cleanup.h"

static const struct {
	unsigned int flags;
	const char *version;
} wires[] = {{0, "1.1"}, {FAULT_TLS | FAULT_HTTP1, "1.1"}, {FAULT_TLS, "2"}};

static char *read_recording(const char *name)
{
	char path[512];
	struct bl_buf text = {0};

	(void)snprintf(path, sizeof(path), "%s/%s", TEST_DATA "/kubernetes", name);
	cr_assert_eq(bl_buf_read_file(&text, path, 1u << 22), 0, "%s", path);
	return bl_buf_take(&text);
}

static int64_t stat_of(struct fault_server *server, const char *name)
{
	struct json_object *stats = fault_server_do(server, "{'do':'stats'}"), *value;
	int64_t number;

	cr_assert(json_object_object_get_ex(stats, name, &value));
	number = json_object_get_int64(value);
	(void)json_object_put(stats);
	return number;
}

/* A field of the nth request that the server saw; "" when it is not there. */
static void expect_request(struct fault_server *server, size_t index, const char *field,
			   const char *expected)
{
	struct json_object *all = fault_server_do(server, "{'do':'requests'}");
	struct json_object *at = json_object_array_get_idx(all, index), *headers = NULL;
	struct json_object *value = NULL;

	cr_assert(at, "there is no request %zu", index);
	if (!json_object_object_get_ex(at, field, &value)) {
		cr_assert(json_object_object_get_ex(at, "headers", &headers));
		(void)json_object_object_get_ex(headers, field, &value);
	}
	cr_expect_str_eq(value ? json_object_get_string(value) : "", expected, "%s", field);
	(void)json_object_put(all);
}

Test(kube_client, a_list_comes_whole_over_every_wire)
{
	_cleanup_free_ char *expected = read_recording("list/services.json");

	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		struct fault_server *server = fault_server_start(wires[i].flags);
		struct asked asked = {0};
		struct asking asking;

		fault_server_tell(server,
				  "{'do':'rules','rules':[{'path':'/api/v1/services',"
				  "'query':{'limit':'500'},'answer':{'file':"
				  "'list/services.json','pieces':4000,'seed':%zu}}]}",
				  i);
		asking_init(&asking, server);
		asking_connect(&asking);
		ask(&asking, "/api/v1/services?limit=500", &asked);
		cr_expect_eq(asked.outcome.end, BL_KUBE_END_COMPLETE, "%s", asked.text);
		cr_expect_str_eq(asked.text, "");
		cr_expect_eq(asked.outcome.status, 200);
		cr_expect_eq(asked.head_status, 200);
		cr_expect_eq(asked.outcome.body_len, strlen(expected));
		cr_expect_eq(asked.outcome.retry_after_ms, BL_KUBE_NO_RETRY_AFTER);
		cr_expect_gt(asked.pieces, 1);
		cr_expect_str_eq(asked.body.data, expected);
		expect_request(server, 0, "version", wires[i].version);
		expect_request(server, 0, "accept", "application/json");
		expect_request(server, 0, "authorization", "");
		asked_done(&asked);
		asking_done(&asking);
		fault_server_stop(server);
	}
}

Test(kube_client, over_tls_many_calls_share_one_connection)
{
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct asked asked[8] = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'path':'/w','answer':{'body':'first',"
				  "'stream':'w'}},{'answer':{'body':'rest','delay':0.05}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		ask_start(&asking, i < 4 ? "/w" : "/x", NULL, &asked[i]);
	for (size_t i = 4; i < ARRAY_SIZE(asked); i++)
		ask_wait(&asking, &asked[i]);
	cr_expect_not(asked[0].is_done, "a stream stays open beside the others");
	cr_expect_eq(stat_of(server, "opened"), 1);
	cr_expect_eq(bl_kube_client_info(asking.client).connections, 1);
	cr_expect_eq(bl_kube_client_info(asking.client).connections_open, 1);
	fault_server_tell(server, "{'do':'push','stream':'w','text':' and second'}");
	fault_server_tell(server, "{'do':'end','stream':'w'}");
	for (size_t i = 0; i < 4; i++) {
		ask_wait(&asking, &asked[i]);
		cr_expect_eq(asked[i].outcome.end, BL_KUBE_END_COMPLETE, "%s", asked[i].text);
		cr_expect_str_eq(asked[i].body.data, "first and second");
	}
	cr_expect_eq(bl_kube_client_info(asking.client).requests, 8);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++)
		asked_done(&asked[i]);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, what_breaks_off_is_told_from_what_ends)
{
	static const struct {
		const char *answer;
		enum bl_kube_end end;
		int status;
		size_t len;
	} rows[] = {
		{"{'body':'0123456789'}", BL_KUBE_END_COMPLETE, 200, 10},
		{"{'body':'0123456789','cut_at':4}", BL_KUBE_END_CUT, 200, 4},
		{"{'body':'0123456789','after':'cut'}", BL_KUBE_END_CUT, 200, 10},
		{"{'body':'0123456789','after':'reset'}", BL_KUBE_END_CUT, 200, 10},
		{"{'body':'','after':'cut'}", BL_KUBE_END_CUT, 200, 0},
		{"{'body':'0123456789','after':'hang'}", BL_KUBE_END_IDLE, 200, 10},
		{"{'silent':true}", BL_KUBE_END_IDLE, 0, 0},
		{"{'status':503,'body':'sorry'}", BL_KUBE_END_COMPLETE, 503, 5},
	};

	for (size_t wire = 0; wire < ARRAY_SIZE(wires); wire++) {
		struct fault_server *server = fault_server_start(wires[wire].flags);
		struct asked asked = {0};
		struct asking asking;

		asking_init(&asking, server);
		asking_connect(&asking);
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
			const struct bl_kube_request request = {.idle_timeout_ms = 500};

			fault_server_tell(server, "{'do':'rules','rules':[{'answer':%s}]}",
					  rows[i].answer);
			ask_start(&asking, "/x", &request, &asked);
			ask_wait(&asking, &asked);
			cr_expect_eq(asked.outcome.end, rows[i].end, "wire %zu, %s: %s (%s)", wire,
				     rows[i].answer, bl_kube_end_name(asked.outcome.end),
				     asked.text);
			cr_expect_eq(asked.outcome.status, rows[i].status, "%s: %d", rows[i].answer,
				     asked.outcome.status);
			cr_expect_eq(asked.body.len, rows[i].len, "%s: %zu", rows[i].answer,
				     asked.body.len);
			cr_expect_eq(!*asked.text, rows[i].end == BL_KUBE_END_COMPLETE);
		}
		asked_done(&asked);
		asking_done(&asking);
		fault_server_stop(server);
	}
}

Test(kube_client, every_recorded_error_arrives_with_its_status_and_body)
{
	static const struct {
		const char *name;
		int status;
		uint64_t retry_after_ms;
		const char *words;
	} rows[] = {
		{"400-bad-continue", 400, UINT64_MAX, "continue key is not valid"},
		{"401-bad-token", 401, UINT64_MAX, "Unauthorized"},
		{"403-list-services", 403, UINT64_MAX, "cannot list resource"},
		{"403-watch-services", 403, UINT64_MAX, "cannot watch resource"},
		{"404-absent-object", 404, UINT64_MAX, "NotFound"},
		{"410-continue-after-restart", 410, UINT64_MAX, "Expired"},
		{"410-watch-nodes.raw", 200, UINT64_MAX, "\"code\":410"},
		{"422-sendInitialEvents-without-match", 422, UINT64_MAX, "Invalid"},
		{"500-bad-rv", 500, UINT64_MAX, "code"},
		{"504-too-large-rv-list", 504, 1000, "ResourceVersionTooLarge"},
	};
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct asked asked = {0};
	struct asking asking;

	asking_init(&asking, server);
	asking_connect(&asking);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fault_server_tell(
			server,
			"{'do':'rules','rules':[{'answer':{'recording':'errors/%s.http'}}]}",
			rows[i].name);
		ask(&asking, "/x", &asked);
		cr_expect_eq(asked.outcome.end, BL_KUBE_END_COMPLETE);
		cr_expect_eq(asked.outcome.status, rows[i].status, "%s", rows[i].name);
		cr_expect_eq(asked.outcome.retry_after_ms, rows[i].retry_after_ms, "%s",
			     rows[i].name);
		cr_expect(strstr(asked.body.data, rows[i].words), "%s: %s", rows[i].name,
			  asked.body.data);
	}
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, retry_after_is_read_as_seconds_and_as_a_date)
{
	static const struct {
		const char *value;
		uint64_t least, most;
	} rows[] = {
		{"3", 3000, 3000},
		{"0", 0, 0},
		{"999999999", 86400000, 86400000},
		{"-1", UINT64_MAX, UINT64_MAX},
		{"soon", UINT64_MAX, UINT64_MAX},
		{"Wed, 21 Oct 2015 07:28:00 GMT", 0, 0},
		{"Fri, 31 Dec 2100 23:59:59 GMT", 86400000, UINT64_MAX - 1},
	};
	struct fault_server *server = fault_server_start(0);
	struct asked asked = {0};
	struct asking asking;

	asking_init(&asking, server);
	asking_connect(&asking);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fault_server_tell(server,
				  "{'do':'rules','rules':[{'answer':{'status':429,'headers':"
				  "{'Retry-After':'%s'}}}]}",
				  rows[i].value);
		ask(&asking, "/x", &asked);
		cr_expect_eq(asked.outcome.status, 429);
		cr_expect(asked.outcome.retry_after_ms >= rows[i].least &&
				  asked.outcome.retry_after_ms <= rows[i].most,
			  "%s: %lu", rows[i].value, asked.outcome.retry_after_ms);
	}
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, garbage_is_no_answer)
{
	struct fault_server *server = fault_server_start(0);
	struct asked asked = {0};
	struct asking asking;

	asking_init(&asking, server);
	asking_connect(&asking);
	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'raw':'SSH-2.0-x\\r\\n'}}]}");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_PROTOCOL, "%s", asked.text);
	cr_expect_eq(asked.outcome.status, 0);
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, a_closed_port_is_said_to_be_closed)
{
	struct fault_server *server = fault_server_start(0);
	struct asked asked = {0};
	struct asking asking;

	asking_init(&asking, server);
	asking_connect(&asking);
	fault_server_tell(server, "{'do':'stop'}");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.end, BL_KUBE_END_CONNECT);
	cr_expect_eq(asked.outcome.error, -ECONNREFUSED);
	cr_expect_str_eq(asked.text, "connection refused");
	fault_server_tell(server, "{'do':'start'}");
	ask(&asking, "/x", &asked);
	cr_expect_eq(asked.outcome.status, 404, "it is there again");
	asked_done(&asked);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, a_half_open_connection_is_not_used_again)
{
	const struct bl_kube_request request = {.idle_timeout_ms = 800};
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct asked watch = {0}, other = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'path':'/w','answer':{'body':'x',"
				  "'stream':'w'}},{'answer':{'body':'y'}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	ask_start(&asking, "/w", &request, &watch);
	ask(&asking, "/y", &other);
	fault_server_tell(server, "{'do':'freeze'}");
	ask_wait(&asking, &watch);
	cr_expect_eq(watch.outcome.end, BL_KUBE_END_IDLE);
	cr_expect_str_eq(watch.text, "nothing came for 800 ms");
	fault_server_tell(server, "{'do':'thaw'}");
	ask(&asking, "/y", &other);
	cr_expect_eq(other.outcome.status, 200);
	cr_expect_eq(stat_of(server, "opened"), 2, "over a new connection");
	asked_done(&watch);
	asked_done(&other);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, a_silent_stream_does_not_take_the_others_with_it)
{
	const struct bl_kube_request request = {.idle_timeout_ms = 800};
	struct fault_server *server = fault_server_start(FAULT_TLS);
	struct asked silent = {0}, lively = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'path':'/s','answer':{'silent':true}},"
				  "{'answer':{'body':'0123456789','pieces':1,'pause':0.1}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	ask_start(&asking, "/l", &request, &lively);
	ask_start(&asking, "/s", &request, &silent);
	ask_wait(&asking, &silent);
	cr_expect_eq(silent.outcome.end, BL_KUBE_END_IDLE);
	ask_wait(&asking, &lively);
	cr_expect_eq(lively.outcome.end, BL_KUBE_END_COMPLETE, "%s", lively.text);
	cr_expect_eq(stat_of(server, "opened"), 1);
	asked_done(&silent);
	asked_done(&lively);
	asking_done(&asking);
	fault_server_stop(server);
}

Test(kube_client, a_port_that_says_nothing_ends_a_call_in_time)
{
	const struct bl_kube_request request = {.idle_timeout_ms = 5000, .total_timeout_ms = 300};

	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		struct fault_server *server = fault_server_start(wires[i].flags);
		struct asked asked = {0};
		struct asking asking;

		fault_server_tell(server, "{'do':'accept','how':'hold'}");
		asking_init(&asking, server);
		asking_connect(&asking);
		ask_start(&asking, "/x", &request, &asked);
		ask_wait(&asking, &asked);
		cr_expect_eq(asked.outcome.end, BL_KUBE_END_TIMEOUT);
		cr_expect_eq(asked.outcome.error, -ETIMEDOUT);
		cr_expect_str_eq(asked.text, "not done within 300 ms");
		asked_done(&asked);
		asking_done(&asking);
		fault_server_stop(server);
	}
}

Test(kube_client, an_owner_ends_its_call_from_anywhere)
{
	const struct bl_kube_request large = {.idle_timeout_ms = 5000, .body_max = 100};

	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		struct fault_server *server = fault_server_start(wires[i].flags);
		struct asked asked = {.stop_with = -EBADMSG}, other = {0}, gone = {0};
		struct asking asking;

		fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'file':"
					  "'list/nodes.json','pieces':50,'pause':0.002}}]}");
		asking_init(&asking, server);
		asking_connect(&asking);
		ask(&asking, "/x", &asked);
		cr_expect_eq(asked.outcome.end, BL_KUBE_END_STOPPED);
		cr_expect_eq(asked.outcome.error, -EBADMSG);
		cr_expect_eq(asked.pieces, 1);
		ask_start(&asking, "/x", &large, &other);
		ask_wait(&asking, &other);
		cr_expect_eq(other.outcome.end, BL_KUBE_END_TOO_LARGE);
		cr_expect_leq(other.body.len, 100);
		gone.cancel_in_data = true;
		ask_start(&asking, "/x", NULL, &gone);
		ask_run(&asking, 300);
		cr_expect_not(gone.is_done, "nothing is said of a call that was cancelled");
		cr_expect_eq(gone.pieces, 1);
		gone.cancel_in_data = false;
		ask_start(&asking, "/x", NULL, &gone);
		cr_expect_null(bl_kube_call_cancel(gone.call));
		ask_run(&asking, 50);
		cr_expect_not(gone.is_done || gone.heads);
		ask_start(&asking, "/x", NULL, &gone); /* left to the end of the client */
		ask_run(&asking, 50);
		asked_done(&asked);
		asked_done(&other);
		asking_done(&asking);
		asked_done(&gone);
		fault_server_stop(server);
	}
}

Test(kube_client, a_body_is_sent_with_its_type)
{
	static const char body[] = "{\"status\":{}}";
	const struct bl_kube_request patch = {
		.method = "PATCH",
		.content_type = "application/merge-patch+json",
		.accept = "application/json;as=Table",
		.body = body,
		.body_len = sizeof(body) - 1,
	};

	for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
		struct fault_server *server = fault_server_start(wires[i].flags);
		struct asked asked = {0};
		struct asking asking;

		fault_server_tell(server, "{'do':'rules','rules':[{'method':'PATCH','path':'/s',"
					  "'answer':{'body':'{}'}}]}");
		asking_init(&asking, server);
		asking_connect(&asking);
		ask_start(&asking, "/s?fieldManager=beeline", &patch, &asked);
		ask_wait(&asking, &asked);
		cr_expect_eq(asked.outcome.status, 200);
		expect_request(server, 0, "body", body);
		expect_request(server, 0, "content-type", "application/merge-patch+json");
		expect_request(server, 0, "accept", "application/json;as=Table");
		asked_done(&asked);
		asking_done(&asking);
		fault_server_stop(server);
	}
}

Test(kube_client, a_token_goes_nowhere_without_tls)
{
	static const struct {
		const char *server;
		int code;
	} rows[] = {
		{"http://192.0.2.1:6443", -EINVAL},
		{"http://example.org", -EINVAL},
		{"http://127.0.0.1:1", 0},
		{"https://192.0.2.1:6443", 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct bl_kube_config config = {.server = strdup(rows[i].server)};
		struct bl_kube_client *client = NULL;
		sd_event *loop = NULL;
		struct bl_err err = {0};

		set_secret(&config.token, "secret");
		cr_assert_geq(sd_event_new(&loop), 0);
		cr_expect_eq(bl_kube_client_new(loop, &config, &client, &err), rows[i].code,
			     "%s: %s", rows[i].server, err.text);
		cr_expect_eq(rows[i].code < 0, strstr(err.text, "not sent without TLS") != NULL);
		(void)bl_kube_client_free(client);
		bl_kube_config_done(&config);
		sd_event_unref(loop);
	}
}
