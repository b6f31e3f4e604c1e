/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the man pages say of commands and options is what the table of commands makes, word for
 * word. After a change of the table: BL_UPDATE_GOLDEN=1 meson test -C build cli/man
 */
#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/cli.h"

#define PAGE_MAX (1u << 20)

struct page {
	const char *path; /* from the root of the source */
	const char *start, *end;
	void (*print)(FILE *out); /* what stands between them */
};

static void print_agent_options(FILE *out)
{
	bl_man_options(bl_command_find("agent"), out);
}

static const struct page pages[] = {
	{"docs/man/beeline.1.scd", "\n# COMMANDS\n\n", "# EXIT STATUS\n", bl_man_commands},
	{"docs/man/beeline-agent.8.scd", "\n# OPTIONS\n\n", "# CONFIGURATION FILE\n",
	 print_agent_options},
};

static void update(const char *path, const struct bl_buf *page, const char *start, const char *end,
		   const char *expected)
{
	_cleanup_(bl_buf_done) struct bl_buf new = {0};

	bl_buf_add(&new, page->data, (size_t)(start - page->data));
	bl_buf_add_str(&new, expected);
	bl_buf_add_str(&new, end);
	cr_assert_eq(bl_write_file_atomic(path, new.data, new.len, 0644), 0);
}

static void compare(const struct page *page, const char *root)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	_cleanup_free_ char *expected = NULL;
	char path[512];
	size_t len;
	FILE *out = open_memstream(&expected, &len);
	char *start, *end;

	page->print(out);
	fclose(out);
	(void)snprintf(path, sizeof(path), "%s/%s", root, page->path);
	cr_assert_eq(bl_buf_read_file(&text, path, PAGE_MAX), 0, "cannot read %s", path);
	start = strstr(text.data, page->start);
	cr_assert_neq(start, NULL, "%s has no such section", page->path);
	start += strlen(page->start);
	end = strstr(start, page->end);
	cr_assert_neq(end, NULL, "%s does not end the section", page->path);
	if (getenv("BL_UPDATE_GOLDEN")) {
		update(path, &text, start, end, expected);
		return;
	}
	cr_expect((size_t)(end - start) == len && memcmp(start, expected, len) == 0,
		  "%s differs from the table of commands: "
		  "BL_UPDATE_GOLDEN=1 meson test -C build cli/man",
		  page->path);
}

Test(man, commands_and_options_are_those_of_the_table)
{
	const char *root = getenv("BL_SOURCE_ROOT");

	cr_assert(root != NULL, "BL_SOURCE_ROOT is not set: run it with 'meson test'");
	for (size_t i = 0; i < ARRAY_SIZE(pages); i++)
		compare(&pages[i], root);
}
