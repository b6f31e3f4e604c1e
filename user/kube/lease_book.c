/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/lease_book.h"

#include <errno.h>
#include <string.h>

#include "kube/lease_book_parts.h"

#define AWAIT_MS 2000      /* what was written comes back by the watch within that */
#define LIST_AGAIN_MS 5000 /* between two lists for that reason */

/* Records */

static bool is_heartbeat(const char *name)
{
	return !strncmp(name, BL_LEASE_HEARTBEAT, strlen(BL_LEASE_HEARTBEAT));
}

static struct bl_map *map_of(const struct bl_lease_book *book, const char *name)
{
	return is_heartbeat(name) ? book->beats : book->claims;
}

struct bl_lease_record *bl_lease_book_find(const struct bl_lease_book *book, const char *name)
{
	return bl_map_get_str(map_of(book, name), name);
}

struct bl_lease_claim *bl_lease_book_claim(const struct bl_lease_book *book, const char *name)
{
	struct bl_lease_record *record = bl_map_get_str(book->claims, name);

	return record ? bl_lease_claim_of(record) : NULL;
}

static void free_record(struct bl_lease_record *record)
{
	bool is_beat = is_heartbeat(record->name);

	free(record->holder);
	free(record->name);
	if (is_beat)
		free(bl_lease_beat_of(record));
	else
		free(bl_lease_claim_of(record));
}

static struct bl_lease_record *make_record(struct bl_lease_book *book, const char *name)
{
	_cleanup_free_ char *copy = strdup(name);
	struct bl_lease_beat *beat = copy && is_heartbeat(name) ? calloc(1, sizeof(*beat)) : NULL;
	struct bl_lease_claim *claim =
		copy && !is_heartbeat(name) ? calloc(1, sizeof(*claim)) : NULL;
	struct bl_lease_record *record;

	if (!beat && !claim)
		return NULL;
	record = beat ? &beat->record : &claim->record;
	record->name = TAKE_PTR(copy);
	if (bl_map_put_str(map_of(book, name), record->name, record, NULL) < 0) {
		free_record(record);
		return NULL;
	}
	return record;
}

static void drop_record(struct bl_lease_book *book, struct bl_lease_record *record)
{
	(void)bl_map_remove_str(map_of(book, record->name), record->name);
	free_record(record);
}

uint64_t bl_lease_book_skew(const struct bl_lease_book *book, const char *name)
{
	uint64_t hash = bl_map_hash(0, book->config.identity, strlen(book->config.identity));

	return bl_map_hash(hash, name, strlen(name)) % BL_LEASE_SKEW_MS;
}

static bool is_of_use(const struct bl_lease_record *record)
{
	if (record->exists || record->writing)
		return true;
	return !is_heartbeat(record->name) &&
	       bl_lease_claim_of((struct bl_lease_record *)(uintptr_t)record)->wanted;
}

/* Those that are not there, and that nobody here wants. */
static void drop_useless(struct bl_lease_book *book, struct bl_map *map)
{
	bool again = true;

	while (again) {
		size_t cursor = 0;
		void *value;

		again = false;
		while (!again && bl_map_next(map, &cursor, NULL, NULL, &value)) {
			if (is_of_use(value))
				continue;
			drop_record(book, value);
			again = true;
		}
	}
}

void bl_lease_book_tidy(struct bl_lease_book *book, struct bl_lease_record *record)
{
	if (!is_of_use(record))
		drop_record(book, record);
}

/* What the watch tells */

/* Who heard nothing cannot say that another was silent: then all have their time from now. */
void bl_lease_book_hear(struct bl_lease_book *book, uint64_t now_ms)
{
	bool was_deaf = book->told_ms && !bl_lease_book_is_fresh(book, now_ms);
	size_t cursor = 0;
	void *value;

	book->told_ms = now_ms;
	if (!was_deaf)
		return;
	book->dirty = true;
	while (bl_map_next(book->beats, &cursor, NULL, NULL, &value)) {
		bl_lease_beat_of(value)->changed_ms = now_ms;
		bl_lease_beat_of(value)->silent = false;
	}
}

