/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <json-c/json.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/commands.h"
#include "agent/config.h"
#include "datapath/features.h"

static bool is_missing(const struct bl_feature *feature)
{
	return !feature->found && feature->need == BL_FEATURE_REQUIRED;
}

static const char *state_of(const struct bl_feature *feature)
{
	if (feature->found)
		return "found";
	return is_missing(feature) ? "MISSING" : "absent";
}

static const char *full_name(const struct bl_feature *feature, char ret[static IF_NAMESIZE + 64])
{
	(void)snprintf(ret, IF_NAMESIZE + 64, "%s%s%s", feature->device,
		       feature->device[0] ? ": " : "", feature->name);
	return ret;
}

static void print_table(const struct bl_feature *items, size_t count, FILE *out)
{
	char name[IF_NAMESIZE + 64];
	int width = 7;

	for (size_t i = 0; i < count; i++)
		if ((int)strlen(full_name(&items[i], name)) > width)
			width = (int)strlen(name);
	(void)fprintf(out, "%-*s  %-8s %-6s DETAIL\n", width, "FEATURE", "STATE", "SINCE");
	for (size_t i = 0; i < count; i++) {
		const struct bl_feature *item = &items[i];

		(void)fprintf(out, "%-*s  %-8s %-6s %s\n", width, full_name(item, name),
			      state_of(item), item->since ? item->since : "-", item->detail);
		if (item->found)
			continue;
		if (item->lost)
			(void)fprintf(out, "%*s  lost: %s\n", width, "", item->lost);
		if (item->mend)
			(void)fprintf(out, "%*s  mend: %s\n", width, "", item->mend);
	}
}

static void add_text(struct json_object *json, const char *key, const char *value)
{
	json_object_object_add(json, key, value ? json_object_new_string(value) : NULL);
}

static void print_json(const struct bl_feature *items, size_t count, FILE *out)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < count; i++) {
		struct json_object *json = json_object_new_object();

		add_text(json, "name", items[i].name);
		add_text(json, "device", items[i].device[0] ? items[i].device : NULL);
		json_object_object_add(
			json, "required",
			json_object_new_boolean(items[i].need == BL_FEATURE_REQUIRED));
		json_object_object_add(json, "found", json_object_new_boolean(items[i].found));
		add_text(json, "since", items[i].since);
		add_text(json, "detail", items[i].detail);
		add_text(json, "lost", items[i].lost);
		add_text(json, "mend", items[i].mend);
		json_object_array_add(list, json);
	}
	(void)fprintf(out, "%s\n",
		      json_object_to_json_string_ext(list, JSON_C_TO_STRING_PRETTY |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(list);
}

int bl_agent_check(const struct bl_agent_config *config, bool json, FILE *out)
{
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	_cleanup_free_ struct bl_feature *items = NULL;
	struct bl_datapath_config datapath;
	struct bl_device_wish wish;
	struct bl_err err = {0};
	size_t count = 0;
	int r = bl_settings_init(&settings, config, &err);

	if (r < 0) {
		(void)bl_command_failed(r, &err);
		return BL_EXIT_USAGE;
	}
	datapath = bl_settings_datapath(&settings);
	wish = (struct bl_device_wish){
		.names = settings.config.packet.devices,
		.count = settings.config.packet.device_count,
		.mode = (enum bl_xdp_mode)settings.config.packet.xdp_mode,
	};
	r = bl_features_probe(&datapath, &wish, &items, &count);
	if (r < 0)
		return (int)bl_command_failed(r, &err);
	if (json)
		print_json(items, count, out);
	else
		print_table(items, count, out);
	for (size_t i = 0; i < count; i++)
		if (is_missing(&items[i]))
			return BL_EXIT_CHECK_FAILED;
	return BL_EXIT_OK;
}
