/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Server-side apply: what becomes of an object, whose fields change, and who is in the way. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "api/field_set.h"
#include "api/managed_parts.h"
#include "api/typed.h"
#include "base/cleanup.h"
#include "model/codec.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

#define BEFORE "before-first-apply"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

void bl_applied_done(struct bl_applied *applied)
{
	json_object_put(applied->object);
	json_object_put(applied->managers);
	json_object_put(applied->conflicts);
	*applied = (struct bl_applied){0};
}

struct applying {
	enum bl_kind kind;
	const struct bl_manager *who;
	struct json_object *entries;       /* owned, changed */
	struct json_object *live;          /* owned: what can be owned of it */
	struct json_object *given;         /* owned: all fields that the configuration gives */
	struct json_object *last;          /* owned: what it gave the last time */
	struct json_object *others;        /* owned: what others gave */
	struct json_object *result;        /* owned: the whole object */
	struct json_object *set, *removed; /* owned: what changes */
};

static void applying_done(struct applying *applying)
{
	json_object_put(applying->entries);
	json_object_put(applying->live);
	json_object_put(applying->given);
	json_object_put(applying->last);
	json_object_put(applying->others);
	json_object_put(applying->result);
	json_object_put(applying->set);
	json_object_put(applying->removed);
}

/* An object that nobody is on record for belongs to somebody before us. */
static int remember_before(struct applying *applying)
{
	const struct bl_manager before = {.name = BEFORE, .time = applying->who->time};
	struct json_object *set = NULL;
	int r;

	if (json_object_array_length(applying->entries) > 0)
		return 0;
	r = bl_owned_fields(applying->kind, applying->live, &set, NULL);
	if (r == -EINVAL)
		return 0; /* its lists cannot be taken apart: there is nothing to take care of */
	return r < 0 ? r : bl_entries_give(applying->kind, applying->entries, &before, set, true);
}

static int sort_owners(struct applying *applying)
{
	for (size_t i = 0; i < json_object_array_length(applying->entries); i++) {
		struct json_object *entry = json_object_array_get_idx(applying->entries, i);
		struct json_object *both = NULL;

		if (bl_entry_is_of(entry, applying->who)) {
			applying->last = json_object_get(bl_entry_fields(entry));
			continue;
		}
		if (bl_fields_union(applying->others, bl_entry_fields(entry), &both) < 0)
			return -ENOMEM;
		json_object_put(applying->others);
		applying->others = both;
	}
	return 0;
}

/* What was given the last time and is not given now goes, where nobody else has given it. */
static int prune(struct applying *applying, struct json_object *merged)
{
	_cleanup_(json_object_put) struct json_object *kept = NULL, *dropped = NULL;
	struct json_object *pruned = NULL;
	int r = bl_fields_union(applying->given, applying->others, &kept);

	if (r == 0)
		r = bl_fields_difference(applying->last, kept, &dropped);
	if (r == 0)
		r = bl_typed_remove(bl_shape_of_kind(applying->kind), merged, dropped, kept,
				    &pruned);
	if (r == 0)
		applying->result = pruned;
	return r;
}

/* The result as it will be kept, with its defaults. What cannot be read now is refused later. */
static struct json_object *with_defaults(struct json_object *result)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	struct json_object *json = NULL;

	if (bl_decode_json_tree(NULL, result, BL_DECODE_LENIENT, &object, &diag) == 0 &&
	    bl_encode_json(object, &json) < 0)
		json = NULL;
	bl_diag_done(&diag);
	return json;
}

/* A list that is one value may lack defaults in the configuration that it has in what is there:
 * that is no change. */
