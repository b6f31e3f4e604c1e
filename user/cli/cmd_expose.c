/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A Service for a Pod or for the pods of another Service. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/print.h"
#include "cli/selector.h"

/* Borrowed member of `from`, copied into `to` when it is there. */
static int copy_member(struct json_object *to, const char *key, struct json_object *value)
{
	struct json_object *copy = NULL;

	if (!value)
		return 0;
	return json_object_deep_copy(value, &copy, NULL) < 0 ? -ENOMEM
							     : bl_json_add_take(to, key, copy);
}

static int add_selector(const struct bl_cli *cli, const struct bl_found *from,
			struct json_object *spec, struct bl_err *err)
{
	const char *given = bl_arg(&cli->args, "selector");
	struct json_object *pairs = bl_json_at(
		from->object, from->kind == BL_KIND_POD ? "metadata.labels" : "spec.selector");
	struct json_object *selector = NULL;
	int r;

	if (given) {
		r = bl_selector_to_json(given, &selector, err);
		return r < 0 ? r : bl_json_add_take(spec, "selector", selector);
	}
	if (!json_object_is_type(pairs, json_type_object) || json_object_object_length(pairs) == 0)
		return bl_err_set(err, -EINVAL,
				  "the %s has no %s to select pods by: give some with --selector",
				  from->kind == BL_KIND_POD ? "pod" : "service",
				  from->kind == BL_KIND_POD ? "labels" : "selector");
	return copy_member(spec, "selector", pairs);
}

/* A number stays a number, anything else is the name of a container's port. */
static int add_target(struct json_object *port, const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	return *end ? bl_json_add_str(port, "targetPort", text)
		    : bl_json_add_int(port, "targetPort", number);
}

static int add_port(const struct bl_cli *cli, struct json_object *ports, int64_t number,
		    const char *protocol, size_t index, bool several)
{
	struct json_object *port = json_object_new_object();
	const char *target = bl_arg(&cli->args, "target-port");
	const char *given = bl_arg(&cli->args, "protocol");
	char name[32];
	int r;

	(void)snprintf(name, sizeof(name), "port-%zu", index + 1);
	if (!port || json_object_array_add(ports, port) < 0) {
		bl_json_put_p(&port);
		return -ENOMEM;
	}
	r = several ? bl_json_add_str(port, "name", name) : 0;
	if (r == 0)
		r = bl_json_add_str(port, "protocol", given ? given : protocol);
	if (r == 0)
		r = bl_json_add_int(port, "port", number);
	if (r == 0)
		r = target ? add_target(port, target) : bl_json_add_int(port, "targetPort", number);
	return r;
}

/* The ports that the object itself names: containerPort of a Pod, port of a Service. */
static int add_ports_of(const struct bl_cli *cli, const struct bl_found *from,
			struct json_object *ports)
{
	struct json_object *containers = bl_json_at(from->object, "spec.containers");
	size_t lists = from->kind == BL_KIND_POD ? bl_json_len(containers) : 1, count = 0;
	const char *field = from->kind == BL_KIND_POD ? "containerPort" : "port";
	int r = 0;

	for (int pass = 0; pass < 2; pass++) { /* one port has no name, several have */
		size_t index = 0;

		for (size_t l = 0; l < lists; l++) {
			struct json_object *list =
				from->kind == BL_KIND_POD
					? bl_json_at(bl_json_item(containers, l), "ports")
					: bl_json_at(from->object, "spec.ports");

			for (size_t i = 0; pass == 1 && r == 0 && i < bl_json_len(list); i++)
				r = add_port(
					cli, ports, bl_json_int(bl_json_item(list, i), field, 0),
					bl_json_str_or(bl_json_item(list, i), "protocol", "TCP"),
					index++, count > 1);
			count += pass == 0 ? bl_json_len(list) : 0;
		}
	}
	return r;
}

static int add_ports(const struct bl_cli *cli, const struct bl_found *from,
		     struct json_object *spec, struct bl_err *err)
{
	struct json_object *ports = json_object_new_array();
	long port = bl_arg_int(&cli->args, "port", 0);
	int r;

	r = bl_json_add_take(spec, "ports", ports);
	if (r == 0)
		r = port ? add_port(cli, ports, port, "TCP", 0, false)
			 : add_ports_of(cli, from, ports);
	if (r < 0)
		return bl_err_set(err, r, "cannot allocate a service");
	if (bl_json_len(ports) == 0)
		return bl_err_set(err, -EINVAL, "the object names no port: give one with --port");
	return 0;
}

