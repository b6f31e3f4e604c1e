/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/proto_body.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/decode.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

#define DEEPEST 16

enum kind {
	TEXT,
	NUMBER, /* 0 is "not given": Go writes it for fields without a pointer */
	CHOICE, /* a pointer to a boolean: false counts */
	FLAG,   /* a boolean without: false is "not given" */
	TIME,
	PORT,    /* IntOrString */
	MESSAGE, /* of `inside` */
	PAIRS,   /* a map of texts */
};

struct row {
	uint32_t number;
	const char *name;
	enum kind kind;
	bool is_list;
	const struct row *inside;
};

/* Tables end with a row without a name. */
static const struct row owner[] = {
	{1, "kind", TEXT},       {3, "name", TEXT},         {4, "uid", TEXT},
	{5, "apiVersion", TEXT}, {6, "controller", CHOICE}, {7, "blockOwnerDeletion", CHOICE},
	{0, NULL, TEXT},
};

/* managedFields (17) are the server's to keep. */
static const struct row metadata[] = {
	{1, "name", TEXT},
	{2, "generateName", TEXT},
	{3, "namespace", TEXT},
	{5, "uid", TEXT},
	{6, "resourceVersion", TEXT},
	{7, "generation", NUMBER},
	{8, "creationTimestamp", TIME},
	{9, "deletionTimestamp", TIME},
	{10, "deletionGracePeriodSeconds", NUMBER},
	{11, "labels", PAIRS},
	{12, "annotations", PAIRS},
	{13, "ownerReferences", MESSAGE, true, owner},
	{14, "finalizers", TEXT, true},
	{0, NULL, TEXT},
};

static const struct row service_port[] = {
	{1, "name", TEXT},       {2, "protocol", TEXT},   {3, "port", NUMBER},
	{4, "targetPort", PORT}, {5, "nodePort", NUMBER}, {6, "appProtocol", TEXT},
	{0, NULL, TEXT},
};

static const struct row client_ip[] = {{1, "timeoutSeconds", NUMBER}, {0, NULL, TEXT}};
static const struct row affinity[] = {{1, "clientIP", MESSAGE, false, client_ip}, {0, NULL, TEXT}};

static const struct row service_spec[] = {
	{1, "ports", MESSAGE, true, service_port},
	{2, "selector", PAIRS},
	{3, "clusterIP", TEXT},
	{4, "type", TEXT},
	{5, "externalIPs", TEXT, true},
	{7, "sessionAffinity", TEXT},
	{8, "loadBalancerIP", TEXT},
	{9, "loadBalancerSourceRanges", TEXT, true},
	{10, "externalName", TEXT},
	{11, "externalTrafficPolicy", TEXT},
	{12, "healthCheckNodePort", NUMBER},
	{13, "publishNotReadyAddresses", FLAG},
	{14, "sessionAffinityConfig", MESSAGE, false, affinity},
	{17, "ipFamilyPolicy", TEXT},
	{18, "clusterIPs", TEXT, true},
	{19, "ipFamilies", TEXT, true},
	{20, "allocateLoadBalancerNodePorts", CHOICE},
	{21, "loadBalancerClass", TEXT},
	{22, "internalTrafficPolicy", TEXT},
	{23, "trafficDistribution", TEXT},
	{0, NULL, TEXT},
};

static const struct row service[] = {
	{1, "metadata", MESSAGE, false, metadata},
	{2, "spec", MESSAGE, false, service_spec},
	{0, NULL, TEXT},
};

static const struct row namespace_spec[] = {{1, "finalizers", TEXT, true}, {0, NULL, TEXT}};
static const struct row namespace[] = {
	{1, "metadata", MESSAGE, false, metadata},
	{2, "spec", MESSAGE, false, namespace_spec},
	{0, NULL, TEXT},
};

static const struct row type_meta[] = {{1, "apiVersion", TEXT}, {2, "kind", TEXT}, {0, NULL, TEXT}};

static const struct {
	const char *version;
	const char *kind;
	const struct row *rows;
} objects[] = {
	{"v1", "Service", service},
	{"v1", "Namespace", namespace},
};

/* The wire */

struct cursor {
	const uint8_t *at;
	const uint8_t *end;
};

struct value {
	uint32_t number;
	uint8_t wire; /* 0: `integer`; 2: `inside`; others are skipped */
	uint64_t integer;
	struct cursor inside;
};

