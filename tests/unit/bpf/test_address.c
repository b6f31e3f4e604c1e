/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "address.h"

static union bl_ip parse(const char *text)
{
	union bl_ip ip = {{0}};

	cr_assert_eq(inet_pton(strchr(text, ':') ? AF_INET6 : AF_INET, text, &ip), 1, "%s", text);
	return ip;
}

Test(address, mapped_address_is_told_from_others)
{
	static const struct {
		const char *text;
		bool mapped;
	} rows[] = {
		{"::ffff:10.0.0.1", true},
		{"::ffff:0.0.0.0", true},
		{"::10.0.0.1", false},
		{"::1", false},
		{"::", false},
		{"fd00::ffff:a00:1", false},
		{"::fffe:a00:1", false},
		{"0:0:1:0:0:ffff:a00:1", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		union bl_ip ip = parse(rows[i].text);

		cr_assert_eq(bl_ip_is_mapped(&ip), rows[i].mapped, "%s", rows[i].text);
	}
}

Test(address, what_an_ipv6_socket_showed_comes_back_as_it_was)
{
	static const char *const texts[] = {"::ffff:10.0.0.1", "fd00::1", "::1", "::"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		union bl_ip seen = parse(texts[i]), shown;
		struct bl_destination dst = {0};

		bl_destination_set(&dst, &seen);
		shown = bl_ip_on_ipv6_socket(&dst.address, dst.family);
		cr_assert(bl_ip_equal(&seen, &shown), "%s", texts[i]);
	}
}

Test(address, mapped_address_becomes_the_ipv4_address)
{
	union bl_ip seen = parse("::ffff:10.0.0.1"), ipv4 = parse("10.0.0.1");
	struct bl_destination dst = {0};

	bl_destination_set(&dst, &seen);
	cr_assert_eq(dst.family, BL_FAMILY_IPV4);
	cr_assert(bl_ip_equal(&dst.address, &ipv4));
	seen = parse("fd00::1");
	bl_destination_set(&dst, &seen);
	cr_assert_eq(dst.family, BL_FAMILY_IPV6);
}

Test(address, every_word_counts_for_equality_and_for_zero)
{
	for (int word = 0; word < 4; word++) {
		union bl_ip zero = {{0}}, other = {{0}};

		other.words[word] = 1;
		cr_assert(bl_ip_is_zero(&zero));
		cr_assert_not(bl_ip_is_zero(&other), "word %d", word);
		cr_assert_not(bl_ip_equal(&zero, &other), "word %d", word);
		cr_assert(bl_ip_equal(&other, &other));
	}
}

Test(address, filter_bits_of_neighbours_spread_over_the_filter)
{
	static bool taken[BL_ADDR_FILTER_WORDS * 64];
	enum { ADDRESSES = 10000 };
	unsigned int doubles = 0;

	for (uint32_t i = 0; i < ADDRESSES; i++) {
		union bl_ip ip = {.words = {htonl(0x0a600000 + i)}};
		uint32_t bit = bl_addr_filter_bit(ip.words);

		cr_assert_lt(bit, BL_ADDR_FILTER_WORDS * 64);
		doubles += taken[bit];
		taken[bit] = true;
	}
	/* Chance alone makes about 188. */
	cr_assert_lt(doubles, 300, "%u", doubles);
}
