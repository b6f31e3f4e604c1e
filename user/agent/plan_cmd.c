/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/world.h"
#include "base/log.h"

enum bl_exit bl_command_failed(int code, const struct bl_err *err)
{
	bl_log(BL_LOG_ERROR, "%s", err->text[0] ? err->text : strerror(-code));
	return code == -EPERM || code == -EACCES ? BL_EXIT_NEEDS_PRIVILEGE : BL_EXIT_FAILURE;
}

int bl_agent_plan(const struct bl_agent_config *config, const char *const *paths, size_t path_count,
		  FILE *out)
{
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	_cleanup_(bl_world_done) struct bl_world world = {0};
	struct bl_err err = {0};
	bool wrong;
	int r = bl_settings_init(&settings, config, &err);

	if (r < 0) {
		(void)bl_command_failed(r, &err);
		return BL_EXIT_USAGE;
	}
	r = bl_world_open(&world, &settings, BL_WORLD_PAPER, paths, path_count, &err);
	wrong = r == -EINVAL && !err.code; /* each problem has been logged */
	if (r < 0 && !wrong)
		return (int)bl_command_failed(r, &err);
	r = bl_plan_new(&bl_plan_limits_default, &plan);
	if (r >= 0)
		r = bl_world_plan(&world, &settings, plan, NULL, &err);
	if (r < 0)
		return (int)bl_command_failed(r, &err);
	bl_plan_print(plan, out);
	return wrong || world.refused ? BL_EXIT_FAILURE : BL_EXIT_OK;
}
