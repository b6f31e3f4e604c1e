/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "datapath/netns.h"

static uint64_t own_inode(void)
{
	struct stat status;

	cr_assert_eq(stat("/proc/self/ns/net", &status), 0);
	return status.st_ino;
}

Test(netns, list_names_each_namespace_once_and_the_own_one_among_them)
{
	__attribute__((cleanup(bl_netns_list_done_p))) struct bl_netns_list list = {0};
	int own = 0;

	cr_assert_eq(bl_netns_list(&list), 0);
	cr_assert_gt(list.count, 0);
	for (size_t i = 0; i < list.count; i++) {
		own += list.items[i].inode == own_inode();
		for (size_t j = 0; j < i; j++)
			cr_expect_neq(list.items[i].inode, list.items[j].inode);
	}
	cr_expect_eq(own, 1);
}

Test(netns, list_is_empty_after_it_is_done)
{
	struct bl_netns_list list = {0};

	cr_assert_eq(bl_netns_list(&list), 0);
	bl_netns_list_done(&list);
	cr_expect_null(list.items);
	cr_expect_eq(list.count, 0);
}

static int seven(void *userdata)
{
	*(uint64_t *)userdata = own_inode();
	return 7;
}

Test(netns, run_returns_what_the_function_returned)
{
	_cleanup_close_ int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint64_t seen = 0;

	if (geteuid() != 0)
		cr_skip_test("setns needs root");
	cr_expect_eq(bl_netns_run(fd, seven, &seen), 7);
	cr_expect_eq(seen, own_inode());
}

Test(netns, run_in_what_is_no_namespace_fails)
{
	_cleanup_close_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint64_t seen = 0;

	cr_expect_lt(bl_netns_run(fd, seven, &seen), 0);
	cr_expect_eq(seen, 0);
}

Test(netns, own_cookie_is_the_cookie_of_the_own_namespace)
{
	_cleanup_close_ int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	uint64_t own = 0;
	uint64_t entered = 0;

	if (geteuid() != 0)
		cr_skip_test("setns needs root");
	cr_assert_eq(bl_netns_own_cookie(&own), 0);
	cr_expect_neq(own, 0);
	cr_assert_eq(bl_netns_cookie(fd, &entered), 0);
	cr_expect_eq(own, entered);
}

Test(netns, addresses_hold_no_row_without_a_family)
{
	_cleanup_free_ struct bl_addr *items = NULL;
	size_t count = 0;

	cr_assert_eq(bl_netns_addresses(&items, &count), 0);
	for (size_t i = 0; i < count; i++)
		cr_expect(items[i].family == BL_FAMILY_IPV4 || items[i].family == BL_FAMILY_IPV6);
}
