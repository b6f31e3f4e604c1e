/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/derive.h"

#include <string.h>

#include "base/log.h"
#include "model/endpoints.h"
#include "model/service.h"
#include "resolve/endpoints_object.h"
#include "resolve/slices_object.h"

/* What we made once, and handed over when its Service lost the selector. Kubernetes' controller of
 * Endpoints deletes it with the Service. */
static bool was_given_away(const struct bl_store *store, const struct bl_source_name *name)
{
	const struct bl_object *object = bl_store_find(store, name->kind, name->ns, name->name);
	const char *manager =
		object && !object->origin.file
			? bl_pairs_get(&object->meta.labels, BL_LABEL_ENDPOINTS_MANAGED_BY)
			: NULL;

	return manager && !strcmp(manager, BL_ENDPOINTS_MANAGER);
}

void bl_derive_endpoints(struct bl_catalog *catalog, const struct bl_store *store, const char *ns,
			 const char *name)
{
	const struct bl_source_name endpoints = {BL_KIND_ENDPOINTS, ns, name};
	const struct bl_object *service = bl_store_find(store, BL_KIND_SERVICE, ns, name);
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	int r;

	if (!service && !bl_catalog_is_own(catalog, &endpoints) &&
	    was_given_away(store, &endpoints)) {
		(void)bl_catalog_remove(catalog, &endpoints, 0, false, NULL);
		return;
	}
	if (!service || bl_service_of(service)->spec.type == BL_SERVICE_EXTERNAL_NAME) {
		bl_catalog_remove_own(catalog, &endpoints);
		return;
	}
	if (!bl_service_of(service)->spec.selector.count) {
		(void)bl_catalog_give_away(catalog, &endpoints); /* reported as a problem */
		return;
	}
	r = bl_endpoints_object(store, bl_service_of(service), &object);
	if (r >= 0)
		r = bl_catalog_put_own(catalog, object);
	if (r < 0)
		bl_log(BL_LOG_WARNING, "no Endpoints object for service '%s/%s': no memory", ns,
		       name);
}

static bool is_among(const struct bl_object_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i]->meta.name, name) == 0)
			return true;
	return false;
}

/* Those that were made before and are not made any more. */
static int remove_others(struct bl_catalog *catalog, const struct bl_store *store, const char *ns,
			 const char *service, const struct bl_object_list *wanted)
{
	_cleanup_free_ const struct bl_object **slices = NULL;
	size_t count = 0;
	int r = bl_store_slices_of(store, ns, service, &slices, &count);

	for (size_t i = 0; r == 0 && i < count; i++) {
		const struct bl_meta *meta = &slices[i]->meta;
		const char *manager = bl_pairs_get(&meta->labels, BL_LABEL_MANAGED_BY);
		const struct bl_source_name name = {BL_KIND_ENDPOINT_SLICE, meta->ns, meta->name};

		if (manager && strcmp(manager, BL_SLICES_MANAGER) == 0 &&
		    !is_among(wanted, meta->name))
			bl_catalog_remove_own(catalog, &name);
	}
	return r;
}

void bl_derive_slices(struct bl_catalog *catalog, const struct bl_store *store, const char *ns,
		      const char *name)
{
	const struct bl_object *service = bl_store_find(store, BL_KIND_SERVICE, ns, name);
	_cleanup_(bl_object_list_done) struct bl_object_list slices = {0};
	int r = 0;

	if (service && bl_service_of(service)->spec.type != BL_SERVICE_EXTERNAL_NAME)
		r = bl_slices_objects(store, bl_service_of(service), &slices);
	for (size_t i = 0; i < slices.count && r >= 0; i++)
		r = bl_catalog_put_own(catalog, slices.items[i]);
	if (r >= 0)
		r = remove_others(catalog, store, ns, name, &slices);
	if (r < 0)
		bl_log(BL_LOG_WARNING, "not all EndpointSlices for service '%s/%s': no memory", ns,
		       name);
}
