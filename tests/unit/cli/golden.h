/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Texts that are compared with files of tests/data/golden/cli. BL_UPDATE_GOLDEN=1 in the
 * environment writes the files instead; read the difference before you commit it.
 */
#ifndef TESTS_UNIT_CLI_GOLDEN_H
#define TESTS_UNIT_CLI_GOLDEN_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/buf.h"
#include "base/cleanup.h"

#define GOLDEN_MAX (1u << 20)

static inline void golden_path(const char *name, char *ret, size_t size)
{
	const char *root = getenv("BL_SOURCE_ROOT");

	cr_assert(root != NULL, "BL_SOURCE_ROOT is not set: run it with 'meson test'");
	(void)snprintf(ret, size, "%s/tests/data/%s", root, name);
}

static inline void golden_compare(const char *name, const char *text)
{
	_cleanup_(bl_buf_done) struct bl_buf expected = {0};
	char path[512], relative[128];

	(void)snprintf(relative, sizeof(relative), "golden/cli/%s", name);
	golden_path(relative, path, sizeof(path));
	if (getenv("BL_UPDATE_GOLDEN"))
		cr_assert_eq(bl_write_file_atomic(path, text, strlen(text), 0644), 0);
	cr_assert_eq(bl_buf_read_file(&expected, path, GOLDEN_MAX), 0, "cannot read %s", path);
	cr_expect_str_eq(text, expected.data, "%s differs; got:\n%s", path, text);
}

/* A recorded answer of an API server; the caller owns the tree. */
static inline struct json_object *golden_load(const char *name)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct json_object *json;
	char path[512];

	golden_path(name, path, sizeof(path));
	cr_assert_eq(bl_buf_read_file(&text, path, GOLDEN_MAX), 0, "cannot read %s", path);
	json = json_tokener_parse(text.data);
	cr_assert(json != NULL, "%s is no JSON", path);
	return json;
}

#endif
