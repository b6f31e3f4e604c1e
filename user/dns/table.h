/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A hash table in versions: one thread writes the next version, other threads read the last one
 * that was published, and neither waits for the other. A version is immutable; the next shares with
 * it all but the parts on the way to what changed, so that a change costs the same in a small and
 * in a large table. What only old versions hold is freed once no reader is in one of them.
 *
 * A reader has a slot of its own; between enter and leave nothing that it can reach is freed.
 */
#ifndef DNS_TABLE_H
#define DNS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

#define BL_DNS_READERS 4

/* First in whatever is put into the table; the key lies in the value or lives as long. */
struct bl_dns_value {
	const uint8_t *key;
	size_t key_len;
	void (*free)(struct bl_dns_value *value);
};

struct bl_dns_table;
struct bl_dns_version;

int bl_dns_table_new(struct bl_dns_table **ret);
/* No reader may be left. */
struct bl_dns_table *bl_dns_table_free(struct bl_dns_table *table);
BL_DEFINE_CLEANUP(struct bl_dns_table *, bl_dns_table_free);

/* The writer. Changes are seen by its own look-ups at once and by readers after publish. Put takes
 * the value, also on failure; an older one of the same key is released when nobody reads it. */
int bl_dns_table_put(struct bl_dns_table *table, struct bl_dns_value *value);
/* -ENOMEM; nothing happens when there is no such key. */
int bl_dns_table_remove(struct bl_dns_table *table, const void *key, size_t key_len);
const struct bl_dns_value *bl_dns_table_find(const struct bl_dns_table *table, const void *key,
					     size_t key_len);
/* -ENOMEM: readers stay with the old version, and the changes wait for the next publish. */
int bl_dns_table_publish(struct bl_dns_table *table);
size_t bl_dns_table_count(const struct bl_dns_table *table); /* values of the next version */

/* Readers. */
const struct bl_dns_version *bl_dns_table_enter(struct bl_dns_table *table, unsigned int reader);
void bl_dns_table_leave(struct bl_dns_table *table, unsigned int reader);
/* How many were published before it, the empty one that a table begins with included. */
uint64_t bl_dns_version_number(const struct bl_dns_version *version);
const struct bl_dns_value *bl_dns_version_find(const struct bl_dns_version *version,
					       const void *key, size_t key_len);

#endif
