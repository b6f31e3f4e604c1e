/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the book asks of the server. */
#include <string.h>

#include "kube/fetch.h"
#include "kube/lease_book_parts.h"

struct turn {
	struct bl_lease_book *book;
	uint64_t now_ms;
	uint64_t now_us;
	bl_lease_send_fn *send;
	void *userdata;
};

static void send_heartbeat(const struct turn *turn)
{
	struct bl_heartbeat *heartbeat = &turn->book->heartbeat;
	_cleanup_(bl_buf_done) struct bl_buf body = {0};
	struct bl_lease_request request = {.name = heartbeat->name, .body = &body};

	request.act = bl_heartbeat_turn(heartbeat, turn->now_ms, turn->now_us, &body);
	if (request.act && (body.failed || !turn->send(&request, turn->userdata)))
		bl_heartbeat_done(heartbeat, 0, NULL, turn->now_ms);
}

static void send_record(const struct turn *turn, struct bl_lease_record *record,
			struct bl_lease_body *body)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	const struct bl_lease_request request = {
		.act = body->act, .name = record->name, .body = &text};

	body->name = record->name;
	body->ns = turn->book->config.ns;
	body->version = record->version;
	record->next_ms = turn->now_ms + turn->book->config.times.retry_ms;
	bl_lease_write(body, &text);
	if (text.failed || !turn->send(&request, turn->userdata))
		return;
	record->writing = true;
	record->sent_version = record->version;
	record->sent_exists = record->exists;
	turn->book->writes++;
}

/* Another's heartbeat, which was silent: given up for it. Its term stays, so that its claims are
 * known for void. */
static void end_beat(const struct turn *turn, struct bl_lease_beat *beat)
{
	char now[BL_KUBE_TIME_TEXT];
	struct bl_lease_body body = {
		.act = beat->record.sweep ? BL_LEASE_DELETE : BL_LEASE_UPDATE,
		.term = beat->record.term,
		.renewed = now,
		.duration_ms = beat->duration_ms,
		.transitions = beat->record.transitions,
	};

	(void)bl_kube_time_format(turn->now_us, now);
	send_record(turn, &beat->record, &body);
}

static void write_claim(const struct turn *turn, struct bl_lease_claim *claim)
{
	const struct bl_lease_book *book = turn->book;
	char now[BL_KUBE_TIME_TEXT];
	struct bl_lease_body body = {
		.act = !claim->wanted         ? BL_LEASE_DELETE
		       : claim->record.exists ? BL_LEASE_UPDATE
					      : BL_LEASE_CREATE,
		.holder = book->config.identity,
		.term = book->heartbeat.term,
		.acquired = now,
		.transitions = claim->record.transitions + claim->record.exists,
	};

	(void)bl_kube_time_format(turn->now_us, now);
	send_record(turn, &claim->record, &body);
}

static bool has_room(const struct bl_lease_book *book)
{
	return book->writes < BL_LEASE_WRITES_MAX;
}

static bool beat_is_due(const struct bl_lease_beat *beat)
{
	const struct bl_lease_record *record = &beat->record;

	if (record->writing || record->awaited_ms || !record->exists)
		return false;
	return record->sweep || (beat->blocks && beat->silent && record->holder);
}

static void end_beats(const struct turn *turn)
{
	size_t cursor = 0;
	void *value;

	while (has_room(turn->book) &&
	       bl_map_next(turn->book->beats, &cursor, NULL, NULL, &value)) {
		struct bl_lease_beat *beat = bl_lease_beat_of(value);

		if (beat_is_due(beat) && turn->now_ms >= beat->record.next_ms)
			end_beat(turn, beat);
	}
}

static void write_claims(const struct turn *turn)
{
	struct bl_lease_book *book = turn->book;
	size_t cursor = 0;
	void *value;

	if (turn->now_ms < book->pending_ms || !has_room(book))
		return;
	book->pending_ms = UINT64_MAX;
	while (bl_map_next(book->claims, &cursor, NULL, NULL, &value)) {
		struct bl_lease_claim *claim = bl_lease_claim_of(value);

		if (!bl_lease_book_is_due(book, claim))
			continue;
		if (has_room(book) && turn->now_ms >= claim->record.next_ms)
			write_claim(turn, claim);
		if (!claim->record.writing && claim->record.next_ms < book->pending_ms)
			book->pending_ms = claim->record.next_ms;
	}
}

/* A watch that says nothing may be one of a cluster in which nobody renews any more. */
static uint64_t probe_due(const struct bl_lease_book *book)
{
	return book->synced && !book->leaving ? book->told_ms + 2 * book->config.times.retry_ms
					      : UINT64_MAX;
}

void bl_lease_book_turn(struct bl_lease_book *book, uint64_t now_ms, uint64_t now_us,
			bl_lease_send_fn *send, void *userdata)
{
	const struct turn turn = {book, now_ms, now_us, send, userdata};

	bl_lease_book_scan(book, now_ms);
	book->heartbeat.probes = now_ms >= probe_due(book);
	send_heartbeat(&turn);
	if (book->leaving || !book->watching || !bl_lease_book_is_fresh(book, now_ms))
		return;
	end_beats(&turn);
	write_claims(&turn);
}

void bl_lease_book_done(struct bl_lease_book *book, const char *name, int status,
			const struct bl_lease_object *lease, uint64_t now_ms)
{
	struct bl_lease_record *record;
	bool answered = status == 200 || status == 201 || status == 404 || status == 409;

	if (answered)
		bl_lease_book_hear(book, now_ms);
	if (!strcmp(name, book->heartbeat.name)) {
		bl_heartbeat_done(&book->heartbeat, status, lease, now_ms);
		book->dirty = true;
		return;
	}
	record = bl_lease_book_find(book, name);
	if (!record)
		return;
	record->writing = false;
	book->writes--;
	book->dirty = true;
	/* Whether it was done, or another was faster: the watch says how it is now, if it has not
	 * yet. */
	if (answered) {
		record->next_ms = now_ms;
		if (record->version == record->sent_version &&
		    record->exists == record->sent_exists)
			record->awaited_ms = now_ms;
		if (!book->awaited_ms)
			book->awaited_ms = record->awaited_ms;
	}
	bl_lease_book_tidy(book, record);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t bl_lease_book_due(const struct bl_lease_book *book, uint64_t now_ms)
{
	uint64_t due = bl_heartbeat_due(&book->heartbeat, now_ms);
	size_t cursor = 0;
	void *value;

	if (!book->heartbeat.act && !book->heartbeat.probes)
		due = earlier(due, probe_due(book));
	if (book->leaving || !bl_lease_book_is_fresh(book, now_ms))
		return due;
	due = earlier(due, book->told_ms + book->config.times.deadline_ms);
	if (!book->watching)
		return due;
	if (has_room(book))
		due = earlier(due, book->pending_ms);
	due = earlier(due, bl_lease_book_list_due(book));
	while (bl_map_next(book->beats, &cursor, NULL, NULL, &value)) {
		const struct bl_lease_beat *beat = bl_lease_beat_of(value);

		if (beat->record.exists && !beat->silent)
			due = earlier(due, beat->changed_ms + beat->duration_ms);
		else if (beat_is_due(beat) && has_room(book))
			due = earlier(due, beat->record.next_ms);
	}
	return due;
}
