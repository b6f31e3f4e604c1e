/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent, and what can be done without one. The agent owns every object, wires the layers and
 * runs the one event loop; the other functions run to completion in the caller's process. All of
 * them log or print for people: they are what a command does.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdio.h>

#include "base/addr.h"
#include "base/err.h"

#define BL_AGENT_PREFIXES 16 /* of each option that takes several networks */

enum bl_agent_xdp { /* the values of enum bl_xdp_mode */
		    BL_AGENT_XDP_NATIVE,
		    BL_AGENT_XDP_GENERIC,
		    BL_AGENT_XDP_TC,
};

/* How to serve clients outside the node. */
struct bl_packet_options {
	const char *const *devices; /* names; they may come and go */
	size_t device_count;        /* 0: no packets from outside */
	enum bl_agent_xdp xdp_mode;
	uint16_t snat_first; /* 0: 61000 */
	uint16_t snat_last;  /* 0: 65535 */
	bool cluster_ip_from_outside;
	bool source_ranges_for_node_ports;
	bool answer_echo;
	bool dsr;                /* unless a Service says otherwise */
	bool maglev;             /* likewise */
	uint32_t maglev_entries; /* 0: the default */
	struct bl_prefix node_port_prefixes[BL_AGENT_PREFIXES];
	size_t node_port_prefix_count; /* 0: all addresses of the node */
	/* Whose encapsulated packets are taken, besides those of known Nodes. */
	struct bl_prefix dsr_peers[BL_AGENT_PREFIXES];
	size_t dsr_peer_count;
	struct bl_prefix pools[BL_AGENT_PREFIXES];
	size_t pool_count;  /* 0: load-balancer addresses come from elsewhere */
	bool pool_shared;   /* other agents read the same manifests */
	bool pool_unspoken; /* ARP and neighbour discovery for the pools are others' business */
	uint32_t announce_interval_s; /* 0: 2 */
	bool pool_kept; /* a clean stop leaves its addresses to the next agent of this node */
};

#define BL_AGENT_API_LISTEN_MAX 4
#define BL_AGENT_HEALTH_LISTEN_MAX 4
#define BL_AGENT_DNS_LISTEN_MAX 8
#define BL_AGENT_DNS_UPSTREAMS_MAX 4
#define BL_AGENT_DNS_ALLOW_MAX 32

struct bl_agent_endpoint {
	struct bl_addr addr;
	uint16_t port;
};

/* The DNS of the cluster's names. */
struct bl_agent_dns_config {
	bool enabled;
	const char *domain; /* NULL: cluster.local */
	/* None: port 10053 of 127.0.0.1 and of the node's first address of each family. */
	struct bl_agent_endpoint listen[BL_AGENT_DNS_LISTEN_MAX];
	size_t listen_count;
	struct bl_agent_endpoint upstreams[BL_AGENT_DNS_UPSTREAMS_MAX];
	size_t upstream_count;                          /* 0: those of /etc/resolv.conf */
	struct bl_prefix allow[BL_AGENT_DNS_ALLOW_MAX]; /* besides this node and its pods */
	size_t allow_count;
};

/* The cluster to follow instead of manifests; neither the first nor in_cluster: none. */
struct bl_agent_cluster_config {
	const char *kubeconfig;    /* path */
	const char *context;       /* NULL: the current one */
	bool in_cluster;           /* as a pod's service account */
	const char *server;        /* URL; NULL: as the kubeconfig or the pod's environment says */
	const char *lease_ns;      /* namespace of Leases; NULL: kube-system */
	uint32_t lease_duration_s; /* 0: 10 */
};

struct bl_agent_config {
	const char *manifests; /* folder to follow; NULL: none */
	const char *node_name; /* NULL: the host name */
	const char *cgroup;    /* NULL: root of the cgroup2 mount */
	const char *bpffs;     /* NULL: /sys/fs/bpf/beeline */
	const char *state_dir; /* NULL: /var/lib/beeline */
	const char *socket;    /* NULL: /run/beeline.sock */
	/* Where the API is served besides, as plain HTTP; every port is given. */
	struct bl_agent_endpoint api_listen[BL_AGENT_API_LISTEN_MAX];
	size_t api_listen_count;
	/* Where health and metrics alone are served, for everybody; every port is given. */
	struct bl_agent_endpoint health_listen[BL_AGENT_HEALTH_LISTEN_MAX];
	size_t health_listen_count;
	bool api_open_to_network;          /* the addresses need not be loopback ones */
	struct bl_prefix service_cidrs[2]; /* the first is the primary family */
	size_t service_cidr_count;         /* 0: 10.96.0.0/16 and fd00:10:96::/112 */
	uint16_t node_port_first;          /* 0: 30000 */
	uint16_t node_port_last;           /* 0: 32767 */
	struct bl_addr canary; /* loopback address of the canary; no family: 127.254.254.254 */
	uint16_t canary_port;  /* 0: 9 */
	struct bl_agent_dns_config dns;
	struct bl_agent_cluster_config cluster;
	bool dry_run;          /* the fake datapath: no root, nothing reaches the kernel */
	bool no_refuse_bind;   /* programs may bind NodePorts */
	bool no_remember_peer; /* getpeername of TCP shows the pod; see docs/decisions */
	struct bl_packet_options packet;
	bool no_probes;         /* others find out whether pods can serve */
	const char *cri_socket; /* of the container runtime, for exec probes; NULL: none */
};

/* Each returns a value of enum bl_exit (base/exit.h). */

/* Runs until SIGTERM, SIGINT or SIGUSR2; READY=1 is sent once the first full list is in the maps.
 */
int bl_agent_run(const struct bl_agent_config *config);

/* Prints exact map contents for the objects of `paths` (files, folders, "-"); no root. */
int bl_agent_plan(const struct bl_agent_config *config, const char *const *paths, size_t path_count,
		  FILE *out);

/* Loads and attaches; with paths, also programs the maps. Ends at once; traffic goes on. */
int bl_agent_load(const struct bl_agent_config *config, const char *const *paths,
		  size_t path_count);
int bl_agent_unload(const struct bl_agent_config *config);

/* Compares the pinned maps with the plan of `paths`; prints the difference. */
int bl_agent_verify(const struct bl_agent_config *config, const char *const *paths,
		    size_t path_count, FILE *out);

/* What the kernel and the machine offer. */
int bl_agent_check(const struct bl_agent_config *config, bool json, FILE *out);

#endif
