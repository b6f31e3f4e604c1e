/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/derive.h"

#include "base/log.h"
#include "model/service.h"
#include "resolve/endpoints_object.h"

void bl_derive_endpoints(struct bl_catalog *catalog, const struct bl_store *store, const char *ns,
			 const char *name)
{
	const struct bl_source_name endpoints = {BL_KIND_ENDPOINTS, ns, name};
	const struct bl_object *service = bl_store_find(store, BL_KIND_SERVICE, ns, name);
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	int r;

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
