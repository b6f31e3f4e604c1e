/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Server-side apply (KEP-555): who owns what after applies and other writes, one after the other.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "api/field_set.h"
#include "api/managed.h"
#include "api/shape.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

/* The tables write ' for ": none of them has one inside a text. */
static struct json_object *parse(const char *text)
{
	char *copy = strdup(text);
	struct json_object *json;

	for (char *at = copy; *at; at++)
		if (*at == '\'')
			*at = '"';
	json = json_tokener_parse(copy);
	cr_assert_not_null(json, "%s", copy);
	free(copy);
	return json;
}

/* An object and its entries, as a server keeps them. */
struct world {
	struct json_object *object; /* NULL: there is none */
	struct json_object *managers;
	struct bl_err err;
	size_t conflicts;
};

static void update(struct world *world, const char *manager, const char *now)
{
	const struct bl_manager who = {.name = manager, .time = "2026-01-01T00:00:00Z"};
	struct json_object *json = parse(now), *entries = NULL;

	cr_assert_eq(bl_managed_update(BL_KIND_SERVICE, world->object, json, world->managers, &who,
				       &entries),
		     0);
	json_object_put(world->object);
	json_object_put(world->managers);
	world->object = json;
	world->managers = entries;
}

static int apply_at(struct world *world, const char *manager, const char *config, bool force,
		    const char *time)
{
	const struct bl_manager who = {.name = manager, .time = time, .applies = true};
	struct bl_applied applied = {0};
	struct json_object *json = parse(config);
	int r;

	world->err = (struct bl_err){0};
	r = bl_managed_apply(BL_KIND_SERVICE, world->object, json, world->managers, &who, force,
			     &applied, &world->err);
	world->conflicts = applied.conflicts ? json_object_array_length(applied.conflicts) : 0;
	if (r == 0) {
		struct json_object *copy = NULL;

		cr_assert_eq(json_object_deep_copy(applied.object, &copy, NULL), 0);
		json_object_put(world->object);
		json_object_put(world->managers);
		world->object = copy;
		world->managers = TAKE_PTR(applied.managers);
	}
	bl_applied_done(&applied);
	json_object_put(json);
	return r;
}

static int apply(struct world *world, const char *manager, const char *config, bool force)
{
	return apply_at(world, manager, config, force, "2026-01-02T00:00:00Z");
}

static struct json_object *fields_of(const struct world *world, const char *manager)
{
	for (size_t i = 0; world->managers && i < json_object_array_length(world->managers); i++) {
		struct json_object *entry = json_object_array_get_idx(world->managers, i);

		if (!strcmp(json_object_get_string(json_object_object_get(entry, "manager")),
			    manager))
			return json_object_object_get(entry, "fieldsV1");
	}
	return NULL;
}

static void expect_fields(const struct world *world, const char *manager, const char *expected)
{
	_cleanup_(json_object_put) struct json_object *json = expected ? parse(expected) : NULL;
	struct json_object *got = fields_of(world, manager);

	cr_expect(bl_json_same(got, json), "%s has %s", manager, json_object_to_json_string(got));
}

static void expect_object(const struct world *world, const char *expected)
{
	_cleanup_(json_object_put) struct json_object *json = parse(expected);

	cr_expect(bl_json_same(world->object, json), "%s",
		  json_object_to_json_string(world->object));
}

static void world_done(struct world *world)
{
	json_object_put(world->object);
	json_object_put(world->managers);
}

#define META "'apiVersion':'v1','kind':'Service','metadata':{'name':'a'}"

Test(managed, what_an_apply_gives_is_its_own_and_goes_when_it_is_not_given_again)
{
	struct world world = {0};

	cr_assert_eq(apply(&world, "me",
			   "{" META ",'spec':{'type':'NodePort','selector':{'a':'b'},"
			   "'ports':[{'port':80,'name':'x'}]}}",
			   false),
		     0, "%s", world.err.text);
	expect_fields(&world, "me",
		      "{'f:spec':{'f:ports':{'k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}':"
		      "{'.':{},'f:name':{},'f:port':{}}},'f:selector':{},'f:type':{}}}");
	cr_assert_eq(apply(&world, "me", "{" META ",'spec':{'ports':[{'port':81}]}}", false), 0);
	expect_object(&world, "{" META ",'spec':{'ports':[{'port':81}]}}");
	world_done(&world);
}

