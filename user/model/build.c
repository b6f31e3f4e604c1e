/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/build.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "model/check.h"
#include "model/codec.h"
#include "model/decode.h"
#include "model/endpoints.h"
#include "model/pod.h"
#include "model/service.h"

const char bl_default_namespace[] = "default";

BL_DEFINE_CLEANUP(struct json_object *, json_object_put);

static int new_object(enum bl_kind kind, struct bl_arena *arena, struct bl_object **ret)
{
	const struct bl_type *type = bl_type_of(kind);
	struct bl_object *object = bl_arena_alloc(arena, type->size);

	if (!object)
		return -ENOMEM;
	object->kind = kind;
	object->refs = 1;
	object->arena = arena;
	bl_fill_unset(type, object);
	*ret = object;
	return 0;
}

/* The object of a tree, with defaults, in `arena`. */
static int build(struct bl_decoder *decoder, enum bl_kind kind, const struct bl_tree *tree,
		 struct bl_object **ret)
{
	const struct bl_type *type = bl_type_of(kind);
	struct bl_object *object;
	int r;

	r = new_object(kind, decoder->arena, &object);
	if (r < 0)
		return r;
	r = bl_decode_struct(decoder, type, object, tree);
	if (r < 0)
		return r;
	object->kept = decoder->kept;
	r = bl_fill_defaults(type, object, decoder->arena);
	if (r < 0)
		return r;
	if (bl_kind_info(kind)->namespaced && !object->meta.ns)
		object->meta.ns = bl_default_namespace;
	*ret = object;
	return 0;
}

static int set_origin(struct bl_object *object, const struct bl_report *report)
{
	struct bl_pos pos = {0};

	if (!report->document || !report->document->file)
		return 0;
	(void)bl_document_locate(report->document, report->root, true, &pos);
	object->origin = pos;
	object->origin.file = bl_arena_strdup(object->arena, pos.file);
	return object->origin.file ? 0 : -ENOMEM;
}

/* What an object is given when it is taken in: a uid, a Service an address, a Pod a status. */
static size_t size_of_additions(const struct bl_object *object)
{
	size_t size = object->meta.uid ? 0 : BL_UID_TEXT;

	if (object->kind == BL_KIND_SERVICE && !bl_service_of(object)->spec.cluster_ips.count)
		size += sizeof(char *);
	if (object->kind == BL_KIND_SERVICE && !bl_service_of(object)->spec.cluster_ip)
		size += sizeof("255.255.255.255");
	if (object->kind == BL_KIND_POD && !bl_pod_of(object)->status.container_statuses.count)
		size += bl_pod_of(object)->spec.containers.count *
			(sizeof(struct bl_container_status) + sizeof(struct bl_container_running));
	return size;
}

static bool checks_kept(unsigned int flags)
{
	return !(flags & (BL_DECODE_LENIENT | BL_DECODE_KEPT_AS_IT_IS));
}

/* Decodes again, now that the size is known, into an arena with nothing to spare. */
static int build_sized(struct bl_words *words, const struct bl_slice_endpoints *endpoints,
		       enum bl_kind kind, const struct bl_tree *tree, size_t size,
		       unsigned int flags, const struct bl_report *report, struct bl_object **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_decoder decoder = {.words = words,
				     .endpoints = endpoints,
				     .lenient = true,
				     .keeps_managed = flags & BL_DECODE_MANAGED,
				     .checks_kept = checks_kept(flags)};
	struct bl_object *object = NULL;
	int r;

	if (report->document && report->document->file)
		size += strlen(report->document->file) + 1;
	r = bl_arena_new_sized(size, &arena);
	if (r < 0)
		return r;
	decoder.arena = arena;
	r = build(&decoder, kind, tree, &object);
	bl_decoder_done(&decoder);
	if (r < 0)
		return r;
	r = set_origin(object, report);
	if (r < 0)
		return r;
	(void)TAKE_PTR(arena); /* the object has it */
	if (words)
		object->words = bl_word_page_ref(words->page);
	*ret = object;
	return 0;
}

