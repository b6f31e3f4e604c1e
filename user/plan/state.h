/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of a plan, for the files of this folder alone. */
#ifndef PLAN_STATE_H
#define PLAN_STATE_H

#include "base/map.h"
#include "plan/ids.h"
#include "plan/plan.h"
#include "plan/table.h"

#define BL_PACKET_PORT_BITS (BL_PACKET_PORT_WORDS * 64u)
/* Among the bits of a record: one of the reply half. */
#define BL_PORT_BIT_REPLY (1u << 31)

#define BL_FILTER_BITS (BL_ADDR_FILTER_WORDS * 64u)
#define BL_PORT_RANGES 3 /* internal, cluster and external set */

enum bl_filter_kind {
	BL_FILTER_FRONTEND = 1,
	BL_FILTER_VIRTUAL = 2,
};

struct bl_frontend_id {
	uint8_t family;
	struct bl_frontend6_key key;
};

/* One port of a Service in one family. */
struct bl_port_record {
	uint32_t service_id;
	uint8_t family;
	uint8_t range_count;
	struct bl_slot_range ranges[BL_PORT_RANGES]; /* its own, each once */
	uint32_t *backend_ids;                       /* owned; sorted by address and port */
	uint32_t backend_count;
	struct bl_slot_range tables[BL_PORT_RANGES]; /* Maglev, its own, each once */
	uint8_t table_count;
	struct bl_packet_row *packet_rows; /* owned; sorted */
	uint32_t packet_row_count;
};

struct bl_record {
	char *name;                       /* owned; "namespace/name", the key among the records */
	bool claimed;                     /* false: adopted, and not put since */
	struct bl_port_record *ports;     /* owned */
	struct bl_frontend_id *frontends; /* owned; sorted */
	uint32_t port_count;
	uint32_t frontend_count;
	uint32_t *port_bits; /* owned; sorted, each once: its bits in packet_ports */
	uint32_t port_bit_count;
};

/* What `services` holds for an id, without the names that its record has. */
struct bl_plan_service {
	const struct bl_record *record; /* NULL: the id is free */
	char port_name[sizeof(((struct bl_service_entry *)0)->port_name)];
	__be16 port;
	uint8_t protocol;
};

struct bl_plan {
	struct bl_plan_limits limits;
	struct bl_table frontends;
	uint32_t mapped[2]; /* frontends in the maps: IPv4, IPv6 */
	struct bl_ids backend_ids;
	struct bl_ids service_ids;
	struct bl_ranges ranges;
	struct bl_ranges tables; /* runs in maglev */
	/* Whole maps as far as they were ever used: index = id. */
	struct bl_backend *backends;
	struct bl_plan_service *services;
	struct bl_slot *slots;
	uint32_t backend_capacity;
	uint32_t service_capacity;
	uint32_t slot_capacity;
	struct bl_maglev_entry *maglev;
	uint32_t maglev_capacity;
	uint32_t packet_counts[BL_PACKET_TABLE_COUNT];
	struct bl_packet_port_word ports[BL_PACKET_PORT_WORDS];
	uint32_t *port_users; /* of each bit: destinations, then replies */
	uint16_t snat_first;
	uint16_t snat_last;
	struct bl_addr_filter_word filter[BL_ADDR_FILTER_WORDS];
	/* Addresses on each bit. A count of 255 stays, and its bit with it: a filter may say too
	 * much, never too little. */
	uint8_t frontend_bits[BL_FILTER_BITS];
	uint8_t virtual_bits[BL_FILTER_BITS];
	struct bl_map *records; /* by name */
	char **zones;           /* number - 1 -> name */
	size_t zone_count;
};

/* Frees all that a plan holds, not the plan itself. */
void bl_plan_release(struct bl_plan *plan);

/* "namespace/name". */
#define BL_RECORD_NAME (2 * BL_NAME_MAX)
bool bl_record_name(const char *ns, const char *name, char buffer[static BL_RECORD_NAME]);
struct bl_record *bl_record_free(struct bl_record *record);
BL_DEFINE_CLEANUP(struct bl_record *, bl_record_free);

int bl_frontend_id_compare(const void *a, const void *b);
struct bl_frontend_id bl_frontend_id_make(const struct bl_addr *address, uint16_t port,
					  uint8_t protocol);
/* The entry of an id's address. */
struct bl_frontend_id bl_frontend_id_address(const struct bl_frontend_id *id);

/* Grows an array of `*capacity` zeroed elements of `size` to hold `needed`. */
int bl_plan_grow(void **array, uint32_t *capacity, uint32_t needed, size_t size);

/* Counts an address in, or out of, the filters as its row says; returns whether its word changed.
 */
bool bl_plan_filter_add(struct bl_plan *plan, struct bl_table_row *row);
bool bl_plan_filter_remove(struct bl_plan *plan, struct bl_table_row *row);
uint32_t bl_plan_filter_word(const struct bl_frontend_row *frontend);

/* Counts the user of a bit in, or out; returns whether its word changed. */
bool bl_plan_port_add(struct bl_plan *plan, uint32_t bit);
bool bl_plan_port_remove(struct bl_plan *plan, uint32_t bit);
/* Sorts, and drops repeats; returns how many are left. */
uint32_t bl_plan_port_tidy(uint32_t *bits, uint32_t count);
static inline uint32_t bl_plan_port_word(uint32_t bit)
{
	return (bit & ~BL_PORT_BIT_REPLY) / 64;
}

int bl_packet_row_compare(const void *a, const void *b); /* by table and key */
uint32_t bl_packet_row_service(const struct bl_packet_row *row);
uint32_t bl_packet_limit(const struct bl_plan *plan, enum bl_packet_table table);
extern const char *const bl_packet_table_names[BL_PACKET_TABLE_COUNT];

/* Room for `ops` more ops; after it, so many bl_delta_add cannot fail. */
int bl_delta_reserve(struct bl_delta *delta, size_t ops);
struct bl_op *bl_delta_add(struct bl_delta *delta, enum bl_op_kind kind, uint32_t index,
			   uint32_t count);
void bl_delta_add_frontend(struct bl_delta *delta, enum bl_op_kind kind,
			   const struct bl_frontend_row *frontend);

static inline size_t bl_family_index(uint8_t family)
{
	return family == BL_FAMILY_IPV6;
}

#endif
