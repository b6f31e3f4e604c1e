/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of what is only kept, as other tables name them. Private to this folder. */
#ifndef MODEL_SCHEMA_KEPT_H
#define MODEL_SCHEMA_KEPT_H

#include "model/schema.h"

/* schema_kept_container.c */
extern const struct bl_type bl_kept_env_from, bl_kept_env, bl_kept_resources, bl_kept_resize_policy,
	bl_kept_restart_rule, bl_kept_mount, bl_kept_device, bl_kept_lifecycle,
	bl_kept_container_security, bl_kept_mount_status, bl_kept_container_user;
/* schema_kept_pod.c */
extern const struct bl_type bl_kept_pod_security, bl_kept_affinity, bl_kept_toleration,
	bl_kept_host_alias, bl_kept_spread, bl_kept_name, bl_kept_local_ref, bl_kept_resource_claim,
	bl_kept_resource_claim_status, bl_kept_host_ip, bl_kept_pod_os;
/* schema_kept_volume.c */
extern const struct bl_type bl_kept_volume;
/* schema_kept_node.c */
extern const struct bl_type bl_kept_daemon_endpoints, bl_kept_node_info, bl_kept_image,
	bl_kept_attached_volume, bl_kept_runtime_handler, bl_kept_node_features,
	bl_kept_port_status;

/* Shared by them. */
extern const struct bl_type bl_kept_label_selector, bl_kept_se_linux, bl_kept_windows,
	bl_kept_profile, bl_kept_app_armor, bl_kept_object_field, bl_kept_resource_field;
extern const struct bl_type bl_type_exec, bl_type_http_get, bl_type_tcp_socket; /* schema_probe.c */

#endif
