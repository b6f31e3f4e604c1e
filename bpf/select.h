/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From what a socket dials to a backend: the frontend, session affinity, the slot. Does not know
 * which hook asks; what it needs of the socket comes in struct bl_client.
 */
#ifndef BPF_SELECT_H
#define BPF_SELECT_H

#include <linux/in.h>

#include "count.h"
#include "lookup.h"
#include "maps.h"

/* The socket that dials. */
struct bl_client {
	__u64 netns_cookie;
	__u64 socket_cookie; /* UDP only */
};

enum bl_filter_bit {
	BL_FILTER_FRONTEND = 1u << 0,
	BL_FILTER_VIRTUAL = 1u << 1,
};

/* What the filter holds possible for an address. One number, so that no half of it is undefined. */
static __always_inline __u32 bl_filter(const union bl_ip *address)
{
	const struct bl_addr_filter_word *word;
	__u32 bit = bl_addr_filter_bit(address->words);
	__u32 index = bit / 64;

	word = bpf_map_lookup_elem(&addr_filter, &index);
	if (!word || !(word->frontend >> bit % 64 & 1))
		return 0;
	return BL_FILTER_FRONTEND | (word->virtual_address >> bit % 64 & 1) * BL_FILTER_VIRTUAL;
}

static __always_inline __u32 bl_choose(const struct bl_client *client,
				       const struct bl_destination *dialled, __u32 count)
{
	if (dialled->protocol == IPPROTO_UDP)
		return bl_choose_hashed(bl_hash_flow(client->socket_cookie, dialled), count);
	return bl_choose_drawn(count);
}

/* The client as session affinity knows it: its pod's address, or its network namespace. */
static __always_inline void bl_affinity_key_set(struct bl_affinity_key *key, __u32 service_id,
						__u64 netns_cookie, __u8 family)
{
	const struct bl_netns_pod *pod = bpf_map_lookup_elem(&netns_pods, &netns_cookie);
	const union bl_ip *address = NULL;

	key->service_id = service_id;
	if (pod)
		address = family == BL_FAMILY_IPV4 ? &pod->ipv4 : &pod->ipv6;
	if (address && !bl_ip_is_zero(address)) {
		key->client_kind = BL_AFFINITY_CLIENT_ADDRESS;
		key->client = *address;
	} else {
		key->client_kind = BL_AFFINITY_CLIENT_NETNS;
		key->client.words[0] = (__u32)netns_cookie;
		key->client.words[1] = netns_cookie >> 32;
	}
}

static __always_inline enum bl_reason bl_choose_slot(const struct bl_client *client,
						     const struct bl_destination *dialled,
						     const struct bl_frontend *frontend,
						     struct bl_choice *ret)
{
	__u32 index =
		frontend->internal.first + bl_choose(client, dialled, frontend->internal.count);

	return bl_slot_read(index, frontend->service_id, ret) ? BL_REASON_TRANSLATED
							      : BL_REASON_INCONSISTENT;
}

static __always_inline enum bl_reason bl_choose_with_affinity(const struct bl_client *client,
							      const struct bl_destination *dialled,
							      const struct bl_frontend *frontend,
							      struct bl_choice *ret)
{
	struct bl_affinity_key key = {0};
	__u64 now_ns = bpf_ktime_get_ns();
	enum bl_reason reason;

	bl_affinity_key_set(&key, frontend->service_id, client->netns_cookie, dialled->family);
	if (bl_affinity_find(frontend, &frontend->internal, &key, now_ns, ret))
		return BL_REASON_AFFINITY_HIT;
	reason = bl_choose_slot(client, dialled, frontend, ret);
	if (reason == BL_REASON_TRANSLATED)
		bl_affinity_store(&key, &frontend->internal, ret, now_ns);
	return reason;
}

/* A frontend was found: its backend, or why there is none. */
static __always_inline enum bl_reason bl_frontend_choose(const struct bl_client *client,
							 const struct bl_destination *dialled,
							 const struct bl_frontend *frontend,
							 struct bl_choice *ret)
{
	enum bl_reason reason;

	if (!frontend->internal.count) {
		bl_count_refused(frontend->service_id);
		return frontend->flags & BL_FRONTEND_F_INTERNAL_ELSEWHERE
			       ? BL_REASON_NO_LOCAL_ENDPOINT
			       : BL_REASON_NO_ENDPOINTS;
	}
	if (frontend->flags & BL_FRONTEND_F_AFFINITY)
		reason = bl_choose_with_affinity(client, dialled, frontend, ret);
	else
		reason = bl_choose_slot(client, dialled, frontend, ret);
	if (reason == BL_REASON_TRANSLATED && frontend->flags & BL_FRONTEND_F_CANARY)
		reason = BL_REASON_CANARY;
	return reason;
}

/* No frontend: refuse ports that nobody has on an address that is for Services alone. */
static __always_inline enum bl_reason bl_unknown(const struct bl_destination *dialled, __u32 filter)
{
	const struct bl_frontend *address;

	if (!(filter & BL_FILTER_VIRTUAL))
		return BL_REASON_NOT_A_SERVICE;
	address = bl_frontend_lookup(&dialled->address, dialled->family, 0, 0);
	if (address && address->flags & BL_FRONTEND_F_VIRTUAL)
		return BL_REASON_UNKNOWN_PORT;
	return BL_REASON_NOT_A_SERVICE;
}

/* Looks twice: the first time the agent may have been between two writes. */
static __always_inline enum bl_reason bl_select(const struct bl_client *client,
						const struct bl_destination *dialled, __u32 filter,
						struct bl_choice *ret)
{
	enum bl_reason reason = BL_REASON_INCONSISTENT;
	const struct bl_frontend *found;
	struct bl_frontend frontend;

	for (int i = 0; i < 2 && reason == BL_REASON_INCONSISTENT; i++) {
		found = bl_frontend_lookup(&dialled->address, dialled->family, dialled->port,
					   dialled->protocol);
		if (!found)
			return bl_unknown(dialled, filter);
		/* The kernel may give the element to another key once it is replaced. */
		frontend = *found;
		if (frontend.flags & BL_FRONTEND_F_HOST_ONLY &&
		    client->netns_cookie != tunables.host_netns_cookie)
			return BL_REASON_HOST_ONLY;
		reason = bl_frontend_choose(client, dialled, &frontend, ret);
	}
	return reason;
}

static __always_inline bool bl_reason_is_rewrite(enum bl_reason reason)
{
	return reason == BL_REASON_TRANSLATED || reason == BL_REASON_AFFINITY_HIT ||
	       reason == BL_REASON_PEER_HIT || reason == BL_REASON_PEER_MOVED ||
	       reason == BL_REASON_CANARY;
}

static __always_inline bool bl_reason_is_refusal(enum bl_reason reason)
{
	return reason == BL_REASON_NO_ENDPOINTS || reason == BL_REASON_NO_LOCAL_ENDPOINT ||
	       reason == BL_REASON_UNKNOWN_PORT || reason == BL_REASON_INCONSISTENT;
}

#endif
