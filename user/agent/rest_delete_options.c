/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DELETE says beside the name: query and DeleteOptions, which are either good or refused. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rest_write.h"
#include "agent/status_error.h"
#include "api/body.h"
#include "api/json.h"

struct reading {
	struct bl_delete_options *options;
	struct bl_reply *reply;
	bool has_policy, has_orphan;
};

static bool malformed(const struct reading *reading, const char *field, const char *expected)
{
	bl_rest_error(reading->reply, 400, NULL, "DeleteOptions: '%s' is to be %s", field,
		      expected);
	return false;
}

static bool invalid(const struct reading *reading, const char *field, const char *reason,
		    const char *message)
{
	bl_rest_invalid_option(reading->reply, "DeleteOptions", field, reason, message);
	return false;
}

static bool take_dry_run(struct reading *reading, const char *word)
{
	char message[160];

	if (!strcmp(word, "All")) {
		reading->options->dry_run = true;
		return true;
	}
	(void)snprintf(message, sizeof(message),
		       "Unsupported value: \"%.60s\": supported values: \"All\"", word);
	return invalid(reading, "dryRun", "FieldValueNotSupported", message);
}

/* What becomes of dependants: there are none here, so that any policy is met. */
static bool take_policy(struct reading *reading, const char *word)
{
	static const char *const words[] = {"Orphan", "Background", "Foreground"};
	char message[200];

	reading->has_policy = true;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(word, words[i]))
			return true;
	(void)snprintf(message, sizeof(message),
		       "Unsupported value: \"%.60s\": supported values: \"Foreground\", "
		       "\"Background\", \"Orphan\"",
		       word);
	return invalid(reading, "propagationPolicy", "FieldValueNotSupported", message);
}

/* Less than nothing is as short as it gets without killing, as at an API server. */
static void take_grace(struct reading *reading, int64_t seconds)
{
	reading->options->grace_s = seconds < 0 ? 1 : seconds;
}

static bool read_query(struct reading *reading, const struct bl_request *request)
{
	const char *dry_run = bl_request_query(request, "dryRun");
	const char *policy = bl_request_query(request, "propagationPolicy");
	const char *grace = bl_request_query(request, "gracePeriodSeconds");
	const char *orphan = bl_request_query(request, "orphanDependents");
	char *end = NULL;
	long long seconds;

	if (dry_run && dry_run[0] && !take_dry_run(reading, dry_run))
		return false;
	if (policy && policy[0] && !take_policy(reading, policy))
		return false;
	reading->has_orphan = orphan && orphan[0];
	if (reading->has_orphan && strcmp(orphan, "true") != 0 && strcmp(orphan, "false") != 0)
		return malformed(reading, "orphanDependents", "true or false");
	if (!grace || !grace[0])
		return true;
	errno = 0;
	seconds = strtoll(grace, &end, 10);
	if (errno || *end || strchr(" \t\r\n+", grace[0]))
		return malformed(reading, "gracePeriodSeconds", "a number of seconds");
	take_grace(reading, seconds);
	return true;
}

static bool read_dry_run(struct reading *reading, struct json_object *list)
{
	if (!json_object_is_type(list, json_type_array))
		return malformed(reading, "dryRun", "a list of words");
	for (size_t i = 0; i < bl_json_len(list); i++) {
		struct json_object *word = bl_json_item(list, i);

		if (!json_object_is_type(word, json_type_string))
			return malformed(reading, "dryRun", "a list of words");
		if (!take_dry_run(reading, json_object_get_string(word)))
			return false;
	}
	return true;
}

static bool read_preconditions(struct reading *reading, struct json_object *json)
{
	struct json_object *uid = bl_json_key(json, "uid");
	struct json_object *version = bl_json_key(json, "resourceVersion");
	struct bl_delete_options *options = reading->options;
	const char *text;

	if (!json_object_is_type(json, json_type_object))
		return malformed(reading, "preconditions", "a mapping");
	if (uid && !json_object_is_type(uid, json_type_string))
		return malformed(reading, "preconditions.uid", "a string");
	if (version && !json_object_is_type(version, json_type_string))
		return malformed(reading, "preconditions.resourceVersion", "a string");
	/* There is room for one byte more than a uid has: a longer one stays different. */
	if (uid)
		(void)snprintf(options->uid, sizeof(options->uid), "%s",
			       json_object_get_string(uid));
	if (!version)
		return true;
	text = json_object_get_string(version);
	errno = 0;
	options->version = strtoull(text, NULL, 10);
	if (errno || !text[0] || strspn(text, "0123456789") != strlen(text) || !options->version)
		options->version = UINT64_MAX; /* which no object has */
	return true;
}

static bool read_body(struct reading *reading, struct json_object *json)
{
	struct json_object *kind = bl_json_key(json, "kind");
	struct json_object *grace = bl_json_key(json, "gracePeriodSeconds");
	struct json_object *policy = bl_json_key(json, "propagationPolicy");
	struct json_object *orphan = bl_json_key(json, "orphanDependents");
	struct json_object *dry_run = bl_json_key(json, "dryRun");
	struct json_object *preconditions = bl_json_key(json, "preconditions");

	if (kind && (!json_object_is_type(kind, json_type_string) ||
		     strcmp(json_object_get_string(kind), "DeleteOptions") != 0))
		return malformed(reading, "kind", "'DeleteOptions'");
	if (grace && !json_object_is_type(grace, json_type_int))
		return malformed(reading, "gracePeriodSeconds", "a number of seconds");
	if (policy && !json_object_is_type(policy, json_type_string))
		return malformed(reading, "propagationPolicy", "a word");
	if (orphan && !json_object_is_type(orphan, json_type_boolean))
		return malformed(reading, "orphanDependents", "true or false");
	if (grace)
		take_grace(reading, json_object_get_int64(grace));
	reading->has_orphan |= orphan != NULL;
	return (!policy || take_policy(reading, json_object_get_string(policy))) &&
	       (!dry_run || read_dry_run(reading, dry_run)) &&
	       (!preconditions || read_preconditions(reading, preconditions));
}

bool bl_rest_delete_options(const struct bl_request *request, struct bl_delete_options *ret,
			    struct bl_reply *reply)
{
	struct reading reading = {.options = ret, .reply = reply};
	_cleanup_json_ struct json_object *json = NULL;
	struct bl_err err = {0};
	int r = 0;

	*ret = (struct bl_delete_options){.grace_s = -1};
	if (!read_query(&reading, request))
		return false;
	if (request->body_len)
		r = bl_rest_has_type(request, "application/yaml")
			    ? bl_body_yaml(request->body, request->body_len, &json, &err)
			    : bl_body_json(request->body, request->body_len, false, &json, &err);
	if (r < 0) {
		bl_rest_error(reply, r == -ENOMEM ? 500 : 400, NULL, "%s",
			      err.text[0] ? err.text : "no memory for the options");
		return false;
	}
	if (json && !read_body(&reading, json))
		return false;
	return !(reading.has_policy && reading.has_orphan) ||
	       invalid(&reading, "propagationPolicy", "FieldValueInvalid",
		       "Invalid value: orphanDependents and propagationPolicy cannot be both set");
}
