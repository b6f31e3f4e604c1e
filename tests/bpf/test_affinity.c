/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Session affinity: who counts as one client, for how long, and what it gives way to. */
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fixture.h"

TestSuite(affinity, .init = fixture_up, .fini = fixture_down, .timeout = 600);

#define DIALS 30

struct sticky {
	struct where dialled;
	uint32_t service;
	uint32_t ids[STACK_BACKENDS];
	int servers[STACK_BACKENDS];
};

static void sticky_up(const struct stack *stack, int type, uint32_t timeout_s, struct sticky *ret)
{
	ret->dialled = (struct where){stack->dialled, 80};
	ret->service = add_service();
	for (size_t i = 0; i < STACK_BACKENDS; i++) {
		ret->servers[i] = open_server(stack->backends[i], type);
		ret->ids[i] = add_backend(ret->service, stack->backends[i]);
	}
	add_frontend_with_affinity((struct where){stack->virtual_address, 80},
				   type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP, ret->service,
				   add_slots(ret->ids, STACK_BACKENDS), timeout_s);
}

static void sticky_down(struct sticky *sticky)
{
	for (size_t i = 0; i < STACK_BACKENDS; i++)
		(void)close(sticky->servers[i]);
}

/* A new socket's backend. */
static size_t dial(const struct sticky *sticky, int type)
{
	uint64_t before[STACK_BACKENDS];
	int fd = open_socket(sticky->dialled.address, type);
	size_t found = STACK_BACKENDS;

	for (size_t i = 0; i < STACK_BACKENDS; i++)
		before[i] = backend_count(sticky->ids[i]).connections;
	if (type == SOCK_STREAM)
		(void)try_connect(fd, sticky->dialled);
	else
		(void)try_send(fd, sticky->dialled);
	for (size_t i = 0; i < STACK_BACKENDS; i++)
		if (backend_count(sticky->ids[i]).connections > before[i])
			found = i;
	cr_assert_lt(found, STACK_BACKENDS, "no backend was chosen");
	(void)close(fd);
	return found;
}

static bool dials_agree(const struct sticky *sticky, int type)
{
	size_t first = dial(sticky, type);

	for (int i = 1; i < DIALS; i++)
		if (dial(sticky, type) != first)
			return false;
	return true;
}

static void wait_ms(long ms)
{
	struct timespec span = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	cr_assert_eq(nanosleep(&span, NULL), 0);
}

/* No entry can be older than the machine is up, and a guest of tests begins with it. */
static void wait_for_uptime(time_t seconds)
{
	struct timespec now;

	cr_assert_eq(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	if (now.tv_sec < seconds)
		wait_ms((seconds - now.tv_sec) * 1000);
}

static void age_entries(uint64_t by_ns)
{
	int map = bpf_map__fd(skel->maps.affinity);
	struct bl_affinity_key key, *before = NULL;
	struct bl_affinity entry;

	while (bpf_map_get_next_key(map, before, &key) == 0) {
		cr_assert_eq(bpf_map_lookup_elem(map, &key, &entry), 0);
		entry.last_used_ns -= by_ns;
		cr_assert_eq(bpf_map_update_elem(map, &key, &entry, BPF_EXIST), 0);
		before = &key;
	}
}

Test(affinity, case_51_client_keeps_its_backend)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (size_t t = 0; t < 2; t++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			struct sticky sticky;

			sticky_up(stack, types[t], 10800, &sticky);
			cr_assert(dials_agree(&sticky, types[t]), "%s", stack->name);
			sticky_down(&sticky);
		}
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), 2 * STACKS);
	cr_assert_eq(reason_count(BL_REASON_AFFINITY_HIT), 2 * STACKS * (DIALS - 1));
}

Test(affinity, case_53_without_the_flag_the_same_client_gets_different_backends)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct sticky sticky;

		sticky_up(stack, SOCK_STREAM, 10800, &sticky);
		add_frontend((struct where){stack->virtual_address, 80}, IPPROTO_TCP,
			     sticky.service, 0, add_slots(sticky.ids, STACK_BACKENDS));
		/* All alike by chance: once in 3^29. */
		cr_assert_not(dials_agree(&sticky, SOCK_STREAM), "%s", stack->name);
		sticky_down(&sticky);
	}
}

