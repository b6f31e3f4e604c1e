/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What decodes must encode to a text that decodes to an equal object. */
#ifndef FUZZ_DECODE_H
#define FUZZ_DECODE_H

#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/codec.h"

static inline void fuzz_same(const struct bl_object *object, const char *text, size_t len)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	if (bl_decode("again", text, len, &bl_limits_default, 0, &list, &diag) != 0 ||
	    list.count != 1 || !bl_object_equal(object, list.items[0])) {
		bl_diag_print(&diag, stderr);
		fprintf(stderr, "%.*s\n", (int)len, text);
		abort();
	}
	bl_object_list_done(&list);
	bl_diag_done(&diag);
}

static inline void fuzz_round_trip(const struct bl_object *object)
{
	struct bl_buf yaml = {0};
	struct json_object *json = NULL;
	struct bl_object *copy = NULL;

	if (bl_encode_yaml(object, &yaml) < 0 || bl_encode_json(object, &json) < 0 ||
	    bl_object_clone(object, &copy) < 0 || !bl_object_equal(object, copy))
		abort();
	fuzz_same(object, yaml.data, yaml.len);
	const char *text = json_object_to_json_string(json);
	fuzz_same(object, text, strlen(text));
	json_object_put(json);
	bl_buf_done(&yaml);
	bl_object_unref(copy);
}

static inline void fuzz_decode(const uint8_t *data, size_t size, unsigned int flags)
{
	struct bl_object_list list = {0};
	struct bl_diag diag = BL_DIAG_INIT;

	(void)bl_decode("fuzz", (const char *)data, size, &bl_limits_default, flags, &list, &diag);
	for (size_t i = 0; i < list.count; i++)
		fuzz_round_trip(list.items[i]);
	bl_object_list_done(&list);
	bl_diag_done(&diag);
}

#endif
