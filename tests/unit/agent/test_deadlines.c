/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/deadlines.h"

#define MS 1000u

/* Has the other end been shut down? Nothing is ever sent here. */
static bool is_shut(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

static void run_for(sd_event *loop, uint64_t ms)
{
	uint64_t start = 0, now = 0;

	cr_assert_geq(sd_event_now(loop, CLOCK_MONOTONIC, &start), 0);
	do {
		cr_assert_geq(sd_event_run(loop, 5 * MS), 0);
		cr_assert_geq(sd_event_now(loop, CLOCK_MONOTONIC, &now), 0);
	} while (now < start + ms * MS);
}

Test(deadlines, only_connections_over_their_limit_are_shut_down)
{
	struct bl_deadlines *deadlines = NULL;
	struct bl_deadline *short_one, *long_one, *free_one, *renewed;
	sd_event *loop = NULL;
	int pairs[4][2];

	cr_assert_geq(sd_event_default(&loop), 0);
	cr_assert_eq(bl_deadlines_new(loop, 10 * MS, &deadlines), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
	short_one = bl_deadline_begin(deadlines, pairs[0][0]);
	long_one = bl_deadline_begin(deadlines, pairs[1][0]);
	free_one = bl_deadline_begin(deadlines, pairs[2][0]);
	renewed = bl_deadline_begin(deadlines, pairs[3][0]);
	bl_deadline_set(short_one, 30 * MS);
	bl_deadline_set(long_one, 60000 * MS);
	bl_deadline_set(free_one, 30 * MS);
	bl_deadline_set(free_one, 0);
	bl_deadline_set(renewed, 30 * MS);
	bl_deadline_set(renewed, 60000 * MS);
	run_for(loop, 100);
	cr_expect(is_shut(pairs[0][1]));
	for (int i = 1; i < 4; i++)
		cr_expect_not(is_shut(pairs[i][1]), "connection %d", i);
	bl_deadline_set(long_one, 10 * MS);
	bl_deadline_end(free_one);
	bl_deadline_end(short_one);
	run_for(loop, 100);
	cr_expect(is_shut(pairs[1][1]));
	cr_expect_not(is_shut(pairs[2][1]));
	bl_deadline_end(renewed);
	bl_deadline_end(long_one);
	run_for(loop, 50); /* with none left the timer rests */
	bl_deadlines_free(deadlines);
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 2; k++)
			(void)close(pairs[i][k]);
	sd_event_unref(loop);
}
