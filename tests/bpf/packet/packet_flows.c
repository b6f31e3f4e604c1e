/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows in the maps, found by their ends: established ones are looked for in all of memory that
 * their map has, so that a wrong hash is found out. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "packet_fixture.h"
#include "packet_programs.h"

static struct bl_tuple tuple_of(const struct ends *ends)
{
	struct bl_tuple tuple = {
		.source_port = htons(ends->from_port),
		.destination_port = htons(ends->to_port),
		.family = setting->family == 4 ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6,
		.protocol = (uint8_t)setting->protocol,
	};
	int family = setting->family == 4 ? AF_INET : AF_INET6;

	cr_assert_eq(inet_pton(family, ends->from, &tuple.source), 1);
	cr_assert_eq(inet_pton(family, ends->to, &tuple.destination), 1);
	return tuple;
}

/* Where a flow stands in the maps of its family. */
struct place {
	uint32_t bucket;
	uint32_t way;
	void *entry;
};

/* The maps of the setting's family, mapped. */
struct flow_maps {
	struct bl_flow_tags *tags;
	char *entries;
};

static bool is_ipv4(void)
{
	return setting->family == 4;
}

static uint32_t bucket_count(void)
{
	return is_ipv4() ? BL_FLOWS4_BUCKETS : BL_FLOWS6_BUCKETS;
}

static size_t entry_size(void)
{
	return is_ipv4() ? sizeof(struct bl_flow4) : sizeof(struct bl_flow6);
}

static void *map_memory(const char *name, size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd(name), 0);

	cr_assert_neq(memory, MAP_FAILED, "cannot map '%s': %s", name, strerror(errno));
	return memory;
}

static struct flow_maps map_flows(void)
{
	size_t buckets = bucket_count();

	return (struct flow_maps){
		.tags = map_memory(is_ipv4() ? "flow_tags4" : "flow_tags6",
				   buckets * sizeof(struct bl_flow_tags)),
		.entries = map_memory(is_ipv4() ? "flows4" : "flows6",
				      buckets * BL_FLOW_WAYS * entry_size()),
	};
}

static void unmap_flows(struct flow_maps *maps)
{
	size_t buckets = bucket_count();

	cr_assert_eq(munmap(maps->tags, buckets * sizeof(struct bl_flow_tags)), 0);
	cr_assert_eq(munmap(maps->entries, buckets * BL_FLOW_WAYS * entry_size()), 0);
}

static struct bl_flow4 *entry4(const struct place *place)
{
	return place->entry;
}

static struct bl_flow6 *entry6(const struct place *place)
{
	return place->entry;
}

static bool has_key(const struct place *place, const struct bl_tuple *tuple)
{
	struct bl_flow4_key key4 = {.source_port = tuple->source_port,
				    .destination_port = tuple->destination_port,
				    .family = tuple->family,
				    .protocol = tuple->protocol};

	memcpy(key4.source, tuple->source.ipv4, 4);
	memcpy(key4.destination, tuple->destination.ipv4, 4);
	return is_ipv4() ? !memcmp(&entry4(place)->key, &key4, sizeof(key4))
			 : !memcmp(&entry6(place)->key, tuple, sizeof(*tuple));
}

static bool find_flow(const struct flow_maps *maps, const struct ends *ends, struct place *ret)
{
	struct bl_tuple tuple = tuple_of(ends);
	uint32_t buckets = bucket_count();

	for (uint32_t i = 0; i < buckets * BL_FLOW_WAYS; i++) {
		ret->bucket = i / BL_FLOW_WAYS;
		ret->way = i % BL_FLOW_WAYS;
		ret->entry = maps->entries +
			     bl_flow_index(buckets, ret->bucket, ret->way) * entry_size();
		if (maps->tags[ret->bucket].tags[ret->way] && has_key(ret, &tuple))
			return true;
	}
	return false;
}

static struct bl_flow *flow_in(const struct place *place)
{
	return is_ipv4() ? &entry4(place)->flow : &entry6(place)->flow;
}

static void take_addresses(const struct place *place, struct flow *ret)
{
	memset(&ret->source, 0, sizeof(ret->source));
	memset(&ret->destination, 0, sizeof(ret->destination));
	if (is_ipv4()) {
		memcpy(ret->source.ipv4, entry4(place)->source, 4);
		memcpy(ret->destination.ipv4, entry4(place)->destination, 4);
	} else {
		memcpy(&ret->source, entry6(place)->source, 16);
		memcpy(&ret->destination, entry6(place)->destination, 16);
	}
}

bool packet_flow(const struct ends *ends, struct flow *ret)
{
	struct flow_maps maps = map_flows();
	struct place place;
	bool is_found = find_flow(&maps, ends, &place);

	if (is_found) {
		ret->flow = *flow_in(&place);
		ret->is_established = place.way < BL_FLOW_ESTABLISHED_WAYS;
		take_addresses(&place, ret);
	}
	unmap_flows(&maps);
	return is_found;
}

void packet_flow_age(const struct ends *ends, uint64_t seconds)
{
	uint32_t age = (uint32_t)(seconds * 1000000000ull >> BL_FLOW_TIME_SHIFT);
	struct flow_maps maps = map_flows();
	struct place place;

	cr_assert(find_flow(&maps, ends, &place), "%s: no flow from %s to %s", setting->name,
		  ends->from, ends->to);
	flow_in(&place)->last_seen -= age;
	if (place.way >= BL_FLOW_ESTABLISHED_WAYS)
		maps.tags[place.bucket].seen[place.way - BL_FLOW_ESTABLISHED_WAYS] -= age;
	unmap_flows(&maps);
}

void packet_flow_delete(const struct ends *ends)
{
	struct flow_maps maps = map_flows();
	struct place place;

	cr_assert(find_flow(&maps, ends, &place), "%s: no flow from %s to %s", setting->name,
		  ends->from, ends->to);
	maps.tags[place.bucket].tags[place.way] = 0;
	unmap_flows(&maps);
}

static size_t count_ways(uint32_t first, uint32_t end)
{
	struct flow_maps maps = map_flows();
	size_t count = 0;

	for (uint32_t i = 0; i < bucket_count(); i++)
		for (uint32_t way = first; way < end; way++)
			count += maps.tags[i].tags[way] != 0;
	unmap_flows(&maps);
	return count;
}

size_t packet_established_count(void)
{
	return count_ways(0, BL_FLOW_ESTABLISHED_WAYS);
}

size_t packet_flow_count(void)
{
	return count_ways(0, BL_FLOW_WAYS);
}

/* Without its tag an entry is none. */
void packet_flows_clear(void)
{
	static const char *const names[] = {"flow_tags4", "flow_tags6"};
	const size_t sizes[] = {BL_FLOWS4_BUCKETS * sizeof(struct bl_flow_tags),
				BL_FLOWS6_BUCKETS * sizeof(struct bl_flow_tags)};

	for (size_t i = 0; i < 2; i++) {
		void *memory = map_memory(names[i], sizes[i]);

		memset(memory, 0, sizes[i]);
		cr_assert_eq(munmap(memory, sizes[i]), 0);
	}
}
