/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The first screen for somebody who was woken up: is it well, and if not, why not. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api/age.h"
#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/elastic.h"
#include "cli/print.h"
#include "cli/status.h"

#define SPACES 2

bool bl_status_is_healthy(struct json_object *status)
{
	struct json_object *problems = bl_json_at(status, "problems");

	if (strcmp(bl_json_str_or(status, "state", ""), "ready") != 0 ||
	    !bl_json_bool(status, "lastApply.ok", true) ||
	    strcmp(bl_json_str_or(status, "hooks.state", ""), "not-in-force") == 0)
		return false;
	for (size_t i = 0; i < bl_json_len(problems); i++) {
		if (strcmp(bl_json_str_or(bl_json_item(problems, i), "severity", ""), "error") == 0)
			return false;
	}
	return true;
}

static void add_age(struct json_object *status, const char *path, int64_t now, struct bl_buf *ret)
{
	const char *time = bl_json_str_or(status, path, NULL);

	if (!time) {
		bl_buf_add_str(ret, "never");
		return;
	}
	bl_age_add(time, now, ret);
	bl_buf_add_str(ret, " ago");
}

static void add_agent(struct json_object *status, struct bl_buf *ret)
{
	const char *zone = bl_json_str_or(status, "zone", NULL);

	bl_buf_addf(ret, "Agent:\tbeeline %s, pid %" PRId64 ", up ",
		    bl_json_str_or(status, "version", "?"), bl_json_int(status, "pid", 0));
	bl_duration_add(bl_json_int(status, "uptimeSeconds", 0), ret);
	bl_buf_addf(ret, ", %s%s\n", bl_json_str_or(status, "state", "?"),
		    bl_json_bool(status, "dryRun", false) ? " (dry run: nothing reaches the kernel)"
							  : "");
	bl_buf_addf(ret, "Node:\t%s%s%s\n", bl_json_str_or(status, "node", "?"),
		    zone ? ", zone " : "", zone ? zone : "");
	bl_buf_add_str(ret, "Addresses:\t");
	bl_json_join(bl_json_at(status, "addresses"), ", ", ret);
	bl_buf_add_str(ret, "\n");
}

static void add_hooks(struct json_object *status, int64_t now, struct bl_buf *ret)
{
	const char *state = bl_json_str_or(status, "hooks.state", "unknown");
	const char *reason = bl_json_str_or(status, "hooks.reason", NULL);
	const char *words = "not known yet";

	if (strcmp(state, "in-force") == 0)
		words = "in force (proved by a connection through the canary)";
	else if (strcmp(state, "not-in-force") == 0)
		words = "NOT IN FORCE: services do not work";
	bl_buf_addf(ret, "Hooks:\t%s", words);
	if (bl_json_str(status, "hooks.checked")) {
		bl_buf_add_str(ret, ", checked ");
		add_age(status, "hooks.checked", now, ret);
	}
	bl_buf_addf(ret, "%s%s\n", reason ? ": " : "", reason ? reason : "");
}

static void add_programs(struct json_object *status, struct bl_buf *ret)
{
	struct json_object *programs = bl_json_at(status, "datapath.programs");
	size_t attached = 0;

	for (size_t i = 0; i < bl_json_len(programs); i++)
		attached += bl_json_bool(bl_json_item(programs, i), "attached", false);
	bl_buf_addf(ret, "Programs:\t%zu of %zu attached to %s, pinned in %s\n", attached,
		    bl_json_len(programs), bl_json_str_or(status, "datapath.cgroup", "-"),
		    bl_json_str_or(status, "datapath.bpffs", "-"));
	if (bl_json_bool(status, "dryRun", false))
		return; /* none is meant to be */
	for (size_t i = 0; i < bl_json_len(programs); i++) {
		struct json_object *program = bl_json_item(programs, i);

		if (!bl_json_bool(program, "attached", false))
			bl_buf_addf(ret, "\tnot attached: %s (%s)\n",
				    bl_json_str_or(program, "name", "?"),
				    bl_json_str_or(program, "hook", "?"));
	}
}

static void add_devices(struct json_object *status, struct bl_buf *ret)
{
	struct json_object *devices = bl_json_at(status, "devices");

	for (size_t i = 0; i < bl_json_len(devices); i++) {
		struct json_object *device = bl_json_item(devices, i);
		const char *reason = bl_json_str_or(device, "reason", NULL);

		bl_buf_addf(ret, "%s\t%s: %s%s%s\n",
			    i ? "" : "Devices:", bl_json_str_or(device, "name", "?"),
			    bl_json_str_or(device, "mode", "?"), reason ? ", " : "",
			    reason ? reason : "");
	}
}

