/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/annotations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/endpoint_probes.h"
#include "base/map.h"
#include "model/schema.h"
#include "model/service.h"

#define OUR_DOMAIN "beeline.dev/"

struct bl_annotations {
	struct bl_store *store;
	struct bl_problems *problems;
	struct bl_store_watch *watch;
	struct bl_map *told; /* subjects that have a problem */
};

static const char *const known[] = {
	BL_ANNOTATION_LB_ALGORITHM, BL_ANNOTATION_FORWARDING_MODE, BL_ANNOTATION_PROBE,
	BL_ANNOTATION_PROBE_PERIOD, BL_ANNOTATION_PROBE_TIMEOUT,   BL_ANNOTATION_PROBE_FAILURES,
	BL_ANNOTATION_PROBE_FAILED,
};

static bool is_unknown(const char *key)
{
	if (strncmp(key, OUR_DOMAIN, strlen(OUR_DOMAIN)) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], key))
			return false;
	return true;
}

static const char *find_unknown(const struct bl_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (is_unknown(pairs->items[i].key))
			return pairs->items[i].key;
	return NULL;
}

/* By what stands behind the domain, which all have in common. */
static const char *find_like(const char *key)
{
	const char *word = key + strlen(OUR_DOMAIN);
	struct bl_suggest suggest;

	bl_suggest_init(&suggest, word, strlen(word));
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		bl_suggest_try(&suggest, known[i] + strlen(OUR_DOMAIN));
	return suggest.best;
}

static void tell(struct bl_annotations *annotations, const struct bl_meta *meta, const char *key)
{
	char subject[640];
	const char *like;

	(void)snprintf(subject, sizeof(subject), "annotations of service '%s/%s'", meta->ns,
		       meta->name);
	if (!key) {
		if (bl_map_remove_str(annotations->told, subject))
			bl_problems_clear(annotations->problems, subject);
		return;
	}
	like = find_like(key);
	(void)bl_map_put_str(annotations->told, subject, annotations, NULL); /* else it stays */
	bl_problems_set(annotations->problems, subject, BL_SEVERITY_WARNING,
			"service '%s/%s': nobody knows the annotation '%.128s', which has no "
			"effect%s%s%s",
			meta->ns, meta->name, key, like ? " (did you mean '" OUR_DOMAIN : "",
			like ? like : "", like ? "'?)" : "");
}

static void on_event(const struct bl_event *event, void *userdata)
{
	const struct bl_meta *meta = &event->object->meta;

	if (event->object->kind != BL_KIND_SERVICE)
		return;
	tell(userdata, meta,
	     event->change == BL_CHANGE_DELETED ? NULL : find_unknown(&meta->annotations));
}

int bl_annotations_new(struct bl_store *store, struct bl_problems *problems,
		       struct bl_annotations **ret)
{
	_cleanup_(bl_annotations_free) struct bl_annotations *annotations =
		calloc(1, sizeof(*annotations));
	int r;

	if (!annotations)
		return -ENOMEM;
	annotations->store = store;
	annotations->problems = problems;
	r = bl_map_new(&annotations->told);
	if (r >= 0)
		r = bl_store_watch_add(store, on_event, annotations, &annotations->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(annotations);
	return 0;
}

struct bl_annotations *bl_annotations_free(struct bl_annotations *annotations)
{
	if (!annotations)
		return NULL;
	if (annotations->watch)
		bl_store_watch_remove(annotations->store, annotations->watch);
	bl_map_free(annotations->told);
	free(annotations);
	return NULL;
}