Test(managed, an_item_that_another_one_has_given_too_stays)
{
	struct world world = {0};

	cr_assert_eq(
		apply(&world, "a", "{" META ",'spec':{'ports':[{'port':80,'name':'x'}]}}", false),
		0);
	cr_assert_eq(
		apply(&world, "b", "{" META ",'spec':{'ports':[{'port':80},{'port':81}]}}", false),
		0, "%s", world.err.text);
	expect_object(&world, "{" META ",'spec':{'ports':[{'port':80,'name':'x'},{'port':81}]}}");
	/* a no longer gives it, b still does: the name goes, the port stays */
	cr_assert_eq(apply(&world, "a", "{" META "}", false), 0);
	expect_object(&world, "{" META ",'spec':{'ports':[{'port':80},{'port':81}]}}");
	expect_fields(&world, "a", NULL);
	world_done(&world);
}

Test(managed, another_ones_value_is_a_conflict_and_the_same_value_is_shared)
{
	struct world world = {0};

	cr_assert_eq(apply(&world, "a", "{" META ",'spec':{'type':'NodePort','x':1}}", false), 0);
	cr_assert_eq(apply(&world, "b", "{" META ",'spec':{'type':'NodePort'}}", false), 0);
	cr_assert_eq(apply(&world, "b", "{" META ",'spec':{'type':'LoadBalancer'}}", false),
		     -EEXIST);
	cr_expect_eq(world.conflicts, 1);
	cr_expect_str_eq(world.err.text,
			 "Apply failed with 1 conflict: conflict with \"a\": .spec.type");
	expect_object(&world, "{" META ",'spec':{'type':'NodePort','x':1}}");
	/* shared: it stays until both have let go of it */
	cr_assert_eq(apply(&world, "a", "{" META ",'spec':{'x':1}}", false), 0);
	expect_object(&world, "{" META ",'spec':{'type':'NodePort','x':1}}");
	cr_assert_eq(apply(&world, "b", "{" META "}", false), 0);
	expect_object(&world, "{" META ",'spec':{'x':1}}");
	world_done(&world);
}

Test(managed, force_takes_fields_from_others)
{
	struct world world = {0};

	update(&world, "edit", "{" META ",'spec':{'type':'NodePort','sessionAffinity':'None'}}");
	cr_assert_eq(apply(&world, "me",
			   "{" META ",'spec':{'type':'ClusterIP','sessionAffinity':'ClientIP'}}",
			   false),
		     -EEXIST);
	cr_expect_eq(world.conflicts, 2);
	cr_expect_not_null(strstr(world.err.text, "\"edit\" using v1 at 2026-01-01T00:00:00Z:\n"
						  "- .spec."),
			   "%s", world.err.text);
	cr_assert_eq(apply(&world, "me", "{" META ",'spec':{'type':'ClusterIP'}}", true), 0);
	expect_fields(&world, "me", "{'f:spec':{'f:type':{}}}");
	expect_fields(&world, "edit", "{'f:spec':{'f:sessionAffinity':{}}}");
	expect_object(&world, "{" META ",'spec':{'type':'ClusterIP','sessionAffinity':'None'}}");
	world_done(&world);
}

Test(managed, a_write_takes_what_it_changes_and_others_lose_what_it_removes)
{
	struct world world = {0};

	cr_assert_eq(apply(&world, "me",
			   "{'metadata':{'name':'a','labels':{'x':'1','y':'1'}},"
			   "'spec':{'type':'NodePort'}}",
			   false),
		     0);
	update(&world, "edit",
	       "{'metadata':{'name':'a','labels':{'x':'2','z':'1'}},'spec':{'type':'NodePort'}}");
	expect_fields(&world, "me", "{'f:spec':{'f:type':{}}}");
	expect_fields(&world, "edit", "{'f:metadata':{'f:labels':{'f:x':{},'f:z':{}}}}");
	world_done(&world);
}

Test(managed, what_the_server_sets_belongs_to_nobody)
{
	struct world world = {0};

	update(&world, "x",
	       "{'apiVersion':'v1','kind':'Service','metadata':{'name':'a','namespace':'b','uid':'"
	       "c',"
	       "'resourceVersion':'1','creationTimestamp':'2026-01-01T00:00:00Z','generation':1}}");
	cr_expect_null(world.managers);
	world_done(&world);
}

Test(managed, new_mappings_and_lists_are_owned_as_such_by_updates)
{
	struct world world = {0};

	update(&world, "x",
	       "{'metadata':{'name':'a','labels':{'q':'1'}},'spec':{'ports':[{'port':1}]}}");
	expect_fields(&world, "x",
		      "{'f:metadata':{'f:labels':{'.':{},'f:q':{}}},'f:spec':{'f:ports':{'.':{},"
		      "'k:{\\\"port\\\":1,\\\"protocol\\\":\\\"TCP\\\"}':{'.':{},'f:port':{}}}}}");
	world_done(&world);
}