/* Load-balancer addresses: where each is answered. */
static void add_announced(struct json_object *status, struct bl_buf *ret)
{
	struct json_object *list = bl_json_at(status, "announced");

	for (size_t i = 0; i < bl_json_len(list); i++) {
		struct json_object *item = bl_json_item(list, i);
		const char *holder = bl_json_str_or(item, "holder", NULL);

		bl_buf_addf(ret, "%s\t%s of %s/%s: %s%s%s\n",
			    i ? "" : "Announced:", bl_json_str_or(item, "address", "?"),
			    bl_json_str_or(item, "namespace", "?"),
			    bl_json_str_or(item, "service", "?"),
			    bl_json_str_or(item, "state", "?"), holder ? ", by " : "",
			    holder ? holder : "");
	}
}

static void add_apply(struct json_object *status, int64_t now, struct bl_buf *ret)
{
	const char *message = bl_json_str_or(status, "lastApply.message", NULL);
	int64_t failures = bl_json_int(status, "lastApply.failures", 0);

	bl_buf_add_str(ret, "Last change:\t");
	add_age(status, "lastApply.time", now, ret);
	if (bl_json_str(status, "lastApply.time"))
		bl_buf_addf(ret, ", %s, %" PRId64 " map operations in %" PRId64 " us",
			    bl_json_bool(status, "lastApply.ok", false) ? "applied" : "FAILED",
			    bl_json_int(status, "lastApply.ops", 0),
			    bl_json_int(status, "lastApply.durationUs", 0));
	if (failures)
		bl_buf_addf(ret, "; %" PRId64 " of %" PRId64 " failed so far", failures,
			    bl_json_int(status, "lastApply.count", 0));
	bl_buf_addf(ret, "%s%s\n", message ? ": " : "", message ? message : "");
}

/* An older agent says nothing of them. */
static void add_probes(struct json_object *status, struct bl_buf *ret)
{
	int64_t count = bl_json_int(status, "probes.count", 0);
	int64_t errors = bl_json_int(status, "probes.errors", 0);

	if (!bl_json_at(status, "probes"))
		return;
	if (!bl_json_bool(status, "probes.enabled", false)) {
		bl_buf_add_str(ret, "Probes:\toff\n");
		return;
	}
	bl_buf_addf(ret, "Probes:\t%" PRId64, count);
	if (count)
		bl_buf_addf(ret, "; %" PRId64 " tries, %" PRId64 " failed, %.1f ms late at most",
			    bl_json_int(status, "probes.tries", 0),
			    bl_json_int(status, "probes.failures", 0),
			    (double)bl_json_int(status, "probes.maxDelayUs", 0) / 1000);
	if (errors)
		bl_buf_addf(ret, "; %" PRId64 " COULD NOT BE MADE (see 'beeline describe pod')",
			    errors);
	bl_buf_add_str(ret, "\n");
}

static void add_bar(int64_t used, int64_t limit, struct bl_buf *ret)
{
	int64_t filled = limit > 0 ? (used * 20 + limit - 1) / limit : 0;

	bl_buf_add_str(ret, "[");
	for (int64_t i = 0; i < 20; i++)
		bl_buf_add_str(ret, i < filled ? "#" : ".");
	bl_buf_addf(ret, "]\t%" PRId64 "%%", limit > 0 ? used * 100 / limit : 0);
}

static void add_counts(struct json_object *status, struct bl_buf *ret)
{
	static const char *const names[] = {"services", "frontends4", "frontends6", "slots",
					    "backends"};
	struct json_object *objects = bl_json_at(status, "counts.objects");

	if (json_object_is_type(objects, json_type_object)) {
		bl_buf_add_str(ret, "Objects:\t");
		bool first = true;

		json_object_object_foreach(objects, key, value)
		{
			bl_buf_addf(ret, "%s%" PRId64 " %s", first ? "" : ", ",
				    bl_json_int(value, "", 0), key);
			first = false;
		}
		bl_buf_add_str(ret, "\n");
	}
	bl_buf_add_str(ret, "Maps:\n");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct json_object *map = bl_json_key(bl_json_at(status, "counts"), names[i]);
		int64_t used = bl_json_int(map, "used", 0), limit = bl_json_int(map, "limit", 0);

		if (!map)
			continue;
		bl_buf_addf(ret, "  %s\t%" PRId64 "\tof %" PRId64 "\t", names[i], used, limit);
		add_bar(used, limit, ret);
		bl_buf_add_str(ret, "\n");
	}
}

