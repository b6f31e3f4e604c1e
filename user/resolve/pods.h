/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a pod is as an endpoint. Pure. */
#ifndef RESOLVE_PODS_H
#define RESOLVE_PODS_H

#include "base/addr.h"
#include "model/pod.h"
#include "model/service.h"

/* The port of the pod that `port` targets; 0 when the pod has no port of that name and protocol.
 * Names are looked up in the containers and in init containers that keep running (sidecars). */
uint16_t bl_pod_target_port(const struct bl_pod *pod, const struct bl_service_port *port);

/* The pod's first address of a family; false when it has none. */
bool bl_pod_address(const struct bl_pod *pod, uint8_t family, struct bl_addr *ret);

#endif