static bool take_varint(struct cursor *cursor, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && cursor->at < cursor->end; shift += 7) {
		uint8_t byte = *cursor->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool take_bytes(struct cursor *cursor, uint64_t len, struct cursor *ret)
{
	if (len > (uint64_t)(cursor->end - cursor->at))
		return false;
	*ret = (struct cursor){cursor->at, cursor->at + len};
	cursor->at += len;
	return true;
}

/* False: the message is broken. Call it while something is left. */
static bool take_value(struct cursor *cursor, struct value *ret)
{
	uint64_t key, len;

	*ret = (struct value){0};
	if (!take_varint(cursor, &key) || key >> 3 == 0 || key >> 3 > UINT32_MAX)
		return false;
	ret->number = (uint32_t)(key >> 3);
	ret->wire = key & 7;
	switch (ret->wire) {
	case 0:
		return take_varint(cursor, &ret->integer);
	case 1:
		return take_bytes(cursor, 8, &ret->inside);
	case 2:
		return take_varint(cursor, &len) && take_bytes(cursor, len, &ret->inside);
	case 5:
		return take_bytes(cursor, 4, &ret->inside);
	default:
		return false;
	}
}

/* Messages */

/* Bytes of the character at the start (RFC 3629, section 4); 0: it is none of UTF-8. */
static size_t character(struct cursor text)
{
	size_t left = (size_t)(text.end - text.at), len;
	uint8_t first = text.at[0], low = 0x80, high = 0xbf;

	if (first < 0x80)
		return 1;
	len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || len > left)
		return 0;
	/* No longer spelling than needed, no surrogates, nothing behind U+10FFFF. */
	low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
	high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
	if (text.at[1] < low || text.at[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((text.at[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

/* JSON and YAML could not be written, nor read again, with other bytes. */
static bool is_utf8(struct cursor text)
{
	size_t len = 1;

	while (text.at < text.end && len > 0) {
		len = character(text);
		text.at += len;
	}
	return len > 0;
}

static struct json_object *text_of(struct cursor inside)
{
	return json_object_new_string_len((const char *)inside.at, (int)(inside.end - inside.at));
}

static int set(struct json_object *json, const char *name, bool is_list, struct json_object *child)
{
	struct json_object *list = NULL;

	if (!child)
		return -ENOMEM;
	if (!is_list) {
		json_object_object_add(json, name, child);
		return 0;
	}
	if (!json_object_object_get_ex(json, name, &list)) {
		list = json_object_new_array();
		json_object_object_add(json, name, list);
	}
	return json_object_array_add(list, child) < 0 ? -ENOMEM : 0;
}

static int read_message(struct cursor cursor, const struct row *rows, size_t depth,
			struct json_object *json);

/* Two members, by the names "1" and "2" in a table made for the purpose. */
static int read_two(struct cursor inside, const struct row *rows, struct json_object **ret)
{
	*ret = json_object_new_object();
	return *ret ? read_message(inside, rows, 1, *ret) : -ENOMEM;
}

static struct json_object *member(struct json_object *json, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(json, key, &value) ? value : NULL;
}

static int add_pair(struct json_object *json, const char *name, struct cursor inside)
{
	static const struct row rows[] = {{1, "key", TEXT}, {2, "value", TEXT}, {0, NULL, TEXT}};
	_cleanup_(json_object_put) struct json_object *pair = NULL;
	struct json_object *map = member(json, name), *value;
	int r = read_two(inside, rows, &pair);

	if (r < 0)
		return r;
	if (!map) {
		map = json_object_new_object();
		json_object_object_add(json, name, map);
	}
	value = member(pair, "value");
	json_object_object_add(
		map, member(pair, "key") ? json_object_get_string(member(pair, "key")) : "",
		value ? json_object_get(value) : json_object_new_string(""));
	return 0;
}

static int add_port(struct json_object *json, const char *name, struct cursor inside)
{
	static const struct row rows[] = {
		{1, "type", NUMBER}, {2, "number", NUMBER}, {3, "text", TEXT}, {0, NULL, TEXT}};
	_cleanup_(json_object_put) struct json_object *both = NULL;
	struct json_object *value;
	int r = read_two(inside, rows, &both);

	if (r < 0)
		return r;
	value = member(both, member(both, "type") ? "text" : "number");
	if (value)
		json_object_object_add(json, name, json_object_get(value));
	return 0;
}

static int add_time(struct json_object *json, const char *name, struct cursor inside)
{
	static const struct row rows[] = {{1, "seconds", NUMBER}, {0, NULL, TEXT}};
	_cleanup_(json_object_put) struct json_object *time = NULL;
	char buffer[BL_TIME_TEXT];
	int r = read_two(inside, rows, &time);

	if (r < 0 || !member(time, "seconds"))
		return r;
	return set(json, name, false,
		   json_object_new_string(
			   bl_time_format(json_object_get_int64(member(time, "seconds")), buffer)));
}

static int add_message(struct json_object *json, const struct row *row, struct cursor inside,
		       size_t depth)
{
	struct json_object *child = json_object_new_object();
	int r = child ? read_message(inside, row->inside, depth + 1, child) : -ENOMEM;

	if (r < 0) {
		json_object_put(child);
		return r;
	}
	return set(json, row->name, row->is_list, child);
}

static int add_value(struct json_object *json, const struct row *row, const struct value *value,
		     size_t depth)
{
	bool is_integer = row->kind == NUMBER || row->kind == CHOICE || row->kind == FLAG;

	if (value->wire != (is_integer ? 0 : 2))
		return -EINVAL;
	switch (row->kind) {
	case TEXT:
		if (value->inside.at == value->inside.end && !row->is_list)
			return 0;
		if (!is_utf8(value->inside))
			return -EINVAL;
		return set(json, row->name, row->is_list, text_of(value->inside));
	case NUMBER:
		return value->integer ? set(json, row->name, false,
					    json_object_new_int64((int64_t)value->integer))
				      : 0;
	case CHOICE:
	case FLAG:
		return value->integer || row->kind == CHOICE
			       ? set(json, row->name, false,
				     json_object_new_boolean(value->integer != 0))
			       : 0;
	case TIME:
		return add_time(json, row->name, value->inside);
	case PORT:
		return add_port(json, row->name, value->inside);
	case MESSAGE:
		return add_message(json, row, value->inside, depth);
	case PAIRS:
		return add_pair(json, row->name, value->inside);
	}
	return -EINVAL;
}

/* Fields that no table has are left out, as a server does with those of a newer client. */
static int read_message(struct cursor cursor, const struct row *rows, size_t depth,
			struct json_object *json)
{
	struct value value;

	if (depth > DEEPEST)
		return -EINVAL;
	while (cursor.at < cursor.end) {
		const struct row *row = rows;
		int r;

		if (!take_value(&cursor, &value))
			return -EINVAL;
		while (row->name && row->number != value.number)
			row++;
		r = row->name ? add_value(json, row, &value, depth) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Envelope */

static int read_object(struct json_object *json, struct cursor raw, struct bl_err *err)
{
	const char *version = json_object_get_string(member(json, "apiVersion"));
	const char *kind = json_object_get_string(member(json, "kind"));
	int r;

	for (size_t i = 0; version && kind && i < ARRAY_SIZE(objects); i++) {
		if (strcmp(objects[i].version, version) != 0 || strcmp(objects[i].kind, kind) != 0)
			continue;
		r = read_message(raw, objects[i].rows, 1, json);
		return r == -EINVAL ? bl_err_set(err, r, "the body is no %s in protobuf", kind) : r;
	}
	return bl_err_set(err, -EINVAL,
			  "a %.60s is taken as JSON or YAML; in protobuf only Services and "
			  "Namespaces are",
			  kind ? kind : "body without a kind");
}

int bl_body_protobuf(const char *bytes, size_t len, struct json_object **ret, struct bl_err *err)
{
	_cleanup_(json_object_put) struct json_object *json = json_object_new_object();
	struct cursor cursor, raw = {0};
	struct value value;
	int r = 0;

	if (!json)
		return -ENOMEM;
	if (len < 4 || memcmp(bytes, "k8s\0", 4) != 0)
		return bl_err_set(err, -EINVAL,
				  "the body does not start as Kubernetes' protobuf does");
	cursor = (struct cursor){(const uint8_t *)bytes + 4, (const uint8_t *)bytes + len};
	while (r == 0 && cursor.at < cursor.end) {
		if (!take_value(&cursor, &value))
			return bl_err_set(err, -EINVAL, "the body is no protobuf");
		if (value.number == 1 && value.wire == 2)
			r = read_message(value.inside, type_meta, 1, json);
		else if (value.number == 2 && value.wire == 2)
			raw = value.inside;
	}
	if (r == -EINVAL)
		return bl_err_set(err, r, "the body is no protobuf");
	if (r == 0)
		r = read_object(json, raw, err);
	if (r == 0)
		*ret = TAKE_PTR(json);
	return r;
}
