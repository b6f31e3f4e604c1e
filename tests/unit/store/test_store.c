/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/codec.h"
#include "store/store.h"

static struct bl_object *decode(const char *text)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object_list list = {0};
	struct bl_object *object;
	int r;

	r = bl_decode("test.yaml", text, strlen(text), &bl_limits_default, 0, &list, &diag);
	if (r < 0)
		bl_diag_print(&diag, stderr);
	cr_assert_eq(r, 0);
	cr_assert_eq(list.count, 1);
	object = bl_object_ref(list.items[0]);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
	return object;
}

static enum bl_change put(struct bl_store *store, const char *text)
{
	_cleanup_(bl_object_unref) struct bl_object *object = decode(text);
	enum bl_change change;

	cr_assert_eq(bl_store_put(store, object, 1000, &change), 0);
	return change;
}

#define POD(name, labels)                                                                          \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: " name ", labels: {" labels                   \
	"}}\nspec: {containers: [{name: c, image: i}]}\n"

/* Names of pods that a selector finds, each followed by a space. */
static void expect_pods(const struct bl_store *store, const struct bl_pairs *selector,
			const char *expected)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	char names[256] = "";
	size_t count = 0;

	cr_assert_eq(bl_store_pods_matching(store, "default", selector, &items, &count), 0);
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(names);

		(void)snprintf(names + len, sizeof(names) - len, "%s ", items[i]->meta.name);
	}
	cr_assert_str_eq(names, expected);
}

Test(store, change_is_none_added_modified_and_versions_grow)
{
	_cleanup_(bl_store_free) struct bl_store *store = NULL;
	const struct bl_object *object;
	char uid[64];

	cr_assert_eq(bl_store_new(&store), 0);
	cr_assert_eq(put(store, POD("a", "app: x")), BL_CHANGE_ADDED);
	object = bl_store_find(store, BL_KIND_POD, "default", "a");
	cr_assert_eq(object->meta.resource_version, 1);
	cr_assert_eq(object->meta.creation_time, 1000);
	cr_assert_eq(strlen(object->meta.uid), 36);
	cr_assert_eq(object->meta.uid[14], '4');
	(void)snprintf(uid, sizeof(uid), "%s", object->meta.uid);
	cr_assert_eq(put(store, POD("a", "app: x")), BL_CHANGE_NONE);
	cr_assert_eq(bl_store_version(store), 1);
	cr_assert_eq(put(store, POD("a", "app: z")), BL_CHANGE_MODIFIED);
	object = bl_store_find(store, BL_KIND_POD, "default", "a");
	cr_assert_eq(object->meta.resource_version, 2);
	cr_assert_str_eq(object->meta.uid, uid);
	cr_assert_eq(bl_store_delete(store, BL_KIND_POD, "default", "a"), 0);
	cr_assert_eq(bl_store_delete(store, BL_KIND_POD, "default", "a"), -ENOENT);
	cr_assert_eq(bl_store_count(store, BL_KIND_POD), 0);
	cr_assert_null(bl_store_find(store, BL_KIND_POD, "default", "a"));
}

Test(store, pods_are_found_by_all_pairs_of_a_selector_as_labels_change)
{
	_cleanup_(bl_store_free) struct bl_store *store = NULL;
	struct bl_pair pairs[] = {{"app", "x"}, {"tier", "web"}};
	const struct bl_pairs one = {.items = pairs, .count = 1};
	const struct bl_pairs two = {.items = pairs, .count = 2};
	const struct bl_pairs none = {0};

	cr_assert_eq(bl_store_new(&store), 0);
	put(store, POD("c", "app: x, tier: web"));
	put(store, POD("a", "app: x, tier: db"));
	put(store, POD("b", "app: z, tier: web"));
	expect_pods(store, &one, "a c ");
	expect_pods(store, &two, "c ");
	expect_pods(store, &none, "");
	put(store, POD("a", "app: x, tier: web"));
	put(store, POD("c", "app: z"));
	expect_pods(store, &two, "a ");
	cr_assert_eq(bl_store_delete(store, BL_KIND_POD, "default", "a"), 0);
	expect_pods(store, &one, "");
}

