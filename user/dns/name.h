/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Domain names in wire form, in lower case, and what Kubernetes writes into them: addresses with
 * dashes and the names of reverse look-ups. Knows no records.
 */
#ifndef DNS_NAME_H
#define DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

#define BL_DNS_NAME_MAX 255
#define BL_DNS_LABEL_MAX 63
#define BL_DNS_LABELS_MAX 127

/* A name, or some labels that are to become the front of one. */
struct bl_dns_name {
	uint8_t wire[BL_DNS_NAME_MAX + 1];
	size_t len;  /* without the root's byte until bl_dns_name_finish */
	bool failed; /* a label or the whole became too long: the name is no name */
};

void bl_dns_name_add(struct bl_dns_name *name, const char *label);
void bl_dns_name_add_bytes(struct bl_dns_name *name, const uint8_t *label, size_t len);
/* Whole labels in wire form, without the root. */
void bl_dns_name_add_wire(struct bl_dns_name *name, const uint8_t *wire, size_t len);
/* "cluster.local", a last dot allowed. */
void bl_dns_name_add_text(struct bl_dns_name *name, const char *text);
/* Adds the root. -ENAMETOOLONG when any step failed. */
int bl_dns_name_finish(struct bl_dns_name *name);

/* The labels of a whole name: where each begins. Returns how many. */
size_t bl_dns_name_split(const uint8_t *wire, uint8_t offsets[static BL_DNS_LABELS_MAX]);

/* "10-0-0-1", "fd00--1": the label for an address, as CoreDNS writes it. */
void bl_dns_name_add_dashed(struct bl_dns_name *name, const struct bl_addr *addr);
/* The address that a label of that form stands for; false when it is none. */
bool bl_dns_label_address(const uint8_t *label, size_t len, struct bl_addr *ret);

/* A name below in-addr.arpa or ip6.arpa, read from its end. */
struct bl_dns_reverse_name {
	struct bl_prefix prefix; /* what its labels say: all bits of an address, or the first */
	bool has_more;           /* labels before them that are no part of an address */
};

/* False when it is no such name; `ret` is untouched then. */
bool bl_dns_name_read_reverse(const uint8_t *wire, struct bl_dns_reverse_name *ret);
/* Is it the name of one whole address? */
bool bl_dns_reverse_is_address(const struct bl_dns_reverse_name *name);
/* Bits of a label: an octet of IPv4, a nibble of IPv6. */
unsigned int bl_dns_reverse_label_bits(uint8_t family);

#endif
