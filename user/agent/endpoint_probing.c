/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/endpoint_probing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/endpoint_probes.h"
#include "agent/probing.h"
#include "base/log.h"
#include "model/codec.h"

int bl_endpoint_probing_init(struct bl_endpoint_probing *probing)
{
	return bl_map_new(&probing->followed);
}

void bl_endpoint_probing_done(struct bl_endpoint_probing *probing)
{
	size_t cursor = 0;
	void *addresses;

	while (probing->followed && bl_map_next(probing->followed, &cursor, NULL, NULL, &addresses))
		free(addresses);
	probing->followed = bl_map_free(probing->followed);
}

const char *bl_endpoint_probing_address(const struct bl_pod *pod)
{
	const char *at = strchr(pod->object.meta.name, '@');

	return at ? at + 1 : NULL;
}

void bl_endpoint_probing_service(const struct bl_pod *pod, char buffer[static BL_PROBED_NAME_MAX])
{
	const char *name = pod->object.meta.name;

	(void)snprintf(buffer, BL_PROBED_NAME_MAX, "%.*s", (int)strcspn(name, "@"), name);
}

static const char *key_of(const char *ns, const char *service,
			  char buffer[static BL_PROBED_NAME_MAX])
{
	(void)snprintf(buffer, BL_PROBED_NAME_MAX, "%s/%s", ns, service);
	return buffer;
}

/* Which changes matter */

static const char *service_of(const struct bl_endpoint_probing *probing,
			      const struct bl_object *object)
{
	switch (object->kind) {
	case BL_KIND_SERVICE:
		return object->meta.name;
	case BL_KIND_ENDPOINTS:
		return probing->slices_only ? NULL : object->meta.name;
	case BL_KIND_ENDPOINT_SLICE:
		return bl_pairs_get(&object->meta.labels, BL_LABEL_SERVICE_NAME);
	default:
		return NULL;
	}
}

static bool asks_for_probes(const struct bl_object *service)
{
	return service && bl_pairs_get(&service->meta.annotations, BL_ANNOTATION_PROBE);
}

const char *bl_endpoint_probing_concerns(const struct bl_endpoint_probing *probing,
					 const struct bl_event *event)
{
	const struct bl_meta *meta = &event->object->meta;
	const char *service = service_of(probing, event->object);
	char key[BL_PROBED_NAME_MAX];
	bool asks;

	if (!meta->ns || !service)
		return NULL;
	if (bl_map_get_str(probing->followed, key_of(meta->ns, service, key)))
		return service;
	/* Few Services have endpoints that are probed. */
	if (event->object->kind == BL_KIND_SERVICE)
		asks = asks_for_probes(event->object) || asks_for_probes(event->old);
	else
		asks = asks_for_probes(
			bl_store_find(probing->store, BL_KIND_SERVICE, meta->ns, service));
	return asks ? service : NULL;
}

/* Whom to ask */

struct following {
	struct bl_endpoint_probing *probing;
	const struct bl_endpoint_probe *probe;
	const char *ns, *service;
	struct bl_buf now; /* addresses, each with a comma behind it */
};

static int follow_address(const char *address, uint16_t port, void *userdata)
{
	struct following *following = userdata;
	_cleanup_(bl_object_unref) struct bl_object *pod = NULL;
	const struct bl_moment now = bl_probing_now();
	int r = bl_endpoint_probe_pod(following->probe, following->ns, following->service, address,
				      port, &pod);

	if (r < 0)
		return r;
	bl_buf_addf(&following->now, "%s,", address);
	return bl_prober_put(following->probing->prober, bl_pod_of(pod), &now);
}

/* Drops the probes of addresses that are in `before` and not in `now` (NULL: none is). */
static void unfollow(struct bl_prober *prober, const char *ns, const char *service,
		     const char *before, const char *now)
{
	while (before && *before) {
		size_t len = strcspn(before, ",");
		char address[100], name[BL_PROBED_NAME_MAX];
		const char *found;

		(void)snprintf(address, sizeof(address), "%.*s,", (int)len, before);
		found = now ? strstr(now, address) : NULL;
		while (found && found != now && found[-1] != ',')
			found = strstr(found + 1, address);
		if (!found) {
			(void)snprintf(name, sizeof(name), "%s@%.*s", service, (int)len, before);
			bl_prober_remove(prober, ns, name);
		}
		before += len + (before[len] == ',');
	}
}

static void read_probe(struct bl_endpoint_probing *probing, const struct bl_object *service,
		       struct bl_endpoint_probe *ret)
{
	struct bl_err err = {0};
	char subject[BL_PROBED_NAME_MAX + 40];

