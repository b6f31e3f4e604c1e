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

/* Where a flow stands: an established one in its map, one that waits in a copy of its bucket. */
struct place {
	bool is_pending;
	uint32_t index; /* of the bucket */
	uint32_t way;
	void *mapped; /* the bucket; of established flows */
	struct bl_pending_bucket bucket;
};

static bool is_ipv4(void)
{
	return setting->family == 4;
}

static uint32_t bucket_count(void)
{
	return is_ipv4() ? BL_FLOWS4_BUCKETS : BL_FLOWS6_BUCKETS;
}

static size_t bucket_size(void)
{
	return is_ipv4() ? sizeof(struct bl_flow4_bucket) : sizeof(struct bl_flow6_bucket);
}

static size_t flows_size(void)
{
	return bucket_count() * bucket_size();
}

static char *map_flows(void)
{
	char *memory = mmap(NULL, flows_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
			    map_fd(is_ipv4() ? "flows4" : "flows6"), 0);

	cr_assert_neq(memory, MAP_FAILED, "cannot map flows: %s", strerror(errno));
	return memory;
}

static void unmap_flows(char *memory)
{
	cr_assert_eq(munmap(memory, flows_size()), 0);
}

/* A bucket of either family begins with its tags. */
static uint32_t *tags_of(char *flows, uint32_t index)
{
	return (uint32_t *)(flows + index * bucket_size());
}

static struct bl_flow4 *entry4(const struct place *place)
{
	return &((struct bl_flow4_bucket *)place->mapped)->entries[place->way];
}

static struct bl_flow6 *entry6(const struct place *place)
{
	return &((struct bl_flow6_bucket *)place->mapped)->entries[place->way];
}

static bool has_key(const struct place *place, const struct bl_tuple *tuple)
{
	struct bl_flow4_key key4 = {.source_port = tuple->source_port,
				    .destination_port = tuple->destination_port,
				    .protocol = tuple->protocol};
	struct bl_flow6_key key6 = {.source_port = tuple->source_port,
				    .destination_port = tuple->destination_port,
				    .protocol = tuple->protocol};

	memcpy(key4.source, tuple->source.ipv4, 4);
	memcpy(key4.destination, tuple->destination.ipv4, 4);
	memcpy(key6.source, tuple->source.ipv6, 16);
	memcpy(key6.destination, tuple->destination.ipv6, 16);
	return is_ipv4() ? !memcmp(&entry4(place)->key, &key4, sizeof(key4))
			 : !memcmp(&entry6(place)->key, &key6, sizeof(key6));
}

static bool find_established(char *flows, const struct bl_tuple *tuple, struct place *ret)
{
	for (uint32_t i = 0; i < bucket_count() * BL_FLOW_WAYS; i++) {
		ret->index = i / BL_FLOW_WAYS;
		ret->way = i % BL_FLOW_WAYS;
		ret->mapped = tags_of(flows, ret->index);
		if (tags_of(flows, ret->index)[ret->way] && has_key(ret, tuple))
			return true;
	}
	return false;
}

static struct bl_pending_bucket *all_pending(void)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	struct bl_pending_bucket *buckets = calloc(BL_PENDING_BUCKETS, sizeof(*buckets));
	uint32_t *keys = calloc(BL_PENDING_BUCKETS, sizeof(*keys));
	uint32_t next, count = BL_PENDING_BUCKETS;
	int r;

	cr_assert(buckets && keys);
	r = bpf_map_lookup_batch(map_fd("pending"), NULL, &next, keys, buckets, &count, &opts);
	cr_assert((r == 0 || errno == ENOENT) && count == BL_PENDING_BUCKETS, "map 'pending': %s",
		  strerror(errno));
	free(keys);
	return buckets;
}

static bool find_pending(const struct bl_tuple *tuple, struct place *ret)
{
	struct bl_pending_bucket *buckets = all_pending();
	bool is_found = false;

	ret->is_pending = true;
	for (uint32_t i = 0; !is_found && i < BL_PENDING_BUCKETS * BL_PENDING_WAYS; i++) {
		ret->index = i / BL_PENDING_WAYS;
		ret->way = i % BL_PENDING_WAYS;
		is_found =
			buckets[ret->index].tags[ret->way] &&
			!memcmp(&buckets[ret->index].entries[ret->way].from, tuple, sizeof(*tuple));
	}
	ret->bucket = buckets[ret->index];
	free(buckets);
	return is_found;
}

