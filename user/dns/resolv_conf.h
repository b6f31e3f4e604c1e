/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * resolv.conf: the node's is read, a pod's is written as the kubelet does for its dnsPolicy and
 * dnsConfig. Pure.
 */
#ifndef DNS_RESOLV_CONF_H
#define DNS_RESOLV_CONF_H

#include "base/addr.h"
#include "base/buf.h"
#include "base/err.h"
#include "model/pod.h"

#define BL_RESOLV_SERVERS_MAX 3   /* what resolvers read */
#define BL_RESOLV_SEARCHES_MAX 32 /* what Kubernetes allows */
#define BL_RESOLV_SEARCH_CHARS 2048
#define BL_RESOLV_OPTIONS_MAX 32

/* Strings are of the arena that it was read with, or borrowed. */
struct bl_resolv_conf {
	const char *servers[BL_RESOLV_SERVERS_MAX];
	size_t server_count;
	const char *searches[BL_RESOLV_SEARCHES_MAX];
	size_t search_count;
	const char *options[BL_RESOLV_OPTIONS_MAX]; /* "ndots:5" */
	size_t option_count;
};

/* What resolvers would take of it; other lines are nothing. -ENOMEM. */
int bl_resolv_conf_parse(const char *text, struct bl_arena *arena, struct bl_resolv_conf *ret);

struct bl_resolv_cluster {
	const char *domain;           /* "cluster.local" */
	const struct bl_addr *server; /* addresses of the cluster's DNS */
	size_t server_count;          /* 0: there is none */
};

/* -EINVAL with words when the pod wants what is not there. */
int bl_resolv_conf_of_pod(const struct bl_pod *pod, const struct bl_resolv_cluster *cluster,
			  const struct bl_resolv_conf *node, struct bl_buf *ret,
			  struct bl_err *err);

#endif
