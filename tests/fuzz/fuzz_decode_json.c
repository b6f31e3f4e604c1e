/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any text as JSON: through the text decoder, and as a tree as the server's answers come. */
#include "fuzz_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_tree(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct json_object *json = text ? json_tokener_parse(text) : NULL;
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object = NULL;

	if (json && bl_decode_json_tree("fuzz", json, BL_DECODE_LENIENT, &object, &diag) == 0) {
		struct bl_object *copy = NULL;

		if (bl_object_clone(object, &copy) < 0 || !bl_object_equal(object, copy))
			abort();
		bl_object_unref(copy);
		bl_object_unref(object);
	}
	bl_diag_done(&diag);
	json_object_put(json);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0 && (data[0] == '{' || data[0] == '['))
		fuzz_decode(data, size, 0);
	decode_tree(data, size);
	return 0;
}
