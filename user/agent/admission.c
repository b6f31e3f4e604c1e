/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/admission.h"

#include <errno.h>
#include <string.h>

#include <time.h>

#include "model/codec.h"
#include "model/pod.h"
#include "model/validate.h"
#include "probe/status.h"

/* A pod without a node is on this one, and what no kubelet says about it we do. */
static int place_pod(const struct bl_admission *admission, struct bl_object *object,
		     const struct bl_object *old)
{
	struct bl_pod *pod = (struct bl_pod *)object;
	bool here;

	if (!pod->spec.node_name || !pod->spec.node_name[0])
		pod->spec.node_name = bl_arena_strdup(object->arena, admission->node_name);
	if (!pod->spec.node_name)
		return -ENOMEM;
	here = !strcmp(pod->spec.node_name, admission->node_name);
	return bl_pod_status_complete(pod, old ? bl_pod_of(old) : NULL, admission->probing && here,
				      time(NULL));
}

static int give_addresses(struct bl_allocator *allocator, struct bl_object *object,
			  struct bl_diag *diag)
{
	struct bl_err err = {0};
	int r = bl_allocate(allocator, (struct bl_service *)object, &err);

	if (r >= 0 || r == -ENOMEM)
		return r;
	bl_diag_add(diag, BL_SEVERITY_ERROR, &object->origin, NULL, "%s", err.text);
	return -EINVAL;
}

/* A Service without a load-balancer address comes in all the same: the rest of it works, and
 * balancing.c says why it has none. */
static int give_pool_address(struct bl_pool *pool, struct bl_object *object)
{
	int r = pool ? bl_pool_assign(pool, (struct bl_service *)object, NULL) : 0;

	return r == -ENOMEM ? r : 0;
}

int bl_admit(const struct bl_admission *admission, struct bl_object *object, struct bl_diag *diag)
{
	const struct bl_object *old =
		bl_store_find(admission->store, object->kind, object->meta.ns, object->meta.name);
	int r = bl_validate(object, old, diag);

	if (r < 0)
		return r;
	if (object->kind == BL_KIND_POD)
		return place_pod(admission, object, old);
	if (object->kind != BL_KIND_SERVICE)
		return 0;
	r = give_addresses(admission->allocator, object, diag);
	return r < 0 ? r : give_pool_address(admission->pool, object);
}

void bl_unadmit(const struct bl_store *store, struct bl_allocator *allocator,
		const struct bl_object *object)
{
	_cleanup_(bl_object_unref) struct bl_object *clone = NULL;
	const struct bl_object *old;

	if (object->kind != BL_KIND_SERVICE)
		return;
	old = bl_store_find(store, object->kind, object->meta.ns, object->meta.name);
	bl_allocate_release(allocator, object->meta.ns, object->meta.name);
	/* The values of the one in force are fixed in it, and nobody took them in between. */
	if (old && bl_object_clone(old, &clone) >= 0)
		(void)bl_allocate(allocator, (struct bl_service *)clone, NULL);
}
