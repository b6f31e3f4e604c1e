/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One Ethernet device as the announcer sees it: a packet socket for ARP, one for neighbour messages
 * of IPv6 that a filter in the kernel picks, and the multicast groups that questions go to.
 */
#ifndef ANNOUNCE_LINK_H
#define ANNOUNCE_LINK_H

#include "announce/frame.h"
#include "base/err.h"
#include "base/map.h"

struct bl_link {
	uint32_t ifindex;
	uint8_t mac[BL_MAC_LEN];
	int arp_fd;
	int neighbour_fd;
	int group_fd;          /* holds the memberships; -1: this machine has no IPv6 */
	struct bl_map *groups; /* union bl_ip bytes, joined */
	bool all_groups;       /* memberships ran out; the device takes every multicast frame */
};

/* -ENODEV: not there, down or no Ethernet; else what the kernel refused. */
int bl_link_open(uint32_t ifindex, struct bl_link *ret, struct bl_err *err);
void bl_link_close(struct bl_link *link); /* also half-built */

/* Is it the device that was opened, and has it a link? */
bool bl_link_is_up(const struct bl_link *link);

/* Joins what is in `wanted` (union bl_ip bytes) and leaves all else. */
void bl_link_set_groups(struct bl_link *link, const struct bl_map *wanted);
/* Frames of the family; what cannot be sent is lost, as any frame may be. */
void bl_link_send(const struct bl_link *link, uint8_t family, const uint8_t *frame, size_t len);
/* One frame for us or for all; -EAGAIN, -ENETDOWN and others of recv. 0: one that is not. */
ssize_t bl_link_receive(int fd, uint8_t *buffer, size_t size);

#endif
