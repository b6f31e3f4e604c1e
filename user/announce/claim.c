/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "announce/claim.h"

#include <string.h>

#define SILENCE 3 /* intervals without a word, after which an owner counts as gone */

static const uint8_t nobody[BL_MAC_LEN];

const char *bl_claim_state_name(enum bl_claim_state state)
{
	static const char *const names[BL_CLAIM_STATE_COUNT] = {
		[BL_CLAIM_IDLE] = "idle",
		[BL_CLAIM_ASKING] = "asking",
		[BL_CLAIM_LISTENING] = "elsewhere",
		[BL_CLAIM_OWNED] = "here",
	};

	return names[state];
}

static uint64_t mix(uint64_t hash, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ bytes[i]) * 1099511628211ull;
	return hash;
}

/* The last steps spread the MAC's last byte over the upper bits, which compare first. */
uint64_t bl_claim_order(const struct bl_addr *address, const uint8_t mac[static BL_MAC_LEN])
{
	uint64_t hash = mix(14695981039346656037ull, address->ip.ipv6, sizeof(address->ip.ipv6));

	hash = mix(hash, mac, BL_MAC_LEN);
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdull;
	return hash ^ hash >> 33;
}

void bl_claim_init(struct bl_claim *claim, const struct bl_addr *address,
		   const uint8_t mac[static BL_MAC_LEN])
{
	*claim = (struct bl_claim){
		.address = *address,
		.interval_us = BL_CLAIM_INTERVAL_USEC,
		.due_us = BL_CLAIM_NEVER,
		.skew_us = bl_claim_order(address, mac) % BL_CLAIM_SKEW_USEC,
	};
}

static enum bl_claim_action become_idle(struct bl_claim *claim)
{
	bool owned = claim->state == BL_CLAIM_OWNED;

	claim->state = BL_CLAIM_IDLE;
	claim->due_us = BL_CLAIM_NEVER;
	memset(claim->holder, 0, BL_MAC_LEN);
	/* A question of the one that had it lets others know at once. */
	return owned ? BL_CLAIM_ASK : BL_CLAIM_SILENT;
}

static enum bl_claim_action become_owner(struct bl_claim *claim, uint64_t now_us)
{
	claim->state = BL_CLAIM_OWNED;
	claim->sent = 1;
	claim->due_us = now_us + BL_CLAIM_BURST_USEC;
	memset(claim->holder, 0, BL_MAC_LEN);
	return BL_CLAIM_TELL;
}

static void begin_asking(struct bl_claim *claim, uint64_t due_us)
{
	claim->state = BL_CLAIM_ASKING;
	claim->sent = 0;
	claim->due_us = due_us;
}

static void listen_to(struct bl_claim *claim, const uint8_t *holder, uint64_t now_us)
{
	claim->state = BL_CLAIM_LISTENING;
	claim->due_us = now_us + SILENCE * claim->interval_us + claim->skew_us;
	memcpy(claim->holder, holder, BL_MAC_LEN);
}

enum bl_claim_action bl_claim_set(struct bl_claim *claim, bool wanted, enum bl_claim_say say,
				  uint64_t interval_us, uint64_t now_us)
{
	enum bl_claim_say before = claim->say;

	claim->interval_us = interval_us;
	claim->say = say;
	/* Who decided may decide otherwise without this node hearing of it. */
	if (say != BL_CLAIM_BY_LINK)
		claim->lent = false;
	else if (before == BL_CLAIM_HERE)
		claim->lent = true;
	if (!wanted || say == BL_CLAIM_ELSEWHERE)
		return become_idle(claim);
	if (say == BL_CLAIM_HERE)
		return claim->state == BL_CLAIM_OWNED ? BL_CLAIM_SILENT
						      : become_owner(claim, now_us);
	/* Who it was given to has it still, and is not to lose it by an answer that comes late. */
	if (before == BL_CLAIM_ELSEWHERE)
		listen_to(claim, nobody, now_us);
	else if (claim->state == BL_CLAIM_IDLE)
		begin_asking(claim, now_us + claim->skew_us);
	return BL_CLAIM_SILENT;
}

static bool is_better(const struct bl_addr *address, const uint8_t *theirs, const uint8_t *ours)
{
	uint64_t a = bl_claim_order(address, theirs);
	uint64_t b = bl_claim_order(address, ours);

	return a != b ? a < b : memcmp(theirs, ours, BL_MAC_LEN) < 0;
}

static enum bl_claim_action hear_tell(struct bl_claim *claim, const struct bl_frame *frame,
				      const uint8_t *mac, uint64_t now_us)
{
	if (claim->state == BL_CLAIM_ASKING || claim->state == BL_CLAIM_LISTENING) {
		listen_to(claim, frame->mac, now_us);
		return BL_CLAIM_SILENT;
	}
	if (claim->say == BL_CLAIM_BY_LINK &&
	    (claim->lent || is_better(&claim->address, frame->mac, mac))) {
		claim->lent = false;
		listen_to(claim, frame->mac, now_us);
		return BL_CLAIM_SILENT;
	}
	if (claim->defended_us && now_us - claim->defended_us < BL_CLAIM_DEFEND_USEC)
		return BL_CLAIM_SILENT;
	claim->defended_us = now_us;
	return BL_CLAIM_TELL;
}

/* Of one that would have the address. The one that had it gave it up, or begins anew after a
 * restart: then he tells of it soon. */
static void hear_probe(struct bl_claim *claim, const struct bl_frame *frame, const uint8_t *mac,
		       uint64_t now_us)
{
	if (claim->state == BL_CLAIM_LISTENING && !memcmp(claim->holder, frame->mac, BL_MAC_LEN))
		claim->due_us = now_us + BL_CLAIM_LEAVE_USEC + claim->skew_us;
	else if (claim->state == BL_CLAIM_ASKING && is_better(&claim->address, frame->mac, mac))
		listen_to(claim, frame->mac, now_us);
}

enum bl_claim_action bl_claim_hear(struct bl_claim *claim, const struct bl_frame *frame,
				   const uint8_t mac[static BL_MAC_LEN], uint64_t now_us)
{
	if (claim->state == BL_CLAIM_IDLE)
		return BL_CLAIM_SILENT;
	if (frame->kind == BL_FRAME_TELL)
		return hear_tell(claim, frame, mac, now_us);
	if (bl_addr_is_unspecified(&frame->sender))
		hear_probe(claim, frame, mac, now_us);
	return BL_CLAIM_SILENT;
}

enum bl_claim_action bl_claim_turn(struct bl_claim *claim, uint64_t now_us)
{
	switch (claim->state) {
	case BL_CLAIM_LISTENING:
		begin_asking(claim, now_us);
		__attribute__((fallthrough));
	case BL_CLAIM_ASKING:
		if (claim->sent == BL_CLAIM_ASKS)
			return become_owner(claim, now_us);
		claim->sent++;
		claim->due_us = now_us + BL_CLAIM_ASK_USEC;
		return BL_CLAIM_ASK;
	case BL_CLAIM_OWNED:
		if (claim->sent < BL_CLAIM_BURST)
			claim->sent++;
		claim->due_us = now_us + (claim->sent < BL_CLAIM_BURST ? BL_CLAIM_BURST_USEC
								       : claim->interval_us);
		return BL_CLAIM_TELL;
	default:
		claim->due_us = BL_CLAIM_NEVER;
		return BL_CLAIM_SILENT;
	}
}
