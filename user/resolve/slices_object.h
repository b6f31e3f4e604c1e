/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The EndpointSlices that Kubernetes would show for a Service, for clients of the API. Pure. */
#ifndef RESOLVE_SLICES_OBJECT_H
#define RESOLVE_SLICES_OBJECT_H

#include "resolve/resolve.h"

/* Who made them, as BL_LABEL_MANAGED_BY tells. bl_resolve does not read them where it knows the
 * pods and Endpoints that they are made of; where it has nothing but slices it does. */
#define BL_SLICES_MANAGER "slices.beeline.dev"
#define BL_SLICE_ENDPOINTS_MAX 100u /* in one slice, as the controller of Kubernetes has it */

/*
 * Of both families: the pods that the selector finds, or, without a selector, the addresses of the
 * Endpoints of its name; what other slices bring is not told again. Terminating endpoints are
 * there, with their conditions (KEP-1672). Endpoints that share all their ports share slices, which
 * are named "SERVICE-ipv4-1" and so on. Each object has one reference.
 */
int bl_slices_objects(const struct bl_store *store, const struct bl_service *service,
		      struct bl_object_list *ret);

#endif
