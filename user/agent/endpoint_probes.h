/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probes of manual Endpoints and EndpointSlices, for backends outside the cluster. A Service
 * without a selector asks for them by an annotation; its endpoints then count as ready until the
 * probe has failed. What failed stands among the addresses that are not ready, or has the condition
 * in its slice, and is named by an annotation of the Endpoints or the slice so that it can be told
 * from what the user has put there.
 */
#ifndef AGENT_ENDPOINT_PROBES_H
#define AGENT_ENDPOINT_PROBES_H

#include "base/err.h"
#include "model/endpoints.h"
#include "model/pod.h"
#include "model/service.h"

#define BL_ANNOTATION_PROBE "beeline.dev/probe"                 /* tcp, http:/path or https:/path */
#define BL_ANNOTATION_PROBE_PERIOD "beeline.dev/probe-period"   /* seconds; 10 */
#define BL_ANNOTATION_PROBE_TIMEOUT "beeline.dev/probe-timeout" /* seconds; 1 */
#define BL_ANNOTATION_PROBE_FAILURES "beeline.dev/probe-failures" /* in a row; 3 */
#define BL_ANNOTATION_PROBE_FAILED "beeline.dev/probe-failed"     /* of ours */

struct bl_endpoint_probe {
	bool wanted;
	bool http, https;
	const char *path; /* borrowed from the Service */
	int32_t period_s, timeout_s, failures;
};

/* -EINVAL with words when an annotation is none that is known. */
int bl_endpoint_probe_read(const struct bl_service *service, struct bl_endpoint_probe *ret,
			   struct bl_err *err);

/* A pod that stands for one address, for the prober: its name is "SERVICE@ADDRESS", which no pod
 * can have. -ENOMEM. */
int bl_endpoint_probe_pod(const struct bl_endpoint_probe *probe, const char *ns,
			  const char *service, const char *address, uint16_t port,
			  struct bl_object **ret);

/* Calls `fn` for each address that a probe is for, with the first TCP port of its subset. */
typedef int bl_endpoint_probe_fn(const char *address, uint16_t port, void *userdata);
int bl_endpoint_probe_each(const struct bl_endpoints *endpoints, bl_endpoint_probe_fn *fn,
			   void *userdata);

/* Sorts the addresses of Endpoints that are not in the store yet. `is_down` NULL: none is.
 * -ENOMEM. */
typedef bool bl_endpoint_is_down_fn(const char *address, void *userdata);
int bl_endpoint_probe_apply(struct bl_endpoints *endpoints, bl_endpoint_is_down_fn *is_down,
			    void *userdata, bool *ret_changed);

/* The same of a slice. Endpoints that terminate are left alone. */
int bl_slice_probe_each(const struct bl_endpoint_slice *slice, bl_endpoint_probe_fn *fn,
			void *userdata);
int bl_slice_probe_apply(struct bl_endpoint_slice *slice, bl_endpoint_is_down_fn *is_down,
			 void *userdata, bool *ret_changed);

/* What both kinds share. The addresses that have failed, separated by commas; "" when none has. */
const char *bl_endpoint_probe_failed(const struct bl_object *object);
/* Is the address one of the list (NULL: an empty one)? */
bool bl_endpoint_probe_is_listed(const char *list, const char *address);
/* Writes the list of an object that is not in the store yet; "" takes it away. -ENOMEM. */
int bl_endpoint_probe_annotate(struct bl_object *object, const char *list);

#endif
