/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/print.h"

int bl_cmd_resolv_conf(struct bl_cli *cli)
{
	const char *pod = bl_arg(&cli->args, "pod");
	_cleanup_free_ char *ns = NULL, *name = NULL, *path = NULL, *text = NULL;
	struct bl_client *client;
	struct bl_err err = {0};
	int r = 0;

	if (!pod)
		return bl_cli_usage(cli, "which pod's resolv.conf? give '--pod NAME'");
	ns = bl_client_escape(bl_cli_namespace(cli));
	name = bl_client_escape(pod);
	if (!ns || !name ||
	    asprintf(&path, "/beeline/v1/resolv-conf?namespace=%s&pod=%s", ns, name) < 0) {
		path = NULL;
		r = -ENOMEM;
	}
	if (r == 0)
		r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_client_get_text(client, path, &text, &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	fputs(text, cli->out);
	return BL_EXIT_OK;
}
