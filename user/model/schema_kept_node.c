/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of Nodes and of a Service's status that are only kept: field names of Kubernetes v1.36. */
#include "model/schema_kept.h"

static const struct bl_field daemon_endpoint_fields[] = {
	BL_KEEP("Port", INT), /* in capitals, as Kubernetes has it */
};
static const struct bl_type daemon_endpoint =
	BL_KEPT_TYPE("DaemonEndpoint", daemon_endpoint_fields);

static const struct bl_field daemon_endpoints_fields[] = {
	BL_KEEP_MAP("kubeletEndpoint", daemon_endpoint),
};
const struct bl_type bl_kept_daemon_endpoints =
	BL_KEPT_TYPE("NodeDaemonEndpoints", daemon_endpoints_fields);

static const struct bl_field node_info_fields[] = {
	BL_KEEP("machineID", STRING),
	BL_KEEP("systemUUID", STRING),
	BL_KEEP("bootID", STRING),
	BL_KEEP("kernelVersion", STRING),
	BL_KEEP("osImage", STRING),
	BL_KEEP("containerRuntimeVersion", STRING),
	BL_KEEP("kubeletVersion", STRING),
	BL_KEEP("kubeProxyVersion", STRING),
	BL_KEEP("operatingSystem", STRING),
	BL_KEEP("architecture", STRING),
	BL_KEEP("swap", MAP),
};
const struct bl_type bl_kept_node_info = BL_KEPT_TYPE("NodeSystemInfo", node_info_fields);

static const struct bl_field image_fields[] = {
	BL_KEEP("names", STRINGS),
	BL_KEEP("sizeBytes", LONG),
};
const struct bl_type bl_kept_image = BL_KEPT_TYPE("ContainerImage", image_fields);

static const struct bl_field attached_volume_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("devicePath", STRING),
};
const struct bl_type bl_kept_attached_volume =
	BL_KEPT_TYPE("AttachedVolume", attached_volume_fields);

static const struct bl_field runtime_handler_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("features", MAP),
};
const struct bl_type bl_kept_runtime_handler =
	BL_KEPT_TYPE("NodeRuntimeHandler", runtime_handler_fields);

static const struct bl_field node_features_fields[] = {
	BL_KEEP("supplementalGroupsPolicy", BOOL),
};
const struct bl_type bl_kept_node_features = BL_KEPT_TYPE("NodeFeatures", node_features_fields);

static const struct bl_field port_status_fields[] = {
	BL_KEEP("port", INT),
	BL_KEEP("protocol", STRING),
	BL_KEEP("error", STRING),
};
const struct bl_type bl_kept_port_status = BL_KEPT_TYPE("PortStatus", port_status_fields);
