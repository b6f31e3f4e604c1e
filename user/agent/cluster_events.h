/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events (events.k8s.io/v1) of Services in a cluster, for 'kubectl describe'. A courtesy: each is
 * sent once, and what does not arrive is not sent again. Who sends takes care that nothing is said
 * twice.
 */
#ifndef AGENT_CLUSTER_EVENTS_H
#define AGENT_CLUSTER_EVENTS_H

#include "kube/client.h"
#include "model/service.h"

struct bl_cluster_events;

enum bl_cluster_event {
	BL_CLUSTER_EVENT_ADDRESS,
	BL_CLUSTER_EVENT_NO_ADDRESS, /* a warning */
	BL_CLUSTER_EVENT_COUNT,
};

/* Both are borrowed. -ENOMEM. */
int bl_cluster_events_new(struct bl_kube_client *client, const char *node_name,
			  struct bl_cluster_events **ret);
struct bl_cluster_events *bl_cluster_events_free(struct bl_cluster_events *events);
BL_DEFINE_CLEANUP(struct bl_cluster_events *, bl_cluster_events_free);

/* The first that the server refuses is logged, later ones are not. */
void bl_cluster_events_send(struct bl_cluster_events *events, const struct bl_service *service,
			    enum bl_cluster_event event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#endif
