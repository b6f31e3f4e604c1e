/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Create and replace, and what all writes have in common. */
#include "agent/rest_write.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <sys/random.h>

#include "api/service_update.h"
#include "api/shape.h"
#include "model/codec.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

#define GENERATED_LENGTH 5u
#define GENERATED_FROM 58u /* bytes of generateName that are used: 63 less the random ones */
#define GENERATE_TRIES 8
#define BOOKS_MAX (256u << 10) /* bytes of managedFields; etcd limits the whole object */

static struct json_object *member(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	return json_object_is_type(json, json_type_object) &&
			       json_object_object_get_ex(json, key, &value)
		       ? value
		       : NULL;
}

static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *value = member(json, key);

	return json_object_is_type(value, json_type_string) && json_object_get_string_len(value)
		       ? json_object_get_string(value)
		       : NULL;
}

static bool fail(struct bl_rest_write *write, unsigned int code, const char *text)
{
	bl_rest_error(write->reply, code, &write->target, "%s", text);
	return false;
}

/* The mapping `metadata`, made when there is none; NULL: it is something else. */
static struct json_object *metadata_of(struct json_object *json)
{
	struct json_object *meta = member(json, "metadata");

	if (!meta) {
		meta = json_object_new_object();
		json_object_object_add(json, "metadata", meta);
	}
	return json_object_is_type(meta, json_type_object) ? meta : NULL;
}

/* Names */

static bool is_taken(const struct bl_rest_write *write, const char *name)
{
	return bl_store_find(write->agent->store, write->target.kind,
			     write->target.ns[0] ? write->target.ns : NULL, name);
}

int bl_rest_generate_name(const char *prefix, char ret[static BL_GENERATED_NAME])
{
	static const char letters[] = "bcdfghjklmnpqrstvwxz2456789";
	int len = snprintf(ret, GENERATED_FROM + 1, "%s", prefix);
	uint8_t bytes[GENERATED_LENGTH];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return -EIO;
	if (len > (int)GENERATED_FROM)
		len = GENERATED_FROM;
	for (size_t b = 0; b < sizeof(bytes); b++)
		ret[len++] = letters[bytes[b] % (sizeof(letters) - 1)];
	ret[len] = '\0';
	return 0;
}

static bool generate_name(struct bl_rest_write *write, struct json_object *meta)
{
	char name[BL_GENERATED_NAME];

	for (int i = 0; i < GENERATE_TRIES; i++) {
		if (bl_rest_generate_name(text_of(meta, "generateName"), name) < 0)
			return fail(write, 500, "cannot make a name: no random numbers");
		if (is_taken(write, name))
			continue;
		json_object_object_add(meta, "name", json_object_new_string(name));
		return true;
	}
	return fail(write, 409, "every generated name is taken: try again");
}

static bool settle_names(struct bl_rest_write *write, struct json_object *meta)
{
	struct bl_rest_target *target = &write->target;
	const char *ns = text_of(meta, "namespace"), *name = text_of(meta, "name");

	if (!ns && target->ns[0])
		json_object_object_add(meta, "namespace", json_object_new_string(target->ns));
	else if (ns && target->ns[0] && strcmp(ns, target->ns) != 0)
		return fail(write, 400,
			    "the namespace of the provided object does not match the namespace "
			    "sent on the request");
	if (target->name[0] && !name && write->applies) {
		json_object_object_add(meta, "name", json_object_new_string(target->name));
	} else if (target->name[0] && (!name || strcmp(name, target->name) != 0)) {
		bl_rest_error(write->reply, 400, target,
			      "the name of the object (%.253s) does not match the name on the URL "
			      "(%s)",
			      name ? name : "", target->name);
		return false;
	}
	if (!name && text_of(meta, "generateName") && !target->name[0] &&
	    !generate_name(write, meta))
		return false;
	name = text_of(meta, "name");
	(void)snprintf(target->name, sizeof(target->name), "%.253s", name ? name : "");
	return true;
}

