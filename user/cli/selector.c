/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/selector.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static int add_pair(struct json_object *labels, char *pair, struct bl_err *err)
{
	char *equals = strchr(pair, '=');
	char *value = equals ? equals + 1 + (equals[1] == '=') : NULL;

	if (!equals || equals == pair || equals[-1] == '!' || strpbrk(pair, " ()") ||
	    strchr(value, '='))
		return bl_err_set(err, -EINVAL, "selector: expected KEY=VALUE, got '%s'", pair);
	*equals = '\0';
	return bl_json_add_str(labels, pair, value) < 0
		       ? bl_err_set(err, -ENOMEM, "cannot allocate labels")
		       : 0;
}

int bl_selector_to_json(const char *text, struct json_object **ret, struct bl_err *err)
{
	_cleanup_json_ struct json_object *labels = json_object_new_object();
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *pair;

	if (!labels || !copy)
		return bl_err_set(err, -ENOMEM, "cannot allocate labels");
	while ((pair = strsep(&rest, ","))) {
		int r = add_pair(labels, pair, err);

		if (r < 0)
			return r;
	}
	*ret = TAKE_PTR(labels);
	return 0;
}
