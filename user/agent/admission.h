/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * From a decoded object to one that may go into the store: checked against the object in force,
 * with the addresses it needs, on a node. Changes the object and the allocator, or neither.
 */
#ifndef AGENT_ADMISSION_H
#define AGENT_ADMISSION_H

#include "agent/pool.h"
#include "resolve/allocate.h"
#include "store/store.h"

struct bl_admission { /* all borrowed */
	const struct bl_store *store;
	struct bl_allocator *allocator;
	struct bl_pool *pool; /* NULL: load-balancer addresses come from elsewhere */
	const char *node_name;
	bool probing; /* this agent probes the pods of its node */
};

/* -EINVAL with every problem in `diag`, -ENOMEM. */
int bl_admit(const struct bl_admission *admission, struct bl_object *object, struct bl_diag *diag);
/* Undoes what bl_admit did to the allocator for an object that does not go into the store. */
void bl_unadmit(const struct bl_store *store, struct bl_allocator *allocator,
		const struct bl_object *object);

#endif
