/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Endpoints object of a Service with a selector, and the EndpointSlices of any, as Kubernetes'
 * controllers would keep them. */
#ifndef AGENT_DERIVE_H
#define AGENT_DERIVE_H

#include "agent/catalog.h"

/* Makes, renews or takes away the Endpoints of this Service. Without a selector (any more) they
 * are the user's and stay. */
void bl_derive_endpoints(struct bl_catalog *catalog, const struct bl_store *store, const char *ns,
			 const char *name);
/* Makes, renews or takes away the EndpointSlices of this Service. */
void bl_derive_slices(struct bl_catalog *catalog, const struct bl_store *store, const char *ns,
		      const char *name);

#endif
