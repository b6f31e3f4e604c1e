/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which endpoints each kind of client gets: the cases of kube-proxy's topology tests. */
#include <criterion/criterion.h>
#include <string.h>

#include "resolve/choose.h"

#define ENDPOINTS 6

/* State: r ready, u unready, t terminating and serving, d terminating and not serving. Hints are
 * one letter a zone ("ab") or a node ("12"). */
struct sample {
	const char *node;
	char state;
	const char *zones;
	const char *nodes;
};

/* Sets are one character an endpoint: "1" is in it. NULL: not looked at. */
struct row {
	struct bl_choice_policy policy;
	struct sample samples[ENDPOINTS];
	const char *internal;
	const char *cluster;
	const char *external;
	bool internal_elsewhere;
	bool external_elsewhere;
};

struct hints {
	char text[ENDPOINTS][2];
	const char *items[ENDPOINTS];
	struct bl_strings strings;
};

static const struct bl_strings *make_hints(const char *letters, struct hints *hints)
{
	if (!letters)
		return NULL;
	hints->strings = (struct bl_strings){.items = hints->items};
	for (; *letters; letters++) {
		hints->text[hints->strings.count][0] = *letters;
		hints->items[hints->strings.count] = hints->text[hints->strings.count];
		hints->strings.count++;
	}
	return &hints->strings;
}

static void expect_set(const struct bl_choice *choices, size_t count, size_t offset,
		       const char *expected, const char *name)
{
	char got[ENDPOINTS + 1] = {0};

	for (size_t i = 0; i < count; i++)
		got[i] = ((const bool *)((const char *)&choices[i] + offset))[0] ? '1' : '0';
	if (expected)
		cr_assert_str_eq(got, expected, "%s set is %s, expected %s", name, got, expected);
}

static void check(const struct row *row)
{
	struct bl_resolved_endpoint endpoints[ENDPOINTS] = {0};
	struct bl_choice choices[ENDPOINTS] = {0};
	struct hints zones[ENDPOINTS] = {0};
	struct hints nodes[ENDPOINTS] = {0};
	struct bl_choice_summary summary;
	size_t count = 0;

	for (; count < ENDPOINTS && row->samples[count].state; count++) {
		const struct sample *sample = &row->samples[count];

		endpoints[count] = (struct bl_resolved_endpoint){
			.node = sample->node,
			.ready = sample->state == 'r',
			.serving = sample->state == 'r' || sample->state == 't',
			.terminating = sample->state == 't' || sample->state == 'd',
			.hint_zones = make_hints(sample->zones, &zones[count]),
			.hint_nodes = make_hints(sample->nodes, &nodes[count]),
		};
		choices[count].endpoint = &endpoints[count];
	}
	summary = bl_choose(&row->policy, choices, count);
	expect_set(choices, count, offsetof(struct bl_choice, internal), row->internal, "internal");
	expect_set(choices, count, offsetof(struct bl_choice, cluster), row->cluster, "cluster");
	expect_set(choices, count, offsetof(struct bl_choice, external), row->external, "external");
	cr_assert_eq(summary.internal_elsewhere, row->internal_elsewhere);
	cr_assert_eq(summary.external_elsewhere, row->external_elsewhere);
}

#define ZONE_A .policy = {.node = "1", .zone = "a"}
#define CASE(name, ...)                                                                            \
	Test(choose, name)                                                                         \
	{                                                                                          \
		const struct row row = {__VA_ARGS__};                                              \
                                                                                                   \
		check(&row);                                                                       \
	}

CASE(case_01_hints_keep_traffic_in_the_zone, ZONE_A,
     .samples = {{"1", 'r', "a"}, {"2", 'r', "b"}, {"3", 'r', "c"}, {"4", 'r', "a"}},
     .cluster = "1001", .internal = "1001")
