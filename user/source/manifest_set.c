/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/manifest_set.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"

struct file {
	struct entry **entries; /* what it declares */
	size_t count;
	struct bl_diag diag;
	bool gone;
	bool report; /* its problems must be told again */
	struct file *next_report;
	char path[];
};

struct claim {
	struct file *file;
	struct bl_object *object; /* owned reference */
};

/* One object name. */
struct entry {
	struct claim *claims; /* in the order in which files declared it; `only`, or owned */
	struct claim only;    /* mostly there is but one */
	unsigned int count;
	bool dirty;
	const struct file *owner;          /* NULL: nothing delivered */
	const struct bl_object *delivered; /* of the owner; only compared */
	struct entry *next_dirty;
	char key[]; /* see make_key() */
};

struct bl_manifest_set {
	struct bl_map *files;   /* path -> struct file */
	struct bl_map *entries; /* key -> struct entry */
	struct entry *dirty;
	size_t dirty_count;
	struct file *reports;
};

int bl_manifest_set_new(struct bl_manifest_set **ret)
{
	_cleanup_(bl_manifest_set_free) struct bl_manifest_set *set = calloc(1, sizeof(*set));
	int r;

	if (!set)
		return -ENOMEM;
	r = bl_map_new_borrowing(&set->files);
	if (r >= 0)
		r = bl_map_new_borrowing(&set->entries);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(set);
	return 0;
}

static void file_free(struct file *file)
{
	bl_diag_done(&file->diag);
	free(file->entries);
	free(file);
}

static void entry_free(struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		bl_object_unref(entry->claims[i].object);
	if (entry->claims != &entry->only)
		free(entry->claims);
	free(entry);
}

struct bl_manifest_set *bl_manifest_set_free(struct bl_manifest_set *set)
{
	size_t cursor = 0;
	void *value;

	if (!set)
		return NULL;
	/* Files that are gone but not yet committed are only on the list of reports. */
	for (struct file *file = set->reports, *next; file; file = next) {
		next = file->next_report;
		if (file->gone)
			file_free(file);
	}
	while (set->files && bl_map_next(set->files, &cursor, NULL, NULL, &value))
		file_free(value);
	cursor = 0;
	while (set->entries && bl_map_next(set->entries, &cursor, NULL, NULL, &value))
		entry_free(value);
	bl_map_free(set->files);
	bl_map_free(set->entries);
	free(set);
	return NULL;
}

static void mark_report(struct bl_manifest_set *set, struct file *file)
{
	if (file->report)
		return;
	file->report = true;
	file->next_report = set->reports;
	set->reports = file;
}

static void mark_dirty(struct bl_manifest_set *set, struct entry *entry)
{
	for (size_t i = 0; i < entry->count; i++)
		mark_report(set, entry->claims[i].file);
	if (entry->dirty)
		return;
	entry->dirty = true;
	entry->next_dirty = set->dirty;
	set->dirty = entry;
	set->dirty_count++;
}

/* One byte for the kind, the namespace and a zero byte, the name and a zero byte. */
static void make_key(const struct bl_object *object, struct bl_buf *ret)
{
	char kind = (char)object->kind;
	const char *ns = object->meta.ns ? object->meta.ns : "";

	bl_buf_add(ret, &kind, 1);
	bl_buf_add(ret, ns, strlen(ns) + 1);
	bl_buf_add(ret, object->meta.name, strlen(object->meta.name) + 1);
}

static struct bl_source_name name_of(const struct entry *entry)
{
	const char *ns = entry->key + 1;

	return (struct bl_source_name){
		.kind = (enum bl_kind)entry->key[0],
		.ns = ns[0] ? ns : NULL,
		.name = ns + strlen(ns) + 1,
	};
}

static size_t key_len(const struct entry *entry)
{
	const char *name = name_of(entry).name;

	return (size_t)(name - entry->key) + strlen(name) + 1;
}

