/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/dirty.h"
#include "fixture.h"

struct state {
	struct bl_store *store;
	struct bl_dirty dirty;
	struct bl_store_watch *watch;
};

static void on_event(const struct bl_event *event, void *userdata)
{
	struct state *state = userdata;

	bl_dirty_note(&state->dirty, state->store, event);
}

/* "default/a default/b" of what is dirty since the last call. */
static const char *take(struct state *state)
{
	static char text[512];
	char **names = NULL;
	size_t count = 0, used = 0;

	text[0] = '\0';
	cr_assert_eq(bl_dirty_take(&state->dirty, state->store, &names, &count), 0);
	for (size_t i = 0; i < count; i++) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? " " : "",
					 names[i]);
		free(names[i]);
	}
	free(names);
	return text;
}

static void put(struct state *state, const char *yaml)
{
	struct bl_object *object = decode_one("f", yaml);

	cr_assert_eq(bl_store_put(state->store, object, 1, NULL), 0);
	bl_object_unref(object);
}

#define SERVICE(name, selector)                                                                    \
	"apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\n"                              \
	"spec: {selector: {" selector "}, ports: [{port: 80}]}\n"
#define POD(labels)                                                                                \
	"apiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {" labels "}}\n"                   \
	"spec: {containers: [{name: c, image: i}]}\n"
#define SLICE(service)                                                                             \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"                                   \
	"metadata: {name: s, labels: {kubernetes.io/service-name: " service "}}\n"                 \
	"addressType: IPv4\nendpoints: []\nports: []\n"

Test(dirty, a_change_touches_the_services_that_it_concerns)
{
	struct state state = {0};

	cr_assert_eq(bl_store_new(&state.store), 0);
	cr_assert_eq(bl_dirty_init(&state.dirty), 0);
	cr_assert_eq(bl_store_watch_add(state.store, on_event, &state, &state.watch), 0);
	put(&state, SERVICE("a", "app: a"));
	put(&state, SERVICE("b", "app: b"));
	put(&state, SERVICE("c", "app: b, tier: x"));
	cr_assert_str_eq(take(&state), "default/a default/b default/c");
	cr_assert(bl_dirty_is_empty(&state.dirty));
	put(&state, POD("app: a"));
	cr_assert_str_eq(take(&state), "default/a");
	/* Services that selected the pod before, and those that select it now. */
	put(&state, POD("app: b"));
	cr_assert_str_eq(take(&state), "default/a default/b");
	cr_assert_eq(bl_store_delete(state.store, BL_KIND_POD, "default", "p"), 0);
	cr_assert_str_eq(take(&state), "default/b");
	put(&state, SLICE("a"));
	cr_assert_str_eq(take(&state), "default/a");
	put(&state, SLICE("zzz"));
	cr_assert_str_eq(take(&state), "default/a default/zzz");
	put(&state, "apiVersion: v1\nkind: Node\nmetadata: {name: node-a}\n");
	cr_assert_str_eq(take(&state), "");
	put(&state, "apiVersion: v1\nkind: Node\n"
		    "metadata: {name: node-a, labels: {topology.kubernetes.io/zone: z}}\n");
	cr_assert_str_eq(take(&state), "default/a default/b default/c");
	cr_assert_eq(bl_store_delete(state.store, BL_KIND_SERVICE, "default", "a"), 0);
	cr_assert_str_eq(take(&state), "default/a");
	bl_dirty_done(&state.dirty);
	bl_store_free(state.store);
}
