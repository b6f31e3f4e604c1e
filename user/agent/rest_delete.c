/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DELETE of one object, of a collection, and of a namespace with all that is in it. */
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "agent/rest_write.h"
#include "agent/status_error.h"
#include "base/log.h"
#include "model/codec.h"

/* Is this a pod that ends first? 1: no; 0: it ends, and `ret` is what it is until then. */
static int begin_to_end(struct bl_agent *agent, const struct bl_object *object,
			const struct bl_delete_options *options, struct bl_object **ret,
			struct bl_err *err)
{
	if (!agent->termination || options->dry_run || !bl_termination_applies(object))
		return 1;
	return bl_termination_begin(agent->termination, object, options->grace_s, ret, err);
}

/* 0: gone; or `ret_ending` (owned) is what it is until it is gone. */
static int delete_one(struct bl_agent *agent, const struct bl_source_name *name,
		      const struct bl_delete_options *options, struct bl_object **ret_ending,
		      struct bl_err *err)
{
	const struct bl_object *object =
		bl_store_find(agent->store, name->kind, name->ns, name->name);
	int r = 1;

	if (object && options->uid[0] && object->meta.uid &&
	    strcmp(options->uid, object->meta.uid) != 0)
		return bl_err_set(err, -ESTALE,
				  "Operation cannot be fulfilled on %s \"%s\": the UID in the "
				  "precondition (%s) does not match the UID in record (%s). The "
				  "object might have been deleted and then recreated",
				  bl_kind_info(name->kind)->plural, name->name, options->uid,
				  object->meta.uid);
	if (object && (!options->version || options->version == object->meta.resource_version))
		r = begin_to_end(agent, object, options, ret_ending, err);
	if (r <= 0)
		return r;
	return bl_catalog_remove(agent->catalog, name, options->version, options->dry_run, err);
}

/* Namespaces */

static int end_content(struct bl_agent *agent, const char *ns,
		       const struct bl_delete_options *options, struct bl_err *err)
{
	for (int kind = 0; kind < BL_KIND_COUNT; kind++) {
		_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
		int r = bl_catalog_list_of_users(agent->catalog, (enum bl_kind)kind, ns, &list);

		for (size_t i = 0; r == 0 && i < list.count; i++) {
			const struct bl_meta *meta = &list.items[i]->meta;
			const struct bl_source_name name = {(enum bl_kind)kind, meta->ns,
							    meta->name};
			_cleanup_(bl_object_unref) struct bl_object *ending = NULL;

			if (!meta->deletion_time)
				r = delete_one(agent, &name, options, &ending, err);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

void bl_rest_resume_ends(struct bl_agent *agent)
{
	const struct bl_delete_options options = {.grace_s = -1};
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};

	(void)bl_catalog_list_of_users(agent->catalog, BL_KIND_NAMESPACE, NULL, &list);
	for (size_t i = 0; i < list.count; i++) {
		const struct bl_meta *meta = &list.items[i]->meta;
		struct bl_err err = {0};

		if (!meta->deletion_time)
			continue;
		if (end_content(agent, meta->name, &options, &err) < 0 ||
		    bl_catalog_finish_end(agent->catalog, meta->name, &err) < 0)
			bl_log(BL_LOG_WARNING, "namespace '%s' does not end: %s", meta->name,
			       err.text);
	}
}

static void delete_namespace(struct bl_agent *agent, const struct bl_rest_target *target,
			     const struct bl_delete_options *options, struct bl_reply *reply)
{
	struct bl_source_name name = bl_rest_name(target);
	const struct bl_delete_options inner = {.grace_s = options->grace_s};
	_cleanup_(bl_object_unref) struct bl_object *ending = NULL;
	struct bl_err err = {0};
	int r = bl_catalog_check_end(agent->catalog, target->name, options->uid, options->version,
				     &err);

	if (r == 0 && !options->dry_run)
		r = bl_catalog_begin_end(agent->catalog, target->name, &ending, &err);
	if (r == 0 && !options->dry_run)
		r = end_content(agent, target->name, &inner, &err);
	if (r == 0 && !options->dry_run)
		r = bl_catalog_finish_end(agent->catalog, target->name, &err);
	if (r < 0)
		bl_rest_refused(reply, target, r, NULL, NULL, &err);
	else if (ending)
		bl_rest_object(reply, 200, ending);
	else
		bl_status_success(&reply->body, &name, NULL);
}

void bl_rest_delete(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply)
{
	struct bl_source_name name = bl_rest_name(target);
	const struct bl_object *object;
	_cleanup_(bl_object_unref) struct bl_object *ending = NULL;
	struct bl_delete_options options;
	char uid[BL_UID_TEXT] = "";
	struct bl_err err = {0};
	int r;

	if (!bl_rest_delete_options(request, &options, reply))
		return;
	if (target->kind == BL_KIND_NAMESPACE) {
		delete_namespace(agent, target, &options, reply);
		return;
	}
	object = bl_store_find(agent->store, name.kind, name.ns, name.name);
	if (object && object->meta.uid)
		(void)snprintf(uid, sizeof(uid), "%s", object->meta.uid);
	r = delete_one(agent, &name, &options, &ending, &err);
	if (r < 0)
		bl_rest_refused(reply, target, r, NULL, NULL, &err);
	else if (ending)
		bl_rest_object(reply, 200, ending);
	else
		bl_status_success(&reply->body, &name, uid[0] ? uid : NULL);
	bl_agent_put_own(agent); /* the Node may have been the user's version of our own */
}

void bl_rest_delete_collection(struct bl_agent *agent, const struct bl_request *request,
			       const struct bl_rest_target *target, struct bl_reply *reply)
{
	_cleanup_(bl_selector_free) struct bl_selector *selector = NULL;
	_cleanup_(bl_object_list_done) struct bl_object_list list = {0};
	struct bl_source_name about = {target->kind, target->ns[0] ? target->ns : NULL, NULL};
	struct bl_delete_options options;
	struct bl_err err = {0};
	int r;

	if (target->kind == BL_KIND_NAMESPACE) {
		bl_rest_error(reply, 405, NULL, "namespaces are deleted one by one");
		reply->allow = "GET, POST";
		return;
	}
	if (!bl_rest_delete_options(request, &options, reply))
		return;
	if (bl_rest_selector(request, bl_selector_fields(target->kind), &selector, reply) < 0)
		return;
	r = bl_catalog_list_of_users(agent->catalog, target->kind, about.ns, &list);
	for (size_t i = 0; r == 0 && i < list.count; i++) {
		const struct bl_meta *meta = &list.items[i]->meta;
		const struct bl_source_name name = {target->kind, meta->ns, meta->name};
		_cleanup_(bl_object_unref) struct bl_object *ending = NULL;

		if (!meta->deletion_time && bl_selector_match(selector, list.items[i]))
			r = delete_one(agent, &name, &options, &ending, &err);
	}
	if (r < 0)
		bl_rest_refused(reply, target, r, NULL, NULL, &err);
	else
		bl_status_success(&reply->body, &about, NULL);
	bl_agent_put_own(agent);
}
