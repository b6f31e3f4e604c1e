/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Types of plain scalars. Kubernetes' tools read manifests with a YAML 1.1 library: `yes` and `on`
 * are booleans, 010 is octal, 1_000 is a thousand, and what looks like a date stays a string.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/tree.h"

#define LONGEST_WORD 5 /* "false" */
#define NUMBER_TEXT 64 /* longer ones are strings */

static bool is_one_of(const char *text, const char *const words[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

static bool resolve_word(struct bl_tree *scalar)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	static const char *const trues[] = {"true", "True", "TRUE", "yes", "Yes", "YES",
					    "on",   "On",   "ON",   "y",   "Y"};
	static const char *const falses[] = {"false", "False", "FALSE", "no", "No", "NO",
					     "off",   "Off",   "OFF",   "n",  "N"};

	/* Most scalars are names and addresses: these two tests spare them two dozen comparisons.
	 */
	if (scalar->count > LONGEST_WORD || !strchr("~ntfyoNTFYO", scalar->text[0]))
		return false;
	if (is_one_of(scalar->text, nulls, ARRAY_SIZE(nulls))) {
		scalar->type = BL_TREE_NULL;
	} else if (is_one_of(scalar->text, trues, ARRAY_SIZE(trues))) {
		scalar->type = BL_TREE_BOOL;
		scalar->boolean = true;
	} else if (is_one_of(scalar->text, falses, ARRAY_SIZE(falses))) {
		scalar->type = BL_TREE_BOOL;
		scalar->boolean = false;
	} else {
		return false;
	}
	return true;
}

/* Base by prefix: 0x, 0o, 0b, 0. False unless all of `digits` is a number that fits. */
static bool parse_integer(const char *digits, int64_t *ret)
{
	bool negative = digits[0] == '-';
	const char *start = digits + (digits[0] == '-' || digits[0] == '+');
	int base = 10;
	unsigned long long value;
	char *end;

	if (start[0] == '0' && start[1] != '\0') {
		base = start[1] == 'x' || start[1] == 'X'   ? 16
		       : start[1] == 'b' || start[1] == 'B' ? 2
							    : 8;
		start += base == 8 ? (start[1] == 'o' || start[1] == 'O' ? 2 : 1) : 2;
	}
	if (*start < '0' || (*start > '9' && base != 16) || *start == 'x')
		return false;
	errno = 0;
	value = strtoull(start, &end, base);
	if (errno != 0 || *end != '\0' || value > (unsigned long long)INT64_MAX)
		return false;
	*ret = negative ? -(int64_t)value : (int64_t)value;
	return true;
}

/* [-+]? digits with at most one point, and an exponent: not all that strtod takes. */
static bool parse_float(const char *digits, double *ret)
{
	const char *cursor = digits + (digits[0] == '-' || digits[0] == '+');
	size_t before = strspn(cursor, "0123456789"), after = 0;

	cursor += before;
	if (*cursor == '.') {
		after = strspn(cursor + 1, "0123456789");
		cursor += after + 1;
	}
	if (before + after == 0)
		return false;
	if (*cursor == 'e' || *cursor == 'E') {
		cursor += cursor[1] == '-' || cursor[1] == '+' ? 2 : 1;
		size_t exponent = strspn(cursor, "0123456789");
		if (exponent == 0)
			return false;
		cursor += exponent;
	}
	if (*cursor != '\0')
		return false;
	*ret = strtod(digits, NULL);
	return isfinite(*ret);
}

void bl_tree_resolve_plain(struct bl_tree *scalar)
{
	char digits[NUMBER_TEXT];
	size_t len = 0;

	scalar->type = BL_TREE_STRING;
	if (scalar->count >= sizeof(digits) || resolve_word(scalar))
		return;
	if (!strchr("+-.0123456789", scalar->text[0]))
		return;
	for (size_t i = 0; i < scalar->count; i++) {
		if (scalar->text[i] != '_')
			digits[len++] = scalar->text[i];
	}
	digits[len] = '\0';
	if (parse_integer(digits, &scalar->integer))
		scalar->type = BL_TREE_INT;
	else if (parse_float(digits, &scalar->number))
		scalar->type = BL_TREE_DOUBLE;
}