Test(affinity, case_55_timeout_ends_it_and_use_renews_it)
{
	wait_for_uptime(21);
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct sticky sticky;
		uint64_t translated = reason_count(BL_REASON_TRANSLATED);

		sticky_up(stack, SOCK_STREAM, 20, &sticky);
		(void)dial(&sticky, SOCK_STREAM);
		for (int i = 0; i < 4; i++) {
			age_entries(14000000000);
			(void)dial(&sticky, SOCK_STREAM);
		}
		cr_assert_eq(reason_count(BL_REASON_TRANSLATED), translated + 1,
			     "use renews the time");
		age_entries(20000000000);
		(void)dial(&sticky, SOCK_STREAM);
		cr_assert_eq(reason_count(BL_REASON_TRANSLATED), translated + 2,
			     "the time is over");
		sticky_down(&sticky);
	}
}

Test(affinity, timeout_runs_on_the_real_clock)
{
	struct sticky sticky;

	sticky_up(&stacks[0], SOCK_STREAM, 3, &sticky);
	(void)dial(&sticky, SOCK_STREAM);
	(void)dial(&sticky, SOCK_STREAM);
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), 1);
	wait_ms(3100);
	(void)dial(&sticky, SOCK_STREAM);
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), 2);
	sticky_down(&sticky);
}

Test(affinity, client_is_the_pod_address_where_known_and_the_namespace_otherwise)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct sticky sticky;
		struct bl_affinity_key key;
		int node = netns_open(), pod;
		size_t kinds[3] = {0};
		struct bl_affinity_key *before = NULL;

		sticky_up(stack, SOCK_STREAM, 10800, &sticky);
		(void)dial(&sticky, SOCK_STREAM);
		pod = netns_enter_new();
		set_netns_pod(netns_cookie(), "10.244.1.7", "fd00:10:244::7");
		(void)dial(&sticky, SOCK_STREAM);
		(void)dial(&sticky, SOCK_STREAM);
		while (bpf_map_get_next_key(bpf_map__fd(skel->maps.affinity), before, &key) == 0) {
			before = &key;
			if (key.service_id == sticky.service)
				kinds[key.client_kind]++;
		}
		cr_assert_eq(kinds[BL_AFFINITY_CLIENT_NETNS], 1, "%s", stack->name);
		cr_assert_eq(kinds[BL_AFFINITY_CLIENT_ADDRESS], 1, "%s", stack->name);
		netns_enter(node);
		(void)close(node);
		(void)close(pod);
		sticky_down(&sticky);
	}
}

Test(affinity, pod_without_an_address_of_the_family_is_known_by_its_namespace)
{
	struct sticky sticky;
	struct bl_affinity_key key;

	sticky_up(&stacks[1], SOCK_STREAM, 10800, &sticky);
	set_netns_pod(netns_cookie(), "10.244.1.7", NULL);
	(void)dial(&sticky, SOCK_STREAM);
	cr_assert_eq(bpf_map_get_next_key(bpf_map__fd(skel->maps.affinity), NULL, &key), 0);
	cr_assert_eq(key.client_kind, BL_AFFINITY_CLIENT_NETNS);
	sticky_down(&sticky);
}

Test(affinity, backend_that_stops_being_ready_is_left_while_others_are_ready)
{
	static const enum bl_backend_state states[] = {BL_BACKEND_TERMINATING, BL_BACKEND_GONE};

	for (size_t s = 0; s < 2; s++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			struct sticky sticky;
			uint32_t left[STACK_BACKENDS], count = 0;
			size_t had;

			sticky_up(stack, SOCK_STREAM, 10800, &sticky);
			had = dial(&sticky, SOCK_STREAM);
			for (size_t i = 0; i < STACK_BACKENDS; i++)
				if (i != had)
					left[count++] = sticky.ids[i];
			add_frontend_with_affinity((struct where){stack->virtual_address, 80},
						   IPPROTO_TCP, sticky.service,
						   add_slots(left, count), 10800);
			set_backend_state(sticky.ids[had], states[s]);
			cr_assert_neq(dial(&sticky, SOCK_STREAM), had);
			cr_assert(dials_agree(&sticky, SOCK_STREAM));
			sticky_down(&sticky);
		}
}

