/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Endpoints object that Kubernetes would show for a Service, for `get endpoints`. Pure. */
#ifndef RESOLVE_ENDPOINTS_OBJECT_H
#define RESOLVE_ENDPOINTS_OBJECT_H

#include "resolve/resolve.h"

#define BL_LABEL_ENDPOINTS_MANAGED_BY "endpoints.kubernetes.io/managed-by"
#define BL_ENDPOINTS_MANAGER "beeline"

/*
 * The pods that the selector finds, and nothing that slices add to them. Of the Service's first
 * family, as the endpoints controller does; terminating endpoints are left
 * out unless they are published. Addresses that share all their ports share a subset. The object
 * has one reference, and a label that says who made it: bl_resolve reads Endpoints only of Services
 * without selector, so one that is put in the store serves on when the selector goes.
 */
int bl_endpoints_object(const struct bl_store *store, const struct bl_service *service,
			struct bl_object **ret);

#endif
