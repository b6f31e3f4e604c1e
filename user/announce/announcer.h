/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Answers ARP and neighbour discovery for addresses that no device has, on the devices that it is
 * given, by packet sockets: frames of other kinds are not seen here. What this process does not
 * answer nobody does: when it ends, another node takes over. Knows no Services; claim.h says who
 * answers for what. One thread, in the caller's loop.
 */
#ifndef ANNOUNCE_ANNOUNCER_H
#define ANNOUNCE_ANNOUNCER_H

#include <systemd/sd-event.h>

#include "announce/claim.h"
#include "base/cleanup.h"
#include "base/err.h"

struct bl_announcer;

struct bl_announcer_view {
	struct bl_addr address;
	enum bl_claim_state state;
	uint8_t holder[BL_MAC_LEN]; /* of another machine that answers; zeros: none known */
};

/* Called after each change of a state or holder; may not call back. */
typedef void bl_announcer_changed_fn(const struct bl_announcer_view *before,
				     const struct bl_announcer_view *now, void *userdata);

/* `interval_us`: between two tellings of an owner, or more when there are very many addresses;
 * three of them without a word, and another takes over. 0: BL_CLAIM_INTERVAL_USEC. */
int bl_announcer_new(sd_event *loop, uint64_t interval_us, bl_announcer_changed_fn *changed,
		     void *userdata, struct bl_announcer **ret);
struct bl_announcer *bl_announcer_free(struct bl_announcer *announcer); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_announcer *, bl_announcer_free);

/* The devices in use from now on. Those that are down, not there or no Ethernet are left out: err
 * holds why (-errno) when a socket could not be had for one; the others are in use. */
int bl_announcer_set_devices(struct bl_announcer *announcer, const uint32_t *ifindexes,
			     size_t count, struct bl_err *err);

/* Asked before anything is said of an address that this node was given (BL_CLAIM_HERE): may it
 * still? For a process that was not run for a while, and does not know yet that its time is over.
 * NULL: it may. */
void bl_announcer_set_guard(struct bl_announcer *announcer, bool (*may_act)(void *userdata),
			    void *userdata);

/* Is any of them up, so that this node can be heard? */
bool bl_announcer_has_link(const struct bl_announcer *announcer);

/* All addresses: begin, put each, end; what was not put is given up. `wanted`: this node could
 * serve it. */
void bl_announcer_begin(struct bl_announcer *announcer);
int bl_announcer_put(struct bl_announcer *announcer, const struct bl_addr *address, bool wanted,
		     enum bl_claim_say say);
void bl_announcer_end(struct bl_announcer *announcer);

/* Walks over the addresses, in no order; false at the end. */
bool bl_announcer_next(const struct bl_announcer *announcer, size_t *cursor,
		       struct bl_announcer_view *ret);
/* -ENOENT */
int bl_announcer_find(const struct bl_announcer *announcer, const struct bl_addr *address,
		      struct bl_announcer_view *ret);

#endif
