/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/describe.h"
#include "cli/elastic.h"
#include "cli/resource.h"

#define SPACES 2

/* What belongs to an object; the trees are owned. */
struct company {
	struct json_object *slices;
	struct json_object *endpoints;
	struct json_object *connections;
	struct json_object *pods;
	struct json_object *probes;
};

static void company_done_p(struct company *company)
{
	bl_json_put_p(&company->slices);
	bl_json_put_p(&company->endpoints);
	bl_json_put_p(&company->connections);
	bl_json_put_p(&company->pods);
	bl_json_put_p(&company->probes);
}

/* GET of a path with one or two escaped arguments. */
static int ask(struct bl_client *client, const char *base, const char *query, const char *value,
	       struct json_object **ret, struct bl_err *err)
{
	_cleanup_free_ char *escaped = bl_client_escape(value);
	_cleanup_free_ char *path = NULL;

	if (!base || !escaped || asprintf(&path, "%s%s%s", base, query, escaped) < 0)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	return bl_client_call(client, BL_METHOD_GET, path, NULL, ret, err);
}

/* Absence of what is only shown beside an object is no failure. */
static int unless_absent(int r)
{
	return r == -ENOENT ? 0 : r;
}

static int ask_connections(struct bl_client *client, const char *ns, const char *name,
			   struct json_object **ret, struct bl_err *err)
{
	_cleanup_free_ char *escaped = bl_client_escape(ns);
	_cleanup_free_ char *base = NULL;

	if (!escaped || asprintf(&base, "/beeline/v1/connections?namespace=%s", escaped) < 0)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	return unless_absent(ask(client, base, "&service=", name, ret, err));
}

static int ask_for_service(struct bl_client *client, struct json_object *service,
			   struct company *company, struct bl_err *err)
{
	const char *ns = bl_json_str_or(service, "metadata.namespace", "default");
	const char *name = bl_json_str_or(service, "metadata.name", "");
	_cleanup_free_ char *slices = bl_resource_path(BL_KIND_ENDPOINT_SLICE, ns, NULL);
	_cleanup_free_ char *endpoints = bl_resource_path(BL_KIND_ENDPOINTS, ns, NULL);
	int r;

	r = ask(client, slices, "?labelSelector=kubernetes.io/service-name%3D", name,
		&company->slices, err);
	if (r == 0 && bl_json_len(bl_json_at(company->slices, "items")) == 0)
		r = unless_absent(ask(client, endpoints, "/", name, &company->endpoints, err));
	if (r == 0)
		r = ask_connections(client, ns, name, &company->connections, err);
	return r;
}

static int ask_for_pod(struct bl_client *client, struct json_object *pod, struct company *company,
		       struct bl_err *err)
{
	_cleanup_free_ char *escaped =
		bl_client_escape(bl_json_str_or(pod, "metadata.namespace", "default"));
	_cleanup_free_ char *base = NULL;

	if (!escaped || asprintf(&base, "/beeline/v1/probes?namespace=%s", escaped) < 0)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	return unless_absent(ask(client, base, "&pod=", bl_json_str_or(pod, "metadata.name", ""),
				 &company->probes, err));
}

static int ask_for_node(struct bl_client *client, struct json_object *node, struct company *company,
			struct bl_err *err)
{
	_cleanup_free_ char *pods = bl_resource_path(BL_KIND_POD, NULL, NULL);

	return ask(client, pods, "?fieldSelector=spec.nodeName%3D",
		   bl_json_str_or(node, "metadata.name", ""), &company->pods, err);
}

static int describe_one(struct bl_cli *cli, struct bl_client *client, const struct bl_found *found,
			struct bl_err *err)
{
	struct company company __attribute__((cleanup(company_done_p))) = {0};
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_description what = {.object = found->object, .now = time(NULL)};
	int r = 0;

	if (found->kind == BL_KIND_SERVICE)
		r = ask_for_service(client, found->object, &company, err);
	else if (found->kind == BL_KIND_NODE)
		r = ask_for_node(client, found->object, &company, err);
	else if (found->kind == BL_KIND_POD)
		r = ask_for_pod(client, found->object, &company, err);
	if (r < 0)
		return r;
	what.probes = company.probes;
	what.slices = bl_json_at(company.slices, "items");
	what.endpoints = company.endpoints;
	what.connections = company.connections;
	what.pods = bl_json_at(company.pods, "items");
	bl_describe(found->kind, &what, &text);
	if (text.failed || bl_elastic_print(text.data, SPACES, cli->out) < 0)
		return bl_err_set(err, -ENOMEM, "cannot allocate the description");
	return 0;
}

int bl_cmd_describe(struct bl_cli *cli)
{
	_cleanup_(bl_targets_done) struct bl_targets targets = {0};
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_client *client;
	struct bl_err err = {0};
	int r;

	r = bl_targets_parse(cli->args.words, cli->args.word_count, &targets, &err);
	if (r < 0)
		return bl_cli_usage(cli, "%s", err.text);
	r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_cli_find(cli, &targets, &found, &err);
	for (size_t i = 0; r == 0 && i < found.count; i++) {
		if (i)
			fputs("\n\n", cli->out);
		r = describe_one(cli, client, &found.items[i], &err);
	}
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	if (found.count == 0 && !found.some_missing)
		fprintf(cli->err,
			bl_cli_namespace(cli) ? "No resources found in %s namespace.\n"
					      : "No resources found\n",
			bl_cli_namespace(cli));
	return found.some_missing ? BL_EXIT_FAILURE : BL_EXIT_OK;
}
