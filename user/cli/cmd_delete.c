/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/manifests.h"
#include "cli/resource.h"

/* Only pods take time to end. NULL: no memory. */
static char *path_to_delete(struct bl_cli *cli, enum bl_kind kind, const char *ns, const char *name)
{
	_cleanup_free_ char *path = bl_resource_path(kind, ns, name);
	int64_t grace =
		bl_arg_flag(&cli->args, "force") ? 0 : bl_arg_int(&cli->args, "grace-period", -1);
	char *longer;

	if (!path || kind != BL_KIND_POD || grace < 0 || bl_arg(&cli->args, "dry-run"))
		return TAKE_PTR(path);
	if (asprintf(&longer, "%s?gracePeriodSeconds=%lld", path, (long long)grace) < 0)
		return NULL;
	return longer;
}

static int delete_one(struct bl_cli *cli, enum bl_kind kind, const char *ns, const char *name,
		      struct bl_err *err)
{
	_cleanup_free_ char *path = path_to_delete(cli, kind, ns, name);
	bool dry_run = bl_arg(&cli->args, "dry-run") != NULL;
	struct bl_client *client;
	int r;

	if (!path)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	r = bl_cli_client(cli, &client, err);
	if (r == 0)
		r = bl_client_call(client, dry_run ? BL_METHOD_GET : BL_METHOD_DELETE, path, NULL,
				   NULL, err);
	if (r == -ENOENT && bl_arg_flag(&cli->args, "ignore-not-found"))
		return 0;
	if (r == 0)
		fprintf(cli->out, "%s \"%s\" deleted%s\n", bl_kind_word(kind), name,
			dry_run ? " (dry run)" : "");
	return r;
}

/* One failure does not keep the others from being deleted. */
static int merge_exit(struct bl_cli *cli, int r, struct bl_err *err, int exit_code)
{
	if (r < 0)
		exit_code = bl_cli_fail(cli, r, err);
	*err = (struct bl_err){0};
	return exit_code;
}

static int delete_files(struct bl_cli *cli)
{
	struct bl_object_list objects __attribute__((cleanup(bl_object_list_done_p))) = {0};
	struct bl_err err = {0};
	int exit_code, r;

	r = bl_cli_read_manifests(cli, &objects);
	if (r == -ENOMEM)
		return bl_cli_fail(cli, r, &err);
	exit_code = r < 0 ? BL_EXIT_FAILURE : BL_EXIT_OK;
	for (size_t i = 0; i < objects.count; i++) {
		const struct bl_object *object = objects.items[i];
		_cleanup_json_ struct json_object *manifest = NULL;

		r = bl_cli_manifest_json(cli, object, &manifest, &err);
		if (r == 0)
			r = delete_one(cli, object->kind,
				       bl_json_str(manifest, "metadata.namespace"),
				       object->meta.name, &err);
		exit_code = merge_exit(cli, r, &err, exit_code);
		if (r == -ENOTCONN || r == -EACCES)
			break;
	}
	return exit_code;
}

static int delete_found(struct bl_cli *cli, const struct bl_target *target)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_err err = {0};
	int r, exit_code = BL_EXIT_OK;

	r = bl_cli_find_list(cli, target, &found, &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	for (size_t i = 0; i < found.count; i++) {
		struct json_object *object = found.items[i].object;

		r = delete_one(cli, target->kind, bl_json_str(object, "metadata.namespace"),
			       bl_json_str_or(object, "metadata.name", ""), &err);
		exit_code = merge_exit(cli, r, &err, exit_code);
	}
	if (found.count == 0)
		fprintf(cli->out, "No resources found\n");
	return exit_code;
}

static int delete_targets(struct bl_cli *cli, const struct bl_targets *targets)
{
	bool chosen = bl_arg_flag(&cli->args, "all") || bl_arg(&cli->args, "selector");
	int exit_code = BL_EXIT_OK;

	for (size_t i = 0; i < targets->count; i++) {
		const struct bl_target *target = &targets->items[i];
		struct bl_err err = {0};
		int r;

		if (!target->name && !chosen)
			return bl_cli_usage(cli, "no name was given: name objects, or choose them "
						 "with --selector or --all");
		if (!target->name) {
			r = delete_found(cli, target);
			exit_code = r == BL_EXIT_OK ? exit_code : r;
			continue;
		}
		if (chosen || !bl_cli_namespace(cli))
			return bl_cli_usage(cli, "names go with neither --all, --selector nor "
						 "--all-namespaces");
		r = delete_one(cli, target->kind, bl_cli_namespace(cli), target->name, &err);
		exit_code = merge_exit(cli, r, &err, exit_code);
		if (r == -ENOTCONN || r == -EACCES)
			break;
	}
	return exit_code;
}

int bl_cmd_delete(struct bl_cli *cli)
{
	_cleanup_(bl_targets_done) struct bl_targets targets = {0};
	struct bl_err err = {0};
	int r;

	if (bl_arg_given(&cli->args, "filename")) {
		if (cli->args.word_count)
			return bl_cli_usage(cli, "either -f or types and names, not both");
		return delete_files(cli);
	}
	r = bl_targets_parse(cli->args.words, cli->args.word_count, &targets, &err);
	if (r < 0)
		return bl_cli_usage(cli, "%s", err.text);
	return delete_targets(cli, &targets);
}
