/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client from outside and a frontend: whether it may, and which backend it gets.
 */
#ifndef BPF_ADMIT_H
#define BPF_ADMIT_H

#include "count.h"
#include "flow.h"
#include "guard.h"

/* The frontend that a packet from outside reaches, or why none. */
static __always_inline enum bl_reason bl_admit_frontend(const struct bl_tuple *tuple,
							struct bl_frontend *ret)
{
	const struct bl_frontend *found = bl_frontend_lookup(
		&tuple->destination, tuple->family, tuple->destination_port, tuple->protocol);

	if (!found)
		return BL_REASON_NOT_A_SERVICE;
	/* The kernel may give the element to another key once it is replaced. */
	*ret = *found;
	if (ret->flags & BL_FRONTEND_F_HOST_ONLY ||
	    (ret->flags & BL_FRONTEND_F_INTERNAL_ONLY && !tunables.cluster_ip_from_outside))
		return BL_REASON_NOT_OUTSIDE;
	return BL_REASON_TRANSLATED;
}

static __always_inline bool bl_admit_source(const struct bl_tuple *tuple, __u32 service_id)
{
	struct bl_source4_key key4 = {.prefixlen = 64, .service_id = service_id};
	struct bl_source6_key key6 = {.prefixlen = 160, .service_id = service_id};
	const struct bl_source_range *source;

	if (tuple->family == BL_FAMILY_IPV4) {
		__builtin_memcpy(key4.address, tuple->source.ipv4, sizeof(key4.address));
		source = bpf_map_lookup_elem(&sources4, &key4);
	} else {
		__builtin_memcpy(key6.address, tuple->source.ipv6, sizeof(key6.address));
		source = bpf_map_lookup_elem(&sources6, &key6);
	}
	return source && source->admitted;
}

/* The same on every node, so that another one finds the same place in the same table. */
static __always_inline __u32 bl_admit_hash(const struct bl_tuple *tuple, bool with_port)
{
	struct bl_destination dst = {.address = tuple->destination,
				     .port = tuple->destination_port,
				     .protocol = tuple->protocol};
	__u64 client = with_port ? tuple->source_port : 0;

	client |= (__u64)bl_mix(bl_mix(tuple->source.words[0], tuple->source.words[1]),
				bl_mix(tuple->source.words[2], tuple->source.words[3]))
		  << 32;
	return bl_hash_flow(client, &dst);
}

static __always_inline bool bl_admit_maglev(const struct bl_tuple *tuple,
					    const struct bl_frontend *frontend,
					    struct bl_choice *ret)
{
	__u32 hash = bl_admit_hash(tuple, !(frontend->flags & BL_FRONTEND_F_AFFINITY));
	__u32 index = frontend->maglev.first + bl_choose_hashed(hash, frontend->maglev.count);
	__u32 at = index / BL_MAGLEV_BLOCK;
	const struct bl_maglev_block *block = bpf_map_lookup_elem(&maglev, &at);

	return block && bl_backend_read(block->entries[index % BL_MAGLEV_BLOCK].backend_id, ret) &&
	       ret->backend.service_id == frontend->service_id &&
	       bl_backend_is_serving(&ret->backend);
}

static __always_inline enum bl_reason bl_admit_slot(const struct bl_tuple *tuple,
						    const struct bl_frontend *frontend,
						    struct bl_choice *ret)
{
	__u32 index;

	if (frontend->algorithm == BL_ALGORITHM_MAGLEV && frontend->maglev.count &&
	    bl_admit_maglev(tuple, frontend, ret))
		return BL_REASON_TRANSLATED;
	index = frontend->external.first + bl_choose_drawn(frontend->external.count);
	return bl_slot_read(index, frontend->service_id, ret) ? BL_REASON_TRANSLATED
							      : BL_REASON_INCONSISTENT;
}

static __always_inline enum bl_reason bl_admit_backend(const struct bl_tuple *tuple,
						       const struct bl_frontend *frontend,
						       __u64 now_ns, struct bl_choice *ret)
{
	struct bl_affinity_key key = {.service_id = frontend->service_id,
				      .client_kind = BL_AFFINITY_CLIENT_ADDRESS,
				      .client = tuple->source};
	enum bl_reason reason;

	if (!frontend->external.count) {
		bl_count_refused(frontend->service_id);
		return frontend->flags & BL_FRONTEND_F_EXTERNAL_ELSEWHERE
			       ? BL_REASON_NO_LOCAL_ENDPOINT
			       : BL_REASON_NO_ENDPOINTS;
	}
	if (!(frontend->flags & BL_FRONTEND_F_AFFINITY))
		return bl_admit_slot(tuple, frontend, ret);
	if (bl_affinity_find(frontend, &frontend->external, &key, now_ns, ret))
		return BL_REASON_AFFINITY_HIT;
	reason = bl_admit_slot(tuple, frontend, ret);
	if (reason == BL_REASON_TRANSLATED)
		bl_affinity_store(&key, &frontend->external, ret, now_ns);
	return reason;
}

/* A new flow: its frontend and backend. Anything but TRANSLATED and AFFINITY_HIT is why not. */
static __noinline int bl_admit(const struct bl_packet *packet, __u64 now_ns,
			       struct bl_frontend *ret_frontend, struct bl_choice *ret)
{
	const struct bl_tuple *tuple = &packet->tuple;
	enum bl_reason reason = bl_admit_frontend(tuple, ret_frontend);

	if (reason != BL_REASON_TRANSLATED)
		return reason;
	if (ret_frontend->flags & BL_FRONTEND_F_SOURCE_RANGES &&
	    !bl_admit_source(tuple, ret_frontend->service_id))
		return BL_REASON_SOURCE_REFUSED;
	if (packet->tcp_flags & BL_TCP_RST)
		return BL_REASON_FLOW_CLOSED;
	reason = bl_admit_backend(tuple, ret_frontend, now_ns, ret);
	if ((reason == BL_REASON_TRANSLATED || reason == BL_REASON_AFFINITY_HIT) &&
	    !bl_guard_admits(now_ns))
		return BL_REASON_FLOW_LIMIT;
	return reason;
}

#endif
