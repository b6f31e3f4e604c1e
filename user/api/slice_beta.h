/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * EndpointSlices in the words of discovery.k8s.io/v1beta1, which is gone since Kubernetes 1.25:
 * kubectl 1.20, as Debian 12 has it, reads a slice so before it describes it. Pure.
 */
#ifndef API_SLICE_BETA_H
#define API_SLICE_BETA_H

struct json_object;

#define BL_SLICE_BETA "discovery.k8s.io/v1beta1"

/* For struct bl_render: takes the slice, gives a new tree. NULL: no memory. */
struct json_object *bl_slice_beta(struct json_object *slice);

#endif