int bl_build_checked(const struct bl_workplace *place, enum bl_kind kind,
		     const struct bl_tree *tree, unsigned int flags, struct bl_report *report,
		     struct bl_object **ret)
{
	bool lenient = flags & BL_DECODE_LENIENT;
	struct bl_words *words =
		place->words && bl_words_begin(place->words) == 0 ? place->words : NULL;
	struct bl_decoder decoder = {.arena = place->scratch,
				     .words = words,
				     .report = report,
				     .lenient = lenient,
				     .forgives_unknown = flags & BL_DECODE_WARN_UNKNOWN,
				     .keeps_managed = flags & BL_DECODE_MANAGED,
				     .checks_kept = checks_kept(flags)};
	const struct bl_slice_endpoints *endpoints = NULL;
	struct bl_object *object = NULL;
	int r;

	bl_arena_reset(place->scratch);
	r = build(&decoder, kind, tree, &object);
	bl_decoder_done(&decoder);
	if (words)
		words->learns = false;
	if (r < 0)
		return r;
	/* A server has checked its objects itself, perhaps by newer rules. */
	if (!lenient)
		bl_check_object(report, object, NULL);
	else if (!object->meta.name)
		bl_check_fail(report, "metadata.name", "the object has no name");
	if (report->errors > 0)
		return -EINVAL;
	if (kind == BL_KIND_ENDPOINT_SLICE)
		endpoints = &bl_endpoint_slice_of(object)->endpoints;
	return build_sized(words, endpoints, kind, tree,
			   bl_arena_used(place->scratch) + size_of_additions(object), flags, report,
			   ret);
}

/* Kinds */

static void name_report(struct bl_report *report, const char *singular, const struct bl_tree *tree,
			bool namespaced)
{
	const struct bl_tree *meta = bl_tree_get(tree, "metadata");
	const char *ns = bl_tree_string(bl_tree_get(meta, "namespace"));

	bl_report_name(report, singular, namespaced ? (ns ? ns : "default") : NULL,
		       bl_tree_string(bl_tree_get(meta, "name")));
}

static int find_kind(const char *word, enum bl_kind *ret, const char **ret_similar)
{
	struct bl_suggest suggest;

	bl_suggest_init(&suggest, word, strlen(word));
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		const char *name = bl_kind_info((enum bl_kind)kind)->kind;

		if (strcmp(name, word) == 0) {
			*ret = (enum bl_kind)kind;
			return 0;
		}
		bl_suggest_try(&suggest, name);
	}
	*ret_similar = suggest.best;
	return -ENOENT;
}

/* -ENOENT: a kind that is none of ours; said in a warning or an error. */
static int unknown_kind(struct bl_report *report, const char *word, const char *similar,
			unsigned int flags)
{
	if (similar) {
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "kind",
			      "unknown kind '%s' (did you mean '%s'?)", word, similar);
		return -EINVAL;
	}
	bl_report_add(report,
		      flags & BL_DECODE_SKIP_UNKNOWN_KINDS ? BL_SEVERITY_WARNING
							   : BL_SEVERITY_ERROR,
		      BL_PLACE_VALUE, "kind",
		      flags & BL_DECODE_SKIP_UNKNOWN_KINDS
			      ? "kind '%s' is not known here and is skipped"
			      : "unknown kind '%s'; known are Service, Pod, Endpoints, "
				"EndpointSlice, Node, Namespace and Lease",
		      word);
	return flags & BL_DECODE_SKIP_UNKNOWN_KINDS ? -ENOENT : -EINVAL;
}

/* "discovery.k8s.io/v1beta1": a group of ours, be it in another version. */
static bool is_known_group(const char *version)
{
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		const char *group = bl_kind_info((enum bl_kind)kind)->group;
		size_t len = strlen(group);

		if (len > 0 && strncmp(version, group, len) == 0 && version[len] == '/')
			return true;
	}
	return false;
}

static int check_api_version(struct bl_report *report, const struct bl_kind_info *info,
			     const char *version, unsigned int flags)
{
	if (!version) {
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "apiVersion",
			      "field 'apiVersion' is missing; kind '%s' has '%s'", info->kind,
			      info->api_version);
		return 0; /* go on: there may be more to say */
	}
	if (strcmp(version, info->api_version) == 0)
		return 0;
	/* The same word in a group of somebody else is another kind. */
	if (strchr(version, '.') && !is_known_group(version))
		return unknown_kind(report, info->kind, NULL, flags);
	bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, "apiVersion",
		      "kind '%s' has apiVersion '%s', got '%s'", info->kind, info->api_version,
		      version);
	return 0;
}

