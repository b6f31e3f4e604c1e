/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects of -f: files, folders and standard input, decoded here so that a mistake is shown
 * with its line before anything is sent. */
#ifndef CLI_MANIFESTS_H
#define CLI_MANIFESTS_H

#include "api/json.h"
#include "cli/cli.h"
#include "model/object.h"

/*
 * Reads all that --filename names (and folders below with --recursive). Problems are printed; the
 * good objects are in `ret` even then. -EINVAL when there was a problem, -ENOENT when a file could
 * not be read (said already), -ENOMEM.
 */
int bl_cli_read_manifests(struct bl_cli *cli, struct bl_object_list *ret);

/* The object as JSON, in the namespace that --namespace says; -EINVAL when the object names
 * another. The caller owns the tree. */
int bl_cli_manifest_json(const struct bl_cli *cli, const struct bl_object *object,
			 struct json_object **ret, struct bl_err *err);

#endif
