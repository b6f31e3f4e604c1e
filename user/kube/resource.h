/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked of the server: the paths of lists and watches of one kind, and how it is named. */
#ifndef KUBE_RESOURCE_H
#define KUBE_RESOURCE_H

#include "base/buf.h"
#include "model/object.h"

struct bl_kube_resource { /* strings are borrowed */
	enum bl_kind kind;
	const char *ns;             /* NULL: of all */
	const char *label_selector; /* NULL: all */
	const char *field_selector; /* NULL: all */
};

/* As kube-proxy asks: not what is marked as headless or as another proxy's. */
#define BL_KUBE_PROXIED_SELECTOR                                                                   \
	"!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name"

/* "/api/v1/services?labelSelector=..."; what follows begins with '&' or, with nothing asked yet,
 * with '?'. */
void bl_kube_path(const struct bl_kube_resource *resource, struct bl_buf *ret);
/* Adds "?KEY=VALUE" or "&KEY=VALUE", percent-encoded. */
void bl_kube_query(struct bl_buf *path, const char *key, const char *value);

/* "resource 'endpointslices' in API group 'discovery.k8s.io'" */
const char *bl_kube_resource_words(const struct bl_kube_resource *resource, char *buffer,
				   size_t size);

#endif
