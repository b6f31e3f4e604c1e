/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/canary.h"
#include "agent/commands.h"
#include "agent/state_lock.h"
#include "agent/world.h"
#include "base/log.h"
#include "datapath/datapath.h"

static int program(struct bl_world *world, const struct bl_settings *settings,
		   struct bl_datapath *datapath, struct bl_err *err)
{
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	struct bl_plan_limits limits = bl_datapath_limits(datapath);
	int r = bl_plan_new(&limits, &plan);

	if (r >= 0)
		bl_settings_plan(settings, plan);
	if (r >= 0)
		r = bl_datapath_read(datapath, &rows, err);
	if (r >= 0)
		r = bl_world_plan(world, settings, plan, &rows, err);
	if (r >= 0)
		r = bl_plan_diff(plan, &rows, &delta);
	if (r >= 0)
		r = bl_datapath_apply(datapath, &delta, err);
	return r;
}

static int open_datapath(const struct bl_settings *settings, struct bl_datapath **ret,
			 struct bl_err *err)
{
	struct bl_datapath_config config = bl_settings_datapath(settings);

	return settings->config.dry_run ? bl_datapath_open_fake(&config, ret)
					: bl_datapath_open(&config, ret, err);
}

/* 1 when some of the files was wrong. */
static int load(const struct bl_settings *settings, const char *const *paths, size_t path_count,
		struct bl_err *err)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	_cleanup_(bl_world_done) struct bl_world world = {0};
	_cleanup_close_ int lock = -1;
	bool wrong = false;
	int r = bl_state_lock(settings->config.state_dir, true, &lock, err);

	if (r < 0)
		return r;
	if (path_count) {
		/* All files are read before the kernel is touched. */
		r = bl_world_open(&world, settings, BL_WORLD_HERE, paths, path_count, err);
		wrong = r == -EINVAL && !err->code;
		if (r < 0 && !wrong)
			return r;
	}
	r = open_datapath(settings, &datapath, err);
	if (r >= 0 && path_count)
		r = program(&world, settings, datapath, err);
	if (r < 0)
		return r;
	return wrong || world.refused;
}

int bl_agent_load(const struct bl_agent_config *config, const char *const *paths, size_t path_count)
{
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	struct bl_err err = {0};
	int r = bl_settings_init(&settings, config, &err);

	if (r < 0) {
		(void)bl_command_failed(r, &err);
		return BL_EXIT_USAGE;
	}
	r = load(&settings, paths, path_count, &err);
	if (r < 0)
		return (int)bl_command_failed(r, &err);
	return r ? BL_EXIT_FAILURE : BL_EXIT_OK;
}

int bl_agent_unload(const struct bl_agent_config *config)
{
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	_cleanup_close_ int lock = -1;
	struct bl_datapath_config datapath;
	struct bl_err err = {0};
	int r = bl_settings_init(&settings, config, &err);

	if (r < 0) {
		(void)bl_command_failed(r, &err);
		return BL_EXIT_USAGE;
	}
	/* An agent that runs would only put everything back. */
	r = bl_state_lock(settings.config.state_dir, false, &lock, &err);
	datapath = bl_settings_datapath(&settings);
	if (r >= 0)
		r = bl_datapath_unload(&datapath, &err);
	if (r >= 0 && settings.cgroup)
		bl_canary_remove_stale(settings.cgroup);
	return r < 0 ? (int)bl_command_failed(r, &err) : BL_EXIT_OK;
}