Test(managed, an_object_without_entries_belonged_to_somebody_before)
{
	struct world world = {.object = parse("{" META ",'spec':{'type':'NodePort'}}")};

	cr_assert_eq(apply(&world, "me", "{" META ",'spec':{'type':'ClusterIP'}}", false), -EEXIST);
	cr_expect_not_null(strstr(world.err.text, "before-first-apply"), "%s", world.err.text);
	cr_assert_eq(apply(&world, "me", "{" META ",'spec':{'type':'NodePort'}}", false), 0);
	expect_fields(&world, "before-first-apply", "{'f:spec':{'f:type':{}}}");
	world_done(&world);
}

Test(managed, what_kubectl_applied_itself_is_its_to_apply_by_the_server)
{
	static const char annotated[] =
		"{\"metadata\":{\"name\":\"a\",\"annotations\":{"
		"\"kubectl.kubernetes.io/last-applied-configuration\":"
		"\"{\\\"metadata\\\":{\\\"name\\\":\\\"a\\\"},\\\"spec\\\":{\\\"type\\\":"
		"\\\"NodePort\\\"}}\"}},\"spec\":{\"type\":\"NodePort\",\"sessionAffinity\":"
		"\"None\"}}";
	struct world world = {0};

	update(&world, "kubectl-client-side-apply", annotated);
	cr_assert_eq(apply(&world, "other", "{" META ",'spec':{'type':'ClusterIP'}}", false),
		     -EEXIST);
	cr_assert_eq(
		apply(&world, "kubectl", "{" META ",'spec':{'sessionAffinity':'ClientIP'}}", false),
		-EEXIST);
	cr_assert_eq(apply(&world, "kubectl", "{" META ",'spec':{'type':'ClusterIP'}}", false), 0,
		     "%s", world.err.text);
	world_done(&world);
}

Test(managed, applying_the_same_again_changes_not_even_the_time)
{
	struct world world = {0};
	_cleanup_free_ char *before = NULL;

	cr_assert_eq(apply(&world, "me", "{" META ",'spec':{'ports':[{'port':80}]}}", false), 0);
	before = strdup(json_object_to_json_string(world.managers));
	cr_assert_eq(apply_at(&world, "me", "{" META ",'spec':{'ports':[{'port':80}]}}", false,
			      "2026-06-06T00:00:00Z"),
		     0);
	cr_expect_str_eq(json_object_to_json_string(world.managers), before);
	world_done(&world);
}

Test(managed, defaults_that_a_configuration_leaves_out_are_no_change)
{
	const struct bl_manager other = {.name = "other", .time = "t"};
	const struct bl_manager me = {.name = "me", .time = "t", .applies = true};
	struct json_object *live = parse(
		"{'apiVersion':'v1','kind':'Endpoints','metadata':{'name':'a','namespace':'b'},"
		"'subsets':[{'addresses':[{'ip':'192.0.2.1'}],'ports':[{'port':80,'protocol':'TCP'}"
		"]}]}");
	struct json_object *config = parse(
		"{'apiVersion':'v1','kind':'Endpoints','metadata':{'name':'a','namespace':'b'},"
		"'subsets':[{'addresses':[{'ip':'192.0.2.1'}],'ports':[{'port':80}]}]}");
	struct json_object *entries = NULL;
	struct bl_applied applied = {0};
	struct bl_err err = {0};

	cr_assert_eq(bl_managed_update(BL_KIND_ENDPOINTS, NULL, live, NULL, &other, &entries), 0);
	cr_assert_eq(bl_managed_apply(BL_KIND_ENDPOINTS, live, config, entries, &me, false,
				      &applied, &err),
		     0, "%s", err.text);
	cr_expect_eq(json_object_array_length(applied.managers), 2);
	bl_applied_done(&applied);
	json_object_put(live);
	json_object_put(config);
	json_object_put(entries);
}

Test(managed, items_that_cannot_be_told_apart_are_refused)
{
	struct world world = {0};

	cr_expect_eq(apply(&world, "me", "{" META ",'spec':{'ports':[{'name':'x'}]}}", false),
		     -EINVAL);
	cr_expect_not_null(strstr(world.err.text, "port,protocol"), "%s", world.err.text);
	cr_expect_eq(apply(&world, "me",
			   "{" META ",'spec':{'ports':[{'port':80},{'port':80,'protocol':'TCP'}]}}",
			   false),
		     -EINVAL);
	cr_expect_not_null(strstr(world.err.text, "twice"), "%s", world.err.text);
	world_done(&world);
}