	*ret = (struct bl_endpoint_probe){0};
	if (!service)
		return;
	(void)snprintf(subject, sizeof(subject), "probes: service '%s/%s'", service->meta.ns,
		       service->meta.name);
	if (bl_endpoint_probe_read(bl_service_of(service), ret, &err) < 0)
		bl_problems_set(probing->problems, subject, BL_SEVERITY_WARNING,
				"the endpoints of service '%s/%s' are not probed: %s",
				service->meta.ns, service->meta.name, err.text);
	else
		bl_problems_clear(probing->problems, subject);
}

/* What is known */

struct looking {
	struct bl_endpoint_probing *probing;
	const char *ns, *service;
};

static bool is_down(const char *address, void *userdata)
{
	const struct looking *looking = userdata;
	const struct bl_container_verdict *verdicts;
	char name[BL_PROBED_NAME_MAX];
	size_t count;

	(void)snprintf(name, sizeof(name), "%s@%s", looking->service, address);
	return bl_prober_verdicts(looking->probing->prober, looking->ns, name, &verdicts, &count) &&
	       count && !verdicts[0].ready;
}

static void write_object(struct looking *looking, const struct bl_object *old, bool probed)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	bl_endpoint_is_down_fn *asked = probed ? is_down : NULL;
	bool changed = false;
	int r = bl_object_clone(old, &object);

	if (r >= 0 && old->kind == BL_KIND_ENDPOINTS)
		r = bl_endpoint_probe_apply((struct bl_endpoints *)object, asked, looking,
					    &changed);
	else if (r >= 0)
		r = bl_slice_probe_apply((struct bl_endpoint_slice *)object, asked, looking,
					 &changed);
	if (r >= 0 && changed)
		r = bl_catalog_put_status(looking->probing->catalog, object);
	if (r < 0)
		bl_log(BL_LOG_ERROR, "cannot write the endpoints '%s/%s': %s", old->meta.ns,
		       old->meta.name, strerror(-r));
}

/* The Endpoints of the Service, if it counts, and its slices. The array is the caller's. */
static int list_objects(const struct bl_endpoint_probing *probing, const char *ns,
			const char *service, const struct bl_object ***ret, size_t *ret_count)
{
	_cleanup_free_ const struct bl_object **slices = NULL;
	const struct bl_object **all;
	size_t count = 0, used = 0;
	int r = bl_store_slices_of(probing->store, ns, service, &slices, &count);

	if (r < 0)
		return r;
	all = calloc(count + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	if (!probing->slices_only)
		all[used] = bl_store_find(probing->store, BL_KIND_ENDPOINTS, ns, service);
	used += all[used] != NULL;
	for (size_t i = 0; i < count; i++)
		all[used++] = slices[i];
	*ret = all;
	*ret_count = used;
	return 0;
}

static int follow_all(struct following *following, const struct bl_object **objects, size_t count)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < count; i++)
		r = objects[i]->kind == BL_KIND_ENDPOINTS
			    ? bl_endpoint_probe_each((const struct bl_endpoints *)objects[i],
						     follow_address, following)
			    : bl_slice_probe_each(bl_endpoint_slice_of(objects[i]), follow_address,
						  following);
	return r;
}

static void write_all(struct looking *looking, const struct bl_object **objects, size_t count,
		      bool probed)
{
	_cleanup_(bl_object_list_done) struct bl_object_list held = {0};

	/* Writing one may give up the store's reference to it. */
	for (size_t i = 0; i < count; i++)
		if (bl_object_list_add_take(&held, bl_object_ref((struct bl_object *)objects[i])) <
		    0)
			return;
	for (size_t i = 0; i < held.count; i++)
		write_object(looking, held.items[i], probed);
}

void bl_endpoint_probing_settle(struct bl_endpoint_probing *probing, const char *ns,
				const char *service)
{
	_cleanup_free_ const struct bl_object **objects = NULL;
	struct bl_endpoint_probe probe;
	struct following following = {probing, &probe, ns, service, {0}};
	struct looking looking = {probing, ns, service};
	_cleanup_free_ char *before = NULL;
	char key[BL_PROBED_NAME_MAX];
	size_t count = 0;
	int r;

	read_probe(probing, bl_store_find(probing->store, BL_KIND_SERVICE, ns, service), &probe);
	r = list_objects(probing, ns, service, &objects, &count);
	if (r >= 0 && probe.wanted)
		r = follow_all(&following, objects, count);
	before = bl_map_remove_str(probing->followed, key_of(ns, service, key));
	unfollow(probing->prober, ns, service, before, following.now.data);
	if (r < 0 || following.now.failed)
		bl_log(BL_LOG_ERROR, "no memory to probe the endpoints of '%s'", key);
	if (before || following.now.len)
		write_all(&looking, objects, count, probe.wanted);
	if (following.now.len &&
	    bl_map_put_str(probing->followed, key, following.now.data, NULL) >= 0)
		following.now = (struct bl_buf){0};
	bl_buf_done(&following.now);
}