static int leave_out_defaults(struct applying *applying)
{
	_cleanup_(json_object_put) struct json_object *kept = with_defaults(applying->result);
	_cleanup_(json_object_put) struct json_object *now = NULL, *set = NULL, *removed = NULL;
	struct json_object *both = NULL;
	int r;

	if (!kept || !applying->set)
		return 0;
	r = bl_ownable(kept, &now);
	if (r == 0)
		r = bl_typed_compare(bl_shape_of_kind(applying->kind), applying->live, now, &set,
				     &removed);
	if (r == 0)
		r = bl_fields_intersection(applying->set, set, &both);
	if (r < 0)
		return r;
	json_object_put(applying->set);
	applying->set = both;
	return 0;
}

static int work_out(struct applying *applying, struct json_object *live, struct json_object *config,
		    struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *merged = NULL, *ours = NULL, *now = NULL;
	struct bl_shape shape = bl_shape_of_kind(applying->kind);
	int r = bl_ownable(live, &applying->live);

	if (r == 0 && live)
		r = remember_before(applying);
	if (r == 0)
		r = bl_ownable(config, &ours);
	if (r == 0)
		r = bl_owned_fields(applying->kind, ours, &applying->given, err);
	if (r == 0)
		r = bl_typed_merge(shape, live, config, &merged, err);
	if (r == 0)
		r = sort_owners(applying);
	if (r == 0)
		r = prune(applying, merged);
	if (r == 0)
		r = bl_ownable(applying->result, &now);
	if (r == 0)
		r = bl_typed_compare(shape, applying->live, now, &applying->set,
				     &applying->removed);
	if (r == 0)
		r = leave_out_defaults(applying);
	return r;
}

struct conflicts {
	struct json_object *causes;
	struct bl_buf text;
	char whose[512]; /* of the entry at hand */
	size_t count;
	bool failed;
};

static void add_conflict(const char *path, void *userdata)
{
	struct conflicts *conflicts = userdata;
	struct json_object *cause = json_object_new_object();
	_cleanup_free_ char *message = NULL;

	if (asprintf(&message, "conflict with %s", conflicts->whose) < 0)
		message = NULL;
	if (!cause || !message || bl_entry_put_text(cause, "reason", "FieldManagerConflict") < 0 ||
	    bl_entry_put_text(cause, "message", message) < 0 ||
	    bl_entry_put_text(cause, "field", path) < 0 ||
	    json_object_array_add(conflicts->causes, cause) < 0) {
		json_object_put(cause);
		conflicts->failed = true;
		return;
	}
	bl_buf_addf(&conflicts->text, "\n- %s", path);
	conflicts->count++;
}

static void name_owner(struct json_object *entry, char *whose, size_t size)
{
	const char *subresource = bl_entry_text(entry, "subresource"),
		   *time = bl_entry_text(entry, "time");
	const char *name = bl_entry_text(entry, "manager"),
		   *version = bl_entry_text(entry, "apiVersion");

	if (bl_entry_same(bl_entry_text(entry, "operation"), "Apply"))
		(void)snprintf(whose, size, "\"%s\"", name ? name : "");
	else
		(void)snprintf(whose, size, "\"%s\"%s%s%s using %s%s%s", name ? name : "",
			       subresource ? " with subresource \"" : "",
			       subresource ? subresource : "", subresource ? "\"" : "",
			       version ? version : "", time ? " at " : "", time ? time : "");
}

static int conflict_with(struct conflicts *conflicts, struct json_object *entry,
			 struct json_object *theirs)
{
	size_t start = conflicts->text.len, before = conflicts->count;
	int r;

	name_owner(entry, conflicts->whose, sizeof(conflicts->whose));
	bl_buf_addf(&conflicts->text, "%sconflicts with %s:", start ? "\n" : "", conflicts->whose);
	r = bl_fields_each(theirs, add_conflict, conflicts);
	if (conflicts->count == before &&
	    !conflicts->text.failed) /* only places that hold others */
		conflicts->text.len = start;
	return r < 0 || conflicts->failed || conflicts->text.failed ? -ENOMEM : 0;
}