void bl_lease_book_set_watching(struct bl_lease_book *book, bool watching)
{
	book->watching = watching;
}

static int set_holder(struct bl_lease_record *record, const char *holder)
{
	char *copy = NULL;

	if (record->holder && !strcmp(record->holder, holder))
		return 0;
	if (*holder) {
		copy = strdup(holder);
		if (!copy)
			return -ENOMEM;
	}
	free(record->holder);
	record->holder = copy;
	return 1;
}

static void take_beat(struct bl_lease_book *book, struct bl_lease_beat *beat,
		      const struct bl_lease_seen *seen, uint64_t now_ms)
{
	uint64_t renewed = bl_map_hash(book->config.seed, seen->renewed, strlen(seen->renewed));

	beat->duration_ms = seen->duration_ms;
	/* Only what its holder does is a sign of life, not somebody's label. */
	if (beat->changed_ms && beat->renewed == renewed)
		return;
	beat->renewed = renewed;
	beat->changed_ms = now_ms;
	if (beat->silent)
		book->dirty = true;
	beat->silent = false;
}

int bl_lease_book_put(struct bl_lease_book *book, const struct bl_lease_object *lease,
		      uint64_t now_ms)
{
	struct bl_lease_seen seen = bl_lease_read(lease);
	const char *name = lease->object.meta.name;
	struct bl_lease_record *record = bl_lease_book_find(book, name);
	int r;

	bl_lease_book_hear(book, now_ms);
	if (!record)
		record = make_record(book, name);
	r = record ? set_holder(record, seen.holder) : -ENOMEM;
	if (r < 0)
		return r;
	if (r > 0 || !record->exists || record->term != seen.term)
		book->dirty = true;
	if (!is_heartbeat(name) && record->awaited_ms)
		book->dirty = true;
	record->exists = true;
	record->term = seen.term;
	record->version = seen.version;
	record->transitions = seen.transitions;
	record->awaited_ms = 0;
	record->useless_ms = 0;
	record->sweep = false;
	if (is_heartbeat(name))
		take_beat(book, bl_lease_beat_of(record), &seen, now_ms);
	return 0;
}

static void take_out(struct bl_lease_book *book, struct bl_lease_record *record)
{
	record->exists = false;
	record->term = 0;
	record->transitions = 0;
	record->awaited_ms = 0;
	record->useless_ms = 0;
	record->sweep = false;
	(void)set_holder(record, "");
	if (is_heartbeat(record->name))
		bl_lease_beat_of(record)->changed_ms = 0;
	book->dirty = true;
}

void bl_lease_book_remove(struct bl_lease_book *book, const char *name, uint64_t now_ms)
{
	struct bl_lease_record *record = bl_lease_book_find(book, name);

	bl_lease_book_hear(book, now_ms);
	if (!record)
		return;
	take_out(book, record);
	bl_lease_book_tidy(book, record);
}

static void draw_moments(struct bl_lease_book *book, uint64_t now_ms)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value)) {
		struct bl_lease_record *record = value;

		record->next_ms = now_ms + bl_lease_book_skew(book, record->name);
	}
}

static void complete_map(struct bl_lease_book *book, struct bl_map *map,
			 bool (*saw)(const char *name, void *userdata), void *userdata)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(map, &cursor, NULL, NULL, &value)) {
		struct bl_lease_record *record = value;

		record->awaited_ms = 0;
		if (record->exists && !saw(record->name, userdata))
			take_out(book, record);
	}
	drop_useless(book, map);
}

void bl_lease_book_complete(struct bl_lease_book *book,
			    bool (*saw)(const char *name, void *userdata), void *userdata,
			    uint64_t now_ms)
{
	bl_lease_book_hear(book, now_ms);
	if (!book->synced)
		draw_moments(book, now_ms);
	book->synced = true;
	book->dirty = true;
	book->awaited_ms = 0;
	complete_map(book, book->beats, saw, userdata);
	complete_map(book, book->claims, saw, userdata);
}