int bl_build_read_kind(struct bl_report *report, const struct bl_tree *tree,
		       const struct bl_inherited *inherited, unsigned int flags, enum bl_kind *ret)
{
	const char *word = bl_tree_string(bl_tree_get(tree, "kind"));
	const char *version = bl_tree_string(bl_tree_get(tree, "apiVersion"));
	const char *similar = NULL;

	if (tree->type != BL_TREE_MAP) {
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, NULL,
			      "expected an object (a mapping with apiVersion, kind and metadata)");
		return -EINVAL;
	}
	if (!word)
		word = inherited->kind;
	if (!version)
		version = inherited->api_version;
	if (!word || !word[0]) {
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, NULL,
			      "field 'kind' is missing; a manifest starts with apiVersion and "
			      "kind, such as 'apiVersion: v1' and 'kind: Service'");
		return -EINVAL;
	}
	if (find_kind(word, ret, &similar) < 0)
		return unknown_kind(report, word, similar, flags);
	name_report(report, bl_kind_info(*ret)->singular, tree, bl_kind_info(*ret)->namespaced);
	return check_api_version(report, bl_kind_info(*ret), version, flags);
}

/* Trees of json-c */

static int from_json(struct bl_arena *trees, struct json_object *json, struct bl_report *report,
		     const struct bl_tree **ret)
{
	struct bl_tree_budget budget = {.depth = bl_limits_default.depth,
					.nodes = bl_limits_default.nodes};
	struct bl_err err = {0};
	int r = bl_tree_from_json(trees, json, &budget, ret, &err);

	if (r < 0)
		bl_report_add(report, BL_SEVERITY_ERROR, BL_PLACE_VALUE, NULL, "%s", err.text);
	return r;
}

int bl_decode_json_tree(const char *file, struct json_object *json, unsigned int flags,
			struct bl_object **ret, struct bl_diag *diag)
{
	_cleanup_(bl_arena_free) struct bl_arena *trees = NULL;
	_cleanup_(bl_arena_free) struct bl_arena *scratch = NULL;
	struct bl_document document = {.file = file};
	struct bl_report report = {.diag = diag, .document = file ? &document : NULL, .root = ""};
	struct bl_inherited inherited = {0};
	const struct bl_tree *tree;
	enum bl_kind kind;
	int r;

	if (bl_arena_new(&trees) < 0 || bl_arena_new(&scratch) < 0)
		return -ENOMEM;
	r = from_json(trees, json, &report, &tree);
	if (r < 0)
		return r;
	r = bl_build_read_kind(&report, tree, &inherited, flags, &kind);
	if (r < 0)
		return r;
	return bl_build_checked(&(struct bl_workplace){.scratch = scratch}, kind, tree, flags,
				&report, ret);
}

int bl_object_clone(const struct bl_object *object, struct bl_object **ret)
{
	_cleanup_(bl_arena_free) struct bl_arena *trees = NULL;
	_cleanup_(json_object_put) struct json_object *json = NULL;
	struct bl_tree_budget budget = {.depth = bl_limits_default.depth,
					.nodes = bl_limits_default.nodes};
	struct bl_document document = {.file = object->origin.file};
	struct bl_report report = {.document = &document, .root = ""};
	const struct bl_tree *tree;
	struct bl_object *copy;
	int r;

	r = bl_encode_json(object, &json);
	if (r < 0)
		return r;
	r = bl_arena_new(&trees);
	if (r < 0)
		return r;
	r = bl_tree_from_json(trees, json, &budget, &tree, NULL);
	if (r < 0)
		return r;
	r = build_sized(NULL, NULL, object->kind, tree, 2 * bl_type_of(object->kind)->size,
			BL_DECODE_MANAGED | BL_DECODE_KEPT_AS_IT_IS, &report, &copy);
	if (r < 0)
		return r;
	copy->origin.line = object->origin.line;
	copy->origin.column = object->origin.column;
	*ret = copy;
	return 0;
}
