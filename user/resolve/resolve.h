/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One Service in, frontends and backends out. Pure: no I/O, no globals; the store is only read and
 * the node is a parameter. Rules: Kubernetes' topology.go and KEPs 1669, 1672, 2086, 2433, 3015,
 * 4444. For every Service port it computes which endpoints in-cluster clients of this node may use
 * (internal set) and which outside clients may (external set).
 */
#ifndef RESOLVE_RESOLVE_H
#define RESOLVE_RESOLVE_H

#include "base/addr.h"
#include "model/service.h"
#include "store/store.h"

/* What the agent was told about clients from outside; zeros are Kubernetes' own ways. */
struct bl_outside_policy {
	bool maglev; /* for Services without BL_ANNOTATION_LB_ALGORITHM */
	bool dsr;    /* for Services without BL_ANNOTATION_FORWARDING_MODE */
	bool cluster_ips;
	bool source_ranges_for_node_ports;
	/* NodePorts only at addresses in one of these; none: at all addresses. */
	const struct bl_prefix *node_port_prefixes;
	size_t node_port_prefix_count;
};

/* This node, as far as choices depend on it. */
struct bl_local_node {
	const char *name;                /* "" when unknown: then nothing is local */
	const char *zone;                /* NULL: no label */
	const struct bl_addr *addresses; /* that answer NodePorts, loopback ones included */
	size_t address_count;
	/* Controllers of a cluster write EndpointSlices: pods and Endpoints are not looked at. */
	bool slices_only;
	struct bl_outside_policy outside;
};

enum bl_frontend_kind {
	BL_FRONTEND_CLUSTER_IP,
	BL_FRONTEND_NODE_PORT,
	BL_FRONTEND_LOAD_BALANCER_IP,
	BL_FRONTEND_EXTERNAL_IP,
	BL_FRONTEND_KIND_COUNT,
};
const char *bl_frontend_kind_name(enum bl_frontend_kind kind); /* "ClusterIP", "NodePort" ... */

struct bl_resolved_frontend {
	struct bl_addr address;
	uint16_t port; /* host order */
	enum bl_frontend_kind kind;
	bool is_virtual;    /* exists for Services alone: no address of this node */
	bool internal_only; /* not for clients from outside */
	bool check_sources; /* clients from outside must be in `sources` of the port */
};

struct bl_resolved_backend {
	struct bl_addr address;
	uint16_t port; /* host order */
	uint8_t state; /* BL_BACKEND_READY or BL_BACKEND_TERMINATING */
	uint16_t weight;
	const char *zone; /* NULL: unknown */
	const char *node; /* NULL: unknown */
	const char *pod;  /* name of the target pod; NULL: none */
	bool local;       /* on this node: by the endpoint's node, or at an address of ours */
	/* The sets it is in. Whoever dials a ClusterIP gets the internal set. On all other
	 * frontends clients in the cluster get the cluster set, whatever the policies say, and
	 * outside clients the external set. */
	bool internal; /* by internalTrafficPolicy */
	bool cluster;  /* by topology alone */
	bool external; /* by externalTrafficPolicy; false when nothing is reachable from outside */
};

/* One port of a Service in one address family. */
struct bl_resolved_port {
	const char *name; /* NULL: none */
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP; SCTP ports are left out, see `skipped` */
	uint8_t family;   /* enum bl_family of frontends and backends */
	uint16_t port;    /* of the Service, host order */
	struct bl_resolved_frontend *frontends;
	size_t frontend_count;
	/* The union of the sets, and beside it what still serves but is in none (so that sockets
	 * that have such a backend keep it): sorted by address and port, no duplicates. */
	struct bl_resolved_backend *backends;
	size_t backend_count;
	/* Endpoints exist, but the Local policy admits none of them here. The cluster set has no
	 * such state: it is empty only when there is no endpoint. */
	bool internal_elsewhere;
	bool external_elsewhere;
	uint32_t affinity_timeout_s; /* 0: no session affinity */
	/* For clients from outside. */
	bool maglev;                     /* choose by Maglev table, else at random */
	bool dsr;                        /* backends elsewhere answer the client themselves */
	const struct bl_prefix *sources; /* of this family; see check_sources */
	size_t source_count;
};

struct bl_resolved {
	struct bl_arena *arena; /* owns all of it, names included */
	const char *ns;
	const char *name;
	struct bl_resolved_port *ports; /* sorted by port, protocol, family; none for headless,
					 * ExternalName and Services of another proxy */
	size_t port_count;
	const char *skipped; /* why there are no ports, in words; NULL: there may be some */
};
struct bl_resolved *bl_resolved_free(struct bl_resolved *resolved); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_resolved *, bl_resolved_free);

int bl_resolve(const struct bl_store *store, const struct bl_local_node *node,
	       const struct bl_service *service, struct bl_resolved **ret);

/*
 * The endpoints of a Service, as the endpoints controllers of Kubernetes would write them: from its
 * pods when it has a selector, from Endpoints of its name when it has none, and from EndpointSlices
 * either way, merged and without duplicates; a pod knows better than a slice about it. Not filtered
 * by policies: bl_resolve does that, and `get endpoints`, `describe` and DNS show or serve it as it
 * is.
 */
struct bl_resolved_endpoint {
	struct bl_addr address;
	bool ready; /* publishNotReadyAddresses is applied */
	bool serving;
	bool terminating;
	const char *hostname;
	const char *node;
	const char *zone;
	const char *pod;
	const char *pod_uid;                 /* NULL: unknown */
	bool selected;                       /* a pod that the selector finds */
	bool sliced;                         /* an EndpointSlice brought it */
	const struct bl_strings *hint_zones; /* NULL: no hints */
	const struct bl_strings *hint_nodes;
	/* Port number of each Service port, in the order of spec.ports, 0 where this endpoint has
	 * none (a named targetPort that its pod does not declare). */
	const uint16_t *ports;
};

struct bl_endpoint_view {
	struct bl_arena *arena;
	struct bl_resolved_endpoint *items; /* sorted by address */
	size_t count;
	size_t port_count; /* of the Service */
};
struct bl_endpoint_view *bl_endpoint_view_free(struct bl_endpoint_view *view);
BL_DEFINE_CLEANUP(struct bl_endpoint_view *, bl_endpoint_view_free);

int bl_resolve_endpoints(const struct bl_store *store, const struct bl_service *service,
			 struct bl_endpoint_view **ret);
/* The same with what `node` (NULL: nothing) knows: slices_only, and the zone of its own pods where
 * there is no Node object. */
int bl_resolve_endpoints_on(const struct bl_store *store, const struct bl_local_node *node,
			    const struct bl_service *service, struct bl_endpoint_view **ret);

/* Is the pod ready, and does it still serve? (Ready condition, readiness gates, deletion, phase;
 * a pod without any status counts as running and ready once it has an address.) */
struct bl_pod;
struct bl_pod_state {
	bool ready;
	bool serving;
	bool terminating;
	bool finished; /* Succeeded or Failed: no endpoint at all, not even unready */
};
struct bl_pod_state bl_pod_state_of(const struct bl_pod *pod);

#endif
