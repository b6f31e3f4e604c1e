/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/problems.h"

Test(problems, the_last_word_on_a_subject_counts)
{
	struct bl_problem_line *lines = NULL;
	struct bl_problems *problems;
	size_t count = 0;

	cr_assert_eq(bl_problems_new(&problems), 0);
	bl_problems_set(problems, "b", BL_SEVERITY_ERROR, "first");
	bl_problems_set(problems, "b", BL_SEVERITY_WARNING, "second %d\nline", 2);
	bl_problems_set(problems, "a", BL_SEVERITY_ERROR, "other");
	cr_assert_eq(bl_problems_count(problems), 2);
	cr_assert_eq(bl_problems_errors(problems), 1);
	cr_assert_eq(bl_problems_list(problems, 10, &lines, &count), 0);
	cr_assert_eq(count, 2);
	cr_assert_str_eq(lines[0].subject, "a");
	cr_assert_str_eq(lines[1].text, "second 2 line");
	free(lines);
	bl_problems_clear(problems, "a");
	bl_problems_clear(problems, "never");
	cr_assert_eq(bl_problems_errors(problems), 0);
	bl_problems_free(problems);
}

Test(problems, a_diagnosis_sets_all_lines_and_an_empty_one_clears)
{
	struct bl_pos pos = {"/m/a.yaml", 3, 7};
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_problem_line *lines = NULL;
	struct bl_problems *problems;
	size_t count = 0;

	cr_assert_eq(bl_problems_new(&problems), 0);
	bl_diag_add(&diag, BL_SEVERITY_ERROR, &pos, "spec.x", "wrong");
	bl_diag_add(&diag, BL_SEVERITY_WARNING, &pos, NULL, "odd");
	bl_problems_set_diag(problems, "/m/a.yaml", &diag);
	cr_assert_eq(bl_problems_list(problems, 1, &lines, &count), 0);
	cr_assert_eq(count, 1);
	cr_assert_str_eq(lines[0].text, "/m/a.yaml:3:7: wrong");
	cr_assert_eq(bl_problems_count(problems), 2);
	free(lines);
	bl_diag_clear(&diag);
	bl_problems_set_diag(problems, "/m/a.yaml", &diag);
	cr_assert_eq(bl_problems_count(problems), 0);
	bl_diag_done(&diag);
	bl_problems_free(problems);
}

Test(problems, subjects_are_bounded)
{
	struct bl_problems *problems;
	char name[32];

	cr_assert_eq(bl_problems_new(&problems), 0);
	for (unsigned int i = 0; i < BL_PROBLEM_SUBJECTS_MAX + 5; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		bl_problems_set(problems, name, BL_SEVERITY_WARNING, "x");
	}
	cr_assert_eq(bl_problems_count(problems), BL_PROBLEM_SUBJECTS_MAX);
	bl_problems_free(problems);
}
