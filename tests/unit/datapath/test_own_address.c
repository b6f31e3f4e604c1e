/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of its addresses a node sends on from. */
#include <criterion/criterion.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "datapath/own_address.h"

#define ETH0 2u
#define ETH1 3u

struct row {
	const char *address;
	uint8_t bits;
	uint32_t ifindex;
	uint32_t flags;
	uint8_t scope;
};

static const struct {
	const char *name;
	const char *expected; /* NULL: none */
	bool others;
	struct row rows[4]; /* the first is the oldest */
} cases[] = {
	{"the first of two",
	 "192.0.2.1",
	 false,
	 {{"192.0.2.1", 24, ETH0, 0, 0}, {"198.51.100.1", 24, ETH0, 0, 0}}},
	{"one that keepalived brought",
	 "192.0.2.1",
	 false,
	 {{"203.0.113.7", 32, ETH0, 0, 0}, {"192.0.2.1", 24, ETH0, 0, 0}}},
	{"the same in the network",
	 "192.0.2.9",
	 false,
	 {{"192.0.2.7", 24, ETH0, IFA_F_SECONDARY, 0}, {"192.0.2.9", 24, ETH0, 0, 0}}},
	{"none but one for itself, as clouds have",
	 "203.0.113.7",
	 false,
	 {{"203.0.113.7", 32, ETH0, 0, 0}}},
	{"another device's", NULL, false, {{"192.0.2.1", 24, ETH1, 0, 0}}},
	{"another device's, where those count", "192.0.2.1", true, {{"192.0.2.1", 24, ETH1, 0, 0}}},
	{"an older one of a bridge",
	 "192.0.2.1",
	 true,
	 {{"172.17.0.1", 16, ETH1, 0, 0}, {"192.0.2.1", 32, ETH0, 0, 0}}},
	{"a virtual one at the loopback device",
	 "172.17.0.1",
	 true,
	 {{"203.0.113.7", 24, 1, 0, 0}, {"172.17.0.1", 16, ETH1, 0, 0}}},
	{"loopback and link-local ones",
	 NULL,
	 true,
	 {{"127.0.0.1", 8, 1, 0, RT_SCOPE_HOST},
	  {"fe80::1", 64, ETH0, 0, RT_SCOPE_LINK},
	  {"192.0.2.1", 24, ETH0, 0, RT_SCOPE_LINK}}},
	{"one that is old",
	 "2001:db8::2",
	 false,
	 {{"2001:db8::1", 64, ETH0, IFA_F_DEPRECATED, 0}, {"2001:db8::2", 64, ETH0, 0, 0}}},
	{"a temporary one",
	 "2001:db8::2",
	 false,
	 {{"2001:db8::1", 64, ETH0, IFA_F_TEMPORARY, 0}, {"2001:db8::2", 64, ETH0, 0, 0}}},
	{"one that somebody else has",
	 "2001:db8::2",
	 false,
	 {{"2001:db8::1", 64, ETH0, IFA_F_DADFAILED, 0}, {"2001:db8::2", 64, ETH0, 0, 0}}},
	{"one that is not sure yet", NULL, false, {{"2001:db8::1", 64, ETH0, IFA_F_TENTATIVE, 0}}},
};

Test(own_address, one_that_stays_and_that_others_have_a_route_to)
{
	const uint32_t devices[] = {ETH0};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bl_own_address list[4] = {0};
		struct bl_addr chosen = {0};
		char text[BL_ADDR_TEXT];
		size_t count = 0;

		/* As the kernel lists IPv6 addresses: the youngest first. */
		for (size_t k = ARRAY_SIZE(list); k-- > 0;) {
			const struct row *row = &cases[i].rows[k];

			if (!row->address)
				continue;
			cr_assert_eq(bl_addr_parse(row->address, &list[count].address), 0);
			list[count].bits = row->bits;
			list[count].ifindex = row->ifindex;
			list[count].flags = row->flags;
			list[count].scope = row->scope;
			list[count++].since = (uint32_t)k + 1;
		}
		chosen.family = list[count - 1].address.family;
		if (!bl_own_address_choose(list, count, devices, 1, cases[i].others, chosen.family,
					   &chosen.ip)) {
			cr_expect_null(cases[i].expected, "%s: none", cases[i].name);
			continue;
		}
		cr_assert_not_null(cases[i].expected, "%s: %s", cases[i].name,
				   bl_addr_format(&chosen, text));
		cr_expect_str_eq(bl_addr_format(&chosen, text), cases[i].expected, "%s",
				 cases[i].name);
	}
}

Test(own_address, the_addresses_of_this_namespace_are_read)
{
	_cleanup_free_ struct bl_own_address *list = NULL;
	size_t count = 0;
	bool found = false;

	cr_assert_eq(bl_own_addresses_read(&list, &count), 0);
	for (size_t i = 0; i < count; i++)
		found |= list[i].ifindex == 1 && list[i].bits == 8 &&
			 bl_addr_is_loopback(&list[i].address);
	cr_expect(found || count == 0, "127.0.0.1/8 of %zu", count);
}
