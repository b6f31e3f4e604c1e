/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The catalog from inside, for the files that make it up. */
#ifndef AGENT_CATALOG_PARTS_H
#define AGENT_CATALOG_PARTS_H

#include "agent/catalog.h"

struct bl_catalog {
	struct bl_catalog_config config;
	struct bl_map *own;            /* label -> anything: what the agent made */
	struct bl_map *waiting;        /* label -> struct bl_object: refused, to be tried again */
	struct bl_object_list pending; /* admitted, but their addresses are not on disk yet */
};

/* May there be one more object of this kind in its namespace? -ENOENT: no such namespace, -EACCES:
 * it is ending, or there are too many objects. */
int bl_catalog_check_room(const struct bl_catalog *catalog, const struct bl_object *object,
			  struct bl_err *err);
/* -EBUSY, -EACCES (one of those that are always there). */
int bl_catalog_check_empty(const struct bl_catalog *catalog, const char *ns, struct bl_err *err);

#endif
