/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/managed.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "api/field_set.h"
#include "api/typed.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

/* As in Kubernetes: older writers than these share one entry. */
#define UPDATERS_MAX 10u
#define OLD_UPDATERS "ancient-changes"
#define BEFORE "before-first-apply"
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(json, json_type_object) &&
			       json_object_object_get_ex(json, key, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

static struct json_object *fields_of(struct json_object *entry)
{
	struct json_object *set = NULL;

	return json_object_object_get_ex(entry, "fieldsV1", &set) ? set : NULL;
}

static int put(struct json_object *map, const char *key, struct json_object *value)
{
	if (value && json_object_object_add(map, key, value) == 0)
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

static int put_text(struct json_object *map, const char *key, const char *text)
{
	return text ? put(map, key, json_object_new_string(text)) : 0;
}

/* Entries */

static bool same(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static const char *operation(const struct bl_manager *who)
{
	return who->applies ? "Apply" : "Update";
}

static bool is_of(struct json_object *entry, const struct bl_manager *who)
{
	return same(text_of(entry, "manager"), who->name) &&
	       same(text_of(entry, "operation"), operation(who)) &&
	       same(text_of(entry, "subresource"), who->subresource);
}

/* Index of the entry; the number of entries when there is none. */
static size_t find_entry(struct json_object *entries, const struct bl_manager *who)
{
	size_t i = 0;

	while (i < json_object_array_length(entries) &&
	       !is_of(json_object_array_get_idx(entries, i), who))
		i++;
	return i;
}

/* Takes the set, also on failure. */
static int make_entry(enum bl_kind kind, const struct bl_manager *who, struct json_object *set,
		      struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *entry = json_object_new_object();
	_cleanup_(json_object_put) struct json_object *taken = set;

	if (!entry || put_text(entry, "manager", who->name) < 0 ||
	    put_text(entry, "operation", operation(who)) < 0 ||
	    put_text(entry, "apiVersion", bl_kind_info(kind)->api_version) < 0 ||
	    put_text(entry, "time", who->time) < 0 ||
	    put_text(entry, "fieldsType", "FieldsV1") < 0 ||
	    put(entry, "fieldsV1", json_object_get(taken)) < 0 ||
	    put_text(entry, "subresource", who->subresource) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(entry);
	return 0;
}

/* Gives an entry another set; NULL takes it out. Takes the set. True in `ret_gone`: it is out. */
static int set_fields(struct json_object *entries, size_t index, struct json_object *set,
		      bool *ret_gone)
{
	struct json_object *entry = json_object_array_get_idx(entries, index), *canonical = NULL;
	int r;

	*ret_gone = !set;
	if (!set)
		return json_object_array_del_idx(entries, index, 1) < 0 ? -ENOMEM : 0;
	r = bl_fields_read(set, &canonical, NULL);
	json_object_put(set);
	return r < 0 ? r : put(entry, "fieldsV1", canonical);
}

/* A copy that may be changed: its entries are, their sets are replaced. */
static int copy_entries(struct json_object *managers, struct json_object **ret)
{
	*ret = NULL;
	if (managers)
		return json_object_deep_copy(managers, ret, NULL) < 0 ? -ENOMEM : 0;
	*ret = json_object_new_array();
	return *ret ? 0 : -ENOMEM;
}

/* Only what an entry has: a client could hide anything beside it. */
static int read_entry(struct json_object *entry, struct json_object **ret, struct bl_err *err)
{
	static const char *const keys[] = {"manager", "operation", "apiVersion", "time",
					   "fieldsType"};
	_cleanup_(json_object_put) struct json_object *copy = json_object_new_object();
	struct json_object *set = NULL;
	const char *word = text_of(entry, "operation");
	int r;

	if (!json_object_is_type(entry, json_type_object))
		return bl_err_set(err, -EINVAL, "it is no mapping");
	if (!word || (strcmp(word, "Apply") != 0 && strcmp(word, "Update") != 0))
		return bl_err_set(err, -EINVAL, "operation is Apply or Update");
	if (!same(text_of(entry, "fieldsType"), "FieldsV1") || !fields_of(entry))
		return bl_err_set(err, -EINVAL, "fieldsType is FieldsV1, with fieldsV1");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!copy || put_text(copy, keys[i], text_of(entry, keys[i])) < 0)
			return -ENOMEM;
	r = bl_fields_read(fields_of(entry), &set, err);
	if (r < 0)
		return r;
	if (put(copy, "fieldsV1", set) < 0 ||
	    put_text(copy, "subresource", text_of(entry, "subresource")) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(copy);
	return 0;
}

int bl_managed_read(struct json_object *list, struct json_object **ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *entries = json_object_new_array();

	if (!entries)
		return -ENOMEM;
	if (!json_object_is_type(list, json_type_array))
		return bl_err_set(err, -EINVAL, "metadata.managedFields is no list");
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = NULL;
		int r = read_entry(json_object_array_get_idx(list, i), &entry, err);

		if (r == -EINVAL)
			return bl_err_wrap(err, r, "metadata.managedFields[%zu]", i);
		if (r < 0 || json_object_array_add(entries, entry) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(entries);
	return 0;
}

/* Objects */

/* What nobody owns: the server sets it, or it names the object. */
static const char *const unowned[] = {
	"name",       "namespace",     "creationTimestamp", "selfLink",     "uid",
	"generation", "managedFields", "resourceVersion",   "generateName",
};

/* The object without what nobody owns; parts are shared. `json` NULL: an empty one. */
static int ownable(struct json_object *json, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *copy = json_object_new_object();
	struct json_object *meta = NULL, *rest = NULL;

	if (!copy)
		return -ENOMEM;
	if (json) {
		json_object_object_foreach(json, key, value)
		{
			if (strcmp(key, "apiVersion") != 0 && strcmp(key, "kind") != 0 &&
			    json_object_object_add(copy, key, json_object_get(value)) < 0)
				return -ENOMEM;
		}
	}
	if (json_object_object_get_ex(copy, "metadata", &meta) &&
	    json_object_is_type(meta, json_type_object)) {
		if (json_object_deep_copy(meta, &rest, NULL) < 0)
			return -ENOMEM;
		for (size_t i = 0; i < ARRAY_SIZE(unowned); i++)
			json_object_object_del(rest, unowned[i]);
		if (put(copy, "metadata", rest) < 0)
			return -ENOMEM;
	}
	/* These are there, be they empty or not: they belong to nobody as such. */
	for (size_t i = 0; i < 3; i++) {
		static const char *const parts[] = {"metadata", "spec", "status"};
		struct json_object *part = NULL;

		if (!json_object_object_get_ex(copy, parts[i], &part) &&
		    put(copy, parts[i], json_object_new_object()) < 0)
			return -ENOMEM;
	}
	*ret = TAKE_PTR(copy);
	return 0;
}

/* ... and empty ones are not named in a set of fields either. */
static int owned_fields(enum bl_kind kind, struct json_object *object, struct json_object **ret,
			struct bl_err *err)
{
	static const char *const parts[] = {"metadata", "spec", "status"};
	_cleanup_(json_object_put) struct json_object *copy = json_object_new_object();

	if (!copy)
		return -ENOMEM;
	json_object_object_foreach(object, key, value)
	{
		bool is_empty_part = false;

		for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
			is_empty_part |= !strcmp(key, parts[i]) &&
					 json_object_is_type(value, json_type_object) &&
					 json_object_object_length(value) == 0;
		if (!is_empty_part && json_object_object_add(copy, key, json_object_get(value)) < 0)
			return -ENOMEM;
	}
	return bl_typed_fields(bl_shape_of_kind(kind), copy, ret, err);
}

/* Updates */

/* One entry too many: the two oldest become one. Entries stand in the order of their first write.
 */
static int bound_updaters(enum bl_kind kind, struct json_object *entries, const char *time)
{
	const struct bl_manager ancient = {.name = OLD_UPDATERS, .time = time};
	size_t updaters = 0, first = SIZE_MAX, second = SIZE_MAX;
	struct json_object *both = NULL, *entry = NULL;
	int r;

	for (size_t i = 0; i < json_object_array_length(entries); i++) {
		struct json_object *at = json_object_array_get_idx(entries, i);

		if (!same(text_of(at, "operation"), "Update") || text_of(at, "subresource"))
			continue;
		updaters++;
		if (first == SIZE_MAX)
			first = i;
		else if (second == SIZE_MAX)
			second = i;
	}
	if (updaters <= UPDATERS_MAX)
		return 0;
	r = bl_fields_union(fields_of(json_object_array_get_idx(entries, first)),
			    fields_of(json_object_array_get_idx(entries, second)), &both);
	if (r == 0)
		r = make_entry(kind, &ancient, both, &entry);
	if (r < 0)
		return r;
	(void)json_object_array_put_idx(entries, first, entry);
	return json_object_array_del_idx(entries, second, 1) < 0 ? -ENOMEM : 0;
}

/* What is left of another one's fields when `set` was given by somebody else and `removed` went. */
static int left_over(struct json_object *fields, struct json_object *set,
		     struct json_object *removed, struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *still = NULL;
	int r = bl_fields_difference(fields, removed, &still);

	return r < 0 ? r : bl_fields_difference(still, set, ret);
}

/* Everybody but the entry `but` gives up what changed hands. */
static int take_from_others(struct json_object *entries, const struct bl_manager *but,
			    struct json_object *set, struct json_object *removed)
{
	for (size_t i = 0; i < json_object_array_length(entries);) {
		struct json_object *entry = json_object_array_get_idx(entries, i), *left = NULL;
		bool gone = false;
		int r = 0;

		if (!is_of(entry, but)) {
			r = left_over(fields_of(entry), set, removed, &left);
			if (r == 0)
				r = set_fields(entries, i, left, &gone);
		}
		if (r < 0)
			return r;
		i += !gone;
	}
	return 0;
}

/* Gives `who` the set, in its entry or in a new one. Takes the set; NULL: it has none any more. The
 * time changes only with the set, or when `touch` says so. */
static int give(enum bl_kind kind, struct json_object *entries, const struct bl_manager *who,
		struct json_object *set, bool touch)
{
	_cleanup_(json_object_put) struct json_object *taken = set;
	size_t index = find_entry(entries, who);
	struct json_object *entry = NULL, *canonical = NULL;
	bool gone;
	int r;

	if (index == json_object_array_length(entries)) {
		if (!set)
			return 0;
		r = bl_fields_read(set, &canonical, NULL);
		if (r == 0)
			r = make_entry(kind, who, canonical, &entry);
		if (r == 0 && json_object_array_add(entries, entry) < 0)
			r = -ENOMEM;
		return r;
	}
	entry = json_object_array_get_idx(entries, index);
	if (!set)
		return set_fields(entries, index, NULL, &gone);
	if ((touch || !bl_fields_same(fields_of(entry), set)) &&
	    put_text(entry, "time", who->time) < 0)
		return -ENOMEM;
	return set_fields(entries, index, TAKE_PTR(taken), &gone);
}

static int update_entries(enum bl_kind kind, struct json_object *entries,
			  const struct bl_manager *who, struct json_object *set,
			  struct json_object *removed)
{
	_cleanup_(json_object_put) struct json_object *before = NULL;
	_cleanup_(json_object_put) struct json_object *still = NULL;
	struct json_object *after = NULL;
	size_t index = find_entry(entries, who);
	int r;

	if (index < json_object_array_length(entries))
		before = json_object_get(fields_of(json_object_array_get_idx(entries, index)));
	r = take_from_others(entries, who, set, removed);
	if (r == 0)
		r = bl_fields_difference(before, removed, &still);
	if (r == 0)
		r = bl_fields_union(still, set, &after);
	if (r == 0)
		r = give(kind, entries, who, after, set != NULL);
	return r < 0 ? r : bound_updaters(kind, entries, who->time);
}

int bl_managed_update(enum bl_kind kind, struct json_object *old, struct json_object *now,
		      struct json_object *managers, const struct bl_manager *who,
		      struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *before = NULL, *after = NULL;
	_cleanup_(json_object_put) struct json_object *set = NULL, *removed = NULL;
	_cleanup_(json_object_put) struct json_object *entries = NULL;
	int r = copy_entries(managers, &entries);

	if (r == 0)
		r = ownable(old, &before);
	if (r == 0)
		r = ownable(now, &after);
	if (r == 0)
		r = bl_typed_compare(bl_shape_of_kind(kind), before, after, &set, &removed);
	if (r == 0)
		r = update_entries(kind, entries, who, set, removed);
	if (r < 0)
		return r;
	*ret = json_object_array_length(entries) ? TAKE_PTR(entries) : NULL;
	return 0;
}

/* Applies */

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
	r = owned_fields(applying->kind, applying->live, &set, NULL);
	if (r == -EINVAL)
		return 0; /* its lists cannot be taken apart: there is nothing to take care of */
	return r < 0 ? r : give(applying->kind, applying->entries, &before, set, true);
}

static int sort_owners(struct applying *applying)
{
	for (size_t i = 0; i < json_object_array_length(applying->entries); i++) {
		struct json_object *entry = json_object_array_get_idx(applying->entries, i);
		struct json_object *both = NULL;

		if (is_of(entry, applying->who)) {
			applying->last = json_object_get(fields_of(entry));
			continue;
		}
		if (bl_fields_union(applying->others, fields_of(entry), &both) < 0)
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

static int work_out(struct applying *applying, struct json_object *live, struct json_object *config,
		    struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *merged = NULL, *ours = NULL, *now = NULL;
	struct bl_shape shape = bl_shape_of_kind(applying->kind);
	int r = ownable(live, &applying->live);

	if (r == 0 && live)
		r = remember_before(applying);
	if (r == 0)
		r = ownable(config, &ours);
	if (r == 0)
		r = owned_fields(applying->kind, ours, &applying->given, err);
	if (r == 0)
		r = bl_typed_merge(shape, live, config, &merged, err);
	if (r == 0)
		r = sort_owners(applying);
	if (r == 0)
		r = prune(applying, merged);
	if (r == 0)
		r = ownable(applying->result, &now);
	if (r == 0)
		r = bl_typed_compare(shape, applying->live, now, &applying->set,
				     &applying->removed);
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
	if (!cause || !message || put_text(cause, "reason", "FieldManagerConflict") < 0 ||
	    put_text(cause, "message", message) < 0 || put_text(cause, "field", path) < 0 ||
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
	const char *subresource = text_of(entry, "subresource"), *time = text_of(entry, "time");
	const char *name = text_of(entry, "manager"), *version = text_of(entry, "apiVersion");

	if (same(text_of(entry, "operation"), "Apply"))
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

		if (is_of(entry, applying->who))
			continue;
		r = bl_fields_intersection(fields_of(entry), applying->set, &theirs);
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
	text = text_of(annotations, LAST_APPLIED);
	config = text ? json_tokener_parse(text) : NULL;
	if (!json_object_is_type(config, json_type_object) || ownable(config, &ours) < 0 ||
	    owned_fields(applying->kind, ours, &set, NULL) < 0)
		return NULL;
	return set;
}

/* The words for one conflict stand on one line. */
static int refuse(struct conflicts *conflicts, struct bl_applied *ret, struct bl_err *err)
{
	if (conflicts->count == 1) {
		struct json_object *cause = json_object_array_get_idx(conflicts->causes, 0);

		(void)bl_err_set(err, -EEXIST, "Apply failed with 1 conflict: %s: %s",
				 text_of(cause, "message"), text_of(cause, "field"));
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
	int r = copy_entries(managers, &applying.entries);

	if (r == 0)
		r = work_out(&applying, live, config, err);
	if (r == 0 && !force)
		r = check_conflicts(&applying, live, ret, err);
	if (r == 0)
		r = take_from_others(applying.entries, who, applying.set, applying.removed);
	if (r == 0)
		r = give(kind, applying.entries, who, json_object_get(applying.given),
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
