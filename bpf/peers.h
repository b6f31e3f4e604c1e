/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The frontends that an unconnected UDP socket sent to last, and the backend that each got. Pure.
 * Threads may send on one socket at once: an entry is emptied (backend id 0) before it is written
 * and gets its id last, and users check it against the backend itself, so a torn entry is a miss.
 */
#ifndef BPF_PEERS_H
#define BPF_PEERS_H

#include "backend.h"

/* Entry for a destination; NULL when there is none. */
static inline struct bl_translation *bl_peers_find(struct bl_udp_peers *peers,
						   const struct bl_destination *dst)
{
	for (__u32 i = 0; i < BL_UDP_PEERS; i++)
		if (bl_translation_dialled(&peers->peers[i], dst))
			return &peers->peers[i];
	return NULL;
}

/* Entry whose backend sent a datagram; the one used last where two frontends share it. */
static inline struct bl_translation *bl_peers_find_reply(struct bl_udp_peers *peers,
							 const struct bl_destination *src)
{
	struct bl_translation *recent = &peers->peers[peers->recent % BL_UDP_PEERS];

	if (bl_translation_reached(recent, src))
		return recent;
	for (__u32 i = 0; i < BL_UDP_PEERS; i++)
		if (bl_translation_reached(&peers->peers[i], src))
			return &peers->peers[i];
	return NULL;
}

/* Index to write a new entry to: the one it has, a free one, or the oldest. */
static inline __u32 bl_peers_place(struct bl_udp_peers *peers, const struct bl_destination *dst)
{
	__u32 place = BL_UDP_PEERS;

	for (__u32 i = 0; i < BL_UDP_PEERS; i++) {
		if (bl_translation_dialled(&peers->peers[i], dst))
			return i;
		if (place == BL_UDP_PEERS && !peers->peers[i].backend_id)
			place = i;
	}
	if (place == BL_UDP_PEERS) {
		place = peers->next % BL_UDP_PEERS;
		peers->next = place + 1;
	}
	return place;
}

#endif