CASE(case_02_one_missing_hint_switches_filtering_off, ZONE_A,
     .samples = {{"1", 'r', "a"}, {"2", 'r', "b"}, {"3", 'r', NULL}, {"4", 'r', "a"}},
     .cluster = "1111", .internal = "1111")
CASE(case_03_an_endpoint_may_have_several_hints, .policy = {.node = "1", .zone = "c"},
     .samples = {{"1", 'r', "abc"}, {"2", 'r', "bc"}, {"3", 'r', "bd"}, {"4", 'r', "c"}},
     .cluster = "1101", .internal = "1101")
CASE(case_04_node_without_labels_gets_all, .policy = {.node = "1", .zone = NULL},
     .samples = {{"1", 'r', "a"}, {"2", 'r', "b"}}, .cluster = "11", .internal = "11")
CASE(case_05_empty_zone_label_gets_all, .policy = {.node = "1", .zone = ""},
     .samples = {{"1", 'r', "a"}, {"2", 'r', "b"}}, .cluster = "11", .internal = "11")
CASE(case_06_zone_that_no_hint_names_gets_all, .policy = {.node = "1", .zone = "z"},
     .samples = {{"1", 'r', "a"}, {"2", 'r', "b"}}, .cluster = "11", .internal = "11")
CASE(case_07_unready_endpoint_of_the_zone_is_left_out, ZONE_A,
     .samples = {{"1", 'u', "a"}, {"2", 'r', "b"}, {"3", 'r', "c"}, {"4", 'r', "a"}},
     .cluster = "0001", .internal = "0001")
CASE(case_08_zone_with_unready_endpoints_alone_does_not_filter, ZONE_A,
     .samples = {{"1", 'u', "a"}, {"2", 'r', "b"}, {"3", 'r', "c"}, {"4", 'u', "a"}},
     .cluster = "0110", .internal = "0110")
CASE(case_09_external_local_ignores_topology,
     .policy = {.node = "1", .zone = "a", .external_local = true, .reachable_from_outside = true},
     .samples = {{"1", 'r', "b"}, {"2", 'r', "a"}, {"1", 'r', "c"}}, .internal = "010",
     .cluster = "010", .external = "101")
CASE(case_10_internal_local_ignores_topology,
     .policy = {.node = "1", .zone = "a", .internal_local = true, .reachable_from_outside = true},
     .samples = {{"1", 'r', "b"}, {"2", 'r', "a"}, {"1", 'r', "c"}}, .internal = "101",
     .cluster = "010", .external = "010")
CASE(case_11_topology_and_locality_are_chosen_apart,
     .policy = {.node = "1", .zone = "a", .external_local = true, .reachable_from_outside = true},
     .samples = {{"1", 'r', "a"}, {"1", 'r', "b"}, {"2", 'r', "a"}, {"2", 'r', "b"}},
     .internal = "1010", .cluster = "1010", .external = "1100")
CASE(case_12_internal_local_without_endpoints_is_not_elsewhere,
     .policy = {.node = "1", .internal_local = true}, .internal = "")
CASE(case_13_internal_local_with_remote_endpoints_alone_is_elsewhere,
     .policy = {.node = "1", .internal_local = true}, .samples = {{"2", 'r'}, {"3", 'r'}},
     .internal = "00", .internal_elsewhere = true)
CASE(case_14_internal_local_with_local_endpoints_alone_gets_all,
     .policy = {.node = "1", .internal_local = true}, .samples = {{"1", 'r'}, {"1", 'r'}},
     .internal = "11")
CASE(case_15_internal_local_gets_the_local_ones, .policy = {.node = "1", .internal_local = true},
     .samples = {{"1", 'r'}, {"2", 'r'}}, .internal = "10")
CASE(case_16_unready_endpoints_are_no_endpoints, .policy = {.node = "1"},
     .samples = {{"1", 'u'}, {"2", 'u'}, {"2", 'd'}}, .internal = "000", .cluster = "000")
