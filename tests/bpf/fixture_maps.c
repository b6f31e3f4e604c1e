/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of the maps, written as the agent would. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static uint32_t last_service;
static uint32_t last_backend;
static uint32_t last_slot;

static void put(struct bpf_map *map, const void *key, const void *value)
{
	cr_assert_eq(bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY), 0, "map '%s': %s",
		     bpf_map__name(map), strerror(errno));
}

static void get(struct bpf_map *map, const void *key, void *ret)
{
	cr_assert_eq(bpf_map_lookup_elem(bpf_map__fd(map), key, ret), 0, "map '%s': %s",
		     bpf_map__name(map), strerror(errno));
}

static struct bl_addr parse(const char *text)
{
	struct bl_addr addr;

	cr_assert_eq(bl_addr_parse_lenient(text, &addr), 0, "no address: '%s'", text);
	return addr;
}

uint32_t add_service(void)
{
	struct bl_service_entry entry = {.ns = "default", .name = "test", .in_use = 1};
	uint32_t id = ++last_service;

	put(skel->maps.services, &id, &entry);
	return id;
}

uint32_t add_backend(uint32_t service_id, struct where where)
{
	struct bl_addr addr = parse(where.address);
	struct bl_backend backend = {
		.address = addr.ip,
		.port = htons(where.port),
		.family = addr.family,
		.state = BL_BACKEND_READY,
		.generation = 1,
		.service_id = service_id,
		.weight = 100,
	};
	uint32_t id = ++last_backend;

	put(skel->maps.backends, &id, &backend);
	return id;
}

void set_backend_state(uint32_t backend_id, enum bl_backend_state state)
{
	struct bl_backend backend;

	get(skel->maps.backends, &backend_id, &backend);
	backend.state = state;
	put(skel->maps.backends, &backend_id, &backend);
}

void reuse_backend(uint32_t backend_id, uint32_t service_id, struct where where)
{
	struct bl_addr addr = parse(where.address);
	struct bl_backend backend;

	get(skel->maps.backends, &backend_id, &backend);
	backend.generation++;
	backend.service_id = service_id;
	backend.address = addr.ip;
	backend.family = addr.family;
	backend.port = htons(where.port);
	backend.state = BL_BACKEND_READY;
	put(skel->maps.backends, &backend_id, &backend);
}

struct bl_slot_range add_slots(const uint32_t *backend_ids, uint32_t count)
{
	struct bl_slot_range range = {.first = last_slot, .count = count};

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = last_slot / BL_SLOT_BLOCK;
		struct bl_slot_block block;

		get(skel->maps.slots, &at, &block);
		block.slots[last_slot++ % BL_SLOT_BLOCK].backend_id = backend_ids[i];
		put(skel->maps.slots, &at, &block);
	}
	return range;
}

static void set_filter(const struct bl_addr *addr, bool is_virtual)
{
	uint32_t bit = bl_addr_filter_bit(addr->ip.words), index = bit / 64;
	struct bl_addr_filter_word word;

	get(skel->maps.addr_filter, &index, &word);
	word.frontend |= 1ull << bit % 64;
	if (is_virtual)
		word.virtual_address |= 1ull << bit % 64;
	put(skel->maps.addr_filter, &index, &word);
}

static void put_frontend(const struct bl_addr *addr, uint16_t port, int protocol,
			 const struct bl_frontend *frontend)
{
	struct bl_frontend4_key key4 = {.port = htons(port), .protocol = (uint8_t)protocol};
	struct bl_frontend6_key key6 = {.port = htons(port), .protocol = (uint8_t)protocol};

	memcpy(key4.address, addr->ip.ipv4, sizeof(key4.address));
	memcpy(key6.address, addr->ip.ipv6, sizeof(key6.address));
	set_filter(addr, frontend->flags & BL_FRONTEND_F_VIRTUAL);
	if (addr->family == BL_FAMILY_IPV4)
		put(skel->maps.frontends4, &key4, frontend);
	else
		put(skel->maps.frontends6, &key6, frontend);
}

void add_frontend(struct where where, int protocol, uint32_t service_id, uint16_t flags,
		  struct bl_slot_range range)
{
	struct bl_addr addr = parse(where.address);
	struct bl_frontend frontend = {.service_id = service_id, .flags = flags, .internal = range};

	put_frontend(&addr, where.port, protocol, &frontend);
}

void add_frontend_with_affinity(struct where where, int protocol, uint32_t service_id,
				struct bl_slot_range range, uint32_t timeout_s)
{
	struct bl_addr addr = parse(where.address);
	struct bl_frontend frontend = {.service_id = service_id,
				       .flags = BL_FRONTEND_F_AFFINITY,
				       .internal = range,
				       .affinity_timeout_s = timeout_s};

	put_frontend(&addr, where.port, protocol, &frontend);
}

void add_virtual_address(const char *address)
{
	struct bl_addr addr = parse(address);
	struct bl_frontend frontend = {.flags = BL_FRONTEND_F_VIRTUAL};

	put_frontend(&addr, 0, 0, &frontend);
}

void delete_frontend(struct where where, int protocol)
{
	struct bl_addr addr = parse(where.address);
	struct bl_frontend6_key key6 = {.port = htons(where.port), .protocol = (uint8_t)protocol};
	struct bl_frontend4_key key4 = {.port = htons(where.port), .protocol = (uint8_t)protocol};

	memcpy(key4.address, addr.ip.ipv4, sizeof(key4.address));
	memcpy(key6.address, addr.ip.ipv6, sizeof(key6.address));
	if (addr.family == BL_FAMILY_IPV4)
		cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(skel->maps.frontends4), &key4), 0);
	else
		cr_assert_eq(bpf_map_delete_elem(bpf_map__fd(skel->maps.frontends6), &key6), 0);
}

uint32_t serve(struct where where, int protocol, uint16_t flags, const struct where *backends,
	       uint32_t count, uint32_t *ret_backend_ids)
{
	uint32_t service_id = add_service(), ids[64];

	cr_assert_leq(count, 64);
	for (uint32_t i = 0; i < count; i++) {
		ids[i] = add_backend(service_id, backends[i]);
		if (ret_backend_ids)
			ret_backend_ids[i] = ids[i];
	}
	add_frontend(where, protocol, service_id, flags, add_slots(ids, count));
	return service_id;
}

void set_netns_pod(uint64_t cookie, const char *ipv4, const char *ipv6)
{
	struct bl_netns_pod pod = {0};

	if (ipv4)
		pod.ipv4 = parse(ipv4).ip;
	if (ipv6)
		pod.ipv6 = parse(ipv6).ip;
	put(skel->maps.netns_pods, &cookie, &pod);
}

uint64_t reason_count(enum bl_reason reason)
{
	int cpus = libbpf_num_possible_cpus();
	uint32_t key = reason;
	uint64_t *values = calloc((size_t)cpus, sizeof(*values)), sum = 0;

	cr_assert_not_null(values);
	get(skel->maps.reasons, &key, values);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	free(values);
	return sum;
}

struct bl_backend_stats backend_count(uint32_t backend_id)
{
	uint32_t index = backend_id / BL_STATS_BLOCK;
	struct bl_backend_stats_block block;

	get(skel->maps.backend_stats, &index, &block);
	return block.backends[backend_id % BL_STATS_BLOCK];
}

struct bl_service_stats service_count(uint32_t service_id)
{
	uint32_t index = service_id / BL_STATS_BLOCK;
	struct bl_service_stats_block block;

	get(skel->maps.service_stats, &index, &block);
	return block.services[service_id % BL_STATS_BLOCK];
}
