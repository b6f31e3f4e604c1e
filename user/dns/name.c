/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "dns/name.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

void bl_dns_name_add_bytes(struct bl_dns_name *name, const uint8_t *label, size_t len)
{
	if (len == 0 || len > BL_DNS_LABEL_MAX || name->len + len + 2 > BL_DNS_NAME_MAX) {
		name->failed = true;
		return;
	}
	name->wire[name->len++] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		name->wire[name->len++] = (uint8_t)tolower(label[i]);
}

void bl_dns_name_add(struct bl_dns_name *name, const char *label)
{
	bl_dns_name_add_bytes(name, (const uint8_t *)label, strlen(label));
}

void bl_dns_name_add_wire(struct bl_dns_name *name, const uint8_t *wire, size_t len)
{
	if (name->len + len + 1 > BL_DNS_NAME_MAX) {
		name->failed = true;
		return;
	}
	memcpy(name->wire + name->len, wire, len);
	name->len += len;
}

void bl_dns_name_add_text(struct bl_dns_name *name, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ".");

		bl_dns_name_add_bytes(name, (const uint8_t *)text, len);
		text += len + (text[len] == '.');
	}
}

int bl_dns_name_finish(struct bl_dns_name *name)
{
	if (name->failed)
		return -ENAMETOOLONG;
	name->wire[name->len++] = 0;
	return 0;
}

size_t bl_dns_name_split(const uint8_t *wire, uint8_t offsets[static BL_DNS_LABELS_MAX])
{
	size_t count = 0;

	for (size_t at = 0; wire[at] && count < BL_DNS_LABELS_MAX; at += wire[at] + 1u)
		offsets[count++] = (uint8_t)at;
	return count;
}

void bl_dns_name_add_dashed(struct bl_dns_name *name, const struct bl_addr *addr)
{
	char text[BL_ADDR_TEXT];

	(void)bl_addr_format(addr, text);
	for (char *at = text; *at; at++)
		if (*at == '.' || *at == ':')
			*at = '-';
	bl_dns_name_add(name, text);
}

bool bl_dns_label_address(const uint8_t *label, size_t len, struct bl_addr *ret)
{
	char text[BL_ADDR_TEXT];
	size_t dashes = 0;

	if (len >= sizeof(text))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (label[i] != '-' && !isxdigit(label[i]))
			return false;
		dashes += label[i] == '-';
	}
	memcpy(text, label, len);
	text[len] = '\0';
	/* Four decimal parts can only be IPv4; whatever has another shape is tried as IPv6. */
	for (unsigned int round = 0; round < 2; round++) {
		if (round == 0 && dashes != 3)
			continue;
		for (size_t i = 0; i < len; i++)
			if (label[i] == '-')
				text[i] = round == 0 ? '.' : ':';
		if (bl_addr_parse(text, ret) == 0)
			return true;
	}
	return false;
}

/* Wire form of the end of a name. */
static bool ends_with(const uint8_t *wire, const uint8_t *offsets, size_t count, const char *first)
{
	size_t len = strlen(first);
	const uint8_t *at;

	if (count < 2)
		return false;
	at = wire + offsets[count - 1];
	if (at[0] != 4 || memcmp(at + 1, "arpa", 4) != 0)
		return false;
	at = wire + offsets[count - 2];
	return at[0] == len && memcmp(at + 1, first, len) == 0;
}

static bool read_number(const uint8_t *label, uint8_t *ret)
{
	unsigned int value = 0;

	if (label[0] == 0 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
		return false;
	for (uint8_t i = 1; i <= label[0]; i++) {
		if (!isdigit(label[i]))
			return false;
		value = value * 10 + (label[i] - '0');
	}
	*ret = (uint8_t)value;
	return value <= 255;
}

static bool read_nibble(const uint8_t *label, uint8_t *ret)
{
	if (label[0] != 1 || !isxdigit(label[1]))
		return false;
	*ret = (uint8_t)(isdigit(label[1]) ? label[1] - '0' : tolower(label[1]) - 'a' + 10);
	return true;
}

unsigned int bl_dns_reverse_label_bits(uint8_t family)
{
	return family == BL_FAMILY_IPV4 ? 8 : 4;
}

static void read_labels(const uint8_t *wire, const uint8_t *offsets, size_t count,
			struct bl_dns_reverse_name *name)
{
	bool is_ipv4 = name->prefix.addr.family == BL_FAMILY_IPV4;
	unsigned int step = bl_dns_reverse_label_bits(name->prefix.addr.family);
	uint8_t *bytes = (uint8_t *)&name->prefix.addr.ip, value;

	while (count > 0 && name->prefix.bits < (is_ipv4 ? 32 : 128)) {
		const uint8_t *label = wire + offsets[count - 1];

		if (is_ipv4 ? !read_number(label, &value) : !read_nibble(label, &value))
			break;
		bytes[name->prefix.bits / 8] |=
			(uint8_t)(is_ipv4 || name->prefix.bits % 8 ? value : value << 4);
		name->prefix.bits = (uint8_t)(name->prefix.bits + step);
		count--;
	}
	name->has_more = count > 0;
}

bool bl_dns_name_read_reverse(const uint8_t *wire, struct bl_dns_reverse_name *ret)
{
	uint8_t offsets[BL_DNS_LABELS_MAX];
	size_t count = bl_dns_name_split(wire, offsets);
	struct bl_dns_reverse_name name = {0};

	if (ends_with(wire, offsets, count, "in-addr"))
		name.prefix.addr.family = BL_FAMILY_IPV4;
	else if (ends_with(wire, offsets, count, "ip6"))
		name.prefix.addr.family = BL_FAMILY_IPV6;
	else
		return false;
	read_labels(wire, offsets, count - 2, &name);
	*ret = name;
	return true;
}

bool bl_dns_reverse_is_address(const struct bl_dns_reverse_name *name)
{
	return !name->has_more &&
	       name->prefix.bits == (name->prefix.addr.family == BL_FAMILY_IPV4 ? 32 : 128);
}
