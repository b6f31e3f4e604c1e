/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/print.h"

static int make_path(const struct bl_cli *cli, char **ret)
{
	const char *pod = bl_arg(&cli->args, "pod");
	_cleanup_free_ char *ns = bl_client_escape(bl_cli_namespace(cli));
	_cleanup_free_ char *name = pod ? bl_client_escape(pod) : NULL;

	if (!ns || (pod && !name))
		return -ENOMEM;
	return asprintf(ret, "/beeline/v1/env?namespace=%s%s%s", ns, pod ? "&pod=" : "",
			pod ? name : "") < 0
		       ? -ENOMEM
		       : 0;
}

int bl_cmd_env(struct bl_cli *cli)
{
	_cleanup_json_ struct json_object *list = NULL;
	_cleanup_free_ char *path = NULL;
	struct bl_client *client;
	struct bl_err err = {0};
	int r;

	r = make_path(cli, &path);
	if (r == 0)
		r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_client_call(client, BL_METHOD_GET, path, NULL, &list, &err);
	if (r == 0 && bl_arg(&cli->args, "output"))
		r = bl_form_of(bl_arg(&cli->args, "output")) == BL_FORM_JSON
			    ? bl_print_json(list, cli->out)
			    : bl_print_yaml(list, cli->out);
	else if (r == 0)
		for (size_t i = 0; i < bl_json_len(list); i++)
			fprintf(cli->out, "%s=%s\n",
				bl_json_str_or(bl_json_item(list, i), "name", ""),
				bl_json_str_or(bl_json_item(list, i), "value", ""));
	return r < 0 ? bl_cli_fail(cli, r, &err) : BL_EXIT_OK;
}