static void find_awaited(const struct bl_map *map, uint64_t *oldest_ms)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(map, &cursor, NULL, NULL, &value)) {
		uint64_t awaited_ms = ((struct bl_lease_record *)value)->awaited_ms;

		if (awaited_ms && (!*oldest_ms || awaited_ms < *oldest_ms))
			*oldest_ms = awaited_ms;
	}
}

uint64_t bl_lease_book_list_due(const struct bl_lease_book *book)
{
	uint64_t due = book->awaited_ms + AWAIT_MS;

	if (!book->awaited_ms)
		return UINT64_MAX;
	return book->listed_ms && book->listed_ms + LIST_AGAIN_MS > due
		       ? book->listed_ms + LIST_AGAIN_MS
		       : due;
}

bool bl_lease_book_needs_list(struct bl_lease_book *book, uint64_t now_ms)
{
	if (now_ms < bl_lease_book_list_due(book))
		return false;
	book->awaited_ms = 0;
	find_awaited(book->beats, &book->awaited_ms);
	find_awaited(book->claims, &book->awaited_ms);
	if (now_ms < bl_lease_book_list_due(book))
		return false;
	book->listed_ms = now_ms;
	book->awaited_ms = 0;
	return true;
}

/* What is wanted */

int bl_lease_book_want(struct bl_lease_book *book, const char *name, bool wanted, uint64_t now_ms)
{
	struct bl_lease_claim *claim = bl_lease_book_claim(book, name);
	struct bl_lease_record *record;

	if (!claim && !wanted)
		return 0;
	if (!claim) {
		record = make_record(book, name);
		if (!record)
			return -ENOMEM;
		record->next_ms = now_ms + bl_lease_book_skew(book, name);
		claim = bl_lease_claim_of(record);
	}
	claim->named = wanted;
	if (claim->wanted == wanted)
		return 0;
	claim->wanted = wanted;
	claim->told = BL_LEASE_UNKNOWN;
	claim->record.sweep = false;
	book->dirty = true;
	return 0;
}

void bl_lease_book_begin(struct bl_lease_book *book)
{
	size_t cursor = 0;
	void *value;

	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value))
		bl_lease_claim_of(value)->named = false;
}

void bl_lease_book_end(struct bl_lease_book *book)
{
	bool any = false;
	size_t cursor = 0;
	void *value;

	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value)) {
		struct bl_lease_claim *claim = bl_lease_claim_of(value);

		if (claim->named || !claim->wanted)
			continue;
		claim->wanted = false;
		any = true;
	}
	if (!any)
		return;
	book->dirty = true;
	drop_useless(book, book->claims);
}

void bl_lease_book_leave(struct bl_lease_book *book)
{
	book->leaving = true;
	book->heartbeat.leaving = true;
	book->heartbeat.next_ms = 0;
	book->dirty = true;
}

bool bl_lease_book_has_left(const struct bl_lease_book *book)
{
	return bl_heartbeat_has_left(&book->heartbeat);
}

/* The book */

int bl_lease_book_new(const struct bl_lease_book_config *config, struct bl_lease_book **ret)
{
	_cleanup_(bl_lease_book_free) struct bl_lease_book *book = calloc(1, sizeof(*book));
	int r;

	if (!book)
		return -ENOMEM;
	book->config = *config;
	book->pending_ms = UINT64_MAX;
	r = bl_heartbeat_init(&book->heartbeat, config->ns, config->identity, &config->times,
			      config->seed);
	if (r == 0)
		r = bl_map_new_borrowing(&book->beats);
	if (r == 0)
		r = bl_map_new_borrowing(&book->claims);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(book);
	return 0;
}

static void free_map(struct bl_map *map)
{
	size_t cursor = 0;
	void *value;

	while (map && bl_map_next(map, &cursor, NULL, NULL, &value))
		free_record(value);
	(void)bl_map_free(map);
}

struct bl_lease_book *bl_lease_book_free(struct bl_lease_book *book)
{
	if (!book)
		return NULL;
	free_map(book->beats);
	free_map(book->claims);
	free(book);
	return NULL;
}
