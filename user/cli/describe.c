/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all kinds share, and the kinds with little to say. */
#include "cli/describe.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define ANNOTATION_MAX 140

/* The keys of an object in their order: an array of borrowed strings, owned by the caller. */
static const char **sorted_keys(struct json_object *pairs, size_t *ret_count)
{
	size_t count = 0, room = json_object_is_type(pairs, json_type_object)
					 ? (size_t)json_object_object_length(pairs)
					 : 0;
	const char **keys = room ? calloc(room, sizeof(*keys)) : NULL;

	*ret_count = 0;
	if (!keys)
		return NULL;
	json_object_object_foreach(pairs, key, value)
	{
		size_t at = count++;

		(void)value;
		for (; at > 0 && strcmp(keys[at - 1], key) > 0; at--)
			keys[at] = keys[at - 1];
		keys[at] = key;
	}
	*ret_count = count;
	return keys;
}

void bl_describe_labels(struct json_object *labels, const char *title, struct bl_buf *ret)
{
	size_t count;
	_cleanup_free_ const char **keys = sorted_keys(labels, &count);

	bl_buf_addf(ret, "%s:\t", title);
	if (count == 0)
		bl_buf_add_str(ret, "<none>\n");
	for (size_t i = 0; i < count; i++) {
		const char *value = bl_json_str(bl_json_key(labels, keys[i]), "");

		bl_buf_addf(ret, "%s%s=%s\n", i ? "\t" : "", keys[i], value ? value : "");
	}
}

/* A long value, or one of several lines, stands below its key and is cut. */
static void add_long(const char *key, const char *value, size_t len, struct bl_buf *ret)
{
	const char *end = value + len;

	bl_buf_addf(ret, "%s:\n", key);
	while (value < end) {
		const char *stop = memchr(value, '\n', (size_t)(end - value));
		size_t line = (size_t)((stop ? stop : end) - value);
		bool cut = line > ANNOTATION_MAX - 2;

		bl_buf_addf(ret, "\t  %.*s%s\n", (int)(cut ? ANNOTATION_MAX - 2 : line), value,
			    cut ? "..." : "");
		value += line + 1;
	}
}

void bl_describe_annotations(struct json_object *annotations, struct bl_buf *ret)
{
	size_t count, shown = 0;
	_cleanup_free_ const char **keys = sorted_keys(annotations, &count);

	bl_buf_add_str(ret, "Annotations:\t");
	for (size_t i = 0; i < count; i++) {
		const char *value = bl_json_str(bl_json_key(annotations, keys[i]), "");
		size_t len = value ? strlen(value) : 0;

		if (strcmp(keys[i], LAST_APPLIED) == 0)
			continue;
		if (len && value[len - 1] == '\n')
			len--;
		bl_buf_add_str(ret, shown++ ? "\t" : "");
		if (len + strlen(keys[i]) + 2 > ANNOTATION_MAX || (len && memchr(value, '\n', len)))
			add_long(keys[i], value, len, ret);
		else
			bl_buf_addf(ret, "%s: %.*s\n", keys[i], (int)len, value ? value : "");
	}
	if (shown == 0)
		bl_buf_add_str(ret, "<none>\n");
}

static void describe_namespace(const struct bl_description *what, struct bl_buf *ret)
{
	bl_buf_addf(ret, "Name:\t%s\n", bl_json_str_or(what->object, "metadata.name", ""));
	bl_describe_labels(bl_json_at(what->object, "metadata.labels"), "Labels", ret);
	bl_describe_annotations(bl_json_at(what->object, "metadata.annotations"), ret);
	bl_buf_addf(ret, "Status:\t%s\n", bl_json_str_or(what->object, "status.phase", "Active"));
}

static void add_name(struct json_object *object, struct bl_buf *ret)
{
	bl_buf_addf(ret, "Name:\t%s\nNamespace:\t%s\n", bl_json_str_or(object, "metadata.name", ""),
		    bl_json_str_or(object, "metadata.namespace", ""));
	bl_describe_labels(bl_json_at(object, "metadata.labels"), "Labels", ret);
	bl_describe_annotations(bl_json_at(object, "metadata.annotations"), ret);
}

static void add_subset(struct json_object *subset, struct bl_buf *ret)
{
	static const struct {
		const char *title;
		const char *field;
	} lists[] = {{"Addresses", "addresses"}, {"NotReadyAddresses", "notReadyAddresses"}};
	struct json_object *ports = bl_json_at(subset, "ports");

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		struct json_object *list = bl_json_at(subset, lists[l].field);

		bl_buf_addf(ret, "  %s:\t", lists[l].title);
		for (size_t i = 0; i < bl_json_len(list); i++)
			bl_buf_addf(ret, "%s%s", i ? "," : "",
				    bl_json_str_or(bl_json_item(list, i), "ip", ""));
		bl_buf_add_str(ret, bl_json_len(list) ? "\n" : "<none>\n");
	}
	if (bl_json_len(ports))
		bl_buf_add_str(ret,
			       "  Ports:\n    Name\tPort\tProtocol\n    ----\t----\t--------\n");
	for (size_t i = 0; i < bl_json_len(ports); i++) {
		struct json_object *port = bl_json_item(ports, i);

		bl_buf_addf(ret, "    %s\t%" PRId64 "\t%s\n",
			    bl_json_str_or(port, "name", "<unset>"), bl_json_int(port, "port", 0),
			    bl_json_str_or(port, "protocol", "TCP"));
	}
	bl_buf_add_str(ret, "\n");
}

