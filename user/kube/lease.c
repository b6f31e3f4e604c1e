/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#define DURATION_MAX_MS (3600 * 1000u)
#define TERM_TEXT 17

struct bl_lease_times bl_lease_times_of(uint64_t duration_ms)
{
	return (struct bl_lease_times){
		.duration_ms = duration_ms,
		.deadline_ms = duration_ms * 2 / 3,
		.retry_ms = duration_ms / 5,
	};
}

static uint64_t read_term(const char *text)
{
	char *end = NULL;
	uint64_t term;

	if (!text || strlen(text) != TERM_TEXT - 1 ||
	    strspn(text, "0123456789abcdef") != TERM_TEXT - 1)
		return 0;
	errno = 0;
	term = strtoull(text, &end, 16);
	return errno || *end ? 0 : term;
}

static const char *or_empty(const char *text)
{
	return text ? text : "";
}

struct bl_lease_seen bl_lease_read(const struct bl_lease_object *lease)
{
	const struct bl_meta *meta = &lease->object.meta;
	uint64_t duration_ms =
		lease->duration_s > 0 ? (uint64_t)lease->duration_s * 1000 : BL_LEASE_DURATION_MS;

	return (struct bl_lease_seen){
		.holder = or_empty(lease->holder),
		.renewed = or_empty(lease->renew_time),
		.acquired = or_empty(lease->acquire_time),
		.term = read_term(bl_pairs_get(&meta->annotations, BL_LEASE_TERM)),
		.version = meta->resource_version,
		/* Nobody keeps anything for ever without a word. */
		.duration_ms = duration_ms < DURATION_MAX_MS ? duration_ms : DURATION_MAX_MS,
		.transitions = lease->transitions,
	};
}

static void add(struct json_object *object, const char *name, const char *text)
{
	if (text)
		(void)json_object_object_add(object, name, json_object_new_string(text));
}

static struct json_object *add_object(struct json_object *parent, const char *name)
{
	struct json_object *object = json_object_new_object();

	(void)json_object_object_add(parent, name, object);
	return object;
}

static void add_version(struct json_object *object, uint64_t version)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, version);
	add(object, "resourceVersion", text);
}

static void write_meta(const struct bl_lease_body *body, struct json_object *meta)
{
	char term[TERM_TEXT];

	add(meta, "name", body->name);
	add(meta, "namespace", body->ns);
	if (body->act == BL_LEASE_UPDATE)
		add_version(meta, body->version);
	add(add_object(meta, "labels"), BL_LEASE_LABEL, BL_LEASE_LABEL_VALUE);
	(void)snprintf(term, sizeof(term), "%016" PRIx64, body->term);
	add(add_object(meta, "annotations"), BL_LEASE_TERM, term);
}

static void write_spec(const struct bl_lease_body *body, struct json_object *spec)
{
	add(spec, "holderIdentity", body->holder);
	add(spec, "acquireTime", body->acquired);
	add(spec, "renewTime", body->renewed);
	if (body->duration_ms)
		(void)json_object_object_add(
			spec, "leaseDurationSeconds",
			json_object_new_int64((int64_t)(body->duration_ms / 1000)));
	(void)json_object_object_add(spec, "leaseTransitions",
				     json_object_new_int64(body->transitions));
}

void bl_lease_write(const struct bl_lease_body *body, struct bl_buf *ret)
{
	struct json_object *json = json_object_new_object();
	const char *text;

	if (body->act == BL_LEASE_DELETE) {
		add(json, "apiVersion", "v1");
		add(json, "kind", "DeleteOptions");
		add_version(add_object(json, "preconditions"), body->version);
	} else {
		add(json, "apiVersion", "coordination.k8s.io/v1");
		add(json, "kind", "Lease");
		write_meta(body, add_object(json, "metadata"));
		write_spec(body, add_object(json, "spec"));
	}
	text = json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN);
	if (text)
		bl_buf_add_str(ret, text);
	else
		ret->failed = true;
	(void)json_object_put(json);
}
