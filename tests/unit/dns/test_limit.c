/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>

#include "dns/limit.h"

#define SECOND 1000000ull

static unsigned int admitted(struct bl_dns_limit *limit, const char *text, unsigned int tries,
			     uint64_t now_us)
{
	struct bl_addr client;
	unsigned int count = 0;

	cr_assert_eq(bl_addr_parse(text, &client), 0);
	for (unsigned int i = 0; i < tries; i++)
		count += bl_dns_limit_admit(limit, &client, now_us);
	return count;
}

Test(limit, client_gets_its_rate_and_no_more)
{
	struct bl_dns_limit *limit;

	cr_assert_eq(bl_dns_limit_new(100, &limit), 0);
	cr_expect_eq(admitted(limit, "10.0.0.1", 1000, SECOND), 100u);
	cr_expect_eq(admitted(limit, "10.0.0.1", 1000, SECOND + SECOND / 2), 50u);
	cr_expect_eq(admitted(limit, "10.0.0.1", 1000, 100 * SECOND), 100u, "none are saved up");
	cr_expect_eq(admitted(limit, "10.0.0.2", 1000, SECOND), 100u, "others have their own");
	cr_expect_eq(admitted(limit, "fd00::1", 1000, SECOND), 100u);
	cr_expect_eq(admitted(limit, "127.0.0.1", 1000, SECOND), 1000u);
	cr_expect_eq(admitted(limit, "::1", 1000, SECOND), 1000u);
	bl_dns_limit_free(limit);
}

Test(limit, zero_is_none)
{
	struct bl_dns_limit *limit;

	cr_assert_eq(bl_dns_limit_new(0, &limit), 0);
	cr_expect_eq(admitted(limit, "10.0.0.1", 1000, SECOND), 1000u);
	bl_dns_limit_free(limit);
}