void bl_describe_endpoints(const struct bl_description *what, struct bl_buf *ret)
{
	struct json_object *subsets = bl_json_at(what->object, "subsets");

	add_name(what->object, ret);
	bl_buf_add_str(ret, "Subsets:\n");
	for (size_t i = 0; i < bl_json_len(subsets); i++)
		add_subset(bl_json_item(subsets, i), ret);
	bl_buf_add_str(ret, "Events:\t<none>\n");
}

static const char *condition_word(struct json_object *endpoint, const char *path)
{
	struct json_object *value = bl_json_at(endpoint, path);

	if (!json_object_is_type(value, json_type_boolean))
		return "<unset>";
	return json_object_get_boolean(value) ? "true" : "false";
}

static void add_slice_endpoint(struct json_object *endpoint, struct bl_buf *ret)
{
	struct json_object *ref = bl_json_at(endpoint, "targetRef");

	bl_buf_add_str(ret, "  - Addresses:\t");
	bl_json_join(bl_json_at(endpoint, "addresses"), ",", ret);
	bl_buf_addf(ret, "\n    Conditions:\n      Ready:\t%s\n",
		    condition_word(endpoint, "conditions.ready"));
	/* kubectl leaves these two out; they say why an endpoint does or does not get traffic. */
	bl_buf_addf(ret, "      Serving:\t%s\n      Terminating:\t%s\n",
		    condition_word(endpoint, "conditions.serving"),
		    condition_word(endpoint, "conditions.terminating"));
	bl_buf_addf(ret, "    Hostname:\t%s\n", bl_json_str_or(endpoint, "hostname", "<unset>"));
	if (ref)
		bl_buf_addf(ret, "    TargetRef:\t%s/%s\n", bl_json_str_or(ref, "kind", ""),
			    bl_json_str_or(ref, "name", ""));
	bl_buf_addf(ret, "    NodeName:\t%s\n    Zone:\t%s\n",
		    bl_json_str_or(endpoint, "nodeName", "<unset>"),
		    bl_json_str_or(endpoint, "zone", "<unset>"));
}

void bl_describe_slice(const struct bl_description *what, struct bl_buf *ret)
{
	struct json_object *ports = bl_json_at(what->object, "ports");
	struct json_object *endpoints = bl_json_at(what->object, "endpoints");

	add_name(what->object, ret);
	bl_buf_addf(ret, "AddressType:\t%s\n", bl_json_str_or(what->object, "addressType", ""));
	if (bl_json_len(ports))
		bl_buf_add_str(ret, "Ports:\n  Name\tPort\tProtocol\n  ----\t----\t--------\n");
	else
		bl_buf_add_str(ret, "Ports:\t<unset>\n");
	for (size_t i = 0; i < bl_json_len(ports); i++) {
		struct json_object *port = bl_json_item(ports, i);

		bl_buf_addf(ret, "  %s\t%" PRId64 "\t%s\n", bl_json_str_or(port, "name", "<unset>"),
			    bl_json_int(port, "port", 0), bl_json_str_or(port, "protocol", "TCP"));
	}
	bl_buf_add_str(ret, bl_json_len(endpoints) ? "Endpoints:\n" : "Endpoints:\t<none>\n");
	for (size_t i = 0; i < bl_json_len(endpoints); i++)
		add_slice_endpoint(bl_json_item(endpoints, i), ret);
	bl_buf_add_str(ret, "Events:\t<none>\n");
}

void bl_describe(enum bl_kind kind, const struct bl_description *what, struct bl_buf *ret)
{
	switch (kind) {
	case BL_KIND_SERVICE:
		bl_describe_service(what, ret);
		break;
	case BL_KIND_POD:
		bl_describe_pod(what, ret);
		break;
	case BL_KIND_ENDPOINTS:
		bl_describe_endpoints(what, ret);
		break;
	case BL_KIND_ENDPOINT_SLICE:
		bl_describe_slice(what, ret);
		break;
	case BL_KIND_NODE:
		bl_describe_node(what, ret);
		break;
	case BL_KIND_NAMESPACE:
	case BL_KIND_LEASE:
	case BL_KIND_COUNT:
		describe_namespace(what, ret);
		break;
	}
}