Test(managed, items_stand_in_the_order_of_the_apply)
{
	struct world world = {0};

	update(&world, "x", "{" META ",'spec':{'ports':[{'port':1},{'port':2},{'port':3}]}}");
	cr_assert_eq(apply(&world, "me",
			   "{" META ",'spec':{'ports':[{'port':3},{'port':4},{'port':1}]}}", false),
		     0);
	expect_object(&world, "{" META ",'spec':{'ports':[{'port':2},{'port':3},{'port':4},"
			      "{'port':1}]}}");
	world_done(&world);
}

Test(managed, sets_are_joined_value_by_value)
{
	struct world world = {0};

	cr_assert_eq(apply(&world, "a", "{'metadata':{'name':'a','finalizers':['x','y']}}", false),
		     0);
	cr_assert_eq(apply(&world, "b", "{'metadata':{'name':'a','finalizers':['y','z']}}", false),
		     0);
	cr_assert_eq(apply(&world, "a", "{'metadata':{'name':'a'}}", false), 0);
	expect_object(&world, "{'metadata':{'name':'a','finalizers':['y','z']}}");
	expect_fields(&world, "b",
		      "{'f:metadata':{'f:finalizers':{'v:\\\"y\\\"':{},'v:\\\"z\\\"':{}}}}");
	world_done(&world);
}

Test(managed, many_writers_share_one_entry_in_the_end)
{
	struct world world = {0};
	char manager[20];

	for (int i = 0; i < 40; i++) {
		struct bl_buf labels = {0};

		bl_buf_add_str(&labels, "{'metadata':{'name':'a','labels':{");
		for (int k = 0; k <= i; k++)
			bl_buf_addf(&labels, "%s'l%d':'1'", k ? "," : "", k);
		(void)snprintf(manager, sizeof(manager), "m%d", i);
		bl_buf_add_str(&labels, "}}}");
		update(&world, manager, labels.data);
		bl_buf_done(&labels);
	}
	cr_expect_leq(json_object_array_length(world.managers), 10);
	cr_expect_not_null(fields_of(&world, "ancient-changes"));
	cr_expect_not_null(fields_of(&world, "m39"));
	world_done(&world);
}

Test(field_set, sets_are_combined_place_by_place)
{
	static const struct {
		const char *a, *b, *both, *less, *common;
	} rows[] = {
		{"{'f:a':{}}", "{'f:a':{}}", "{'f:a':{}}", "null", "{'f:a':{}}"},
		{"{'f:a':{}}", "{'f:b':{}}", "{'f:a':{},'f:b':{}}", "{'f:a':{}}", "null"},
		{"{'f:a':{'.':{},'f:b':{}}}", "{'f:a':{'f:b':{}}}", "{'f:a':{'.':{},'f:b':{}}}",
		 "{'f:a':{}}", "{'f:a':{'f:b':{}}}"},
		{"{'f:a':{}}", "{'f:a':{'f:b':{}}}", "{'f:a':{'.':{},'f:b':{}}}", "{'f:a':{}}",
		 "null"},
		{"{'f:a':{'f:b':{},'f:c':{}}}", "{'f:a':{'f:c':{}}}", "{'f:a':{'f:b':{},'f:c':{}}}",
		 "{'f:a':{'f:b':{}}}", "{'f:a':{'f:c':{}}}"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *a = parse(rows[i].a), *b = parse(rows[i].b);
		struct json_object *got[3] = {0};
		const char *expected[3] = {rows[i].both, rows[i].less, rows[i].common};

		cr_assert_eq(bl_fields_union(a, b, &got[0]), 0);
		cr_assert_eq(bl_fields_difference(a, b, &got[1]), 0);
		cr_assert_eq(bl_fields_intersection(a, b, &got[2]), 0);
		for (size_t k = 0; k < 3; k++) {
			struct json_object *want =
				strcmp(expected[k], "null") ? parse(expected[k]) : NULL;

			cr_expect(bl_json_same(got[k], want), "row %zu, %zu: %s", i, k,
				  json_object_to_json_string(got[k]));
			json_object_put(want);
			json_object_put(got[k]);
		}
		json_object_put(a);
		json_object_put(b);
	}
}

Test(field_set, sets_of_clients_are_checked_and_written_one_way)
{
	struct json_object *good =
		parse("{'f:b':{},'f:a':{'k:{\\\"x\\\":1, \\\"a\\\":\\\"b\\\"}':{}}}");
	struct json_object *got = NULL;
	static const char *const bad[] = {"[]",         "{'x':{}}",    "{'f:a':1}",  "{'k:[]':{}}",
					  "{'k:{':{}}", "{'v:{}':{}}", "{'i:x':{}}", "{'f:':{}}"};

	cr_assert_eq(bl_fields_read(good, &got, NULL), 0);
	cr_expect_str_eq(json_object_to_json_string_ext(got, JSON_C_TO_STRING_PLAIN),
			 "{\"f:a\":{\"k:{\\\"a\\\":\\\"b\\\",\\\"x\\\":1}\":{}},\"f:b\":{}}");
	json_object_put(good);
	json_object_put(got);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct json_object *json = parse(bad[i]);
		struct bl_err err = {0};

		cr_expect_eq(bl_fields_read(json, &got, &err), -EINVAL, "%s", bad[i]);
		cr_expect(err.text[0]);
		json_object_put(json);
	}
}

