/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The status of one Service, written at a server that answers as its script says. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/status_write.h"
#include "asking.h"
#include "base/cleanup.h"
#include "fixture.h"

struct written {
	unsigned int ends;
	enum bl_status_write_end end;
	char words[256];
};

static void on_end(enum bl_status_write_end end, const char *words, void *userdata)
{
	struct written *written = userdata;

	written->ends++;
	written->end = end;
	(void)snprintf(written->words, sizeof(written->words), "%s", words);
}

static struct bl_object *service(const char *uid, const char *status)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Service\n"
		       "metadata: {name: web, namespace: shop%s%s}\n"
		       "spec: {ports: [{port: 80}], type: LoadBalancer}\nstatus: %s\n",
		       uid ? ", uid: " : "", uid ? uid : "", status);
	return decode_one(NULL, text);
}

#define EMPTY "{}"
#define GIVEN "{loadBalancer: {ingress: [{ip: 192.0.2.7}, {ip: \"fd00::7\"}]}}"
/* Bodies of answers, in the quotes of commands to the server. */
#define BODY(uid, status)                                                                          \
	"'{\\'metadata\\':{\\'name\\':\\'web\\',\\'uid\\':\\'" uid                                 \
	"\\',\\'resourceVersion\\':\\'7\\'},\\'status\\':" status "}'"
#define NO_ADDRESS "{}"
#define ITS_ADDRESS                                                                                \
	"{\\'loadBalancer\\':{\\'ingress\\':[{\\'ip\\':\\'192.0.2.7\\'},{\\'ip\\':\\'fd00::7\\'}]" \
	"}}"
#define OTHER_ADDRESS "{\\'loadBalancer\\':{\\'ingress\\':[{\\'ip\\':\\'192.0.2.8\\'}]}}"

static void run_one(struct fault_server *server, const char *before, const char *after,
		    struct written *ret)
{
	_cleanup_(bl_object_unref) struct bl_object *now = service("u1", before);
	_cleanup_(bl_object_unref) struct bl_object *next = service("u1", after);
	struct bl_status_write *write = NULL;
	struct asking asking;

	*ret = (struct written){0};
	asking_init(&asking, server);
	asking_connect(&asking);
	cr_assert_eq(bl_status_write_start(asking.client, bl_service_of(now), bl_service_of(next),
					   on_end, ret, &write),
		     0);
	for (int i = 0; !ret->ends && i < 1000; i++)
		ask_run(&asking, 10);
	cr_assert_eq(ret->ends, 1);
	asking_done(&asking);
}

/* Of the nth request; the caller frees it. */
static char *field(struct fault_server *server, size_t index, const char *name)
{
	struct json_object *all = fault_server_do(server, "{'do':'requests'}");
	struct json_object *at = json_object_array_get_idx(all, index), *value = NULL;
	char *text = NULL;

	if (at && json_object_object_get_ex(at, name, &value))
		text = strdup(json_object_get_string(value));
	(void)json_object_put(all);
	return text;
}

Test(status_write, addresses_are_written_on_the_version_that_was_read)
{
	struct fault_server *server = fault_server_start(0);
	_cleanup_free_ char *body = NULL, *path = NULL, *method = NULL;
	struct written written;

	fault_server_tell(
		server,
		"{'do':'rules','rules':[{'method':'GET','answer':{'body':%s}},"
		"{'method':'PATCH','path':'/api/v1/namespaces/shop/services/web/status','answer':"
		"{'body':'{}'}}]}",
		BODY("u1", NO_ADDRESS));
	run_one(server, EMPTY, GIVEN, &written);
	cr_expect_eq(written.end, BL_STATUS_WRITTEN, "%s", written.words);
	path = field(server, 0, "path");
	cr_expect_str_eq(path, "/api/v1/namespaces/shop/services/web");
	method = field(server, 1, "method");
	cr_expect_str_eq(method, "PATCH");
	body = field(server, 1, "body");
	cr_expect_str_eq(body, "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{"
			       "\"loadBalancer\":{\"ingress\":[{\"ip\":\"192.0.2.7\"},"
			       "{\"ip\":\"fd00::7\"}]}}}");
	fault_server_stop(server);
}

Test(status_write, addresses_are_taken_away_by_a_null)
{
	struct fault_server *server = fault_server_start(0);
	_cleanup_free_ char *body = NULL;
	struct written written;

	fault_server_tell(server,
			  "{'do':'rules','rules':[{'method':'GET','answer':{'body':%s}},"
			  "{'method':'PATCH','answer':{'body':'{}'}}]}",
			  BODY("u1", ITS_ADDRESS));
	run_one(server, GIVEN, EMPTY, &written);
	cr_expect_eq(written.end, BL_STATUS_WRITTEN, "%s", written.words);
	body = field(server, 1, "body");
	cr_expect_str_eq(body, "{\"metadata\":{\"resourceVersion\":\"7\"},\"status\":{"
			       "\"loadBalancer\":{\"ingress\":null}}}");
	fault_server_stop(server);
}

