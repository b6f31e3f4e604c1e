/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What DNS says about one Service, and the small values beside it: whose name an address has, which
 * namespaces there are, which addresses the pods of a namespace have. Immutable once made; record
 * data is in the form that libknot puts into packets. Rules: DNS-based service discovery, schema
 * 1.1.0.
 */
#ifndef DNS_ENTRY_H
#define DNS_ENTRY_H

#include "dns/knot.h"

#include "dns/name.h"
#include "dns/table.h"
#include "resolve/resolve.h"

/* Records of one set must fit into one message, or nobody could ever read them: what comes after so
 * many bytes is left out. */
#define BL_DNS_SET_BYTES 60000u

struct bl_dns_zone_name {
	struct bl_dns_name name;     /* "cluster.local", finished */
	struct bl_dns_name services; /* "svc.cluster.local", finished */
	size_t label_count;
};

enum bl_dns_entry_kind {
	BL_DNS_ADDRESS, /* ClusterIP */
	BL_DNS_HEADLESS,
	BL_DNS_ALIAS, /* ExternalName */
};

struct bl_dns_host {          /* an endpoint's own name, of a headless Service */
	const uint8_t *label; /* length first */
	const uint8_t *name;  /* whole, wire form */
	knot_rdataset_t a;
	knot_rdataset_t aaaa;
};

struct bl_dns_port {
	const uint8_t *name;     /* "_http", length first */
	const uint8_t *protocol; /* "_tcp" */
	knot_rdataset_t srv;
};

struct bl_dns_reverse {
	struct bl_addr addr;
	const uint8_t *name; /* whole */
};

struct bl_dns_entry {
	struct bl_dns_value value; /* key: 's' and the labels of name and namespace */
	struct bl_arena *arena;
	enum bl_dns_entry_kind kind;
	const uint8_t *name; /* whole, wire form */
	knot_rdataset_t a;
	knot_rdataset_t aaaa;
	knot_rdataset_t cname;
	const struct bl_dns_host *hosts; /* sorted by label */
	size_t host_count;
	const struct bl_dns_port *ports;
	size_t port_count;
	const struct bl_dns_reverse *reverse; /* sorted, without duplicates */
	size_t reverse_count;
};

/* NULL in `ret`: the Service has no names at all (headless and nobody is ready, or not yet given an
 * address). -ENOMEM, -ENAMETOOLONG. `node` as for bl_resolve_endpoints_on. */
int bl_dns_entry_new(const struct bl_dns_zone_name *zone, const struct bl_store *store,
		     const struct bl_local_node *node, const struct bl_service *service,
		     struct bl_dns_entry **ret);
struct bl_dns_entry *bl_dns_entry_free(struct bl_dns_entry *entry);

const struct bl_dns_host *bl_dns_entry_host(const struct bl_dns_entry *entry, const uint8_t *label);

/* Appends one record's data to a set that lives in an arena of its owner; sets are built by
 * counting first. */
struct bl_dns_set {
	uint8_t *bytes;
	size_t len;
	size_t capacity;
	uint16_t count;
	size_t packed; /* what it takes in a message */
	bool failed;
};
void bl_dns_set_add(struct bl_dns_set *set, const void *data, uint16_t len);
/* Copies the set into the arena and releases the buffer. -ENOMEM. */
int bl_dns_set_finish(struct bl_dns_set *set, struct bl_arena *arena, knot_rdataset_t *ret);

/* Order of reverse records: by address, then name. */
int bl_dns_reverse_compare(const void *a, const void *b);

#endif
