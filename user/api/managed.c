/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/managed.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <string.h>

#include "api/field_set.h"
#include "api/managed_parts.h"
#include "api/typed.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

/* As in Kubernetes: older writers than these share one entry. */
#define UPDATERS_MAX 10u
#define OLD_UPDATERS "ancient-changes"

const char *bl_entry_text(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(json, json_type_object) &&
			       json_object_object_get_ex(json, key, &value) &&
			       json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value)
		       : NULL;
}

struct json_object *bl_entry_fields(struct json_object *entry)
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

int bl_entry_put_text(struct json_object *map, const char *key, const char *text)
{
	return text ? put(map, key, json_object_new_string(text)) : 0;
}

/* Entries */

bool bl_entry_same(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static const char *operation(const struct bl_manager *who)
{
	return who->applies ? "Apply" : "Update";
}

bool bl_entry_is_of(struct json_object *entry, const struct bl_manager *who)
{
	return bl_entry_same(bl_entry_text(entry, "manager"), who->name) &&
	       bl_entry_same(bl_entry_text(entry, "operation"), operation(who)) &&
	       bl_entry_same(bl_entry_text(entry, "subresource"), who->subresource);
}

/* Index of the entry; the number of entries when there is none. */
static size_t find_entry(struct json_object *entries, const struct bl_manager *who)
{
	size_t i = 0;

	while (i < json_object_array_length(entries) &&
	       !bl_entry_is_of(json_object_array_get_idx(entries, i), who))
		i++;
	return i;
}

/* Takes the set, also on failure. */
static int make_entry(enum bl_kind kind, const struct bl_manager *who, struct json_object *set,
		      struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *entry = json_object_new_object();
	_cleanup_(json_object_put) struct json_object *taken = set;

	if (!entry || bl_entry_put_text(entry, "manager", who->name) < 0 ||
	    bl_entry_put_text(entry, "operation", operation(who)) < 0 ||
	    bl_entry_put_text(entry, "apiVersion", bl_kind_info(kind)->api_version) < 0 ||
	    bl_entry_put_text(entry, "time", who->time) < 0 ||
	    bl_entry_put_text(entry, "fieldsType", "FieldsV1") < 0 ||
	    put(entry, "fieldsV1", json_object_get(taken)) < 0 ||
	    bl_entry_put_text(entry, "subresource", who->subresource) < 0)
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
int bl_entries_copy(struct json_object *managers, struct json_object **ret)
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
	const char *word = bl_entry_text(entry, "operation");
	int r;

	if (!json_object_is_type(entry, json_type_object))
		return bl_err_set(err, -EINVAL, "it is no mapping");
	if (!word || (strcmp(word, "Apply") != 0 && strcmp(word, "Update") != 0))
		return bl_err_set(err, -EINVAL, "operation is Apply or Update");
	if (!bl_entry_same(bl_entry_text(entry, "fieldsType"), "FieldsV1") ||
	    !bl_entry_fields(entry))
		return bl_err_set(err, -EINVAL, "fieldsType is FieldsV1, with fieldsV1");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!copy || bl_entry_put_text(copy, keys[i], bl_entry_text(entry, keys[i])) < 0)
			return -ENOMEM;
	r = bl_fields_read(bl_entry_fields(entry), &set, err);
	if (r < 0)
		return r;
	if (put(copy, "fieldsV1", set) < 0 ||
	    bl_entry_put_text(copy, "subresource", bl_entry_text(entry, "subresource")) < 0)
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
int bl_ownable(struct json_object *json, struct json_object **ret)
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
int bl_owned_fields(enum bl_kind kind, struct json_object *object, struct json_object **ret,
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

		if (!bl_entry_same(bl_entry_text(at, "operation"), "Update") ||
		    bl_entry_text(at, "subresource"))
			continue;
		updaters++;
		if (first == SIZE_MAX)
			first = i;
		else if (second == SIZE_MAX)
			second = i;
	}
	if (updaters <= UPDATERS_MAX)
		return 0;
	r = bl_fields_union(bl_entry_fields(json_object_array_get_idx(entries, first)),
			    bl_entry_fields(json_object_array_get_idx(entries, second)), &both);
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
int bl_entries_take(struct json_object *entries, const struct bl_manager *but,
		    struct json_object *set, struct json_object *removed)
{
	for (size_t i = 0; i < json_object_array_length(entries);) {
		struct json_object *entry = json_object_array_get_idx(entries, i), *left = NULL;
		bool gone = false;
		int r = 0;

		if (!bl_entry_is_of(entry, but)) {
			r = left_over(bl_entry_fields(entry), set, removed, &left);
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
int bl_entries_give(enum bl_kind kind, struct json_object *entries, const struct bl_manager *who,
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
	if ((touch || !bl_fields_same(bl_entry_fields(entry), set)) &&
	    bl_entry_put_text(entry, "time", who->time) < 0)
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
		before =
			json_object_get(bl_entry_fields(json_object_array_get_idx(entries, index)));
	r = bl_entries_take(entries, who, set, removed);
	if (r == 0)
		r = bl_fields_difference(before, removed, &still);
	if (r == 0)
		r = bl_fields_union(still, set, &after);
	if (r == 0)
		r = bl_entries_give(kind, entries, who, after, set != NULL);
	return r < 0 ? r : bound_updaters(kind, entries, who->time);
}

int bl_managed_update(enum bl_kind kind, struct json_object *old, struct json_object *now,
		      struct json_object *managers, const struct bl_manager *who,
		      struct json_object **ret)
{
	_cleanup_(json_object_put) struct json_object *before = NULL, *after = NULL;
	_cleanup_(json_object_put) struct json_object *set = NULL, *removed = NULL;
	_cleanup_(json_object_put) struct json_object *entries = NULL;
	int r = bl_entries_copy(managers, &entries);

	if (r == 0)
		r = bl_ownable(old, &before);
	if (r == 0)
		r = bl_ownable(now, &after);
	if (r == 0)
		r = bl_typed_compare(bl_shape_of_kind(kind), before, after, &set, &removed);
	if (r == 0)
		r = update_entries(kind, entries, who, set, removed);
	if (r < 0)
		return r;
	*ret = json_object_array_length(entries) ? TAKE_PTR(entries) : NULL;
	return 0;
}
