/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three parts with zero bytes between them: an object, a patch, a second patch. Each kind of patch
 * takes them as far as they are JSON; what was patched stays as it was, and what comes out is a
 * tree that the next one takes. The bytes as a whole are a protobuf body, too.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/body.h"
#include "api/json_patch.h"
#include "api/managed.h"
#include "api/proto_body.h"
#include "api/shape.h"
#include "api/strategic.h"
#include "base/cleanup.h"

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct json_object *part(const uint8_t **at, const uint8_t *end)
{
	const uint8_t *zero = memchr(*at, 0, (size_t)(end - *at));
	const uint8_t *stop = zero ? zero : end;
	size_t len = (size_t)(stop - *at);
	struct json_object *json = NULL;

	if (bl_body_json((const char *)*at, len, false, &json, NULL) < 0)
		(void)bl_body_json((const char *)*at, len, true, &json, NULL);
	*at = zero ? zero + 1 : end;
	return json;
}

static void must_be(struct json_object *json, const char *text, const char *what)
{
	if (strcmp(json_object_to_json_string(json), text) != 0) {
		fprintf(stderr, "%s changed its target\n", what);
		abort();
	}
}

static void patch_all(struct json_object *object, struct json_object *patch)
{
	_cleanup_free_ char *before = strdup(json_object_to_json_string(object));
	struct bl_err err = {0};

	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		struct json_object *result = NULL;

		if (bl_strategic_patch((enum bl_kind)kind, object, patch, &result, &err) == 0)
			json_object_put(result);
		must_be(object, before, "a strategic patch");
	}
	{
		struct json_object *result = NULL;

		if (bl_json_patch(object, patch, &result, &err) == 0)
			json_object_put(result);
		must_be(object, before, "a JSON patch");
	}
}

/* What was applied is owned; applied again it changes nothing. */
static void apply_twice(struct json_object *object, struct json_object *config)
{
	const struct bl_manager who = {.name = "fuzz", .time = "now", .applies = true};
	struct bl_applied once = {0}, twice = {0};
	struct bl_err err = {0};

	if (!json_object_is_type(config, json_type_object) ||
	    !json_object_is_type(object, json_type_object))
		return;
	if (bl_managed_apply(BL_KIND_POD, object, config, NULL, &who, true, &once, &err) == 0) {
		_cleanup_free_ char *first = strdup(json_object_to_json_string(once.object));
		int r = bl_managed_apply(BL_KIND_POD, once.object, config, once.managers, &who,
					 false, &twice, &err);

		if (r == 0)
			must_be(twice.object, first, "an apply of the same");
		else if (r == -EEXIST) {
			fprintf(stderr, "%s\n", err.text);
			abort();
		}
	}
	bl_applied_done(&once);
	bl_applied_done(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	_cleanup_(json_object_put) struct json_object *object = part(&at, end);
	_cleanup_(json_object_put) struct json_object *patch = part(&at, end);
	_cleanup_(json_object_put) struct json_object *config = part(&at, end);
	struct json_object *body = NULL;

	if (bl_body_protobuf((const char *)data, size, &body, NULL) == 0)
		json_object_put(body);
	if (object && patch)
		patch_all(object, patch);
	if (object && config)
		apply_twice(object, config);
	if (object && patch)
		apply_twice(object, patch);
	return 0;
}