static int entry_of(struct bl_manifest_set *set, const struct bl_object *object, struct entry **ret)
{
	_cleanup_(bl_buf_done) struct bl_buf key = {0};
	struct entry *entry;
	int r;

	make_key(object, &key);
	if (key.failed)
		return -ENOMEM;
	entry = bl_map_get(set->entries, key.data, key.len);
	if (!entry) {
		entry = calloc(1, sizeof(*entry) + key.len);
		if (!entry)
			return -ENOMEM;
		entry->claims = &entry->only;
		memcpy(entry->key, key.data, key.len);
		r = bl_map_put(set->entries, entry->key, key.len, entry, NULL);
		if (r < 0) {
			entry_free(entry);
			return r;
		}
	}
	*ret = entry;
	return 0;
}

static struct claim *claim_of(struct entry *entry, const struct file *file)
{
	for (size_t i = 0; i < entry->count; i++)
		if (entry->claims[i].file == file)
			return &entry->claims[i];
	return NULL;
}

/* Room for one claim more. */
static int grow_claims(struct entry *entry)
{
	bool inside = entry->claims == &entry->only;
	struct claim *claims;

	if (!entry->count)
		return 0; /* there is always room for one */
	claims = reallocarray(inside ? NULL : entry->claims, entry->count + 1, sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	if (inside)
		claims[0] = entry->only;
	entry->claims = claims;
	return 0;
}

static int claim_add(struct bl_manifest_set *set, struct entry *entry, struct file *file,
		     struct bl_object *object)
{
	struct claim *claim = claim_of(entry, file);

	if (claim) {
		bl_object_unref(claim->object);
		claim->object = bl_object_ref(object);
		mark_dirty(set, entry);
		return 0;
	}
	if (grow_claims(entry) < 0)
		return -ENOMEM;
	entry->claims[entry->count++] =
		(struct claim){.file = file, .object = bl_object_ref(object)};
	mark_dirty(set, entry);
	return 0;
}

static void claim_remove(struct bl_manifest_set *set, struct entry *entry, const struct file *file)
{
	struct claim *claim = claim_of(entry, file);
	size_t index;

	if (!claim)
		return;
	mark_dirty(set, entry);
	index = (size_t)(claim - entry->claims);
	bl_object_unref(claim->object);
	memmove(claim, claim + 1, (entry->count - index - 1) * sizeof(*claim));
	entry->count--;
}

static int diag_copy(struct bl_diag *to, const struct bl_diag *from)
{
	size_t cap = from->cap;

	bl_diag_clear(to);
	to->cap = cap;
	for (size_t i = 0; i < from->count; i++) {
		const struct bl_problem *problem = &from->problems[i];
		struct bl_pos pos = {problem->file, problem->line, problem->column};

		bl_diag_add(to, problem->severity, &pos, problem->field, "%s",
			    problem->text ? problem->text : "");
	}
	/* What was not kept still counts. */
	to->error_count = from->error_count;
	to->warning_count = from->warning_count;
	return 0;
}

static int file_of(struct bl_manifest_set *set, const char *path, struct file **ret)
{
	struct file *file = bl_map_get_str(set->files, path);
	int r;

	if (!file) {
		file = calloc(1, sizeof(*file) + strlen(path) + 1);
		if (!file)
			return -ENOMEM;
		file->diag.cap = BL_DIAG_CAP;
		memcpy(file->path, path, strlen(path) + 1);
		r = bl_map_put_str(set->files, file->path, file, NULL);
		if (r < 0) {
			file_free(file);
			return r;
		}
	}
	*ret = file;
	return 0;
}

/* A file that declares one name twice: the first stays. `seen` marks entries of this pass. */
static int collect(struct bl_manifest_set *set, struct file *file,
		   const struct bl_object_list *objects, struct bl_map *seen,
		   struct entry **entries, size_t *count)
{
	for (size_t i = 0; i < objects->count; i++) {
		struct bl_object *object = objects->items[i];
		const struct bl_object *first;
		struct entry *entry;
		int r;

		r = entry_of(set, object, &entry);
		if (r < 0)
			return r;
		first = bl_map_get(seen, &entry, sizeof(entry));
		if (first) {
			bl_diag_add(&file->diag, BL_SEVERITY_ERROR, &object->origin, NULL,
				    "%s '%s%s%s' stands in this file twice, first in line %u, "
				    "which stays in force: remove one",
				    bl_kind_info(object->kind)->singular,
				    object->meta.ns ? object->meta.ns : "",
				    object->meta.ns ? "/" : "", object->meta.name,
				    first->origin.line);
			continue;
		}
		r = bl_map_put(seen, &entry, sizeof(entry), object, NULL);
		if (r >= 0)
			r = claim_add(set, entry, file, object);
		if (r < 0)
			return r;
		entries[(*count)++] = entry;
	}
	return 0;
}

/* There are tens of thousands of files. */
static struct entry **shrink(struct entry **entries, size_t count)
{
	struct entry **smaller = reallocarray(entries, count + 1, sizeof(struct entry *));

	return smaller ? smaller : entries;
}

int bl_manifest_set_put(struct bl_manifest_set *set, const char *path,
			const struct bl_object_list *objects, const struct bl_diag *diag)
{
	_cleanup_free_ struct entry **entries = NULL;
	_cleanup_(bl_map_free) struct bl_map *seen = NULL;
	bool keep = diag->error_count > 0;
	struct file *file;
	size_t count = 0;
	int r;

	r = file_of(set, path, &file);
	if (r >= 0)
		r = bl_map_new(&seen);
	if (r < 0)
		return r;
	entries = calloc(objects->count + file->count + 1, sizeof(struct entry *));
	if (!entries)
		return -ENOMEM;
	mark_report(set, file);
	r = diag_copy(&file->diag, diag);
	if (r >= 0)
		r = collect(set, file, objects, seen, entries, &count);
	/* After a failure nothing is taken away, only noted: the caller puts the file again. */
	for (size_t i = 0; i < file->count; i++) {
		struct entry *entry = file->entries[i];

		if (bl_map_get(seen, &entry, sizeof(entry)))
			continue;
		if (keep || r < 0)
			entries[count++] = entry;
		else
			claim_remove(set, entry, file);
	}
	free(file->entries);
	file->entries = shrink(TAKE_PTR(entries), count);
	file->count = count;
	return r;
}

void bl_manifest_set_drop(struct bl_manifest_set *set, const char *path)
{
	struct file *file = bl_map_remove_str(set->files, path);

	if (!file)
		return;
	for (size_t i = 0; i < file->count; i++)
		claim_remove(set, file->entries[i], file);
	file->count = 0;
	bl_diag_clear(&file->diag);
	file->gone = true;
	mark_report(set, file); /* released at the next commit */
}

/* Decides who owns the name now; true when there is something to hand over. */
static bool settle(struct entry *entry, struct bl_object **ret_upsert)
{
	const struct claim *claim = entry->owner ? claim_of(entry, entry->owner) : NULL;

	*ret_upsert = NULL;
	if (!claim && entry->count)
		claim = &entry->claims[0];
	if (!claim) {
		bool was_delivered = entry->owner;

		entry->owner = NULL;
		entry->delivered = NULL;
		return was_delivered;
	}
	if (entry->owner == claim->file && entry->delivered == claim->object)
		return false;
	entry->owner = claim->file;
	entry->delivered = claim->object;
	*ret_upsert = claim->object;
	return true;
}

static void add_conflicts(const struct file *file, struct bl_diag *diag)
{
	for (size_t i = 0; i < file->count; i++) {
		struct entry *entry = file->entries[i];
		struct bl_source_name name = name_of(entry);
		const struct claim *mine, *owner;

		if (entry->count < 2 || entry->owner == file || !entry->owner)
			continue;
		mine = claim_of(entry, file);
		owner = claim_of(entry, entry->owner);
		if (!mine || !owner)
			continue;
		bl_diag_add(diag, BL_SEVERITY_ERROR, &mine->object->origin, NULL,
			    "%s '%s%s%s' stands in '%s' (line %u) too, which stays in force: "
			    "remove one of them",
			    bl_kind_info(name.kind)->singular, name.ns ? name.ns : "",
			    name.ns ? "/" : "", name.name, owner->file->path,
			    owner->object->origin.line);
	}
}

static void send_reports(struct bl_manifest_set *set, struct bl_source *source)
{
	struct file *file = set->reports;

	set->reports = NULL;
	while (file) {
		struct file *next = file->next_report;
		struct bl_diag diag = BL_DIAG_INIT;

		file->report = false;
		file->next_report = NULL;
		if (!file->gone) {
			(void)diag_copy(&diag, &file->diag);
			add_conflicts(file, &diag);
		}
		if (source->handler.report)
			source->handler.report(source, file->path, &diag, source->handler.userdata);
		bl_diag_done(&diag);
		if (file->gone)
			file_free(file);
		file = next;
	}
}

/* Entries that nobody declares any more. */
static void release(struct bl_manifest_set *set, struct entry *dirty)
{
	while (dirty) {
		struct entry *next = dirty->next_dirty;

		dirty->next_dirty = NULL;
		if (!dirty->count) {
			bl_map_remove(set->entries, dirty->key, key_len(dirty));
			entry_free(dirty);
		}
		dirty = next;
	}
}

/* The list of dirty names is a stack; people expect objects in the order in which they wrote them.
 */
static void reverse(struct bl_object **objects, size_t count)
{
	for (size_t i = 0; i < count / 2; i++) {
		struct bl_object *object = objects[i];

		objects[i] = objects[count - 1 - i];
		objects[count - 1 - i] = object;
	}
}

int bl_manifest_set_commit(struct bl_manifest_set *set, struct bl_source *source, bool full)
{
	_cleanup_free_ struct bl_object **upserts = calloc(set->dirty_count + 1, sizeof(*upserts));
	_cleanup_free_ struct bl_source_name *removals =
		calloc(set->dirty_count + 1, sizeof(*removals));
	struct bl_source_batch batch = {.full = full};
	struct entry *dirty = set->dirty;

	if (!upserts || !removals)
		return -ENOMEM;
	for (struct entry *entry = dirty; entry; entry = entry->next_dirty) {
		struct bl_object *upsert;

		entry->dirty = false;
		if (!settle(entry, &upsert))
			continue;
		if (upsert)
			upserts[batch.upsert_count++] = upsert;
		else
			removals[batch.removal_count++] = name_of(entry);
	}
	set->dirty = NULL;
	set->dirty_count = 0;
	reverse(upserts, batch.upsert_count);
	batch.upserts = upserts;
	batch.removals = removals;
	send_reports(set, source);
	if (batch.upsert_count || batch.removal_count || full)
		source->handler.deliver(source, &batch, source->handler.userdata);
	release(set, dirty);
	return 0;
}

size_t bl_manifest_set_files(const struct bl_manifest_set *set)
{
	return bl_map_count(set->files);
}

size_t bl_manifest_set_objects(const struct bl_manifest_set *set)
{
	return bl_map_count(set->entries);
}

size_t bl_manifest_set_problems(const struct bl_manifest_set *set)
{
	size_t cursor = 0, count = 0;
	void *value;

	while (bl_map_next(set->files, &cursor, NULL, NULL, &value)) {
		const struct file *file = value;
		struct bl_diag conflicts = BL_DIAG_INIT;

		if (!file->diag.error_count)
			add_conflicts(file, &conflicts);
		count += file->diag.error_count || conflicts.error_count;
		bl_diag_done(&conflicts);
	}
	return count;
}
