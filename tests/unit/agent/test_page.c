/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How things were at a version, and lists in pieces. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "agent/page.h"
#include "agent/watch.h"
#include "fixture.h"

struct state {
	struct bl_store *store;
	struct bl_watches *watches;
};

static void setup(struct state *state)
{
	cr_assert_eq(bl_store_new(&state->store), 0);
	cr_assert_eq(bl_watches_new(state->store, &state->watches), 0);
}

static void done(struct state *state)
{
	bl_watches_free(state->watches);
	bl_store_free(state->store);
}

static void put(struct state *state, const char *ns, const char *name, const char *label)
{
	struct bl_object *object;
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "apiVersion: v1\nkind: Endpoints\n"
		       "metadata: {name: %s, namespace: %s, labels: {l: '%s'}}\n",
		       name, ns, label);
	object = decode_one(NULL, text);
	cr_assert_eq(bl_store_put(state->store, object, 1, NULL), 0);
	bl_object_unref(object);
}

static void take(struct state *state, const char *ns, const char *name)
{
	cr_assert_eq(bl_store_delete(state->store, BL_KIND_ENDPOINTS, ns, name), 0);
}

/* "ns/name=label ..." of how things were. */
static const char *at(const struct state *state, const char *ns, uint64_t version)
{
	const struct bl_object **items = NULL;
	static char text[4096];
	size_t count = 0, used = 0;

	cr_assert_eq(bl_history_list(bl_watches_history(state->watches), state->store,
				     BL_KIND_ENDPOINTS, ns, version, &items, &count),
		     0);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s/%s=%s",
					 i ? " " : "", items[i]->meta.ns, items[i]->meta.name,
					 bl_pairs_get(&items[i]->meta.labels, "l"));
	free(items);
	return text;
}

Test(history, a_list_of_a_version_shows_how_things_were_then)
{
	struct state state;
	uint64_t versions[4];

	setup(&state);
	put(&state, "one", "b", "1");
	put(&state, "two", "a", "1");
	versions[0] = bl_store_version(state.store);
	put(&state, "one", "a", "1");
	put(&state, "one", "b", "2");
	versions[1] = bl_store_version(state.store);
	take(&state, "one", "b");
	take(&state, "two", "a");
	versions[2] = bl_store_version(state.store);
	put(&state, "two", "a", "3");
	put(&state, "one", "c", "1");
	versions[3] = bl_store_version(state.store);
	cr_assert_str_eq(at(&state, NULL, versions[0]), "one/b=1 two/a=1");
	cr_assert_str_eq(at(&state, NULL, versions[1]), "one/a=1 one/b=2 two/a=1");
	cr_assert_str_eq(at(&state, NULL, versions[2]), "one/a=1");
	cr_assert_str_eq(at(&state, NULL, versions[3]), "one/a=1 one/c=1 two/a=3");
	cr_assert_str_eq(at(&state, "two", versions[1]), "two/a=1");
	cr_assert_str_eq(at(&state, "two", versions[2]), "");
	done(&state);
}

Test(history, what_is_forgotten_and_what_is_to_come_is_not_reached)
{
	const struct bl_history *history;
	struct state state;
	uint64_t first;

	setup(&state);
	put(&state, "one", "a", "1");
	first = bl_store_version(state.store);
	history = bl_watches_history(state.watches);
	cr_assert(bl_history_reaches(history, first, bl_store_version(state.store)));
	cr_assert_not(bl_history_reaches(history, first + 1, first));
	for (unsigned int i = 0; i < BL_HISTORY_MAX; i++)
		put(&state, "one", "a", i % 2 ? "x" : "y");
	cr_assert(bl_history_reaches(history, first, bl_store_version(state.store)));
	put(&state, "one", "b", "1");
	cr_assert_not(bl_history_reaches(history, first, bl_store_version(state.store)));
	done(&state);
}

/* The names of a piece; `token` is of the one before, and then of this one. */
static const char *piece(const struct state *state, const char *labels, uint64_t limit, char *token)
{
	struct bl_page page = {.version = bl_store_version(state->store), .limit = limit};
	const struct bl_object **items = NULL;
	struct bl_selector *selector = NULL;
	struct bl_buf next = {0};
	static char text[4096];
	size_t count = 0, used = 0;

	if (token[0])
		cr_assert_eq(bl_page_token_parse(token, &page), 0, "%s", token);
	cr_assert_eq(bl_selector_parse(labels, NULL, bl_selector_fields(BL_KIND_ENDPOINTS),
				       &selector, NULL),
		     0);
	cr_assert_eq(bl_history_list(bl_watches_history(state->watches), state->store,
				     BL_KIND_ENDPOINTS, NULL, page.version, &items, &count),
		     0);
	bl_page_cut(&page, selector, items, &count, &next);
	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s",
					 items[i]->meta.name);
	(void)snprintf(text + used, sizeof(text) - used, "+%llu",
		       (unsigned long long)page.remaining);
	(void)snprintf(token, 600, "%s", next.len ? next.data : "");
	bl_buf_done(&next);
	bl_selector_free(selector);
	free(items);
	return text;
}

Test(page, pieces_hold_all_there_was_at_the_first_and_nothing_twice)
{
	char token[600] = "";
	struct state state;

	setup(&state);
	put(&state, "one", "a", "x");
	put(&state, "one", "b.c", "x");
	put(&state, "one", "d", "x");
	put(&state, "two", "a", "x");
	put(&state, "two", "e", "x");
	cr_assert_str_eq(piece(&state, NULL, 2, token), "ab.c+3");
	put(&state, "one", "aa", "x");
	put(&state, "one", "z", "x");
	take(&state, "one", "d");
	take(&state, "one", "b.c");
	cr_assert_str_eq(piece(&state, NULL, 2, token), "da+1");
	cr_assert_str_eq(piece(&state, NULL, 2, token), "e+0");
	cr_assert_str_eq(token, "");
	done(&state);
}

Test(page, a_piece_counts_what_is_selected)
{
	char token[600] = "";
	struct state state;

	setup(&state);
	for (char name[2] = "a"; name[0] < 'k'; name[0]++)
		put(&state, "one", name, name[0] % 2 ? "odd" : "even");
	cr_assert_str_eq(piece(&state, "l=even", 2, token), "bd+3");
	cr_assert_str_eq(piece(&state, "l=even", 2, token), "fh+1");
	cr_assert_str_eq(piece(&state, "l=even", 2, token), "j+0");
	cr_assert_str_eq(token, "");
	cr_assert_str_eq(piece(&state, NULL, 0, token), "abcdefghij+0");
	cr_assert_str_eq(piece(&state, NULL, 10, token), "abcdefghij+0");
	cr_assert_str_eq(token, "");
	done(&state);
}

Test(page, a_strange_token_is_refused)
{
	static const char *const tokens[] = {"",
					     "1",
					     "1.",
					     "2.5.one.a",
					     "1.x.one.a",
					     "1.5",
					     "1.5.one",
					     "1.5.one.",
					     "1.-5.one.a",
					     "1. 5.a.b",
					     "1.99999999999999999999.a.b"};
	struct bl_page page = {.version = 7};
	char text[700] = "1.5.one.";

	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++)
		cr_assert_eq(bl_page_token_parse(tokens[i], &page), -EINVAL, "%s", tokens[i]);
	memset(text + 8, 'a', 600);
	cr_assert_eq(bl_page_token_parse(text, &page), -EINVAL);
	cr_assert(page.version == 7 && !page.name[0]);
	cr_assert_eq(bl_page_token_parse("1.5..node", &page), 0);
	cr_assert(page.version == 5 && !page.ns[0]);
}
