/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "api/pointer.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* "~1" is "/", "~0" is "~"; in place. */
static bool unescape(char *step)
{
	char *to = step;

	for (const char *from = step; *from; from++) {
		if (*from != '~') {
			*to++ = *from;
			continue;
		}
		from++;
		if (*from != '0' && *from != '1')
			return false;
		*to++ = *from == '0' ? '~' : '/';
	}
	*to = '\0';
	return true;
}

int bl_pointer_parse(const char *text, struct bl_pointer *ret, struct bl_err *err)
{
	struct bl_pointer pointer = {.text = strdup(text)};
	char *at = pointer.text;
	int r = 0;

	if (!at)
		return -ENOMEM;
	if (*at && *at != '/')
		r = bl_err_set(err, -EINVAL, "pointer '%.200s' does not start with '/'", text);
	while (r == 0 && *at == '/') {
		char *step = at + 1;

		*at = '\0'; /* ends the step before */
		at = step + strcspn(step, "/");
		if (pointer.count == BL_POINTER_DEPTH)
			r = bl_err_set(err, -E2BIG, "pointer '%.200s' has more than %d steps", text,
				       BL_POINTER_DEPTH);
		else
			pointer.steps[pointer.count++] = step;
	}
	for (size_t i = 0; r == 0 && i < pointer.count; i++)
		if (!unescape((char *)(uintptr_t)pointer.steps[i]))
			r = bl_err_set(err, -EINVAL,
				       "pointer '%.200s' has a '~' that is neither ~0 nor ~1",
				       text);
	if (r < 0)
		bl_pointer_done(&pointer);
	else
		*ret = pointer;
	return r;
}

void bl_pointer_done(struct bl_pointer *pointer)
{
	free(pointer->text);
	*pointer = (struct bl_pointer){0};
}

int bl_pointer_index(const char *step, size_t count, size_t *ret)
{
	size_t len = strlen(step), index = 0;

	if (!strcmp(step, "-")) {
		*ret = count;
		return 0;
	}
	if (!len || strspn(step, "0123456789") != len || (len > 1 && step[0] == '0'))
		return -EINVAL;
	if (len > 9)
		return -ERANGE;
	for (size_t i = 0; i < len; i++)
		index = index * 10 + (size_t)(step[i] - '0');
	if (index > count)
		return -ERANGE;
	*ret = index;
	return 0;
}

bool bl_pointer_find(const struct bl_pointer *pointer, size_t depth, struct json_object *root,
		     struct json_object **ret)
{
	struct json_object *at = root;

	for (size_t i = 0; i < depth; i++) {
		const char *step = pointer->steps[i];
		size_t index;

		if (json_object_is_type(at, json_type_object)) {
			if (!json_object_object_get_ex(at, step, &at))
				return false;
		} else if (json_object_is_type(at, json_type_array)) {
			size_t count = json_object_array_length(at);

			if (bl_pointer_index(step, count, &index) < 0 || index == count)
				return false;
			at = json_object_array_get_idx(at, index);
		} else {
			return false;
		}
	}
	*ret = at;
	return true;
}
