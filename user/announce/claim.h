/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who answers for one address: this node, or another on the same link. Without anybody to ask, the
 * nodes agree on the link itself, as RFC 5227 has hosts find out whether an address is free: who
 * would have it asks four times, takes it when nobody says that he has it, and tells of it at
 * every interval from then on. Who hears that steps back and waits until nothing was heard for
 * three intervals; an owner that gives it up asks for it once. Where two have it, or ask in the
 * same moment, the one of the lower order stays, which is drawn from address and MAC. An owner
 * keeps what he has when a better one comes: connections would break. Where somebody decides and
 * then says nothing any more, the one that has it keeps it, and the others listen three intervals
 * before they ask. Pure: time is a parameter.
 */
#ifndef ANNOUNCE_CLAIM_H
#define ANNOUNCE_CLAIM_H

#include "announce/frame.h"

#define BL_CLAIM_ASK_USEC (250 * 1000ull)
#define BL_CLAIM_ASKS 4                    /* a busy machine answers late */
#define BL_CLAIM_SKEW_USEC (250 * 1000ull) /* at most; by the order, so that two differ */
#define BL_CLAIM_INTERVAL_USEC (2 * 1000 * 1000ull)
#define BL_CLAIM_BURST 5 /* times that a new owner tells in quick succession */
#define BL_CLAIM_BURST_USEC (1100 * 1000ull)
#define BL_CLAIM_DEFEND_USEC (100 * 1000ull) /* between two answers to another owner */
#define BL_CLAIM_LEAVE_USEC (750 * 1000ull)  /* in which an owner that was restarted has asked */
#define BL_CLAIM_NEVER UINT64_MAX

enum bl_claim_say { /* who decides, and what it says */
		    BL_CLAIM_BY_LINK,
		    BL_CLAIM_HERE,
		    BL_CLAIM_ELSEWHERE,
};

enum bl_claim_state {
	BL_CLAIM_IDLE,      /* not for this node */
	BL_CLAIM_ASKING,    /* is it free? */
	BL_CLAIM_LISTENING, /* another has it */
	BL_CLAIM_OWNED,
	BL_CLAIM_STATE_COUNT,
};
const char *bl_claim_state_name(enum bl_claim_state state); /* "here", "elsewhere" ... */

enum bl_claim_action { /* what to send, on every device */
		       BL_CLAIM_SILENT,
		       BL_CLAIM_ASK,
		       BL_CLAIM_TELL,
};

struct bl_claim {
	struct bl_addr address;
	enum bl_claim_say say;
	bool lent; /* has it from who decided, who says nothing any more */
	enum bl_claim_state state;
	uint8_t holder[BL_MAC_LEN]; /* who else has it; zeros: nobody known */
	uint64_t interval_us;
	uint64_t due_us; /* when to turn again; BL_CLAIM_NEVER */
	uint64_t defended_us;
	uint64_t skew_us;
	unsigned int sent; /* questions, or tellings of the burst */
};

/* Idle. `mac`: of this node, for how long it waits before it asks. */
void bl_claim_init(struct bl_claim *claim, const struct bl_addr *address,
		   const uint8_t mac[static BL_MAC_LEN]);
/* `wanted`: this node could serve it. Also when nothing changed. */
enum bl_claim_action bl_claim_set(struct bl_claim *claim, bool wanted, enum bl_claim_say say,
				  uint64_t interval_us, uint64_t now_us);
/* A frame of another machine about the address, that came in by the device with this MAC. Questions
 * are the caller's to answer. */
enum bl_claim_action bl_claim_hear(struct bl_claim *claim, const struct bl_frame *frame,
				   const uint8_t mac[static BL_MAC_LEN], uint64_t now_us);
/* To be called when due. */
enum bl_claim_action bl_claim_turn(struct bl_claim *claim, uint64_t now_us);

/* Lower stays. */
uint64_t bl_claim_order(const struct bl_addr *address, const uint8_t mac[static BL_MAC_LEN]);

#endif
