/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes of containers and what came of them. */
#include <inttypes.h>
#include <string.h>

#include "api/age.h"
#include "cli/describe.h"
#include "model/decode.h"

static void add_port(struct json_object *action, struct bl_buf *ret)
{
	const char *name = bl_json_str(action, "port");

	if (name)
		bl_buf_add_str(ret, name);
	else
		bl_buf_addf(ret, "%" PRId64, bl_json_int(action, "port", 0));
}

/* "http-get http://:8080/healthz" */
static void add_action(struct json_object *probe, struct bl_buf *ret)
{
	struct json_object *http = bl_json_at(probe, "httpGet"),
			   *tcp = bl_json_at(probe, "tcpSocket"), *grpc = bl_json_at(probe, "grpc"),
			   *exec = bl_json_at(probe, "exec");

	if (http) {
		bool https = strcmp(bl_json_str_or(http, "scheme", "HTTP"), "HTTPS") == 0;

		bl_buf_addf(ret, "http-get http%s://%s:", https ? "s" : "",
			    bl_json_str_or(http, "host", ""));
		add_port(http, ret);
		bl_buf_add_str(ret, bl_json_str_or(http, "path", "/"));
	} else if (tcp) {
		bl_buf_addf(ret, "tcp-socket %s:", bl_json_str_or(tcp, "host", ""));
		add_port(tcp, ret);
	} else if (grpc) {
		bl_buf_add_str(ret, "grpc <pod>:");
		add_port(grpc, ret);
		bl_buf_addf(ret, " %s", bl_json_str_or(grpc, "service", ""));
	} else if (exec) {
		bl_buf_add_str(ret, "exec [");
		bl_json_join(bl_json_at(exec, "command"), " ", ret);
		bl_buf_add_str(ret, "]");
	}
}

static struct json_object *row_of(struct json_object *probes, const char *container,
				  const char *kind)
{
	struct json_object *rows = bl_json_at(probes, "probes");

	for (size_t i = 0; i < bl_json_len(rows); i++) {
		struct json_object *row = bl_json_item(rows, i);

		if (strcmp(bl_json_str_or(row, "container", ""), container) == 0 &&
		    strcmp(bl_json_str_or(row, "kind", ""), kind) == 0)
			return row;
	}
	return NULL;
}

static void add_result(struct json_object *row, int64_t now, struct bl_buf *ret)
{
	const char *last = bl_json_str_or(row, "last", NULL);
	const char *message = bl_json_str_or(row, "message", NULL);

	if (!row)
		return;
	bl_buf_addf(ret, "      Result:\t%s",
		    bl_json_bool(row, "good", false) ? "success" : "failure");
	if (message)
		bl_buf_addf(ret, ", last said '%s'", message);
	if (last) {
		bl_buf_add_str(ret, ", tried ");
		bl_age_add(last, now, ret);
		bl_buf_add_str(ret, " ago");
	} else {
		bl_buf_add_str(ret, ", not tried yet");
	}
	bl_buf_add_str(ret, "\n");
}

static void add_probe(struct json_object *container, const char *field, const char *title,
		      const char *kind, struct json_object *probes, int64_t now, struct bl_buf *ret)
{
	struct json_object *probe = bl_json_at(container, field);

	if (!probe)
		return;
	bl_buf_addf(ret, "    %s:\t", title);
	add_action(probe, ret);
	bl_buf_addf(ret,
		    " delay=%" PRId64 "s timeout=%" PRId64 "s period=%" PRId64 "s #success=%" PRId64
		    " #failure=%" PRId64 "\n",
		    bl_json_int(probe, "initialDelaySeconds", 0),
		    bl_json_int(probe, "timeoutSeconds", 1),
		    bl_json_int(probe, "periodSeconds", 10),
		    bl_json_int(probe, "successThreshold", 1),
		    bl_json_int(probe, "failureThreshold", 3));
	add_result(row_of(probes, bl_json_str_or(container, "name", ""), kind), now, ret);
}

void bl_describe_probes(struct json_object *container, struct json_object *probes, int64_t now,
			struct bl_buf *ret)
{
	add_probe(container, "readinessProbe", "Readiness", "readiness", probes, now, ret);
	add_probe(container, "startupProbe", "Startup", "startup", probes, now, ret);
}

void bl_describe_events(const struct bl_description *what, struct bl_buf *ret)
{
	struct json_object *events = bl_json_at(what->probes, "events");

	if (!bl_json_len(events)) {
		bl_buf_add_str(ret, "Events:\t<none>\n");
		return;
	}
	bl_buf_add_str(ret, "Events:\n  Type\tReason\tAge\tFrom\tMessage\n"
			    "  ----\t------\t----\t----\t-------\n");
	for (size_t i = 0; i < bl_json_len(events); i++) {
		struct json_object *event = bl_json_item(events, i);
		int64_t count = bl_json_int(event, "count", 1);

		bl_buf_addf(ret, "  %s\t%s\t", bl_json_str_or(event, "type", ""),
			    bl_json_str_or(event, "reason", ""));
		bl_age_add(bl_json_str(event, "lastTimestamp"), what->now, ret);
		if (count > 1) {
			bl_buf_addf(ret, " (x%" PRId64 " over ", count);
			bl_age_add(bl_json_str(event, "firstTimestamp"), what->now, ret);
			bl_buf_add_str(ret, ")");
		}
		bl_buf_addf(ret, "\tbeeline\t%s\n", bl_json_str_or(event, "message", ""));
	}
}
