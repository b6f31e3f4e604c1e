/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/differences.h"

#include <errno.h>
#include <string.h>

int bl_differences(const struct bl_plan *plan, struct bl_datapath *datapath, char **ret_text,
		   size_t *ret_count, struct bl_err *err)
{
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	char *text = NULL;
	size_t len = 0;
	FILE *out;
	int r = bl_datapath_read(datapath, &rows, err);

	if (r < 0)
		return r;
	r = bl_plan_diff(plan, &rows, &delta);
	out = r < 0 ? NULL : open_memstream(&text, &len);
	if (!out)
		return bl_err_set(err, r < 0 ? r : -ENOMEM, "cannot compare plan and maps: %s",
				  strerror(r < 0 ? -r : ENOMEM));
	bl_delta_print(&delta, out);
	if (fclose(out) != 0) {
		free(text);
		return bl_err_set(err, -ENOMEM, "no memory for the differences");
	}
	*ret_text = text;
	*ret_count = delta.count;
	return 0;
}
