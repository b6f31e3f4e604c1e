/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/piece.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include <json-c/json.h>

#include "kube/splitter.h"

#define INITIAL_EVENTS_END "k8s.io/initial-events-end"

struct bl_piece_reader {
	enum bl_kind kind;
	struct bl_item_decoder *decoder;
	struct json_tokener *tokener;
	struct json_object *json; /* of the last piece: what was returned borrows from it */
};

int bl_piece_reader_new(enum bl_kind kind, struct bl_piece_reader **ret)
{
	_cleanup_(bl_piece_reader_free) struct bl_piece_reader *reader = calloc(1, sizeof(*reader));

	if (!reader || bl_item_decoder_new(kind, &reader->decoder) < 0)
		return -ENOMEM;
	reader->kind = kind;
	reader->tokener = json_tokener_new_ex(BL_SPLITTER_DEPTH_MAX);
	if (!reader->tokener)
		return -ENOMEM;
	json_tokener_set_flags(reader->tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 |
							JSON_TOKENER_ALLOW_TRAILING_CHARS);
	*ret = TAKE_PTR(reader);
	return 0;
}

struct bl_piece_reader *bl_piece_reader_free(struct bl_piece_reader *reader)
{
	if (!reader)
		return NULL;
	json_object_put(reader->json);
	if (reader->tokener)
		json_tokener_free(reader->tokener);
	bl_item_decoder_free(reader->decoder);
	free(reader);
	return NULL;
}

static struct json_object *member(struct json_object *json, const char *key)
{
	return json_object_is_type(json, json_type_object) ? json_object_object_get(json, key)
							   : NULL;
}

/* NULL also for an empty string. */
static const char *text_of(struct json_object *json, const char *key)
{
	struct json_object *child = member(json, key);
	const char *text =
		json_object_is_type(child, json_type_string) ? json_object_get_string(child) : NULL;

	return text && text[0] ? text : NULL;
}

/* A scalar alone would wait for more, so that a blank is needed behind it. */
static int parse(struct bl_piece_reader *reader, const char *text, size_t len, struct bl_err *err)
{
	enum json_tokener_error error;

	json_object_put(reader->json);
	reader->json = NULL;
	json_tokener_reset(reader->tokener);
	if (len > INT_MAX)
		return bl_err_set(err, -EBADMSG, "an object is too large");
	reader->json = json_tokener_parse_ex(reader->tokener, text, (int)len);
	error = json_tokener_get_error(reader->tokener);
	if (error == json_tokener_continue) {
		reader->json = json_tokener_parse_ex(reader->tokener, " ", 1);
		error = json_tokener_get_error(reader->tokener);
	}
	if (error == json_tokener_success)
		return 0;
	json_object_put(reader->json);
	reader->json = NULL;
	return bl_err_set(err, -EBADMSG, "cannot read JSON: %s",
			  error == json_tokener_continue ? "the text ends too early"
							 : json_tokener_error_desc(error));
}

#define ANNOTATION_MAX 256
#define OWN_ANNOTATIONS "beeline.dev/"

static void trim_annotations(struct json_object *meta)
{
	struct json_object *annotations = member(meta, "annotations");

	if (!json_object_is_type(annotations, json_type_object))
		return;
	/* Taking out the one in hand is allowed while one goes over them. */
	json_object_object_foreach(annotations, key, value)
	{
		if (strncmp(key, OWN_ANNOTATIONS, strlen(OWN_ANNOTATIONS)) != 0 &&
		    json_object_get_string_len(value) > ANNOTATION_MAX)
			json_object_object_del(annotations, key);
	}
}

/* There may be hundreds of thousands. */
static void trim_endpoints(struct json_object *endpoints)
{
	size_t count = json_object_is_type(endpoints, json_type_array)
			       ? json_object_array_length(endpoints)
			       : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *target =
			member(json_object_array_get_idx(endpoints, i), "targetRef");

		if (!json_object_is_type(target, json_type_object))
			continue;
		json_object_object_del(target, "uid");
		json_object_object_del(target, "namespace"); /* that of the slice */
	}
}

/* Book-keeping of others, which is larger than all that is of use. */
static void trim(struct bl_piece_reader *reader, struct json_object *json)
{
	struct json_object *meta = member(json, "metadata");

	json_object_object_del(meta, "managedFields");
	json_object_object_del(meta, "ownerReferences");
	json_object_object_del(meta, "generateName");
	if (reader->kind != BL_KIND_ENDPOINT_SLICE) {
		trim_annotations(meta);
		return;
	}
	json_object_object_del(meta, "annotations");
	trim_endpoints(member(json, "endpoints"));
}

static int name_piece(struct json_object *json, struct bl_piece *piece, struct bl_err *err)
{
	struct json_object *meta = member(json, "metadata");

	piece->ns = text_of(meta, "namespace");
	piece->name = text_of(meta, "name");
	piece->version = text_of(meta, "resourceVersion");
	if (!piece->name)
		return bl_err_set(err, -EBADMSG, "an object has no metadata.name");
	return 0;
}

