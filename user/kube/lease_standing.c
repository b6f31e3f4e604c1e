/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has what, and what follows from that for this agent. */
#include <string.h>

#include "kube/lease_book_parts.h"

#define FORGOTTEN_MS 3600000 /* a heartbeat that was silent for so long */
#define SWEEP_MS 60000
#define UNWANTED_MS 3000 /* before a claim is deleted that was found to be ours */

/* Who has what */

bool bl_lease_book_is_fresh(const struct bl_lease_book *book, uint64_t now_ms)
{
	return book->synced && now_ms < book->told_ms + book->config.times.deadline_ms;
}

struct bl_lease_beat *bl_lease_book_beat(const struct bl_lease_book *book,
					 const struct bl_lease_record *record)
{
	char name[BL_LEASE_NAME];
	struct bl_lease_record *found;

	if (!record->exists || !record->holder || !record->term ||
	    strlen(record->holder) > BL_LEASE_NODE_MAX)
		return NULL;
	(void)snprintf(name, sizeof(name), BL_LEASE_HEARTBEAT "%s", record->holder);
	found = bl_map_get_str(book->beats, name);
	return found ? bl_lease_beat_of(found) : NULL;
}

/* Our own heartbeat is known from our own requests, which are ahead of the watch. */
static bool counts_as_ours(const struct bl_heartbeat *heartbeat,
			   const struct bl_lease_record *record)
{
	if (!heartbeat->is_known && !heartbeat->term)
		return record->term != 0; /* nobody looked yet */
	return heartbeat->is_ours && heartbeat->term == record->term;
}

static enum bl_possession judge(const struct bl_lease_book *book,
				const struct bl_lease_record *record)
{
	const struct bl_lease_beat *beat;

	if (!record->exists || !record->holder)
		return BL_NOBODYS;
	if (!strcmp(record->holder, book->config.identity))
		return counts_as_ours(&book->heartbeat, record) ? BL_OURS : BL_NOBODYS;
	beat = bl_lease_book_beat(book, record);
	if (!beat || !beat->record.exists || !beat->record.holder ||
	    strcmp(beat->record.holder, record->holder) != 0 || beat->record.term != record->term)
		return BL_NOBODYS;
	return beat->silent ? BL_SILENT : BL_ANOTHERS;
}

static enum bl_lease_standing standing_of(const struct bl_lease_book *book,
					  const struct bl_lease_record *record, uint64_t now_ms)
{
	enum bl_possession possession = judge(book, record);

	if (possession == BL_OURS)
		return bl_lease_book_is_fresh(book, now_ms) &&
				       bl_heartbeat_is_held(&book->heartbeat, now_ms)
			       ? BL_LEASE_HELD
			       : BL_LEASE_LAPSED;
	if (!bl_lease_book_is_fresh(book, now_ms))
		return BL_LEASE_UNKNOWN;
	return possession == BL_NOBODYS ? BL_LEASE_FREE : BL_LEASE_TAKEN;
}

enum bl_lease_standing bl_lease_book_standing(const struct bl_lease_book *book, const char *name,
					      uint64_t now_ms)
{
	const struct bl_lease_claim *claim = bl_lease_book_claim(book, name);

	if (!claim)
		return bl_lease_book_is_fresh(book, now_ms) ? BL_LEASE_FREE : BL_LEASE_UNKNOWN;
	return standing_of(book, &claim->record, now_ms);
}

bool bl_lease_book_may_act(const struct bl_lease_book *book, uint64_t now_ms)
{
	return bl_heartbeat_is_held(&book->heartbeat, now_ms);
}

const char *bl_lease_book_holder(const struct bl_lease_book *book, const char *name)
{
	const struct bl_lease_claim *claim = bl_lease_book_claim(book, name);

	return claim && judge(book, &claim->record) != BL_NOBODYS ? claim->record.holder : NULL;
}

size_t bl_lease_book_held_count(const struct bl_lease_book *book, uint64_t now_ms)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value))
		count += bl_lease_claim_of(value)->wanted &&
			 standing_of(book, value, now_ms) == BL_LEASE_HELD;
	return count;
}

/* Scans: what follows from all that is known */

static void look_for_silence(struct bl_lease_book *book, uint64_t now_ms)
{
	size_t cursor = 0;
	void *value;

	if (!bl_lease_book_is_fresh(book, now_ms))
		return;
	while (bl_map_next(book->beats, &cursor, NULL, NULL, &value)) {
		struct bl_lease_beat *beat = bl_lease_beat_of(value);

		if (beat->silent || !beat->record.exists ||
		    now_ms < beat->changed_ms + beat->duration_ms)
			continue;
		beat->silent = true;
		beat->record.next_ms = now_ms + bl_lease_book_skew(book, beat->record.name);
		book->dirty = true;
	}
}

