/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/outside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

/* Another word was refused when the Service came in; the agent's own choice stays then. */
static bool choose(const struct bl_service *service, const char *annotation, const char *on,
		   const char *off, bool otherwise)
{
	const char *value = bl_pairs_get(&service->object.meta.annotations, annotation);

	if (value && strcmp(value, on) == 0)
		return true;
	return value && strcmp(value, off) == 0 ? false : otherwise;
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t,")] == '\0';
}

struct bl_outside bl_outside_of(const struct bl_outside_policy *policy,
				const struct bl_service *service)
{
	struct bl_outside outside = {
		.service = service,
		.sources_for_node_ports = policy->source_ranges_for_node_ports,
		.maglev = choose(service, BL_ANNOTATION_LB_ALGORITHM, "maglev", "random",
				 policy->maglev),
		.dsr = choose(service, BL_ANNOTATION_FORWARDING_MODE, "dsr", "snat", policy->dsr),
	};
	const char *annotated =
		bl_pairs_get(&service->object.meta.annotations, BL_ANNOTATION_SOURCE_RANGES);

	if (service->spec.type != BL_SERVICE_LOAD_BALANCER)
		return outside;
	if (service->spec.load_balancer_source_ranges.count > 0) {
		outside.has_sources = true;
	} else if (annotated && !is_blank(annotated)) {
		outside.has_sources = true;
		outside.annotated_sources = annotated;
	}
	return outside;
}

bool bl_outside_claims_addresses(const struct bl_service *service)
{
	return service->spec.external_ips.count > 0 || service->ingress.count > 0;
}

bool bl_outside_checks(const struct bl_outside *outside, enum bl_frontend_kind kind)
{
	if (!outside->has_sources)
		return false;
	return kind == BL_FRONTEND_LOAD_BALANCER_IP ||
	       (kind == BL_FRONTEND_NODE_PORT && outside->sources_for_node_ports);
}

bool bl_outside_has_node_ports(const struct bl_outside_policy *policy,
			       const struct bl_addr *address)
{
	if (policy->node_port_prefix_count == 0 || bl_addr_is_loopback(address))
		return true;
	for (size_t i = 0; i < policy->node_port_prefix_count; i++)
		if (bl_prefix_contains(&policy->node_port_prefixes[i], address))
			return true;
	return false;
}

static int compare_prefixes(const void *a, const void *b)
{
	const struct bl_prefix *x = a;
	const struct bl_prefix *y = b;
	int order = bl_addr_compare(&x->addr, &y->addr);

	return order ? order : (int)x->bits - (int)y->bits;
}

/* One range of a list with commas and blanks around them; NULL at the end. */
static const char *next_range(const char *at, char text[static BL_PREFIX_TEXT])
{
	size_t len;

	at += strspn(at, " \t,");
	len = strcspn(at, " \t,");
	if (len == 0)
		return NULL;
	text[0] = '\0'; /* too long: no range */
	if (len < BL_PREFIX_TEXT) {
		memcpy(text, at, len);
		text[len] = '\0';
	}
	return at + len;
}

static void add_range(const char *text, uint8_t family, struct bl_prefix *prefixes, size_t *count)
{
	struct bl_prefix prefix;

	if (bl_prefix_parse_lenient(text, &prefix) == 0 && prefix.addr.family == family)
		prefixes[(*count)++] = prefix;
}

static size_t count_ranges(const struct bl_outside *outside)
{
	char text[BL_PREFIX_TEXT];
	size_t count = 0;

	if (!outside->annotated_sources)
		return outside->service->spec.load_balancer_source_ranges.count;
	for (const char *at = outside->annotated_sources; (at = next_range(at, text));)
		count++;
	return count;
}

int bl_outside_sources(const struct bl_outside *outside, struct bl_arena *arena, uint8_t family,
		       const struct bl_prefix **ret, size_t *ret_count)
{
	const struct bl_strings *field = &outside->service->spec.load_balancer_source_ranges;
	struct bl_prefix *prefixes;
	char text[BL_PREFIX_TEXT];
	size_t count = 0;
	size_t kept = 0;

	if (!outside->has_sources)
		return 0;
	prefixes = bl_arena_alloc(arena, (count_ranges(outside) + 1) * sizeof(*prefixes));
	if (!prefixes)
		return -ENOMEM;
	if (outside->annotated_sources)
		for (const char *at = outside->annotated_sources; (at = next_range(at, text));)
			add_range(text, family, prefixes, &count);
	else
		for (size_t i = 0; i < field->count; i++)
			add_range(field->items[i], family, prefixes, &count);
	if (count > 1)
		qsort(prefixes, count, sizeof(*prefixes), compare_prefixes);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || compare_prefixes(&prefixes[kept - 1], &prefixes[i]) != 0)
			prefixes[kept++] = prefixes[i];
	*ret = prefixes;
	*ret_count = kept;
	return 0;
}
