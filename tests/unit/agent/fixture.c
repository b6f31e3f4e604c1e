/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include <criterion/criterion.h>
#include <string.h>

#include "model/codec.h"

void fixture_setup(struct fixture *fixture)
{
	struct bl_agent_config config = {0};
	struct bl_catalog_config catalog = {.node_name = "node-a"};
	struct bl_err err = {0};

	*fixture = (struct fixture){0};
	cr_assert_eq(bl_settings_init(&fixture->settings, &config, &err), 0, "%s", err.text);
	cr_assert_eq(bl_store_new(&fixture->store), 0);
	cr_assert_eq(bl_settings_allocator(&fixture->settings, NULL, NULL, &fixture->allocator), 0);
	cr_assert_eq(bl_allocations_open(&fixture->allocations, fixture->allocator, NULL, &err), 0);
	cr_assert_eq(bl_problems_new(&fixture->problems), 0);
	catalog.store = fixture->store;
	catalog.allocations = &fixture->allocations;
	catalog.problems = fixture->problems;
	cr_assert_eq(bl_catalog_new(&catalog, &fixture->catalog), 0);
}

void fixture_done(struct fixture *fixture)
{
	bl_catalog_free(fixture->catalog);
	bl_problems_free(fixture->problems);
	bl_allocations_done(&fixture->allocations);
	bl_allocator_free(fixture->allocator);
	bl_store_free(fixture->store);
	bl_settings_done(&fixture->settings);
}

struct bl_object *decode_one(const char *file, const char *text)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object;

	cr_assert_eq(bl_decode(file ? file : "api", text, strlen(text), &bl_limits_default, 0,
			       &list, &diag),
		     0, "%s", diag.count ? diag.problems[0].text : text);
	cr_assert_eq(list.count, 1);
	object = bl_object_ref(list.items[0]);
	if (!file)
		object->origin = (struct bl_pos){0};
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return object;
}

void deliver(struct fixture *fixture, const char *file, const char *text)
{
	struct bl_object *object = decode_one(file, text);
	struct bl_source_batch batch = {.upserts = &object, .upsert_count = 1};

	cr_assert_eq(bl_catalog_deliver(fixture->catalog, &batch), 0);
	bl_object_unref(object);
}

void withdraw(struct fixture *fixture, enum bl_kind kind, const char *ns, const char *name)
{
	struct bl_source_name removal = {kind, ns, name};
	struct bl_source_batch batch = {.removals = &removal, .removal_count = 1};

	cr_assert_eq(bl_catalog_deliver(fixture->catalog, &batch), 0);
}

const struct bl_object *find(const struct fixture *fixture, enum bl_kind kind, const char *name)
{
	const char *ns = bl_kind_info(kind)->namespaced ? "default" : NULL;

	return bl_store_find(fixture->store, kind, ns, name);
}

const char *problems(const struct fixture *fixture)
{
	static char text[4096];
	struct bl_problem_line *lines = NULL;
	size_t count = 0, used = 0;

	text[0] = '\0';
	cr_assert_eq(bl_problems_list(fixture->problems, 100, &lines, &count), 0);
	for (size_t i = 0; i < count && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n", lines[i].text);
	free(lines);
	return text;
}