/* What the server says about an object, whatever the client sends. */
static int settle_system_fields(const struct bl_rest_write *write, struct json_object *meta)
{
	static const char *const fields[] = {"creationTimestamp", "generation", "deletionTimestamp",
					     "deletionGracePeriodSeconds"};
	struct json_object *old = write->old_json ? member(write->old_json, "metadata") : NULL;

	json_object_object_del(meta, "selfLink");
	if (!old)
		json_object_object_del(meta, "uid");
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		struct json_object *value = old ? member(old, fields[i]) : NULL;

		json_object_object_del(meta, fields[i]);
		if (value && json_object_object_add(meta, fields[i], json_object_get(value)) < 0)
			return -ENOMEM;
	}
	return 0;
}

static bool check_version(struct bl_rest_write *write, struct json_object *meta)
{
	const char *version = text_of(meta, "resourceVersion");

	if (!version || !strcmp(version, "0"))
		return true;
	if (!write->old)
		return fail(write, 400, "resourceVersion must not be set on objects to be created");
	if (strspn(version, "0123456789") != strlen(version))
		return fail(write, 400, "metadata.resourceVersion is no number");
	return true;
}

/* Entries that the client sends take the place of those before: that is how kubectl hands fields
 * over. What cannot be read counts as not sent; `[{}]` starts over. */
static int settle_managers(struct bl_rest_write *write, struct json_object *meta)
{
	struct json_object *sent = member(meta, "managedFields"), *entries = NULL;
	int r = 0;

	if (json_object_is_type(sent, json_type_array) && json_object_array_length(sent) > 0) {
		struct json_object *first = json_object_array_get_idx(sent, 0);

		if (json_object_array_length(sent) == 1 &&
		    json_object_is_type(first, json_type_object) &&
		    json_object_object_length(first) == 0) {
			json_object_put(TAKE_PTR(write->managers));
		} else {
			r = bl_managed_read(sent, &entries, NULL);
			if (r == 0) {
				json_object_put(write->managers);
				write->managers = entries;
			}
		}
	}
	json_object_object_del(meta, "managedFields");
	return r == -ENOMEM ? r : 0;
}

/* Status */

/* A write to `/status` changes nothing else. */
static int only_status(const struct bl_rest_write *write, struct json_object **json)
{
	_cleanup_(json_object_put) struct json_object *sent = *json;
	const char *version = text_of(member(sent, "metadata"), "resourceVersion");
	struct json_object *managed = member(member(sent, "metadata"), "managedFields");
	struct json_object *copy = NULL, *status = member(sent, "status");

	*json = NULL;
	if (json_object_deep_copy(write->old_json, &copy, NULL) < 0)
		return -ENOMEM;
	*json = copy;
	json_object_object_del(copy, "status");
	if (status && json_object_object_add(copy, "status", json_object_get(status)) < 0)
		return -ENOMEM;
	if (managed && json_object_object_add(member(copy, "metadata"), "managedFields",
					      json_object_get(managed)) < 0)
		return -ENOMEM;
	if (version && json_object_object_add(member(copy, "metadata"), "resourceVersion",
					      json_object_new_string(version)) < 0)
		return -ENOMEM;
	return 0;
}

/* A manifest without a status says nothing about it. A Namespace is there as soon as it is made. */
static int keep_status(const struct bl_rest_write *write, struct json_object *json)
{
	struct json_object *old = write->old_json ? member(write->old_json, "status") : NULL;
	struct json_object *made;

	if (member(json, "status"))
		return 0;
	if (!old && write->target.kind == BL_KIND_NAMESPACE) {
		made = json_object_new_object();
		json_object_object_add(made, "phase", json_object_new_string("Active"));
		return json_object_object_add(json, "status", made);
	}
	return old ? json_object_object_add(json, "status", json_object_get(old)) : 0;
}

