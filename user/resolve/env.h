/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The environment variables that the kubelet gives a container for the Services of its namespace,
 * and for default/kubernetes. Pure.
 */
#ifndef RESOLVE_ENV_H
#define RESOLVE_ENV_H

#include "base/buf.h"
#include "model/pod.h"
#include "store/store.h"

/* Appends "NAME=value" lines, by Service name. Only Services with a ClusterIP that were there when
 * the pod was made; with enableServiceLinks false only default/kubernetes. Without a pod (NULL): as
 * for one of namespace `ns` that is made now. -ENOMEM. */
int bl_service_env(const struct bl_store *store, const char *ns, const struct bl_pod *pod,
		   struct bl_buf *ret);

#endif