static bool find_flow(char *flows, const struct ends *ends, struct place *ret)
{
	struct bl_tuple tuple = tuple_of(ends);

	memset(ret, 0, sizeof(*ret));
	return find_established(flows, &tuple, ret) || find_pending(&tuple, ret);
}

static struct bl_flow *flow_in(struct place *place)
{
	if (place->is_pending)
		return &place->bucket.entries[place->way].flow;
	return is_ipv4() ? &entry4(place)->flow : &entry6(place)->flow;
}

static void store_pending(const struct place *place)
{
	if (place->is_pending)
		cr_assert_eq(bpf_map_update_elem(map_fd("pending"), &place->index, &place->bucket,
						 BPF_ANY),
			     0);
}

static void take_pending(const struct bl_pending *entry, struct flow *ret)
{
	ret->source = entry->to.source;
	ret->destination = entry->to.destination;
	ret->flow.source_port = entry->to.source_port;
	ret->flow.destination_port = entry->to.destination_port;
}

static void take_established(const struct place *place, struct flow *ret)
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
	static struct place place;
	char *flows = map_flows();
	bool is_found = find_flow(flows, ends, &place);

	if (is_found) {
		ret->flow = *flow_in(&place);
		ret->is_established = !place.is_pending;
		if (place.is_pending)
			take_pending(&place.bucket.entries[place.way], ret);
		else
			take_established(&place, ret);
	}
	unmap_flows(flows);
	return is_found;
}

void packet_flow_age(const struct ends *ends, uint64_t seconds)
{
	static struct place place;
	char *flows = map_flows();

	cr_assert(find_flow(flows, ends, &place), "%s: no flow from %s to %s", setting->name,
		  ends->from, ends->to);
	flow_in(&place)->last_seen -= (uint32_t)(seconds * 1000000000ull >> BL_FLOW_TIME_SHIFT);
	store_pending(&place);
	unmap_flows(flows);
}

void packet_flow_delete(const struct ends *ends)
{
	static struct place place;
	char *flows = map_flows();

	cr_assert(find_flow(flows, ends, &place), "%s: no flow from %s to %s", setting->name,
		  ends->from, ends->to);
	if (place.is_pending)
		place.bucket.tags[place.way] = 0;
	else
		tags_of(flows, place.index)[place.way] = 0;
	store_pending(&place);
	unmap_flows(flows);
}

size_t packet_established_count(void)
{
	char *flows = map_flows();
	size_t count = 0;

	for (uint32_t i = 0; i < bucket_count() * BL_FLOW_WAYS; i++)
		count += tags_of(flows, i / BL_FLOW_WAYS)[i % BL_FLOW_WAYS] != 0;
	unmap_flows(flows);
	return count;
}

size_t packet_flow_count(void)
{
	struct bl_pending_bucket *buckets = all_pending();
	size_t count = packet_established_count();

	for (uint32_t i = 0; i < BL_PENDING_BUCKETS * BL_PENDING_WAYS; i++)
		count += buckets[i / BL_PENDING_WAYS].tags[i % BL_PENDING_WAYS] != 0;
	free(buckets);
	return count;
}

void packet_flows_clear(void)
{
	static const char *const names[] = {"flows4", "flows6"};
	const size_t sizes[] = {BL_FLOWS4_BUCKETS * sizeof(struct bl_flow4_bucket),
				BL_FLOWS6_BUCKETS * sizeof(struct bl_flow6_bucket)};
	struct bl_pending_bucket *empty = calloc(BL_PENDING_BUCKETS, sizeof(*empty));

	for (size_t i = 0; i < 2; i++) {
		void *memory = mmap(NULL, sizes[i], PROT_READ | PROT_WRITE, MAP_SHARED,
				    map_fd(names[i]), 0);

		cr_assert_neq(memory, MAP_FAILED, "cannot map flows: %s", strerror(errno));
		memset(memory, 0, sizes[i]);
		cr_assert_eq(munmap(memory, sizes[i]), 0);
	}
	cr_assert_not_null(empty);
	packet_put_all("pending", BL_PENDING_BUCKETS, empty);
	free(empty);
}