/* Takes what the client sent to what it stands for. False: answered. */
static bool prepare(struct bl_rest_write *write, struct json_object **json)
{
	struct json_object *meta;
	int r = 0;

	if (write->target.is_status && write->old_json)
		r = only_status(write, json);
	meta = r == 0 ? metadata_of(*json) : NULL;
	if (r == 0 && !meta)
		return fail(write, 400, "'metadata' is no mapping");
	if (r == 0 && (!settle_names(write, meta) || !check_version(write, meta)))
		return false;
	if (r == 0)
		r = settle_system_fields(write, meta);
	if (r == 0)
		r = settle_managers(write, meta);
	if (r == 0 && !write->target.is_status)
		r = keep_status(write, *json);
	if (r == 0 && write->old_json && write->target.kind == BL_KIND_SERVICE)
		r = bl_service_follow_update(write->old_json, *json);
	return r == 0 || fail(write, 500, "no memory for the object");
}

/* Fields that nobody knows */

/* "service 'a/b': unknown field 'spec.x' (did you mean 'y'?)": from 'unknown' on; NULL: another. */
static const char *unknown_field(const struct bl_problem *problem)
{
	const char *at = problem->severity == BL_SEVERITY_WARNING && problem->field && problem->text
				 ? strstr(problem->text, "unknown field '")
				 : NULL;

	return at && !strncmp(at + strlen("unknown field '"), problem->field,
			      strlen(problem->field))
		       ? at
		       : NULL;
}

bool bl_rest_answer_unknown(struct bl_rest_write *write, const char *kind, const char *api_version,
			    const struct bl_diag *diag)
{
	_cleanup_(bl_buf_done) struct bl_buf list = {0};

	for (size_t i = 0; i < diag->count; i++) {
		const char *text = unknown_field(&diag->problems[i]);
		const char *hint = text ? strstr(text, " (did you mean") : NULL;

		if (!text || write->validation == BL_VALIDATION_IGNORE)
			continue;
		if (write->validation == BL_VALIDATION_WARN)
			bl_reply_warn(write->reply, "unknown field \"%s\"%s",
				      diag->problems[i].field, hint ? hint : "");
		else
			bl_buf_addf(&list, "%sunknown field \"%s\"%s", list.len ? ", " : "",
				    diag->problems[i].field, hint ? hint : "");
	}
	if (!list.len)
		return true;
	bl_rest_error(write->reply, 400, NULL,
		      "%s in version \"%s\" cannot be handled as a %s: strict decoding error: %s",
		      kind, api_version, kind, list.data);
	return false;
}

/* NULL: answered. */
static struct bl_object *decode(struct bl_rest_write *write, struct json_object *json)
{
	const struct bl_kind_info *info = bl_kind_info(write->target.kind);
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_decode_json_tree(NULL, json, BL_DECODE_WARN_UNKNOWN, &object, &diag);
	bool good =
		r != -ENOMEM && bl_rest_answer_unknown(write, info->kind, info->api_version, &diag);

	if (r == -ENOMEM)
		bl_rest_error(write->reply, 500, &write->target, "no memory for the object");
	else if (r < 0 && good)
		bl_rest_invalid(write->reply, &write->target, &diag, json);
	bl_diag_done(&diag);
	return r == 0 && good ? TAKE_PTR(object) : NULL;
}

/* What the server counts */

static bool is_of_spec(const char *key)
{
	static const char *const others[] = {"apiVersion", "kind", "metadata", "status"};

	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (!strcmp(key, others[i]))
			return false;
	return true;
}

static bool same_spec(struct json_object *a, struct json_object *b)
{
	json_object_object_foreach(a, key, value)
	{
		if (is_of_spec(key) && !bl_json_same(value, member(b, key)))
			return false;
	}
	return true;
}

static int settle_books(struct bl_rest_write *write, struct bl_object *object,
			struct json_object *full, struct json_object *managers)
{
	_cleanup_(json_object_put) struct json_object *entries = json_object_get(managers);
	const struct bl_manager who = bl_rest_manager(write);
	const struct bl_meta *old = write->old ? &write->old->meta : NULL;
	const char *text;
	int r = 0;

