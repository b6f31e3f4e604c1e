/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Fields of a kubeconfig file: each is asked for by name, and what is wrong with it is said with
 * its place. Fields that nobody asks for are ignored, as kubectl does.
 */
#ifndef KUBE_YAML_FIELDS_H
#define KUBE_YAML_FIELDS_H

#include "base/err.h"
#include "model/tree.h"

struct bl_kube_reading {
	const char *path; /* of the file */
	char *folder;     /* it is in */
	struct bl_diag *diag;
};

/* One mapping of the file, with its name for messages: "cluster 'prod'". */
struct bl_kube_map {
	struct bl_kube_reading *reading;
	const struct bl_tree *tree; /* NULL: not there, as if it were empty */
	const char *name;           /* "" at the top */
};

/* A problem at a field's value, or at the mapping when `field` is NULL or not there. */
void bl_kube_complain(const struct bl_kube_map *map, enum bl_severity severity, const char *field,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));

bool bl_kube_has(const struct bl_kube_map *map, const char *field); /* and it is not null */
/* A copy for the caller; NULL when it is not there, empty, no string, or memory is short. */
char *bl_kube_string(const struct bl_kube_map *map, const char *field);
/* The same, borrowed from the tree. */
const char *bl_kube_word(const struct bl_kube_map *map, const char *field);
bool bl_kube_flag(const struct bl_kube_map *map, const char *field);
/* A mapping or a list; NULL: not there, or a complaint was made. */
const struct bl_tree *bl_kube_tree(const struct bl_kube_map *map, const char *field,
				   enum bl_tree_type type);

#endif
