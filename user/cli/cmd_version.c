/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include <json-c/json.h>

#include "api/json.h"
#include "base/version.h"
#include "cli/cli.h"
#include "cli/client.h"

int bl_cmd_version(struct bl_cli *cli)
{
	_cleanup_json_ struct json_object *status = NULL;
	struct bl_client *client;
	struct bl_err err = {0};
	int r;

	fprintf(cli->out, "beeline %s\n", bl_version);
	if (bl_arg_flag(&cli->args, "client"))
		return BL_EXIT_OK;
	r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_client_call(client, BL_METHOD_GET, "/beeline/v1/status", NULL, &status,
				   &err);
	/* That there is no agent is no failure of a question for the version. */
	if (r == -ENOTCONN || r == -EACCES) {
		fprintf(cli->out, "agent: %s\n",
			r == -EACCES ? "may not ask (not root)" : "not running");
		return BL_EXIT_OK;
	}
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	fprintf(cli->out, "agent: %s\n", bl_json_str_or(status, "version", "unknown"));
	return BL_EXIT_OK;
}