Test(status_write, nothing_is_written_over_what_was_not_decided_on)
{
	static const struct {
		const char *what, *answer;
		enum bl_status_write_end end;
	} rows[] = {
		{"it has them already", "{'body':" BODY("u1", ITS_ADDRESS) "}",
		 BL_STATUS_NOT_NEEDED},
		{"somebody gave it another", "{'body':" BODY("u1", OTHER_ADDRESS) "}",
		 BL_STATUS_CONFLICT},
		{"it was made anew", "{'body':" BODY("u2", NO_ADDRESS) "}", BL_STATUS_MOVED_ON},
		{"it is gone", "{'status':404,'body':'{}'}", BL_STATUS_MOVED_ON},
		{"nobody may read it", "{'status':403,'body':'{}'}", BL_STATUS_FORBIDDEN},
		{"the server fails", "{'status':500,'body':'{}'}", BL_STATUS_FAILED},
		{"it has no version", "{'body':'{\\'metadata\\':{\\'uid\\':\\'u1\\'}}'}",
		 BL_STATUS_FAILED},
		{"what comes is no JSON", "{'body':'hello'}", BL_STATUS_FAILED},
		{"the answer is cut off",
		 "{'body':" BODY("u1", NO_ADDRESS) ",'cut_at':9,'after':'reset'}",
		 BL_STATUS_FAILED},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fault_server *server = fault_server_start(0);
		_cleanup_free_ char *second = NULL;
		struct written written;

		fault_server_tell(server,
				  "{'do':'rules','rules':[{'method':'GET','answer':%s},"
				  "{'method':'PATCH','answer':{'body':'{}'}}]}",
				  rows[i].answer);
		run_one(server, EMPTY, GIVEN, &written);
		cr_expect_eq(written.end, rows[i].end, "%s: %d %s", rows[i].what, written.end,
			     written.words);
		cr_expect_eq(written.words[0] != '\0',
			     rows[i].end == BL_STATUS_FAILED ||
				     rows[i].end == BL_STATUS_FORBIDDEN ||
				     !strcmp(rows[i].what, "it is gone"),
			     "%s: %s", rows[i].what, written.words);
		second = field(server, 1, "method");
		cr_expect_null(second, "%s: %s", rows[i].what, second);
		fault_server_stop(server);
	}
}

Test(status_write, how_the_server_refuses_a_patch_is_told_apart)
{
	static const struct {
		int status;
		enum bl_status_write_end end;
	} rows[] = {{404, BL_STATUS_MOVED_ON},
		    {409, BL_STATUS_CONFLICT},
		    {403, BL_STATUS_FORBIDDEN},
		    {422, BL_STATUS_FAILED},
		    {503, BL_STATUS_FAILED}};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fault_server *server = fault_server_start(0);
		struct written written;

		fault_server_tell(server,
				  "{'do':'rules','rules':[{'method':'GET','answer':{'body':%s}},"
				  "{'method':'PATCH','answer':{'status':%d,'body':"
				  "'{\\'reason\\':\\'Because\\',\\'message\\':\\'it is so\\'}'}}]}",
				  BODY("u1", NO_ADDRESS), rows[i].status);
		run_one(server, EMPTY, GIVEN, &written);
		cr_expect_eq(written.end, rows[i].end, "%d: %d", rows[i].status, written.end);
		cr_expect(strstr(written.words, "Because: it is so"), "%s", written.words);
		fault_server_stop(server);
	}
}

Test(status_write, a_write_that_is_cancelled_says_nothing)
{
	struct fault_server *server = fault_server_start(0);
	_cleanup_(bl_object_unref) struct bl_object *now = service(NULL, EMPTY);
	_cleanup_(bl_object_unref) struct bl_object *next = service(NULL, GIVEN);
	struct bl_status_write *write = NULL;
	struct written written = {0};
	struct asking asking;

	fault_server_tell(server, "{'do':'rules','rules':[{'answer':{'silent':true}}]}");
	asking_init(&asking, server);
	asking_connect(&asking);
	cr_assert_eq(bl_status_write_start(asking.client, bl_service_of(now), bl_service_of(next),
					   on_end, &written, &write),
		     0);
	ask_run(&asking, 50);
	cr_expect_null(bl_status_write_cancel(write));
	ask_run(&asking, 50);
	cr_expect_eq(written.ends, 0);
	asking_done(&asking);
	fault_server_stop(server);
}
