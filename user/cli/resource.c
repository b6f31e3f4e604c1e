/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/resource.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"

#define WORD_MAX 64

void bl_targets_done(struct bl_targets *targets)
{
	free(targets->items);
	*targets = (struct bl_targets){0};
}

void bl_found_list_done(struct bl_found_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		(void)json_object_put(list->items[i].object);
	free(list->items);
	free(list->version);
	*list = (struct bl_found_list){0};
}

static int unknown_kind(const char *word, struct bl_err *err)
{
	const char *names[2 * BL_KIND_COUNT + 1] = {NULL};
	_cleanup_(bl_buf_done) struct bl_buf list = {0};
	const char *near;
	size_t count = 0;

	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		const struct bl_kind_info *info = bl_kind_info((enum bl_kind)kind);

		names[count++] = info->plural;
		bl_buf_addf(&list, "%s%s", kind ? ", " : "", info->plural);
		if (info->short_name) {
			names[count++] = info->short_name;
			bl_buf_addf(&list, " (%s)", info->short_name);
		}
	}
	near = bl_suggest_word(word, names);
	if (near)
		return bl_err_set(err, -EINVAL, "unknown type '%s' (did you mean '%s'?)", word,
				  near);
	return bl_err_set(err, -EINVAL, "unknown type '%s': there are %s", word,
			  list.data ? list.data : "none");
}

int bl_kind_parse(const char *word, size_t len, enum bl_kind *ret, struct bl_err *err)
{
	char text[WORD_MAX];
	char *group;

	if (len >= sizeof(text))
		return bl_err_set(err, -EINVAL, "unknown type '%.*s...'", WORD_MAX, word);
	memcpy(text, word, len);
	text[len] = '\0';
	group = strchr(text, '.');
	if (group)
		*group = '\0';
	if (bl_kind_from_word(text, ret) == 0 &&
	    (!group || strcmp(group + 1, bl_kind_info(*ret)->group) == 0))
		return 0;
	if (group)
		*group = '.';
	return unknown_kind(text, err);
}

const char *bl_kind_word(enum bl_kind kind)
{
	return kind == BL_KIND_ENDPOINT_SLICE ? "endpointslice.discovery.k8s.io"
	       : kind == BL_KIND_LEASE        ? "lease.coordination.k8s.io"
					      : bl_kind_info(kind)->singular;
}

int bl_kind_of_json(struct json_object *object, enum bl_kind *ret)
{
	const char *word = bl_json_str(object, "kind");

	return word && bl_kind_from_word(word, ret) == 0 ? 0 : -EINVAL;
}

static int add_target(struct bl_targets *targets, enum bl_kind kind, const char *name,
		      struct bl_err *err)
{
	struct bl_target *grown =
		reallocarray(targets->items, targets->count + 1, sizeof(*targets->items));

	if (!grown)
		return bl_err_set(err, -ENOMEM, "cannot allocate arguments");
	targets->items = grown;
	grown[targets->count++] = (struct bl_target){.kind = kind, .name = name};
	if (grown[0].kind != kind)
		targets->several_kinds = true;
	return 0;
}

