/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>

#include "base/addr.h"

static struct bl_addr addr(const char *text)
{
	struct bl_addr parsed;

	cr_assert_eq(bl_addr_parse(text, &parsed), 0, "cannot parse '%s'", text);
	return parsed;
}

Test(addr, canonical_text_survives_a_round_trip)
{
	static const char *const texts[] = {"10.96.0.1", "0.0.0.0", "::", "::1", "fd00:10:96::a"};
	char buffer[BL_ADDR_TEXT];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct bl_addr parsed = addr(texts[i]);

		cr_assert_str_eq(bl_addr_format(&parsed, buffer), texts[i]);
	}
}

Test(addr, what_is_no_canonical_address_is_refused_and_leaves_the_output_alone)
{
	static const char *const texts[] = {
		"",        "10.0.0",    "010.0.0.1",       "10.0.0.256",
		"fd00::g", " 10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1/8"};
	struct bl_addr untouched = {.family = 77};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_eq(bl_addr_parse(texts[i], &untouched), -EINVAL, "'%s'", texts[i]);
	cr_assert_eq(untouched.family, 77);
}

Test(addr, lenient_parsing_reads_leading_zeros_as_decimal_and_mapped_as_ipv4)
{
	struct bl_addr parsed;
	char buffer[BL_ADDR_TEXT];

	cr_assert_eq(bl_addr_parse_lenient("010.001.000.012", &parsed), 0);
	cr_assert_str_eq(bl_addr_format(&parsed, buffer), "10.1.0.12");
	cr_assert_eq(bl_addr_parse_lenient("::ffff:10.0.0.1", &parsed), 0);
	cr_assert_str_eq(bl_addr_format(&parsed, buffer), "10.0.0.1");
	cr_assert_eq(bl_addr_parse_lenient("10.0.0.300", &parsed), -EINVAL);
}

Test(addr, addition_carries_and_stops_at_the_end_of_the_family)
{
	struct bl_addr start = addr("10.0.255.255"), sum;
	char buffer[BL_ADDR_TEXT];

	cr_assert(bl_addr_add(&start, 1, &sum));
	cr_assert_str_eq(bl_addr_format(&sum, buffer), "10.1.0.0");
	start = addr("255.255.255.255");
	cr_assert(!bl_addr_add(&start, 1, &sum));
	start = addr("fd00::ffff:ffff:ffff:ffff");
	cr_assert(bl_addr_add(&start, 1, &sum));
	cr_assert_str_eq(bl_addr_format(&sum, buffer), "fd00:0:0:1::");
}

Test(addr, distance_is_the_inverse_of_addition)
{
	struct bl_addr a = addr("fd00::1"), b;

	cr_assert(bl_addr_add(&a, 123456789012345u, &b));
	cr_assert_eq(bl_addr_distance(&b, &a), 123456789012345u);
	a = addr("::");
	b = addr("1::");
	cr_assert_eq(bl_addr_distance(&b, &a), UINT64_MAX);
}

Test(addr, a_prefix_contains_its_own_family_only)
{
	struct bl_prefix prefix;
	struct bl_addr inside = addr("10.96.255.255"), outside = addr("10.97.0.0");
	struct bl_addr other = addr("fd00::1");

	cr_assert_eq(bl_prefix_parse("10.96.0.0/16", &prefix), 0);
	cr_assert(bl_prefix_contains(&prefix, &inside));
	cr_assert(!bl_prefix_contains(&prefix, &outside));
	cr_assert(!bl_prefix_contains(&prefix, &other));
	cr_assert_eq(bl_prefix_parse("0.0.0.0/0", &prefix), 0);
	cr_assert(bl_prefix_contains(&prefix, &inside));
}

Test(addr, a_lenient_prefix_loses_its_host_bits_and_leading_zeros)
{
	static const struct {
		const char *text;
		const char *read;
	} rows[] = {{"10.96.1.1/16", "10.96.0.0/16"},
		    {"010.0.0.0/8", "10.0.0.0/8"},
		    {"fd00::1/64", "fd00::/64"},
		    {"10.0.0.1/32", "10.0.0.1/32"}};
	struct bl_prefix prefix;
	char text[BL_PREFIX_TEXT];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(bl_prefix_parse_lenient(rows[i].text, &prefix), 0, "%s", rows[i].text);
		cr_expect_str_eq(bl_prefix_format(&prefix, text), rows[i].read);
	}
	cr_expect_eq(bl_prefix_parse_lenient("10.0.0.0/33", &prefix), -EINVAL);
	cr_expect_eq(bl_prefix_parse_lenient("10.0.0.0", &prefix), -EINVAL);
}

Test(addr, prefixes_with_host_bits_or_odd_lengths_are_refused)
{
	static const char *const texts[] = {"10.96.0.1/16", "10.0.0.0",    "10.0.0.0/",
					    "10.0.0.0/33",  "10.0.0.0/08", "::/129",
					    "10.0.0.0/8x",  "10.0.0.0/-1"};
	struct bl_prefix prefix;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cr_assert_eq(bl_prefix_parse(texts[i], &prefix), -EINVAL, "'%s'", texts[i]);
}
