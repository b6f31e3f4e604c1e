/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The state file:
 * {"version":1,"services":{"ns/name":{"clusterIPs":[...],"nodePorts":[{...}],"healthCheckNodePort":n}}}
 */
#include <errno.h>
#include <json-c/json.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "resolve/allocator.h"

#define STATE_VERSION 1
#define STATE_DEPTH 8

static inline void put_json_p(struct json_object **json)
{
	(void)json_object_put(*json);
}
#define _cleanup_json_ __attribute__((cleanup(put_json_p)))

static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {
	{BL_PROTOCOL_TCP, "TCP"},
	{BL_PROTOCOL_UDP, "UDP"},
	{BL_PROTOCOL_SCTP, "SCTP"},
};

static const char *protocol_name(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (protocols[i].number == number)
			return protocols[i].name;
	return "TCP";
}

static uint8_t protocol_number(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(protocols); i++)
		if (strcmp(protocols[i].name, name) == 0)
			return protocols[i].number;
	return 0;
}

/* Takes `value`, also on failure; NULL stands for a value that memory did not suffice for. */
static int add(struct json_object *parent, const char *key, struct json_object *value)
{
	int r;

	if (!value)
		return -ENOMEM;
	r = key ? json_object_object_add(parent, key, value) : json_object_array_add(parent, value);
	if (r == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

static int encode_port(const struct bl_port_allocation *port, struct json_object *array)
{
	struct json_object *json = json_object_new_object();
	int r = add(array, NULL, json);

	if (r == 0)
		r = add(json, "port", json_object_new_int(port->port));
	if (r == 0)
		r = add(json, "protocol", json_object_new_string(protocol_name(port->protocol)));
	if (r == 0)
		r = add(json, "nodePort", json_object_new_int(port->node_port));
	return r;
}

static int encode_allocation(const struct bl_allocation *allocation, struct json_object *json)
{
	struct json_object *array;
	char text[BL_ADDR_TEXT];
	int r = 0;

	if (allocation->address_count > 0) {
		array = json_object_new_array();
		r = add(json, "clusterIPs", array);
		for (size_t i = 0; r == 0 && i < allocation->address_count; i++)
			r = add(array, NULL,
				json_object_new_string(
					bl_addr_format(&allocation->addresses[i], text)));
	}
	if (r == 0 && allocation->port_count > 0) {
		array = json_object_new_array();
		r = add(json, "nodePorts", array);
		for (size_t i = 0; r == 0 && i < allocation->port_count; i++)
			r = encode_port(&allocation->ports[i], array);
	}
	if (r == 0 && allocation->health_check_port != 0)
		r = add(json, "healthCheckNodePort",
			json_object_new_int(allocation->health_check_port));
	return r;
}

static int compare_names(const void *a, const void *b)
{
	const struct bl_allocation *x = *(const struct bl_allocation *const *)a;
	const struct bl_allocation *y = *(const struct bl_allocation *const *)b;

	return strcmp(x->name, y->name);
}

/* One line: `"namespace/name": {...}`. */
static int write_allocation(const struct bl_allocation *allocation, struct bl_buf *ret)
{
	_cleanup_json_ struct json_object *name = json_object_new_string(allocation->name);
	_cleanup_json_ struct json_object *json = json_object_new_object();
	int flags = JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE;
	int r;

	if (!name || !json)
		return -ENOMEM;
	r = encode_allocation(allocation, json);
	if (r < 0)
		return r;
	bl_buf_addf(ret, "    %s: ", json_object_to_json_string_ext(name, flags));
	bl_buf_add_str(ret, json_object_to_json_string_ext(json, flags));
	return 0;
}

/* There may be tens of thousands: no tree is made of all of them. */
int bl_allocator_save(struct bl_allocator *allocator, struct bl_buf *ret)
{
	_cleanup_free_ const struct bl_allocation **sorted =
		calloc(bl_map_count(allocator->allocations) + 1, sizeof(*sorted));
	size_t cursor = 0;
	size_t count = 0;
	void *value;

	if (!sorted)
		return -ENOMEM;
	while (bl_map_next(allocator->allocations, &cursor, NULL, NULL, &value))
		sorted[count++] = value;
	qsort(sorted, count, sizeof(*sorted), compare_names);
	bl_buf_addf(ret, "{\n  \"version\": %d,\n  \"services\": {\n", STATE_VERSION);
	for (size_t i = 0; i < count; i++) {
		int r = write_allocation(sorted[i], ret);

		if (r < 0)
			return r;
		bl_buf_add_str(ret, i + 1 < count ? ",\n" : "\n");
	}
	bl_buf_add_str(ret, "  }\n}\n");
	if (ret->failed)
		return -ENOMEM;
	allocator->dirty = false;
	return 0;
}

static int parse(const char *text, size_t len, struct json_object **ret, struct bl_err *err)
{
	struct json_tokener *tokener = json_tokener_new_ex(STATE_DEPTH);
	struct json_object *json;
	enum json_tokener_error error;

	if (!tokener)
		return bl_err_set(err, -ENOMEM, "state file: no memory");
	if (len > INT32_MAX) {
		json_tokener_free(tokener);
		return bl_err_set(err, -EINVAL, "state file is too large");
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	json = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	json_tokener_free(tokener);
	if (error != json_tokener_success || !json) {
		(void)json_object_put(json);
		return bl_err_set(err, -EINVAL,
				  "state file is no JSON: %s; remove it to start afresh",
				  json_tokener_error_desc(error));
	}
	*ret = json;
	return 0;
}

static struct json_object *get(struct json_object *json, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(json, json_type_object) ||
	    !json_object_object_get_ex(json, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

static uint16_t get_port(struct json_object *json, const char *key)
{
	struct json_object *value = get(json, key, json_type_int);
	int64_t number = value ? json_object_get_int64(value) : 0;

	return number > 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
}

static bool may_have_port(const struct bl_allocator *allocator, uint16_t number)
{
	return number > 0 && !bl_allocator_port_owner(allocator, number);
}

static void decode_addresses(const struct bl_allocator *allocator, struct json_object *array,
			     struct bl_allocation *allocation)
{
	size_t count = array ? json_object_array_length(array) : 0;

	for (size_t i = 0; i < count && allocation->address_count < 2; i++) {
		const char *text = json_object_get_string(json_object_array_get_idx(array, i));
		struct bl_addr address;

		/* Also one outside of the range: the range may have been moved since. */
		if (text && bl_addr_parse(text, &address) == 0 &&
		    !bl_allocator_owner(allocator, &address))
			allocation->addresses[allocation->address_count++] = address;
	}
}

static int decode_ports(const struct bl_allocator *allocator, struct json_object *array,
			struct bl_allocation *allocation)
{
	size_t count = array ? json_object_array_length(array) : 0;

	if (count > BL_ALLOCATION_PORTS)
		count = BL_ALLOCATION_PORTS;
	if (count == 0)
		return 0;
	allocation->ports = calloc(count, sizeof(*allocation->ports));
	if (!allocation->ports)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct json_object *json = json_object_array_get_idx(array, i);
		struct json_object *protocol = get(json, "protocol", json_type_string);
		struct bl_port_allocation port = {
			.port = get_port(json, "port"),
			.protocol = protocol_number(json_object_get_string(protocol)),
			.node_port = get_port(json, "nodePort"),
		};

		if (port.port != 0 && port.protocol != 0 &&
		    may_have_port(allocator, port.node_port))
			allocation->ports[allocation->port_count++] = port;
	}
	return 0;
}

static int restore_service(struct bl_allocator *allocator, const char *name,
			   struct json_object *json)
{
	_cleanup_(bl_allocation_free) struct bl_allocation *allocation = NULL;
	uint16_t health_check_port = get_port(json, "healthCheckNodePort");
	int r;

	r = bl_allocation_new(name, &allocation);
	if (r < 0)
		return r;
	decode_addresses(allocator, get(json, "clusterIPs", json_type_array), allocation);
	r = decode_ports(allocator, get(json, "nodePorts", json_type_array), allocation);
	if (r < 0)
		return r;
	if (may_have_port(allocator, health_check_port))
		allocation->health_check_port = health_check_port;
	r = bl_allocator_commit(allocator, allocation);
	if (r == 0)
		(void)TAKE_PTR(allocation);
	return r;
}

int bl_allocator_restore(struct bl_allocator *allocator, const char *text, size_t len,
			 struct bl_err *err)
{
	_cleanup_json_ struct json_object *root = NULL;
	struct json_object *services;
	struct json_object *version;
	int r;

	r = parse(text, len, &root, err);
	if (r < 0)
		return r;
	version = get(root, "version", json_type_int);
	services = get(root, "services", json_type_object);
	if (!version || !services)
		return bl_err_set(err, -EINVAL,
				  "state file has no 'version' or no 'services'; remove it to "
				  "start afresh");
	if (json_object_get_int64(version) != STATE_VERSION)
		return bl_err_set(err, -EINVAL, "state file is of version %s, expected %d",
				  json_object_get_string(version), STATE_VERSION);
	json_object_object_foreach(services, name, json)
	{
		r = restore_service(allocator, name, json);
		if (r < 0)
			return bl_err_set(err, r, "state file: no memory");
	}
	allocator->dirty = false;
	return 0;
}