	object->meta.generation = old ? old->generation : 1;
	if (old && (!same_spec(full, write->old_json) || !same_spec(write->old_json, full)))
		object->meta.generation++;
	if (!managers)
		r = bl_managed_update(object->kind, write->old_json, full, write->managers, &who,
				      &entries);
	if (r < 0 || !entries)
		return r;
	text = json_object_to_json_string_ext(entries, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE);
	if (!text)
		return -ENOMEM;
	if (strlen(text) > BOOKS_MAX)
		return -E2BIG;
	object->meta.managed_fields = bl_arena_strdup(object->arena, text);
	return object->meta.managed_fields ? 0 : -ENOMEM;
}

/* Why the object cannot be written. */
static void refuse_books(struct bl_rest_write *write, int r)
{
	if (r == -E2BIG)
		bl_rest_error(write->reply, 413, &write->target,
			      "so many managers have fields of the object that saying which takes "
			      "more than %u KiB; take some out of metadata.managedFields",
			      BOOKS_MAX >> 10);
	else if (r == -ENOMEM)
		bl_rest_error(write->reply, 500, &write->target, "no memory for the object");
	else
		bl_rest_error(write->reply, 500, &write->target,
			      "cannot say whose fields the object has: %s", strerror(-r));
}

static void answer_written(struct bl_rest_write *write, struct bl_object *object, unsigned int code)
{
	const struct bl_object *stored = NULL;

	if (!write->dry_run)
		stored = bl_store_find(write->agent->store, object->kind, object->meta.ns,
				       object->meta.name);
	bl_rest_object(write->reply, code, stored ? stored : object);
}

static void write_object(struct bl_rest_write *write, struct bl_object *object,
			 struct json_object *full)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_err err = {0};
	bool is_new = !write->old;
	uint64_t version = write->old ? write->old->meta.resource_version : 0;
	int r = bl_catalog_write(write->agent->catalog, is_new ? BL_WRITE_CREATE : BL_WRITE_REPLACE,
				 object, write->dry_run, &diag, &err);

	/* The old object may be gone from here on. */
	write->old = NULL;
	if (r < 0) {
		bl_rest_refused(write->reply, &write->target, r, &diag, full, &err);
	} else {
		if (write->dry_run)
			object->meta.resource_version = version;
		answer_written(write, object, is_new ? 201 : 200);
	}
	bl_diag_done(&diag);
}

void bl_rest_put(struct bl_rest_write *write, struct json_object *json,
		 struct json_object *managers)
{
	_cleanup_(json_object_put) struct json_object *entries = managers;
	_cleanup_(json_object_put) struct json_object *full = NULL;
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct json_object *wanted = json;
	int r;

	if (prepare(write, &wanted))
		object = decode(write, wanted);
	json_object_put(wanted);
	if (!object)
		return;
	r = bl_encode_json(object, &full);
	if (r >= 0)
		r = settle_books(write, object, full, entries);
	if (r < 0)
		refuse_books(write, r);
	else
		write_object(write, object, full);
}

void bl_rest_create(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply)
{
	_cleanup_(bl_rest_write_done) struct bl_rest_write write;
	struct json_object *json;

	if (!bl_rest_write_begin(&write, agent, request, target, reply))
		return;
	json = bl_rest_read_body(&write);
	if (json)
		bl_rest_put(&write, json, NULL);
}

void bl_rest_replace(struct bl_agent *agent, const struct bl_request *request,
		     const struct bl_rest_target *target, struct bl_reply *reply)
{
	_cleanup_(bl_rest_write_done) struct bl_rest_write write;
	struct json_object *json;

	if (!bl_rest_write_begin(&write, agent, request, target, reply))
		return;
	json = bl_rest_read_body(&write);
	if (json && !write.old) {
		json_object_put(json);
		bl_rest_not_found(reply, target);
	} else if (json) {
		bl_rest_put(&write, json, NULL);
	}
}
