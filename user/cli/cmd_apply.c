/* SPDX-License-Identifier: GPL-3.0-or-later */
/* apply and create: objects of manifests to the agent. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/manifests.h"
#include "cli/merge.h"
#include "cli/resource.h"

struct job {
	struct bl_cli *cli;
	struct bl_client *client;
	bool create; /* refuse what exists */
	bool dry_run;
};

static void say(const struct job *job, const struct bl_object *object, const char *what)
{
	fprintf(job->cli->out, "%s/%s %s%s\n", bl_kind_word(object->kind), object->meta.name, what,
		job->dry_run ? " (dry run)" : "");
}

static const char *namespace_of(struct json_object *manifest)
{
	return bl_json_str(manifest, "metadata.namespace");
}

/* What 'get -o yaml' prints can be created again: these belong to the object that was printed. */
static void drop_identity(struct json_object *manifest)
{
	static const char *const fields[] = {"resourceVersion", "uid", "creationTimestamp",
					     "generation"};
	struct json_object *meta = bl_json_at(manifest, "metadata");

	for (size_t i = 0; meta && i < ARRAY_SIZE(fields); i++)
		json_object_object_del(meta, fields[i]);
}

static int post(const struct job *job, const struct bl_object *object, struct json_object *manifest,
		struct bl_err *err)
{
	_cleanup_free_ char *path = bl_resource_path(object->kind, namespace_of(manifest), NULL);
	int r;

	if (!path)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	drop_identity(manifest);
	r = job->dry_run ? 0
			 : bl_client_call(job->client, BL_METHOD_POST, path, manifest, NULL, err);
	if (r == 0)
		say(job, object, "created");
	return r;
}

static int patch_live(const struct job *job, const struct bl_object *object, const char *path,
		      struct json_object *live, struct json_object *manifest, struct bl_err *err)
{
	_cleanup_json_ struct json_object *patch = NULL, *after = NULL;
	int r;

	r = bl_merge_patch(live, manifest, &patch);
	if (r < 0)
		return bl_err_set(err, r, "cannot allocate a patch");
	if (patch && !job->dry_run) {
		r = bl_client_call(job->client, BL_METHOD_MERGE_PATCH, path, patch, &after, err);
		if (r < 0)
			return r;
	}
	/* A patch that the agent finds to change nothing leaves the version as it was. */
	if (!patch || (after && strcmp(bl_json_str_or(after, "metadata.resourceVersion", ""),
				       bl_json_str_or(live, "metadata.resourceVersion", "")) == 0))
		say(job, object, "unchanged");
	else
		say(job, object, "configured");
	return 0;
}

static int apply(const struct job *job, const struct bl_object *object,
		 struct json_object *manifest, struct bl_err *err)
{
	_cleanup_free_ char *path =
		bl_resource_path(object->kind, namespace_of(manifest), object->meta.name);
	_cleanup_json_ struct json_object *live = NULL;
	int r;

	drop_identity(manifest);
	r = bl_merge_annotate(manifest);
	if (!path || r < 0)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	r = bl_client_call(job->client, BL_METHOD_GET, path, NULL, &live, err);
	if (r == -ENOENT)
		return post(job, object, manifest, err);
	if (r < 0)
		return r;
	return patch_live(job, object, path, live, manifest, err);
}

static int send_one(const struct job *job, const struct bl_object *object, struct bl_err *err)
{
	_cleanup_json_ struct json_object *manifest = NULL;
	const char *file = object->origin.file;
	int r;

	r = bl_cli_manifest_json(job->cli, object, &manifest, err);
	if (r == 0)
		r = job->create ? post(job, object, manifest, err)
				: apply(job, object, manifest, err);
	if (r < 0 && r != -ENOTCONN && r != -EACCES && file)
		(void)bl_err_wrap(err, r, "%s:%u", file, object->origin.line);
	return r;
}

static int send_all(struct bl_cli *cli, bool create)
{
	struct bl_object_list objects __attribute__((cleanup(bl_object_list_done_p))) = {0};
	struct job job = {.cli = cli, .create = create, .dry_run = bl_arg(&cli->args, "dry-run")};
	struct bl_err err = {0};
	int exit_code, r;

	if (!bl_arg_given(&cli->args, "filename"))
		return bl_cli_usage(cli, "which files? name them with -f");
	r = bl_cli_read_manifests(cli, &objects);
	if (r == -ENOMEM)
		return bl_cli_fail(cli, r, &err);
	exit_code = r < 0 ? BL_EXIT_FAILURE : BL_EXIT_OK;
	if (r == 0 && objects.count == 0) {
		fprintf(cli->err, "beeline: no objects in what -f names\n");
		return BL_EXIT_FAILURE;
	}
	r = bl_cli_client(cli, &job.client, &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	for (size_t i = 0; i < objects.count; i++) {
		err = (struct bl_err){0};
		r = send_one(&job, objects.items[i], &err);
		if (r < 0)
			exit_code = bl_cli_fail(cli, r, &err);
		if (r == -ENOTCONN || r == -EACCES)
			break; /* the next would fail for the same reason */
	}
	return exit_code;
}

int bl_cmd_apply(struct bl_cli *cli)
{
	return send_all(cli, false);
}

int bl_cmd_create(struct bl_cli *cli)
{
	return send_all(cli, true);
}
