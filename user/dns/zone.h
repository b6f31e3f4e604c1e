/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The cluster's zone, from the objects of a store. The control path's thread puts what changed and
 * publishes; the DNS thread looks up in the version that was published last and never waits. Only
 * the parts that a change touches are made anew.
 */
#ifndef DNS_ZONE_H
#define DNS_ZONE_H

#include "dns/entry.h"
#include "dns/table.h"
#include "model/pod.h"
#include "resolve/resolve.h"

#define BL_DNS_SCHEMA "1.1.0"
#define BL_DNS_TTL_S 5u

struct bl_dns_zone_config {
	const char *domain;            /* NULL: "cluster.local" */
	const struct bl_prefix *owned; /* whose reverse names nobody else knows: service CIDRs */
	size_t owned_count;            /* at most BL_DNS_OWNED_MAX */
	uint32_t serial;       /* of the first version; each that follows has one more (RFC 1982) */
	const char *node_name; /* whose pods may ask; NULL: all pods may */
};
#define BL_DNS_OWNED_MAX 8

struct bl_dns_zone {
	struct bl_dns_zone_name name;
	struct bl_dns_table *table;
	struct bl_prefix owned[BL_DNS_OWNED_MAX];
	size_t owned_count;
	char *node_name;                /* of the arena; NULL: any */
	struct bl_dns_name name_server; /* "ns.dns.cluster.local" */
	struct bl_arena *arena;
	uint32_t serial; /* of the first version that is published */
	knot_rdataset_t soa, ns, txt;
};

int bl_dns_zone_init(struct bl_dns_zone *zone, const struct bl_dns_zone_config *config,
		     struct bl_err *err);
void bl_dns_zone_done(struct bl_dns_zone *zone);

/* The Service of that name as the store has it now, which may be no more. */
int bl_dns_zone_put_service(struct bl_dns_zone *zone, const struct bl_store *store,
			    const struct bl_local_node *node, const char *ns, const char *name);
int bl_dns_zone_put_namespace(struct bl_dns_zone *zone, const char *name, bool exists);
/* A pod that came (old NULL), changed or went (now NULL). */
int bl_dns_zone_put_pod(struct bl_dns_zone *zone, const struct bl_pod *old,
			const struct bl_pod *now);
/* An address that may ask besides those of pods, such as one of the node; counted like them. */
int bl_dns_zone_put_client(struct bl_dns_zone *zone, const struct bl_addr *addr, bool exists);
/* Everything of a store, for the first time. Does not publish. */
int bl_dns_zone_fill(struct bl_dns_zone *zone, const struct bl_store *store,
		     const struct bl_local_node *node);
int bl_dns_zone_publish(struct bl_dns_zone *zone);

/* Look-ups in a version; NULL: no such thing. Labels begin with their length. */
const struct bl_dns_entry *bl_dns_find_entry(const struct bl_dns_version *version,
					     const uint8_t *labels, size_t len);
bool bl_dns_has_namespace(const struct bl_dns_version *version, const uint8_t *label);
bool bl_dns_has_pod(const struct bl_dns_version *version, const uint8_t *ns_label,
		    const struct bl_addr *addr);
bool bl_dns_has_client(const struct bl_dns_version *version, const struct bl_addr *addr);
/* The SOA of a version, in `bytes`. */
#define BL_DNS_SOA_BYTES (sizeof(knot_rdata_t) + 2 * (BL_DNS_NAME_MAX + 1) + 20)
knot_rdataset_t bl_dns_zone_soa(const struct bl_dns_zone *zone,
				const struct bl_dns_version *version,
				uint8_t bytes[static BL_DNS_SOA_BYTES]);
/* PTR records of an address. */
const knot_rdataset_t *bl_dns_find_reverse(const struct bl_dns_version *version,
					   const struct bl_addr *addr);

#endif