static int read_object(struct bl_piece_reader *reader, struct json_object *json,
		       struct bl_piece *piece, struct bl_diag *diag, struct bl_err *err)
{
	int r = name_piece(json, piece, err);

	if (r < 0 || piece->type != BL_PIECE_PUT)
		return r;
	trim(reader, json);
	r = bl_item_decode(reader->decoder, json, &piece->object, diag);
	return r == -ENOMEM ? bl_err_set(err, r, "no memory for an object") : 0;
}

int bl_piece_read_item(struct bl_piece_reader *reader, const char *text, size_t len,
		       struct bl_piece *ret, struct bl_diag *diag, struct bl_err *err)
{
	int r = parse(reader, text, len, err);

	*ret = (struct bl_piece){.type = BL_PIECE_PUT};
	return r < 0 ? r : read_object(reader, reader->json, ret, diag, err);
}

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static void read_details(struct json_object *details, struct bl_kube_status *status)
{
	struct json_object *causes = member(details, "causes");
	struct json_object *seconds = member(details, "retryAfterSeconds");
	size_t count =
		json_object_is_type(causes, json_type_array) ? json_object_array_length(causes) : 0;

	if (json_object_is_type(seconds, json_type_int) && json_object_get_int64(seconds) > 0)
		status->retry_after_s = (uint64_t)json_object_get_int64(seconds);
	for (size_t i = 0; i < count; i++) {
		const char *reason = text_of(json_object_array_get_idx(causes, i), "reason");

		if (reason && !strcmp(reason, "ResourceVersionTooLarge"))
			status->version_too_large = true;
	}
}

static void read_code(struct json_object *json, struct bl_kube_status *status)
{
	if (json_object_is_type(json, json_type_int))
		status->code = json_object_get_int(json);
}

static void read_error(struct json_object *json, struct bl_kube_status *status)
{
	read_code(member(json, "code"), status);
	copy(status->reason, sizeof(status->reason), text_of(json, "reason"));
	copy(status->message, sizeof(status->message), text_of(json, "message"));
	read_details(member(json, "details"), status);
}

static void read_bookmark(struct json_object *json, struct bl_piece *piece)
{
	struct json_object *meta = member(json, "metadata");
	const char *end = text_of(member(meta, "annotations"), INITIAL_EVENTS_END);

	piece->version = text_of(meta, "resourceVersion");
	piece->ends_initial = end && !strcmp(end, "true");
}

static enum bl_piece_type type_of(const char *word)
{
	static const struct {
		const char *word;
		enum bl_piece_type type;
	} types[] = {
		{"ADDED", BL_PIECE_PUT},         {"MODIFIED", BL_PIECE_PUT},
		{"DELETED", BL_PIECE_DELETED},   {"ERROR", BL_PIECE_ERROR},
		{"BOOKMARK", BL_PIECE_BOOKMARK},
	};

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].word, word))
			return types[i].type;
	return BL_PIECE_UNKNOWN;
}

int bl_piece_read_event(struct bl_piece_reader *reader, const char *text, size_t len,
			struct bl_piece *ret, struct bl_diag *diag, struct bl_err *err)
{
	int r = parse(reader, text, len, err);
	struct json_object *object;
	const char *word;

	*ret = (struct bl_piece){.type = BL_PIECE_UNKNOWN};
	if (r < 0)
		return r;
	word = text_of(reader->json, "type");
	object = member(reader->json, "object");
	if (!word || !json_object_is_type(object, json_type_object))
		return bl_err_set(err, -EBADMSG, "an event has no type or no object");
	ret->type = type_of(word);
	switch (ret->type) {
	case BL_PIECE_PUT:
	case BL_PIECE_DELETED:
		return read_object(reader, object, ret, diag, err);
	case BL_PIECE_ERROR:
		read_error(object, &ret->status);
		return 0;
	case BL_PIECE_BOOKMARK:
		read_bookmark(object, ret);
		return 0;
	case BL_PIECE_UNKNOWN:
		break;
	}
	return 0;
}

int bl_piece_read_list_meta(struct bl_piece_reader *reader, const char *text, size_t len,
			    struct bl_list_meta *ret, struct bl_err *err)
{
	int r = parse(reader, text, len, err);

	*ret = (struct bl_list_meta){0};
	if (r < 0)
		return r;
	ret->version = text_of(reader->json, "resourceVersion");
	ret->more = text_of(reader->json, "continue");
	ret->remaining = json_object_get_int64(member(reader->json, "remainingItemCount"));
	return 0;
}

void bl_piece_read_status(struct bl_piece_reader *reader, const char *key, const char *text,
			  size_t len, struct bl_kube_status *status)
{
	if (parse(reader, text, len, NULL) < 0)
		return;
	if (!strcmp(key, "code"))
		read_code(reader->json, status);
	else if (!strcmp(key, "details"))
		read_details(reader->json, status);
	else if (!json_object_is_type(reader->json, json_type_string))
		return;
	else if (!strcmp(key, "message"))
		copy(status->message, sizeof(status->message),
		     json_object_get_string(reader->json));
	else if (!strcmp(key, "reason"))
		copy(status->reason, sizeof(status->reason), json_object_get_string(reader->json));
}
