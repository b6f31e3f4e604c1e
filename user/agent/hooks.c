/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/hooks.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

#define SUBJECT "hooks"
#define BACKOFF_MAX_USEC (60 * 1000 * 1000ull)
#define BIND_HOOK "cgroup/post_bind"

struct bl_hooks {
	struct bl_hooks_config config;
	sd_event_source *timer;
	uint64_t pause; /* until the next look */
};

bool bl_hooks_is_wanted(const struct bl_settings *settings, const struct bl_program_status *program)
{
	return !settings->config.no_refuse_bind ||
	       strncmp(program->hook, BIND_HOOK, strlen(BIND_HOOK)) != 0;
}

/* The first program that is meant to be attached and is not; NULL: none. */
static int find_detached(const struct bl_hooks *hooks, const struct bl_program_status **ret)
{
	const struct bl_program_status *programs;
	size_t count = 0;
	int r = bl_datapath_programs(hooks->config.datapath, &programs, &count);

	*ret = NULL;
	for (size_t i = 0; r >= 0 && i < count && !*ret; i++)
		if (!programs[i].attached &&
		    bl_hooks_is_wanted(hooks->config.settings, &programs[i]))
			*ret = &programs[i];
	return r;
}

static void attach_again(struct bl_hooks *hooks, const struct bl_program_status *program)
{
	struct bl_datapath_config config = bl_settings_datapath(hooks->config.settings);
	struct bl_err err = {0};
	int r;

	bl_log(BL_LOG_WARNING, "'%s' is not attached to '%s' any more; attaching again",
	       program->name, program->hook);
	r = bl_datapath_attach_again(hooks->config.datapath, &config, &err);
	if (r >= 0) {
		hooks->pause = BL_HOOKS_PERIOD_USEC;
		bl_problems_clear(hooks->config.problems, SUBJECT);
		return;
	}
	hooks->pause = hooks->pause * 2 < BACKOFF_MAX_USEC ? hooks->pause * 2 : BACKOFF_MAX_USEC;
	bl_problems_set(hooks->config.problems, SUBJECT, BL_SEVERITY_ERROR,
			"a program was detached and cannot be put back: %s",
			err.text[0] ? err.text : strerror(-r));
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_hooks *hooks = userdata;
	const struct bl_program_status *program;

	(void)usec;
	/* What cannot be read now is looked at the next time; status shows no program meanwhile. */
	if (find_detached(hooks, &program) >= 0) {
		if (program)
			attach_again(hooks, program);
		else
			bl_problems_clear(hooks->config.problems, SUBJECT);
	}
	(void)sd_event_source_set_time_relative(timer, hooks->pause);
	return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

int bl_hooks_new(const struct bl_hooks_config *config, struct bl_hooks **ret)
{
	struct bl_hooks *hooks = calloc(1, sizeof(*hooks));
	int r;

	if (!hooks)
		return -ENOMEM;
	hooks->config = *config;
	hooks->pause = BL_HOOKS_PERIOD_USEC;
	r = sd_event_add_time_relative(config->loop, &hooks->timer, CLOCK_MONOTONIC, hooks->pause,
				       0, on_timer, hooks);
	if (r < 0) {
		free(hooks);
		return r;
	}
	*ret = hooks;
	return 0;
}

struct bl_hooks *bl_hooks_free(struct bl_hooks *hooks)
{
	if (!hooks)
		return NULL;
	sd_event_source_disable_unref(hooks->timer);
	free(hooks);
	return NULL;
}
