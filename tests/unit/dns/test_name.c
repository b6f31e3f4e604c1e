/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "dns/name.h"

struct dashed_row {
	const char *label, *addr; /* NULL: it is none */
};

Test(name, label_stands_for_an_address)
{
	static const struct dashed_row rows[] = {
		{"10-0-0-1", "10.0.0.1"},
		{"255-255-255-255", "255.255.255.255"},
		{"fd00--1", "fd00::1"},
		{"fd00-1-2-3-4-5-6-7", "fd00:1:2:3:4:5:6:7"},
		{"a--1-2", "a::1:2"},
		{"1--2-3", "1::2:3"},
		{"256-0-0-1", NULL},
		{"10-0-0", NULL},
		{"web", NULL},
		{"", NULL},
		{"10.0.0.1", NULL},
		{"0000-0000-0000-0000-0000-0000-0000-0000-0000-0000-0000", NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_addr addr;
		char text[BL_ADDR_TEXT];
		bool is = bl_dns_label_address((const uint8_t *)rows[i].label,
					       strlen(rows[i].label), &addr);

		cr_expect_eq(is, rows[i].addr != NULL, "'%s'", rows[i].label);
		if (is && rows[i].addr)
			cr_expect_str_eq(bl_addr_format(&addr, text), rows[i].addr);
	}
}

struct reverse_row {
	const char *name;
	bool is, has_more, is_address;
	const char *prefix;
};

Test(name, reverse_name_stands_for_an_address_or_the_front_of_some)
{
	static const struct reverse_row rows[] = {
		{"4.3.2.1.in-addr.arpa", true, false, true, "1.2.3.4/32"},
		{"3.2.1.in-addr.arpa", true, false, false, "1.2.3.0/24"},
		{"04.3.2.1.in-addr.arpa", true, true, false, "1.2.3.0/24"},
		{"256.3.2.1.in-addr.arpa", true, true, false, "1.2.3.0/24"},
		{"5.4.3.2.1.in-addr.arpa", true, true, false, "1.2.3.4/32"},
		{"x.in-addr.arpa", true, true, false, "0.0.0.0/0"},
		{"in-addr.arpa", true, false, false, "0.0.0.0/0"},
		{"arpa", false, false, false, NULL},
		{"4.3.2.1.in-addr.arpa.example", false, false, false, NULL},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", true,
		 false, true, "fd00::1/128"},
		{"g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", true,
		 true, false, "fd00::/124"},
		{"1.d.f.ip6.arpa", true, false, false, "fd10::/12"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_dns_reverse_name reverse;
		struct bl_dns_name name = {0};
		char text[BL_PREFIX_TEXT];

		bl_dns_name_add_text(&name, rows[i].name);
		cr_assert_eq(bl_dns_name_finish(&name), 0);
		cr_assert_eq(bl_dns_name_read_reverse(name.wire, &reverse), rows[i].is, "'%s'",
			     rows[i].name);
		if (!rows[i].is)
			continue;
		cr_expect_eq(reverse.has_more, rows[i].has_more, "'%s'", rows[i].name);
		cr_expect_eq(bl_dns_reverse_is_address(&reverse), rows[i].is_address, "'%s'",
			     rows[i].name);
		cr_expect_str_eq(bl_prefix_format(&reverse.prefix, text), rows[i].prefix, "'%s'",
				 rows[i].name);
	}
}

Test(name, that_is_too_long_fails)
{
	struct bl_dns_name name = {0};

	for (int i = 0; i < 300; i++)
		bl_dns_name_add(&name, "a");
	cr_expect_lt(bl_dns_name_finish(&name), 0);
	cr_expect_leq(name.len, BL_DNS_NAME_MAX);

	struct bl_dns_name label = {0};

	bl_dns_name_add(&label, "a23456789b23456789c23456789d23456789e23456789f23456789g234");
	cr_expect_not(label.failed);
	bl_dns_name_add(&label, "a23456789b23456789c23456789d23456789e23456789f23456789g234567890");
	cr_expect(label.failed);
}
