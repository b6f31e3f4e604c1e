/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which endpoints of one Service port each kind of client may use: traffic policies, topology hints
 * and the fallback to terminating endpoints. Pure; knows no objects.
 */
#ifndef RESOLVE_CHOOSE_H
#define RESOLVE_CHOOSE_H

#include "resolve/resolve.h"

struct bl_choice {
	const struct bl_resolved_endpoint *endpoint;
	uint16_t port; /* of the endpoint, host order */
	/* Results, see struct bl_resolved_backend. */
	bool internal;
	bool cluster;
	bool external;
};

struct bl_choice_policy {
	const char *node; /* NULL or "": nothing is local */
	const char *zone; /* NULL or "": no zone */
	bool internal_local;
	bool external_local;
	bool reachable_from_outside; /* else the external policy counts for nothing */
};

struct bl_choice_summary {
	bool internal_elsewhere;
	bool external_elsewhere;
};

struct bl_choice_summary bl_choose(const struct bl_choice_policy *policy, struct bl_choice *choices,
				   size_t count);

#endif
