/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/choose.h"

#include <string.h>

enum topology {
	TOPOLOGY_NONE,
	TOPOLOGY_SAME_ZONE,
	TOPOLOGY_SAME_NODE,
};

static bool is_local(const struct bl_choice_policy *policy, const struct bl_choice *choice)
{
	const char *node = choice->endpoint->node;

	return node && policy->node && *policy->node && strcmp(node, policy->node) == 0;
}

static bool is_ready(const struct bl_choice *choice)
{
	return choice->endpoint->ready;
}

/* The last resort: it goes, but it still answers. */
static bool is_leaving(const struct bl_choice *choice)
{
	return !choice->endpoint->ready && choice->endpoint->serving &&
	       choice->endpoint->terminating;
}

static bool hints_name(const struct bl_strings *hints, const char *name)
{
	if (!name || !*name || !hints)
		return false;
	for (size_t i = 0; i < hints->count; i++)
		if (strcmp(hints->items[i], name) == 0)
			return true;
	return false;
}

/* Hints hold for all ready endpoints or not at all: one that lacks them, as while a controller is
 * still writing, must not be cut off, and a place that none of them names must not go without. */
static enum topology find_topology(const struct bl_choice_policy *policy,
				   const struct bl_choice *choices, size_t count)
{
	bool all_have_nodes = true;
	bool all_have_zones = true;
	bool one_here = false;
	bool one_in_zone = false;

	for (size_t i = 0; i < count; i++) {
		const struct bl_resolved_endpoint *endpoint = choices[i].endpoint;

		if (!endpoint->ready)
			continue;
		if (!endpoint->hint_nodes || endpoint->hint_nodes->count == 0)
			all_have_nodes = false;
		if (!endpoint->hint_zones || endpoint->hint_zones->count == 0)
			all_have_zones = false;
		one_here |= hints_name(endpoint->hint_nodes, policy->node);
		one_in_zone |= hints_name(endpoint->hint_zones, policy->zone);
	}
	if (all_have_nodes && one_here)
		return TOPOLOGY_SAME_NODE;
	if (all_have_zones && one_in_zone)
		return TOPOLOGY_SAME_ZONE;
	return TOPOLOGY_NONE;
}

static bool fits_topology(const struct bl_choice_policy *policy, enum topology topology,
			  const struct bl_choice *choice)
{
	switch (topology) {
	case TOPOLOGY_SAME_NODE:
		return hints_name(choice->endpoint->hint_nodes, policy->node);
	case TOPOLOGY_SAME_ZONE:
		return hints_name(choice->endpoint->hint_zones, policy->zone);
	case TOPOLOGY_NONE:
		break;
	}
	return true;
}

static void choose_cluster(const struct bl_choice_policy *policy, struct bl_choice *choices,
			   size_t count)
{
	enum topology topology = find_topology(policy, choices, count);
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		choices[i].cluster =
			is_ready(&choices[i]) && fits_topology(policy, topology, &choices[i]);
		any |= choices[i].cluster;
	}
	for (size_t i = 0; !any && i < count; i++)
		choices[i].cluster = is_leaving(&choices[i]);
}

struct local_summary {
	bool ready_here;
	bool leaving_here;
	bool anywhere;
};

static struct local_summary survey_local(const struct bl_choice_policy *policy,
					 const struct bl_choice *choices, size_t count)
{
	struct local_summary summary = {0};

	for (size_t i = 0; i < count; i++) {
		bool ready = is_ready(&choices[i]);
		bool leaving = is_leaving(&choices[i]);
		bool local = is_local(policy, &choices[i]);

		summary.anywhere |= ready || leaving;
		summary.ready_here |= ready && local;
		summary.leaving_here |= leaving && local;
	}
	return summary;
}

static bool fits_local(const struct bl_choice_policy *policy, const struct local_summary *summary,
		       const struct bl_choice *choice)
{
	if (!is_local(policy, choice))
		return false;
	return summary->ready_here ? is_ready(choice) : is_leaving(choice);
}

struct bl_choice_summary bl_choose(const struct bl_choice_policy *policy, struct bl_choice *choices,
				   size_t count)
{
	bool external_local = policy->external_local && policy->reachable_from_outside;
	struct local_summary local = survey_local(policy, choices, count);
	bool none_here = local.anywhere && !local.ready_here && !local.leaving_here;
	struct bl_choice_summary summary = {
		.internal_elsewhere = policy->internal_local && none_here,
		.external_elsewhere = external_local && none_here,
	};

	if (!policy->internal_local || policy->reachable_from_outside)
		choose_cluster(policy, choices, count);
	for (size_t i = 0; i < count; i++) {
		struct bl_choice *choice = &choices[i];
		bool here = fits_local(policy, &local, choice);

		choice->internal = policy->internal_local ? here : choice->cluster;
		choice->external =
			policy->reachable_from_outside && (external_local ? here : choice->cluster);
	}
	return summary;
}
