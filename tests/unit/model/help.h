/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Short words for the model's tests: text in, objects or the text of the problems out. */
#ifndef TEST_MODEL_HELP_H
#define TEST_MODEL_HELP_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "model/codec.h"

struct decoded {
	int result;
	struct bl_object_list list;
	struct bl_diag diag;
	char *problems; /* as they are printed */
};

static inline struct decoded decode_bytes(const char *text, size_t len, unsigned int flags)
{
	struct decoded decoded = {.diag = BL_DIAG_INIT};
	size_t size;
	FILE *out = open_memstream(&decoded.problems, &size);

	cr_assert(out);
	decoded.result = bl_decode("t.yaml", text, len, &bl_limits_default, flags, &decoded.list,
				   &decoded.diag);
	bl_diag_print(&decoded.diag, out);
	(void)fclose(out);
	return decoded;
}

static inline struct decoded decode_text(const char *text, unsigned int flags)
{
	return decode_bytes(text, strlen(text), flags);
}

static inline struct decoded decode_file(const char *path)
{
	struct bl_buf text = {0};
	struct decoded decoded;

	cr_assert_eq(bl_buf_read_file(&text, path, 1u << 24), 0, "%s", path);
	decoded = decode_bytes(text.data, text.len, 0);
	bl_buf_done(&text);
	return decoded;
}

static inline void decoded_done(struct decoded *decoded)
{
	bl_object_list_done(&decoded->list);
	bl_diag_done(&decoded->diag);
	free(decoded->problems);
}

#endif