static int add_external_ips(const struct bl_cli *cli, struct json_object *spec)
{
	const struct bl_value *ips = bl_arg_list(&cli->args, "external-ip");
	struct json_object *list;

	if (ips->count == 0)
		return 0;
	list = json_object_new_array();
	if (bl_json_add_take(spec, "externalIPs", list) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < ips->count; i++) {
		if (json_object_array_add(list, json_object_new_string(ips->items[i])) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_spec(const struct bl_cli *cli, const struct bl_found *from,
		    struct json_object *service, struct bl_err *err)
{
	struct json_object *spec = bl_json_add_object(service, "spec");
	int r;

	if (!spec)
		return bl_err_set(err, -ENOMEM, "cannot allocate a service");
	r = bl_json_add_str(spec, "type", bl_arg(&cli->args, "type"));
	if (r == 0)
		r = add_selector(cli, from, spec, err);
	if (r == 0)
		r = add_ports(cli, from, spec, err);
	if (r == 0)
		r = bl_json_add_str(spec, "clusterIP", bl_arg(&cli->args, "cluster-ip"));
	if (r == 0)
		r = bl_json_add_str(spec, "sessionAffinity",
				    bl_arg(&cli->args, "session-affinity"));
	return r == 0 ? add_external_ips(cli, spec) : r;
}

static int make_service(const struct bl_cli *cli, const struct bl_found *from,
			struct json_object **ret, struct bl_err *err)
{
	_cleanup_json_ struct json_object *service = json_object_new_object();
	struct json_object *meta;
	const char *name = bl_arg(&cli->args, "name");
	int r;

	if (!service || bl_json_add_str(service, "apiVersion", "v1") < 0 ||
	    bl_json_add_str(service, "kind", "Service") < 0 ||
	    !(meta = bl_json_add_object(service, "metadata")))
		return bl_err_set(err, -ENOMEM, "cannot allocate a service");
	if (!name)
		name = bl_json_str_or(from->object, "metadata.name", "");
	r = bl_json_add_str(meta, "name", name);
	if (r == 0)
		r = bl_json_add_str(meta, "namespace", bl_cli_namespace(cli));
	if (r == 0)
		r = copy_member(meta, "labels", bl_json_at(from->object, "metadata.labels"));
	if (r == 0)
		r = add_spec(cli, from, service, err);
	if (r < 0)
		return err->code ? r : bl_err_set(err, r, "cannot allocate a service");
	*ret = TAKE_PTR(service);
	return 0;
}

static int expose(struct bl_cli *cli, const struct bl_found *from, struct bl_err *err)
{
	_cleanup_json_ struct json_object *service = NULL;
	_cleanup_free_ char *path = bl_resource_path(BL_KIND_SERVICE, bl_cli_namespace(cli), NULL);
	struct bl_client *client;
	bool dry_run = bl_arg(&cli->args, "dry-run") != NULL;
	const char *output = bl_arg(&cli->args, "output");
	int r;

	if (!path)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	r = make_service(cli, from, &service, err);
	if (r == 0)
		r = bl_cli_client(cli, &client, err);
	if (r == 0 && !dry_run)
		r = bl_client_call(client, BL_METHOD_POST, path, service, NULL, err);
	if (r < 0)
		return r;
	if (output)
		return bl_form_of(output) == BL_FORM_JSON ? bl_print_json(service, cli->out)
							  : bl_print_yaml(service, cli->out);
	fprintf(cli->out, "service/%s exposed%s\n", bl_json_str_or(service, "metadata.name", ""),
		dry_run ? " (dry run)" : "");
	return 0;
}

int bl_cmd_expose(struct bl_cli *cli)
{
	_cleanup_(bl_targets_done) struct bl_targets targets = {0};
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_err err = {0};
	enum bl_kind kind;
	int r;

	r = bl_targets_parse(cli->args.words, cli->args.word_count, &targets, &err);
	if (r < 0)
		return bl_cli_usage(cli, "%s", err.text);
	kind = targets.items[0].kind;
	if (targets.count != 1 || !targets.items[0].name)
		return bl_cli_usage(cli, "expected one object: TYPE NAME or TYPE/NAME");
	if (kind != BL_KIND_POD && kind != BL_KIND_SERVICE)
		return bl_cli_usage(cli, "cannot expose a %s: only pods and services",
				    bl_kind_word(kind));
	r = bl_cli_find(cli, &targets, &found, &err);
	if (r == 0 && found.count)
		r = expose(cli, &found.items[0], &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	return found.some_missing ? BL_EXIT_FAILURE : BL_EXIT_OK;
}