CASE(case_17_ready_ones_are_chosen_among_unready, .policy = {.node = "1"},
     .samples = {{"1", 'r'}, {"2", 'u'}}, .internal = "10", .cluster = "10")
CASE(case_18_all_terminating_ones_when_none_is_ready, .policy = {.node = "1"},
     .samples = {{"1", 't'}, {"2", 't'}, {"2", 'd'}}, .internal = "110", .cluster = "110")
CASE(case_19_internal_local_and_external_cluster,
     .policy = {.node = "1", .internal_local = true, .reachable_from_outside = true},
     .samples = {{"1", 'r'}, {"2", 'r'}}, .internal = "10", .cluster = "11", .external = "11")
CASE(case_20_internal_cluster_and_external_local,
     .policy = {.node = "1", .external_local = true, .reachable_from_outside = true},
     .samples = {{"1", 'r'}, {"2", 'r'}}, .internal = "11", .cluster = "11", .external = "10")
CASE(case_21_both_local,
     .policy = {.node = "1",
		.internal_local = true,
		.external_local = true,
		.reachable_from_outside = true},
     .samples = {{"1", 'r'}, {"2", 'r'}}, .internal = "10", .cluster = "11", .external = "10")
CASE(case_22_both_local_with_remote_endpoints_alone,
     .policy = {.node = "1",
		.internal_local = true,
		.external_local = true,
		.reachable_from_outside = true},
     .samples = {{"2", 'r'}, {"3", 'r'}}, .internal = "00", .cluster = "11", .external = "00",
     .internal_elsewhere = true, .external_elsewhere = true)
CASE(case_23_both_local_with_remote_terminating_ones_alone,
     .policy = {.node = "1",
		.internal_local = true,
		.external_local = true,
		.reachable_from_outside = true},
     .samples = {{"2", 't'}, {"3", 't'}}, .internal = "00", .cluster = "11", .external = "00",
     .internal_elsewhere = true, .external_elsewhere = true)
CASE(case_24_both_fallbacks_are_independent,
     .policy = {.node = "1", .external_local = true, .reachable_from_outside = true},
     .samples = {{"2", 'r'}, {"1", 'd'}, {"1", 't'}, {"2", 't'}}, .internal = "1000",
     .cluster = "1000", .external = "0010")
CASE(case_25_external_policy_counts_for_nothing_when_unreachable,
     .policy = {.node = "1", .external_local = true}, .samples = {{"1", 'r'}, {"2", 'r'}},
     .internal = "11", .cluster = "11", .external = "00")
CASE(case_26_internal_local_service_has_no_cluster_set,
     .policy = {.node = "1", .internal_local = true}, .samples = {{"1", 'r'}, {"2", 'r'}},
     .internal = "10", .cluster = "00", .external = "00")
CASE(case_27_same_node_when_all_have_node_hints_and_one_is_this, ZONE_A,
     .samples = {{"1", 'r', "a", "1"}, {"2", 'r', "a", "2"}, {"3", 'r', "b", "3"}},
     .cluster = "100", .internal = "100")
CASE(case_27_same_zone_when_one_has_no_node_hint, ZONE_A,
     .samples = {{"1", 'r', "a", "1"}, {"2", 'r', "a", NULL}, {"3", 'r', "b", "3"}},
     .cluster = "110", .internal = "110")
CASE(case_27_same_zone_when_no_node_hint_is_this, ZONE_A,
     .samples = {{"4", 'r', "a", "4"}, {"2", 'r', "a", "2"}, {"3", 'r', "b", "3"}},
     .cluster = "110", .internal = "110")
CASE(local_falls_back_to_terminating_ones_of_this_node,
     .policy = {.node = "1", .internal_local = true}, .samples = {{"1", 't'}, {"2", 'r'}},
     .internal = "10")
CASE(unknown_node_has_nothing_local, .policy = {.node = "", .internal_local = true},
     .samples = {{"", 'r'}, {NULL, 'r'}}, .internal = "00", .internal_elsewhere = true)