/* Slots of the same frontend, as an agent writes them once the set of backends has changed. */
static struct bl_slot_range move_slots(const struct stack *stack, int type,
				       const struct sticky *sticky, const uint32_t *ids,
				       uint32_t count)
{
	struct bl_slot_range range = add_slots(ids, count);

	add_frontend_with_affinity((struct where){stack->virtual_address, 80},
				   type == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP, sticky->service,
				   range, 10800);
	return range;
}

Test(affinity, ready_backend_that_a_new_traffic_policy_leaves_out_is_left)
{
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM};

	for (size_t t = 0; t < 2; t++)
		for (const struct stack *stack = stacks; stack->name; stack++) {
			struct sticky sticky;
			size_t had, local;

			sticky_up(stack, types[t], 10800, &sticky);
			had = dial(&sticky, types[t]);
			local = (had + 1) % STACK_BACKENDS;
			(void)move_slots(stack, types[t], &sticky, &sticky.ids[local], 1);
			cr_assert_eq(dial(&sticky, types[t]), local, "%s", stack->name);
			/* And back: the new backend is among the old ones, so it is kept. */
			(void)move_slots(stack, types[t], &sticky, sticky.ids, STACK_BACKENDS);
			for (int i = 0; i < DIALS; i++)
				cr_assert_eq(dial(&sticky, types[t]), local, "%s", stack->name);
			sticky_down(&sticky);
		}
}

static struct bl_affinity only_entry(void)
{
	int map = bpf_map__fd(skel->maps.affinity);
	struct bl_affinity_key key;
	struct bl_affinity entry;

	cr_assert_eq(bpf_map_get_next_key(map, NULL, &key), 0);
	cr_assert_eq(bpf_map_lookup_elem(map, &key, &entry), 0);
	cr_assert_neq(bpf_map_get_next_key(map, &key, &key), 0, "more than one entry");
	return entry;
}

Test(affinity, changed_set_is_searched_to_its_end_and_once)
{
	enum { LONG = 3000 };
	static uint32_t ids[LONG];
	struct bl_slot_range range;
	struct sticky sticky;
	size_t had;

	sticky_up(&stacks[0], SOCK_STREAM, 10800, &sticky);
	had = dial(&sticky, SOCK_STREAM);
	for (size_t i = 0; i < LONG - 1; i++)
		ids[i] = sticky.ids[(had + 1) % STACK_BACKENDS];
	ids[LONG - 1] = sticky.ids[had];
	range = move_slots(&stacks[0], SOCK_STREAM, &sticky, ids, LONG);
	cr_assert_neq(only_entry().slots.first, range.first);
	cr_assert_eq(dial(&sticky, SOCK_STREAM), had);
	cr_assert_eq(only_entry().slots.first, range.first);
	cr_assert_eq(only_entry().slots.count, range.count);
	cr_assert_eq(reason_count(BL_REASON_AFFINITY_HIT), 1);
	cr_assert_eq(dial(&sticky, SOCK_STREAM), had);
	cr_assert_eq(reason_count(BL_REASON_AFFINITY_HIT), 2);
	sticky_down(&sticky);
}

Test(affinity, holds_among_terminating_backends_when_nothing_else_serves)
{
	for (const struct stack *stack = stacks; stack->name; stack++) {
		struct sticky sticky;

		sticky_up(stack, SOCK_STREAM, 10800, &sticky);
		for (size_t i = 0; i < STACK_BACKENDS; i++)
			set_backend_state(sticky.ids[i], BL_BACKEND_TERMINATING);
		cr_assert(dials_agree(&sticky, SOCK_STREAM), "%s", stack->name);
		sticky_down(&sticky);
	}
}

Test(affinity, backend_id_that_went_to_another_is_a_new_choice)
{
	struct sticky sticky;
	size_t had;

	sticky_up(&stacks[0], SOCK_STREAM, 10800, &sticky);
	had = dial(&sticky, SOCK_STREAM);
	reuse_backend(sticky.ids[had], sticky.service, stacks[0].backends[had]);
	(void)dial(&sticky, SOCK_STREAM);
	cr_assert_eq(reason_count(BL_REASON_TRANSLATED), 2);
	cr_assert_eq(reason_count(BL_REASON_AFFINITY_HIT), 0);
	sticky_down(&sticky);
}