/* "svc/web pod/web-1" */
static int parse_slashed(const char *const *words, size_t count, struct bl_targets *ret,
			 struct bl_err *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *slash = strchr(words[i], '/');
		enum bl_kind kind;
		int r;

		if (!slash || !slash[1] || strchr(slash + 1, '/'))
			return bl_err_set(err, -EINVAL,
					  "expected TYPE/NAME in every word, got '%s'", words[i]);
		r = bl_kind_parse(words[i], (size_t)(slash - words[i]), &kind, err);
		if (r == 0)
			r = add_target(ret, kind, slash + 1, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int parse_types(const char *types, const char *const *names, size_t count,
		       struct bl_targets *ret, struct bl_err *err)
{
	while (*types) {
		size_t len = strcspn(types, ",");
		enum bl_kind kind;
		int r = bl_kind_parse(types, len, &kind, err);

		if (r == 0 && count == 0)
			r = add_target(ret, kind, NULL, err);
		for (size_t i = 0; r == 0 && i < count; i++)
			r = add_target(ret, kind, names[i], err);
		if (r < 0)
			return r;
		types += len + (types[len] == ',');
	}
	return ret->count ? 0 : bl_err_set(err, -EINVAL, "expected a type, got ''");
}

int bl_targets_parse(const char *const *words, size_t count, struct bl_targets *ret,
		     struct bl_err *err)
{
	_cleanup_(bl_targets_done) struct bl_targets targets = {0};
	int r;

	if (count == 0)
		return bl_err_set(err, -EINVAL, "expected a type, such as 'svc'");
	if (strchr(words[0], '/')) {
		r = parse_slashed(words, count, &targets, err);
	} else if (strcmp(words[0], "all") == 0) {
		r = parse_types("pods,services", words + 1, count - 1, &targets, err);
		targets.several_kinds = true;
	} else {
		r = parse_types(words[0], words + 1, count - 1, &targets, err);
	}
	if (r < 0)
		return r;
	*ret = targets;
	targets = (struct bl_targets){0};
	return 0;
}

char *bl_resource_path(enum bl_kind kind, const char *ns, const char *name)
{
	const struct bl_kind_info *info = bl_kind_info(kind);
	_cleanup_free_ char *ns_text = ns ? bl_client_escape(ns) : NULL;
	_cleanup_free_ char *name_text = name ? bl_client_escape(name) : NULL;
	_cleanup_(bl_buf_done) struct bl_buf path = {0};

	if ((ns && !ns_text) || (name && !name_text))
		return NULL;
	bl_buf_addf(&path, strchr(info->api_version, '/') ? "/apis/%s" : "/api/%s",
		    info->api_version);
	if (info->namespaced && ns)
		bl_buf_addf(&path, "/namespaces/%s", ns_text);
	bl_buf_addf(&path, "/%s", info->plural);
	if (name)
		bl_buf_addf(&path, "/%s", name_text);
	return bl_buf_take(&path);
}

const char *bl_cli_namespace(const struct bl_cli *cli)
{
	const char *ns;

	if (bl_arg_given(&cli->args, "all-namespaces"))
		return NULL;
	ns = bl_arg(&cli->args, "namespace");
	return ns ? ns : "default";
}

static int add_query(struct bl_buf *path, const char *key, const char *value)
{
	_cleanup_free_ char *text = bl_client_escape(value);

	if (!text)
		return -ENOMEM;
	bl_buf_addf(path, "%c%s=%s", strchr(path->data, '?') ? '&' : '?', key, text);
	return path->failed ? -ENOMEM : 0;
}

/* The name of the target, if any, becomes a field selector: a collection can be watched, one
 * object cannot. */
static int add_field_selector(const struct bl_cli *cli, const struct bl_target *target,
			      struct bl_buf *path)
{
	const char *given = bl_arg_given(&cli->args, "field-selector")
				    ? bl_arg(&cli->args, "field-selector")
				    : NULL;
	_cleanup_(bl_buf_done) struct bl_buf text = {0};

	if (!given && !target->name)
		return 0;
	if (given)
		bl_buf_add_str(&text, given);
	if (target->name)
		bl_buf_addf(&text, "%smetadata.name=%s", given ? "," : "", target->name);
	return text.failed ? -ENOMEM : add_query(path, "fieldSelector", text.data);
}

int bl_cli_list_path(const struct bl_cli *cli, const struct bl_target *target, const char *extra,
		     char **ret)
{
	_cleanup_free_ char *base = bl_resource_path(target->kind, bl_cli_namespace(cli), NULL);
	_cleanup_(bl_buf_done) struct bl_buf path = {0};
	int r = 0;

	if (!base)
		return -ENOMEM;
	bl_buf_addf(&path, "%s%s%s", base, extra ? "?" : "", extra ? extra : "");
	if (path.failed)
		return -ENOMEM;
	if (bl_arg_given(&cli->args, "selector"))
		r = add_query(&path, "labelSelector", bl_arg(&cli->args, "selector"));
	if (r == 0)
		r = add_field_selector(cli, target, &path);
	if (r < 0)
		return r;
	*ret = bl_buf_take(&path);
	return *ret ? 0 : -ENOMEM;
}

static int found_add(struct bl_found_list *list, enum bl_kind kind, struct json_object *object)
{
	struct bl_found *grown = reallocarray(list->items, list->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->items = grown;
	grown[list->count++] = (struct bl_found){.kind = kind, .object = json_object_get(object)};
	return 0;
}

static int find_list(struct bl_cli *cli, struct bl_client *client, const struct bl_target *target,
		     struct bl_found_list *found, struct bl_err *err)
{
	_cleanup_json_ struct json_object *answer = NULL;
	_cleanup_free_ char *path = NULL;
	struct json_object *items;
	const char *version;
	int r;

	r = bl_cli_list_path(cli, target, NULL, &path);
	if (r < 0)
		return bl_err_set(err, r, "cannot allocate a path");
	r = bl_client_call(client, BL_METHOD_GET, path, NULL, &answer, err);
	if (r < 0)
		return r;
	items = bl_json_at(answer, "items");
	for (size_t i = 0; r == 0 && i < bl_json_len(items); i++)
		r = found_add(found, target->kind, bl_json_item(items, i));
	version = bl_json_str(answer, "metadata.resourceVersion");
	free(found->version);
	found->version = version ? strdup(version) : NULL;
	return r < 0 ? bl_err_set(err, r, "cannot allocate a list") : 0;
}

static int find_one(struct bl_cli *cli, struct bl_client *client, const struct bl_target *target,
		    struct bl_found_list *found, struct bl_err *err)
{
	_cleanup_free_ char *path =
		bl_resource_path(target->kind, bl_cli_namespace(cli), target->name);
	_cleanup_json_ struct json_object *object = NULL;
	int r;

	if (!path)
		return bl_err_set(err, -ENOMEM, "cannot allocate a path");
	r = bl_client_call(client, BL_METHOD_GET, path, NULL, &object, err);
	if (r == -ENOENT) {
		if (bl_arg_given(&cli->args, "ignore-not-found"))
			return 0;
		found->some_missing = true;
		(void)bl_cli_fail(cli, r, err);
		return 0;
	}
	if (r < 0)
		return r;
	return found_add(found, target->kind, object) < 0
		       ? bl_err_set(err, -ENOMEM, "cannot allocate a list")
		       : 0;
}

int bl_cli_find_list(struct bl_cli *cli, const struct bl_target *target, struct bl_found_list *ret,
		     struct bl_err *err)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_client *client;
	int r;

	r = bl_cli_client(cli, &client, err);
	if (r == 0)
		r = find_list(cli, client, target, &found, err);
	if (r < 0)
		return r;
	*ret = found;
	found = (struct bl_found_list){0};
	return 0;
}

int bl_cli_find(struct bl_cli *cli, const struct bl_targets *targets, struct bl_found_list *ret,
		struct bl_err *err)
{
	_cleanup_(bl_found_list_done) struct bl_found_list found = {0};
	struct bl_client *client;
	int r;

	r = bl_cli_client(cli, &client, err);
	for (size_t i = 0; r == 0 && i < targets->count; i++) {
		const struct bl_target *target = &targets->items[i];

		if (!target->name)
			r = find_list(cli, client, target, &found, err);
		else if (!bl_cli_namespace(cli) && bl_kind_info(target->kind)->namespaced)
			r = bl_err_set(err, -EINVAL,
				       "a name is looked up in one namespace: use --namespace, not "
				       "--all-namespaces");
		else
			r = find_one(cli, client, target, &found, err);
	}
	if (r < 0)
		return r;
	*ret = found;
	found = (struct bl_found_list){0};
	return 0;
}