/* A cluster's kinds, one by one. */
static void add_kinds(struct json_object *source, struct bl_buf *ret)
{
	struct json_object *kinds = bl_json_at(source, "kinds");

	for (size_t i = 0; i < bl_json_len(kinds); i++) {
		struct json_object *kind = bl_json_item(kinds, i);
		const char *problem = bl_json_str_or(kind, "problem", NULL);
		int64_t last = bl_json_int(kind, "lastEventSeconds", -1);

		bl_buf_addf(ret, "\t  %s: %s", bl_json_str_or(kind, "kind", "?"),
			    bl_json_str_or(kind, "state", "?"));
		if (last >= 0)
			bl_buf_addf(ret, ", last heard of %" PRId64 " s ago", last);
		if (!bl_json_bool(kind, "synced", false))
			bl_buf_add_str(ret, ", NO WHOLE LIST YET");
		bl_buf_addf(ret, "%s%s\n", problem ? ": " : "", problem ? problem : "");
	}
}

static void add_sources(struct json_object *status, struct bl_buf *ret)
{
	struct json_object *sources = bl_json_at(status, "sources");

	for (size_t i = 0; i < bl_json_len(sources); i++) {
		struct json_object *source = bl_json_item(sources, i);

		bl_buf_addf(ret, "%s\t%s %s: %" PRId64 " objects",
			    i ? "" : "Sources:", bl_json_str_or(source, "name", "?"),
			    bl_json_str_or(source, "path", ""), bl_json_int(source, "objects", 0));
		if (!bl_json_at(source, "kinds"))
			bl_buf_addf(ret, " of %" PRId64 " files", bl_json_int(source, "files", 0));
		bl_buf_addf(ret, ", %s\n",
			    bl_json_bool(source, "synced", false) ? "read" : "NOT READ YET");
		add_kinds(source, ret);
	}
}

static void add_problems(struct json_object *status, int64_t now, struct bl_buf *ret)
{
	struct json_object *problems = bl_json_at(status, "problems");
	size_t shown = bl_json_len(problems);
	int64_t count = bl_json_int(status, "problemCount", (int64_t)shown);

	bl_buf_addf(ret, "Problems:%s", shown ? "\n" : "\tnone\n");
	for (size_t i = 0; i < shown; i++) {
		struct json_object *problem = bl_json_item(problems, i);

		bl_buf_addf(ret, "  %s: %s (since ", bl_json_str_or(problem, "severity", "error"),
			    bl_json_str_or(problem, "message", ""));
		bl_age_add(bl_json_str(problem, "since"), now, ret);
		bl_buf_add_str(ret, ")\n");
	}
	if (count > (int64_t)shown)
		bl_buf_addf(ret, "  and %" PRId64 " more\n", count - (int64_t)shown);
}

void bl_status_add(struct json_object *status, int64_t now, struct bl_buf *ret)
{
	int64_t drifts = bl_json_int(status, "selfCheck.drifts", 0);

	bl_buf_addf(ret, "Health:\t%s\n", bl_status_is_healthy(status) ? "healthy" : "NOT HEALTHY");
	add_agent(status, ret);
	add_hooks(status, now, ret);
	add_programs(status, ret);
	add_devices(status, ret);
	add_announced(status, ret);
	add_apply(status, now, ret);
	bl_buf_add_str(ret, "Self check:\t");
	add_age(status, "selfCheck.time", now, ret);
	if (bl_json_str(status, "selfCheck.time"))
		bl_buf_addf(ret, ", %" PRId64 " %s", drifts,
			    drifts == 1 ? "difference mended" : "differences mended");
	bl_buf_add_str(ret, "\n");
	add_sources(status, ret);
	add_counts(status, ret);
	add_probes(status, ret);
	bl_status_add_traffic(status, ret);
	add_problems(status, now, ret);
}

int bl_cmd_status(struct bl_cli *cli)
{
	_cleanup_json_ struct json_object *status = NULL;
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	const char *output = bl_arg(&cli->args, "output");
	struct bl_client *client;
	struct bl_err err = {0};
	int r;

	r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_client_call(client, BL_METHOD_GET,
				   output ? "/beeline/v1/status?counters=all"
					  : "/beeline/v1/status?counters=services",
				   NULL, &status, &err);
	if (r == 0 && output) {
		r = bl_form_of(output) == BL_FORM_JSON ? bl_print_json(status, cli->out)
						       : bl_print_yaml(status, cli->out);
	} else if (r == 0) {
		bl_status_add(status, time(NULL), &text);
		r = text.failed ? -ENOMEM : bl_elastic_print(text.data, SPACES, cli->out);
	}
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	return bl_status_is_healthy(status) ? BL_EXIT_OK : BL_EXIT_CHECK_FAILED;
}