/* True: something of ours depends on it. */
static bool scan_claim(struct bl_lease_book *book, struct bl_lease_claim *claim, uint64_t now_ms)
{
	enum bl_possession before = claim->possession;
	enum bl_lease_standing standing = standing_of(book, &claim->record, now_ms);
	struct bl_lease_beat *beat;

	claim->possession = judge(book, &claim->record);
	if (claim->possession == BL_NOBODYS && before != BL_NOBODYS)
		claim->record.next_ms = now_ms + bl_lease_book_skew(book, claim->record.name);
	/* Of an earlier life of this agent, which has hardly begun: it is wanted soon, or not. */
	if (claim->possession == BL_OURS && before != BL_OURS && !claim->wanted)
		claim->record.next_ms = now_ms + UNWANTED_MS;
	if (claim->wanted && standing != claim->told) {
		claim->told = standing;
		book->changed = true;
	}
	if (!claim->wanted)
		return claim->possession == BL_OURS;
	if (claim->possession == BL_SILENT) {
		beat = bl_lease_book_beat(book, &claim->record);
		beat->blocks = true;
	}
	return claim->possession != BL_ANOTHERS;
}

bool bl_lease_book_is_due(const struct bl_lease_book *book, const struct bl_lease_claim *claim)
{
	const struct bl_lease_record *record = &claim->record;
	bool held = book->was_held;

	if (record->writing || record->awaited_ms)
		return false;
	if (claim->wanted)
		return claim->possession == BL_NOBODYS && held;
	if (claim->possession == BL_OURS)
		return held;
	return record->exists && record->sweep && claim->possession == BL_NOBODYS;
}

void bl_lease_book_scan(struct bl_lease_book *book, uint64_t now_ms)
{
	bool held = bl_heartbeat_is_held(&book->heartbeat, now_ms);
	bool fresh = bl_lease_book_is_fresh(book, now_ms);
	bool needed = false;
	size_t cursor = 0;
	void *value;

	look_for_silence(book, now_ms);
	if (!book->dirty && held == book->was_held && fresh == book->was_fresh)
		return;
	book->dirty = false;
	book->was_held = held;
	book->was_fresh = fresh;
	while (bl_map_next(book->beats, &cursor, NULL, NULL, &value))
		bl_lease_beat_of(value)->blocks = false;
	cursor = 0;
	book->pending_ms = UINT64_MAX;
	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value)) {
		struct bl_lease_claim *claim = bl_lease_claim_of(value);

		needed |= scan_claim(book, claim, now_ms);
		if (bl_lease_book_is_due(book, claim) && claim->record.next_ms < book->pending_ms)
			book->pending_ms = claim->record.next_ms;
	}
	if (book->synced)
		book->heartbeat.wanted = needed;
}

bool bl_lease_book_changed(struct bl_lease_book *book, uint64_t now_ms)
{
	bool changed;

	bl_lease_book_scan(book, now_ms);
	changed = book->changed;
	book->changed = false;
	return changed;
}

/* Sweeping */

static void sweep_record(struct bl_lease_book *book, struct bl_lease_record *record, bool useless,
			 uint64_t since_ms, uint64_t now_ms)
{
	if (!useless) {
		record->useless_ms = 0;
		record->sweep = false;
		return;
	}
	if (!record->useless_ms)
		record->useless_ms = now_ms;
	if (now_ms < record->useless_ms + since_ms)
		return;
	record->sweep = true;
	book->dirty = true;
}

static bool is_used(const struct bl_lease_book *book, const struct bl_lease_beat *beat)
{
	size_t cursor = 0;
	void *value;

	if (!strcmp(beat->record.name, book->heartbeat.name))
		return true;
	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value))
		if (bl_lease_book_beat(book, value) == beat &&
		    ((struct bl_lease_record *)value)->term == beat->record.term)
			return true;
	return false;
}

void bl_lease_book_sweep(struct bl_lease_book *book,
			 bool (*needed)(const char *name, void *userdata), void *userdata,
			 uint64_t now_ms)
{
	size_t cursor = 0;
	void *value;

	if (!bl_lease_book_is_fresh(book, now_ms))
		return;
	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value)) {
		struct bl_lease_record *record = value;
		bool useless = record->exists && !bl_lease_claim_of(record)->wanted &&
			       judge(book, record) == BL_NOBODYS && !needed(record->name, userdata);

		sweep_record(book, record, useless, SWEEP_MS, now_ms);
	}
	cursor = 0;
	while (bl_map_next(book->beats, &cursor, NULL, NULL, &value)) {
		struct bl_lease_beat *beat = bl_lease_beat_of(value);
		bool useless = beat->record.exists && now_ms >= beat->changed_ms + FORGOTTEN_MS &&
			       !is_used(book, beat);

		sweep_record(book, &beat->record, useless, SWEEP_MS, now_ms);
	}
}
