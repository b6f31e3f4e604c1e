/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fragments: the first one has the ports, and leaves them for those that follow. One that overtakes
 * the first finds nothing and is left to the stack.
 */
#ifndef BPF_FRAGMENT_H
#define BPF_FRAGMENT_H

#include "flow.h"

#define BL_FRAGMENT_NS (30 * BL_SECOND_NS) /* as long as Linux waits for the rest */

static __always_inline void bl_fragment4_key_set(struct bl_fragment4_key *key,
						 const struct bl_packet *packet)
{
	__builtin_memcpy(key->source, packet->tuple.source.ipv4, sizeof(key->source));
	__builtin_memcpy(key->destination, packet->tuple.destination.ipv4,
			 sizeof(key->destination));
	key->id = (__be16)packet->fragment_id;
	key->protocol = packet->tuple.protocol;
}

static __always_inline void bl_fragment6_key_set(struct bl_fragment6_key *key,
						 const struct bl_packet *packet)
{
	__builtin_memcpy(key->source, packet->tuple.source.ipv6, sizeof(key->source));
	__builtin_memcpy(key->destination, packet->tuple.destination.ipv6,
			 sizeof(key->destination));
	key->id = packet->fragment_id;
	key->protocol = packet->tuple.protocol;
}

static __noinline int bl_fragment_store(const struct bl_packet *packet)
{
	struct bl_fragment value = {.source_port = packet->tuple.source_port,
				    .destination_port = packet->tuple.destination_port,
				    .seen_ns = bl_now_ns()};
	struct bl_fragment4_key key4 = {0};
	struct bl_fragment6_key key6 = {0};

	/* When memory is short, the rest of the datagram is lost like any lost packet. */
	if (packet->tuple.family == BL_FAMILY_IPV4) {
		bl_fragment4_key_set(&key4, packet);
		return (int)bpf_map_update_elem(&fragments4, &key4, &value, BPF_ANY);
	}
	bl_fragment6_key_set(&key6, packet);
	return (int)bpf_map_update_elem(&fragments6, &key6, &value, BPF_ANY);
}

/* Fills the ports of a later fragment. 0: they are not known. */
static __noinline int bl_fragment_find(struct bl_packet *packet)
{
	struct bl_fragment4_key key4 = {0};
	struct bl_fragment6_key key6 = {0};
	const struct bl_fragment *found;

	if (packet->tuple.family == BL_FAMILY_IPV4) {
		bl_fragment4_key_set(&key4, packet);
		found = bpf_map_lookup_elem(&fragments4, &key4);
	} else {
		bl_fragment6_key_set(&key6, packet);
		found = bpf_map_lookup_elem(&fragments6, &key6);
	}
	/* Another CPU's time may have been ahead by a jiffy. */
	if (!found || (__s64)(bl_now_ns() - found->seen_ns) > (__s64)BL_FRAGMENT_NS)
		return 0;
	packet->tuple.source_port = found->source_port;
	packet->tuple.destination_port = found->destination_port;
	return 1;
}

#endif
