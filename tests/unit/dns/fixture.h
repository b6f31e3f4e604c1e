/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A zone from YAML, and questions to it whose answers are text as dig prints it. */
#ifndef TESTS_DNS_FIXTURE_H
#define TESTS_DNS_FIXTURE_H

#include "dns/answer.h"
#include "dns/zone.h"
#include "store/store.h"

struct dns_world {
	struct bl_store *store;
	struct bl_dns_zone zone;
	struct bl_dns_answerer answerer;
	bool is_made;
};

struct dns_world dns_world_of(const char *yaml);
void dns_world_done(struct dns_world *world);
/* Decodes, puts into the store and into the zone, and publishes. */
void dns_world_put(struct dns_world *world, const char *yaml);
void dns_world_remove(struct dns_world *world, enum bl_kind kind, const char *ns, const char *name);

struct dns_options {
	bool tcp;
	bool edns;
	uint16_t payload; /* 0: 1232 */
	uint8_t version;
	uint16_t rclass; /* 0: IN */
};

/* A query in wire form; returns its length. */
size_t dns_query(const char *name, const char *type, const struct dns_options *options,
		 uint8_t *wire, size_t size);
/* "NOERROR aa\n" and a line a record: "owner TTL TYPE data", sections apart by "--"; OPT is left
 * out. The caller frees it. */
char *dns_text(const uint8_t *wire, size_t len);
char *dns_ask_with(struct dns_world *world, const char *name, const char *type,
		   const struct dns_options *options);
char *dns_ask(struct dns_world *world, const char *name, const char *type);

#endif
