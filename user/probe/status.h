/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The status of a pod that no kubelet writes: its phase, the statuses of its containers, and the
 * conditions ContainersReady and Ready. Changes pods that are not in the store yet, in their own
 * arena. What a manifest says itself stands, but for what probes and readiness gates decide.
 */
#ifndef PROBE_STATUS_H
#define PROBE_STATUS_H

#include "model/pod.h"

/* Is somebody to ask this container, which is one of its pod's main ones or a sidecar? */
bool bl_container_is_probed(const struct bl_container *container);
bool bl_pod_is_probed(const struct bl_pod *pod);
/* An init container that runs beside the others. */
bool bl_container_is_sidecar(const struct bl_container *container);

/*
 * Completes a new pod, or a new version of `old` (NULL: none). With `probed` its probes decide: a
 * container that has one is not ready until they say so. Pods without an address or that have ended
 * are left as they are. -ENOMEM.
 */
int bl_pod_status_complete(struct bl_pod *pod, const struct bl_pod *old, bool probed,
			   int64_t now_s);

/* What the probes say about one container. */
struct bl_container_verdict {
	const char *name;
	bool ready;
	bool started;
};

/* Writes the verdicts and the conditions that follow from them. True in `ret_changed` when that
 * made a difference. -ENOMEM. */
int bl_pod_status_apply(struct bl_pod *pod, const struct bl_container_verdict *verdicts,
			size_t count, int64_t now_s, bool *ret_changed);

#endif
