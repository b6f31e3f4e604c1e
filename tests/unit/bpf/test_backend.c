/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>

#include "backend.h"

static const struct bl_backend backend = {
	.address = {.ipv4 = {10, 244, 1, 7}},
	.port = 80,
	.family = BL_FAMILY_IPV4,
	.state = BL_BACKEND_READY,
	.generation = 9,
	.service_id = 4,
	.weight = 100,
	.zone = 2,
};

Test(backend, copy_is_the_whole_backend)
{
	struct bl_backend copy;

	memset(&copy, 0xee, sizeof(copy));
	cr_assert(bl_backend_copy(&backend, &copy));
	cr_assert_eq(memcmp(&copy, &backend, sizeof(copy)), 0);
}

Test(backend, serves_while_ready_or_terminating)
{
	static const struct {
		enum bl_backend_state state;
		bool serving;
	} rows[] = {
		{BL_BACKEND_FREE, false},
		{BL_BACKEND_READY, true},
		{BL_BACKEND_TERMINATING, true},
		{BL_BACKEND_GONE, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_backend copy = backend;

		copy.state = (uint8_t)rows[i].state;
		cr_assert_eq(bl_backend_is_serving(&copy), rows[i].serving, "state %d",
			     rows[i].state);
	}
}

Test(backend, is_the_same_only_with_its_generation_and_service)
{
	cr_assert(bl_backend_is_same(&backend, 9, 4));
	cr_assert_not(bl_backend_is_same(&backend, 10, 4));
	cr_assert_not(bl_backend_is_same(&backend, 9, 5));
}

static const struct bl_destination dialled = {
	.address = {.ipv4 = {10, 96, 0, 1}}, .port = 53, .family = BL_FAMILY_IPV4, .protocol = 17};
static const struct bl_destination reached = {
	.address = {.ipv4 = {10, 244, 1, 7}}, .port = 80, .family = BL_FAMILY_IPV4, .protocol = 17};

static struct bl_translation translation(void)
{
	struct bl_translation filled = {0};

	bl_translation_set(&filled, &dialled, 3, &backend, 1234);
	return filled;
}

Test(backend, translation_knows_both_of_its_ends)
{
	struct bl_translation t = translation();

	cr_assert(bl_translation_dialled(&t, &dialled));
	cr_assert(bl_translation_reached(&t, &reached));
	cr_assert_not(bl_translation_dialled(&t, &reached));
	cr_assert_not(bl_translation_reached(&t, &dialled));
	cr_assert_eq(t.service_id, 4);
	cr_assert_eq(t.backend_generation, 9);
	cr_assert_eq(t.since_ns, 1234);
}

Test(backend, translation_differs_by_address_port_and_family)
{
	struct bl_translation t = translation();
	struct bl_destination other = dialled;

	other.port = 54;
	cr_assert_not(bl_translation_dialled(&t, &other));
	other = dialled;
	other.family = BL_FAMILY_IPV6;
	cr_assert_not(bl_translation_dialled(&t, &other));
	other = dialled;
	other.address.ipv6[15] = 1;
	cr_assert_not(bl_translation_dialled(&t, &other));
}

Test(backend, empty_translation_matches_nothing)
{
	struct bl_translation empty = {0};
	struct bl_destination zero = {0};

	cr_assert_not(bl_translation_dialled(&empty, &zero));
	cr_assert_not(bl_translation_reached(&empty, &zero));
}

Test(backend, affinity_entry_knows_the_slots_it_was_found_in)
{
	const struct bl_affinity entry = {.slots = {.first = 7, .count = 3}};

	cr_assert(bl_affinity_is_in(&entry, &(struct bl_slot_range){.first = 7, .count = 3}));
	cr_assert_not(bl_affinity_is_in(&entry, &(struct bl_slot_range){.first = 7, .count = 2}));
	cr_assert_not(bl_affinity_is_in(&entry, &(struct bl_slot_range){.first = 8, .count = 3}));
}

Test(backend, affinity_is_fresh_until_its_timeout)
{
	const uint64_t second = 1000000000;

	cr_assert(bl_affinity_is_fresh(100 * second, 10, 100 * second));
	cr_assert(bl_affinity_is_fresh(100 * second, 10, 110 * second - 1));
	cr_assert_not(bl_affinity_is_fresh(100 * second, 10, 110 * second));
	cr_assert(bl_affinity_is_fresh(100 * second, 86400, 86500 * second - 1));
	/* Another CPU wrote the entry a moment after this one read the clock. */
	cr_assert(bl_affinity_is_fresh(100 * second, 10, 100 * second - 1));
}