/* All that others gave and that this apply would change. */
static int find_conflicts(struct applying *applying, struct json_object *except,
			  struct conflicts *conflicts)
{
	for (size_t i = 0; i < json_object_array_length(applying->entries); i++) {
		struct json_object *entry = json_object_array_get_idx(applying->entries, i);
		_cleanup_(json_object_put) struct json_object *theirs = NULL, *rest = NULL;
		int r = 0;

		if (bl_entry_is_of(entry, applying->who))
			continue;
		r = bl_fields_intersection(bl_entry_fields(entry), applying->set, &theirs);
		if (r == 0)
			r = bl_fields_difference(theirs, except, &rest);
		if (r == 0 && rest)
			r = conflict_with(conflicts, entry, rest);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What kubectl applied itself, without the server's help, is its to apply now: the fields of its
 * annotation. NULL: there is none, or another one applies. */
static struct json_object *applied_before(const struct applying *applying, struct json_object *live)
{
	_cleanup_(json_object_put) struct json_object *config = NULL, *ours = NULL;
	struct json_object *meta = NULL, *annotations = NULL, *set = NULL;
	const char *text = NULL;

	if (!live || strcmp(applying->who->name, "kubectl") != 0 ||
	    !json_object_object_get_ex(live, "metadata", &meta) ||
	    !json_object_object_get_ex(meta, "annotations", &annotations))
		return NULL;
	text = bl_entry_text(annotations, LAST_APPLIED);
	config = text ? json_tokener_parse(text) : NULL;
	if (!json_object_is_type(config, json_type_object) || bl_ownable(config, &ours) < 0 ||
	    bl_owned_fields(applying->kind, ours, &set, NULL) < 0)
		return NULL;
	return set;
}

/* The words for one conflict stand on one line. */
static int refuse(struct conflicts *conflicts, struct bl_applied *ret, struct bl_err *err)
{
	if (conflicts->count == 1) {
		struct json_object *cause = json_object_array_get_idx(conflicts->causes, 0);

		(void)bl_err_set(err, -EEXIST, "Apply failed with 1 conflict: %s: %s",
				 bl_entry_text(cause, "message"), bl_entry_text(cause, "field"));
	} else {
		(void)bl_err_set(err, -EEXIST, "Apply failed with %zu conflicts: %s",
				 conflicts->count, conflicts->text.data);
	}
	ret->conflicts = TAKE_PTR(conflicts->causes);
	return -EEXIST;
}

static int check_conflicts(struct applying *applying, struct json_object *live,
			   struct bl_applied *ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *except = applied_before(applying, live);
	struct conflicts conflicts = {.causes = json_object_new_array()};
	int r = conflicts.causes ? find_conflicts(applying, except, &conflicts) : -ENOMEM;

	if (r == 0 && conflicts.count > 0)
		r = refuse(&conflicts, ret, err);
	json_object_put(conflicts.causes);
	bl_buf_done(&conflicts.text);
	return r;
}

int bl_managed_apply(enum bl_kind kind, struct json_object *live, struct json_object *config,
		     struct json_object *managers, const struct bl_manager *who, bool force,
		     struct bl_applied *ret, struct bl_err *err)
{
	struct applying applying = {.kind = kind, .who = who};
	int r = bl_entries_copy(managers, &applying.entries);

	if (r == 0)
		r = work_out(&applying, live, config, err);
	if (r == 0 && !force)
		r = check_conflicts(&applying, live, ret, err);
	if (r == 0)
		r = bl_entries_take(applying.entries, who, applying.set, applying.removed);
	if (r == 0)
		r = bl_entries_give(kind, applying.entries, who, json_object_get(applying.given),
				    applying.set || applying.removed);
	if (r == 0) {
		ret->object = TAKE_PTR(applying.result);
		ret->managers = json_object_array_length(applying.entries)
					? TAKE_PTR(applying.entries)
					: NULL;
	}
	applying_done(&applying);
	return r;
}
