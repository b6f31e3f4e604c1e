/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The section COMMANDS of the man page is what the table of commands makes, word for word. After a
 * change of the table: BL_UPDATE_GOLDEN=1 meson test -C build cli/man
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"

#define START "\n# COMMANDS\n\n"
#define END "# EXIT STATUS\n"
#define PAGE_MAX (1u << 20)

static void page_path(char *ret, size_t size)
{
	const char *root = getenv("BL_SOURCE_ROOT");

	cr_assert(root != NULL, "BL_SOURCE_ROOT is not set: run it with 'meson test'");
	(void)snprintf(ret, size, "%s/docs/man/beeline.1.scd", root);
}

static void update(const char *path, const struct bl_buf *page, const char *start, const char *end,
		   const char *expected)
{
	_cleanup_(bl_buf_done) struct bl_buf new = {0};

	bl_buf_add(&new, page->data, (size_t)(start - page->data));
	bl_buf_add_str(&new, expected);
	bl_buf_add_str(&new, end);
	cr_assert_eq(bl_write_file_atomic(path, new.data, new.len, 0644), 0);
}

Test(man, commands_and_options_are_those_of_the_table)
{
	_cleanup_(bl_buf_done) struct bl_buf page = {0};
	_cleanup_free_ char *expected = NULL;
	char path[512];
	size_t len;
	FILE *out = open_memstream(&expected, &len);
	char *start, *end;

	bl_man_commands(out);
	fclose(out);
	page_path(path, sizeof(path));
	cr_assert_eq(bl_buf_read_file(&page, path, PAGE_MAX), 0);
	start = strstr(page.data, START);
	cr_assert_neq(start, NULL);
	start += strlen(START);
	end = strstr(start, END);
	cr_assert_neq(end, NULL);
	if (getenv("BL_UPDATE_GOLDEN")) {
		update(path, &page, start, end, expected);
		return;
	}
	cr_assert((size_t)(end - start) == len && memcmp(start, expected, len) == 0,
		  "docs/man/beeline.1.scd differs from the table of commands: "
		  "BL_UPDATE_GOLDEN=1 meson test -C build cli/man");
}