Test(field_set, what_a_file_of_yaml_could_not_hold_is_refused)
{
	char step[2048] = "f:", quoted[700] = "f:";
	struct json_object *deep = json_object_new_object(), *got = NULL;
	struct bl_err err = {0};

	memset(step + 2, 'x', 990);
	cr_expect(bl_fields_step_fits(step));
	memset(step + 2, 'x', 1010);
	cr_expect_not(bl_fields_step_fits(step));
	memset(quoted + 2, '"', 600); /* each with a backslash */
	cr_expect_not(bl_fields_step_fits(quoted));
	for (size_t i = 0; i < 25; i++) {
		struct json_object *outer = json_object_new_object();

		json_object_object_add(outer, "f:a", deep);
		deep = outer;
		if (i == 20) {
			cr_assert_eq(bl_fields_read(deep, &got, &err), 0);
			json_object_put(got);
		}
	}
	cr_expect_eq(bl_fields_read(deep, &got, &err), -EINVAL);
	cr_expect(strstr(err.text, "nested deeper"));
	json_object_put(deep);
	deep = json_object_new_object();
	json_object_object_add(deep, step, json_object_new_object());
	cr_expect_eq(bl_fields_read(deep, &got, &err), -EINVAL);
	cr_expect(strstr(err.text, "too long"));
	json_object_put(deep);
}

Test(managed, of_an_entry_only_its_own_members_are_kept)
{
	struct json_object *list = parse(
		"[{'manager':'m','operation':'Update','apiVersion':'v1','fieldsType':'FieldsV1',"
		"'fieldsV1':{'f:spec':{}},'other':{'a':[[[[1]]]]},'subresource':'status'}]");
	struct json_object *got = NULL;

	cr_assert_eq(bl_managed_read(list, &got, NULL), 0);
	cr_expect_str_eq(json_object_to_json_string_ext(got, JSON_C_TO_STRING_PLAIN),
			 "[{\"manager\":\"m\",\"operation\":\"Update\",\"apiVersion\":\"v1\","
			 "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:spec\":{}},"
			 "\"subresource\":\"status\"}]");
	json_object_put(list);
	json_object_put(got);
}

Test(managed, too_long_a_name_of_a_field_is_told_wherever_it_stands)
{
	static const char *const rows[][2] = {
		{"{'metadata':{'name':'a'},'", "':1}"},
		{"{'metadata':{'name':'a'},'spec':{'", "':1}}"},
		{"{'metadata':{'name':'a','annotations':{'", "':'1'}}}"},
		{"{'metadata':{'name':'a'},'spec':{'ports':[{'port':80,'protocol':'TCP','",
		 "':1}]}}"},
	};
	char name[1101];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct world world = {0};
		char text[1400];

		(void)snprintf(text, sizeof(text), "%s%s%s", rows[i][0], name, rows[i][1]);
		cr_expect_eq(apply(&world, "a", text, false), -EINVAL, "row %zu", i);
		cr_expect(strstr(world.err.text, "is too long"), "%s", world.err.text);
		json_object_put(world.object);
		json_object_put(world.managers);
	}
}

Test(managed, an_item_without_its_keys_belongs_to_nobody_and_stops_no_write)
{
	struct world world = {0};

	update(&world, "m",
	       "{'metadata':{'name':'a'},'spec':{'ports':[{'name':'x'},{'port':80}],'type':'x'}}");
	cr_expect(fields_of(&world, "m"));
	cr_expect_null(strstr(json_object_to_json_string(world.managers), "\"x\\\""));
	cr_expect(strstr(json_object_to_json_string(world.managers), "\\\"port\\\":80"));
	cr_expect(strstr(json_object_to_json_string(world.managers), "f:type"));
	json_object_put(world.object);
	json_object_put(world.managers);
}