Test(store, services_are_found_by_a_pods_labels_and_slices_by_their_service)
{
	_cleanup_(bl_store_free) struct bl_store *store = NULL;
	struct bl_pair pairs[] = {{"app", "x"}, {"tier", "web"}};
	const struct bl_pairs labels = {.items = pairs, .count = 2};
	const struct bl_object **items;
	size_t count;

	cr_assert_eq(bl_store_new(&store), 0);
	put(store, "apiVersion: v1\nkind: Service\nmetadata: {name: both}\n"
		   "spec: {selector: {app: x, tier: web}, ports: [{port: 80}]}\n");
	put(store, "apiVersion: v1\nkind: Service\nmetadata: {name: app}\n"
		   "spec: {selector: {app: x}, ports: [{port: 80}]}\n");
	put(store, "apiVersion: v1\nkind: Service\nmetadata: {name: none}\n"
		   "spec: {ports: [{port: 80}]}\n");
	put(store, "apiVersion: v1\nkind: Service\nmetadata: {name: more}\n"
		   "spec: {selector: {app: x, zone: a}, ports: [{port: 80}]}\n");
	put(store, "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s-1, "
		   "labels: {kubernetes.io/service-name: app}}\naddressType: IPv4\nendpoints: []\n"
		   "ports: []\n");
	cr_assert_eq(bl_store_services_selecting(store, "default", &labels, &items, &count), 0);
	cr_assert_eq(count, 2);
	cr_assert_str_eq(items[0]->meta.name, "app");
	cr_assert_str_eq(items[1]->meta.name, "both");
	free(items);
	cr_assert_eq(bl_store_slices_of(store, "default", "app", &items, &count), 0);
	cr_assert_eq(count, 1);
	free(items);
	cr_assert_eq(bl_store_slices_of(store, "default", "both", &items, &count), 0);
	cr_assert_eq(count, 0);
	free(items);
	cr_assert_eq(bl_store_list(store, BL_KIND_SERVICE, NULL, &items, &count), 0);
	cr_assert_eq(count, 4);
	cr_assert_str_eq(items[3]->meta.name, "none");
	free(items);
}

struct heard {
	char text[256];
	struct bl_store *store;
	struct bl_store_watch *watch; /* removed at the first DELETED */
};

static void listen(const struct bl_event *event, void *userdata)
{
	static const char *const names[] = {"none", "added", "modified", "deleted"};
	struct heard *heard = userdata;
	size_t len = strlen(heard->text);

	(void)snprintf(heard->text + len, sizeof(heard->text) - len, "%s:%s:%llu:%s ",
		       names[event->change], event->object->meta.name,
		       (unsigned long long)event->object->meta.resource_version,
		       event->old ? "old" : "-");
	if (event->change == BL_CHANGE_DELETED)
		bl_store_watch_remove(heard->store, heard->watch);
}

Test(store, watchers_hear_of_every_change_until_they_leave)
{
	_cleanup_(bl_store_free) struct bl_store *store = NULL;
	struct heard heard = {0};

	cr_assert_eq(bl_store_new(&store), 0);
	heard.store = store;
	cr_assert_eq(bl_store_watch_add(store, listen, &heard, &heard.watch), 0);
	put(store, POD("a", "app: x"));
	put(store, POD("a", "app: x"));
	put(store, POD("a", "app: z"));
	cr_assert_eq(bl_store_delete(store, BL_KIND_POD, "default", "a"), 0);
	put(store, POD("b", "app: x"));
	cr_assert_str_eq(heard.text, "added:a:1:- modified:a:2:old deleted:a:3:old ");
}
