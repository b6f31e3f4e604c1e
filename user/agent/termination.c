/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/termination.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "model/codec.h"
#include "model/pod.h"

#define GRACE_DEFAULT_S 30

struct bl_termination {
	struct bl_termination_config config;
	struct bl_store_watch *watch;
	sd_event_source *timer;
	int64_t next_s; /* when the timer goes off; 0: it is off */
};

static bool is_marked(const struct bl_object *pod)
{
	return pod->meta.deletion_time && !pod->origin.file;
}

bool bl_termination_applies(const struct bl_object *object)
{
	const struct bl_pod *pod = bl_pod_of(object);

	return object->kind == BL_KIND_POD && !object->meta.deletion_time && !object->origin.file &&
	       pod->status.phase == BL_POD_RUNNING && pod->status.pod_ip;
}

static void arm(struct bl_termination *termination, int64_t when_s)
{
	int64_t now_s = time(NULL);

	if (termination->next_s && termination->next_s <= when_s)
		return;
	termination->next_s = when_s;
	(void)sd_event_source_set_time_relative(
		termination->timer, when_s > now_s ? (uint64_t)(when_s - now_s) * 1000000 : 0);
	(void)sd_event_source_set_enabled(termination->timer, SD_EVENT_ONESHOT);
}

static void on_event(const struct bl_event *event, void *userdata)
{
	if (event->object->kind == BL_KIND_POD && event->change != BL_CHANGE_DELETED &&
	    is_marked(event->object))
		arm(userdata, event->object->meta.deletion_time);
}

static void remove_pod(struct bl_termination *termination, const struct bl_object *pod)
{
	struct bl_source_name name = {BL_KIND_POD, pod->meta.ns, pod->meta.name};
	struct bl_err err = {0};

	bl_log(BL_LOG_NOTICE, "pod '%s/%s': its grace period is over", pod->meta.ns,
	       pod->meta.name);
	if (bl_catalog_remove(termination->config.catalog, &name, 0, false, &err) < 0) {
		bl_log(BL_LOG_ERROR, "cannot remove pod '%s/%s': %s", name.ns, name.name, err.text);
		arm(termination, time(NULL) + GRACE_DEFAULT_S);
	}
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_termination *termination = userdata;
	_cleanup_(bl_object_list_done) struct bl_object_list due = {0};
	_cleanup_free_ const struct bl_object **items = NULL;
	int64_t now_s = time(NULL);
	size_t count = 0;
	int r;

	(void)timer;
	(void)usec;
	termination->next_s = 0;
	r = bl_store_list(termination->config.store, BL_KIND_POD, NULL, &items, &count);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		if (!is_marked(items[i]))
			continue;
		if (items[i]->meta.deletion_time > now_s)
			arm(termination, items[i]->meta.deletion_time);
		else
			r = bl_object_list_add_take(&due,
						    bl_object_ref((struct bl_object *)items[i]));
	}
	for (size_t i = 0; i < due.count; i++)
		remove_pod(termination, due.items[i]);
	if (r < 0)
		arm(termination, now_s + 1);
	return 0;
}

int bl_termination_begin(struct bl_termination *termination, const struct bl_object *pod,
			 int64_t grace_s, struct bl_object **ret, struct bl_err *err)
{
	_cleanup_(bl_object_unref) struct bl_object *marked = NULL;
	int64_t spec_s = bl_pod_of(pod)->spec.termination_grace_period_s;
	int r;

	if (grace_s < 0)
		grace_s = spec_s >= 0 ? spec_s : GRACE_DEFAULT_S;
	if (grace_s == 0)
		return 1;
	r = bl_object_clone(pod, &marked);
	if (r < 0)
		return bl_err_set(err, r, "no memory for the pod");
	marked->meta.deletion_time = time(NULL) + grace_s;
	marked->meta.resource_version = 0;
	r = bl_catalog_mark(termination->config.catalog, marked, err);
	if (r < 0)
		return r;
	/* What was in the store may be gone. */
	bl_log(BL_LOG_NOTICE, "pod '%s/%s' ends: no new connections, gone in %lld s",
	       marked->meta.ns, marked->meta.name, (long long)grace_s);
	*ret = TAKE_PTR(marked);
	return 0;
}

int bl_termination_new(const struct bl_termination_config *config, struct bl_termination **ret)
{
	_cleanup_(bl_termination_free) struct bl_termination *termination =
		calloc(1, sizeof(*termination));
	int r;

	if (!termination)
		return -ENOMEM;
	termination->config = *config;
	r = sd_event_add_time_relative(config->loop, &termination->timer, CLOCK_MONOTONIC, 0, 0,
				       on_timer, termination);
	if (r >= 0)
		r = sd_event_source_set_enabled(termination->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_event, termination, &termination->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(termination);
	return 0;
}

struct bl_termination *bl_termination_free(struct bl_termination *termination)
{
	if (!termination)
		return NULL;
	if (termination->watch)
		bl_store_watch_remove(termination->config.store, termination->watch);
	sd_event_source_disable_unref(termination->timer);
	free(termination);
	return NULL;
}
