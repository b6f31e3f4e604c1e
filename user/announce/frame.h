/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Frames of address resolution, as Ethernet carries them: ARP (RFC 826, 5227) and the neighbour
 * solicitations and advertisements of IPv6 (RFC 4861). Pure: bytes in, facts out, and back.
 */
#ifndef ANNOUNCE_FRAME_H
#define ANNOUNCE_FRAME_H

#include "base/addr.h"

#define BL_MAC_LEN 6
#define BL_FRAME_MAX 86u /* Ethernet, IPv6, a neighbour message with one link-layer address */

enum bl_frame_kind {
	BL_FRAME_ASK,  /* who has the address? */
	BL_FRAME_TELL, /* the sender has it */
};

struct bl_frame {
	enum bl_frame_kind kind;
	struct bl_addr address;  /* that is asked for, or told of */
	struct bl_addr sender;   /* who asks; unspecified: one that would take the address itself */
	uint8_t mac[BL_MAC_LEN]; /* of the sender */
};

/*
 * -ENOENT for frames of another kind, -EBADMSG for those that are cut off, lie about lengths, have
 * a wrong checksum, or came through a router.
 */
int bl_frame_parse(const uint8_t *bytes, size_t len, struct bl_frame *ret);

/* Each writes one frame and returns its length. A question of one that would take the address. */
size_t bl_frame_ask(const struct bl_addr *address, const uint8_t mac[static BL_MAC_LEN],
		    uint8_t ret[static BL_FRAME_MAX]);
/* The answer to a question: to who asks alone, or to all when that is nobody yet. */
size_t bl_frame_answer(const struct bl_frame *question, const uint8_t mac[static BL_MAC_LEN],
		       uint8_t ret[static BL_FRAME_MAX]);
/* Unasked, to everybody: gratuitous ARP, or an unsolicited advertisement that overrides. `reply`:
 * ARP has two forms, and neighbours that hear only one of them. */
size_t bl_frame_tell(const struct bl_addr *address, const uint8_t mac[static BL_MAC_LEN],
		     bool reply, uint8_t ret[static BL_FRAME_MAX]);

/* The group that questions about an IPv6 address go to (ff02::1:ffXX:XXXX). */
struct bl_addr bl_frame_group(const struct bl_addr *address);

#endif
