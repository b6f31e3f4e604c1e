/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/differences.h"
#include "agent/world.h"
#include "datapath/datapath.h"

/* Rows that differ, printed; ids are the maps' own, so that only contents count. */
static int compare(struct bl_world *world, const struct bl_settings *settings,
		   struct bl_datapath *datapath, FILE *out, size_t *ret_count, struct bl_err *err)
{
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_plan_limits limits = bl_datapath_limits(datapath);
	_cleanup_free_ char *text = NULL;
	int r = bl_plan_new(&limits, &plan);

	if (r >= 0)
		bl_settings_plan(settings, plan);
	if (r >= 0)
		r = bl_datapath_read(datapath, &rows, err);
	if (r >= 0)
		r = bl_world_plan(world, settings, plan, &rows, err);
	if (r >= 0)
		r = bl_differences(plan, datapath, &text, ret_count, err);
	if (r >= 0)
		(void)fputs(text, out);
	return r;
}

static int verify(const struct bl_settings *settings, const char *const *paths, size_t path_count,
		  FILE *out, size_t *ret_count, bool *ret_wrong, struct bl_err *err)
{
	struct bl_datapath_config config = bl_settings_datapath(settings);
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	_cleanup_(bl_world_done) struct bl_world world = {0};
	int r = bl_datapath_open_read_only(&config, &datapath, err);

	if (r == -ENOENT)
		return bl_err_set(err, r,
				  "nothing is loaded in '%s': start an agent or use "
				  "'beeline load'",
				  settings->config.bpffs);
	if (r < 0)
		return r;
	r = bl_world_open(&world, settings, BL_WORLD_HERE, paths, path_count, err);
	*ret_wrong = r == -EINVAL && !err->code;
	if (r < 0 && !*ret_wrong)
		return r;
	r = compare(&world, settings, datapath, out, ret_count, err);
	*ret_wrong |= world.refused > 0;
	return r;
}

int bl_agent_verify(const struct bl_agent_config *config, const char *const *paths,
		    size_t path_count, FILE *out)
{
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	struct bl_err err = {0};
	bool wrong = false;
	size_t count = 0;
	int r = bl_settings_init(&settings, config, &err);

	if (r < 0) {
		(void)bl_command_failed(r, &err);
		return BL_EXIT_USAGE;
	}
	r = verify(&settings, paths, path_count, out, &count, &wrong, &err);
	if (r < 0)
		return (int)bl_command_failed(r, &err);
	if (count)
		return BL_EXIT_CHECK_FAILED;
	return wrong ? BL_EXIT_FAILURE : BL_EXIT_OK;
}
