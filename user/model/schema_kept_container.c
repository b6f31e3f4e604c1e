/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of containers that are only kept: field names of Kubernetes v1.36. */
#include "model/schema_kept.h"

static const struct bl_field object_field[] = {
	BL_KEEP("apiVersion", STRING),
	BL_KEEP("fieldPath", STRING),
};
const struct bl_type bl_kept_object_field = BL_KEPT_TYPE("ObjectFieldSelector", object_field);

static const struct bl_field resource_field[] = {
	BL_KEEP("containerName", STRING),
	BL_KEEP("resource", STRING),
	BL_KEEP("divisor", QUANTITY),
};
const struct bl_type bl_kept_resource_field = BL_KEPT_TYPE("ResourceFieldSelector", resource_field);

static const struct bl_field key_selector[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("key", STRING),
	BL_KEEP("optional", BOOL),
};
static const struct bl_type config_map_key = BL_KEPT_TYPE("ConfigMapKeySelector", key_selector);
static const struct bl_type secret_key = BL_KEPT_TYPE("SecretKeySelector", key_selector);

static const struct bl_field file_key_fields[] = {
	BL_KEEP("volumeName", STRING),
	BL_KEEP("path", STRING),
	BL_KEEP("key", STRING),
	BL_KEEP("optional", BOOL),
};
static const struct bl_type file_key = BL_KEPT_TYPE("FileKeySelector", file_key_fields);

static const struct bl_field env_source_fields[] = {
	BL_KEEP_ATOM("fieldRef", bl_kept_object_field),
	BL_KEEP_ATOM("resourceFieldRef", bl_kept_resource_field),
	BL_KEEP_ATOM("configMapKeyRef", config_map_key),
	BL_KEEP_ATOM("secretKeyRef", secret_key),
	BL_KEEP_ATOM("fileKeyRef", file_key),
};
static const struct bl_type env_source = BL_KEPT_TYPE("EnvVarSource", env_source_fields);

static const struct bl_field env_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("value", STRING),
	BL_KEEP_MAP("valueFrom", env_source),
};
const struct bl_type bl_kept_env = BL_KEPT_TYPE("EnvVar", env_fields);

static const struct bl_field env_ref_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("optional", BOOL),
};
static const struct bl_type config_map_env = BL_KEPT_TYPE("ConfigMapEnvSource", env_ref_fields);
static const struct bl_type secret_env = BL_KEPT_TYPE("SecretEnvSource", env_ref_fields);

static const struct bl_field env_from_fields[] = {
	BL_KEEP("prefix", STRING),
	BL_KEEP_MAP("configMapRef", config_map_env),
	BL_KEEP_MAP("secretRef", secret_env),
};
const struct bl_type bl_kept_env_from = BL_KEPT_TYPE("EnvFromSource", env_from_fields);

static const struct bl_field claim_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("request", STRING),
};
static const struct bl_type claim = BL_KEPT_TYPE("ResourceClaim", claim_fields);

static const struct bl_field resources_fields[] = {
	BL_KEEP("limits", QUANTITIES),
	BL_KEEP("requests", QUANTITIES),
	BL_KEEP_LIST("claims", claim, NULL, "name"),
};
const struct bl_type bl_kept_resources = BL_KEPT_TYPE("ResourceRequirements", resources_fields);

static const struct bl_field resize_policy_fields[] = {
	BL_KEEP("resourceName", STRING),
	BL_KEEP("restartPolicy", STRING),
};
const struct bl_type bl_kept_resize_policy =
	BL_KEPT_TYPE("ContainerResizePolicy", resize_policy_fields);

static const struct bl_field exit_codes_fields[] = {
	BL_KEEP("operator", STRING),
	BL_KEEP("values", INTS),
};
static const struct bl_type exit_codes =
	BL_KEPT_TYPE("ContainerRestartRuleOnExitCodes", exit_codes_fields);

static const struct bl_field restart_rule_fields[] = {
	BL_KEEP("action", STRING),
	BL_KEEP_MAP("exitCodes", exit_codes),
};
const struct bl_type bl_kept_restart_rule =
	BL_KEPT_TYPE("ContainerRestartRule", restart_rule_fields);

static const struct bl_field mount_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("readOnly", BOOL),
	BL_KEEP("recursiveReadOnly", STRING),
	BL_KEEP("mountPath", STRING),
	BL_KEEP("subPath", STRING),
	BL_KEEP("mountPropagation", STRING),
	BL_KEEP("subPathExpr", STRING),
};
const struct bl_type bl_kept_mount = BL_KEPT_TYPE("VolumeMount", mount_fields);

static const struct bl_field mount_status_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("mountPath", STRING),
	BL_KEEP("readOnly", BOOL),
	BL_KEEP("recursiveReadOnly", STRING),
};
const struct bl_type bl_kept_mount_status = BL_KEPT_TYPE("VolumeMountStatus", mount_status_fields);

static const struct bl_field device_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("devicePath", STRING),
};
const struct bl_type bl_kept_device = BL_KEPT_TYPE("VolumeDevice", device_fields);

static const struct bl_field sleep_fields[] = {
	BL_KEEP("seconds", LONG),
};
static const struct bl_type sleep_action = BL_KEPT_TYPE("SleepAction", sleep_fields);

static const struct bl_field handler_fields[] = {
	BL_KEEP_MAP("exec", bl_type_exec),
	BL_KEEP_MAP("httpGet", bl_type_http_get),
	BL_KEEP_MAP("tcpSocket", bl_type_tcp_socket),
	BL_KEEP_MAP("sleep", sleep_action),
};
static const struct bl_type handler = BL_KEPT_TYPE("LifecycleHandler", handler_fields);

static const struct bl_field lifecycle_fields[] = {
	BL_KEEP_MAP("postStart", handler),
	BL_KEEP_MAP("preStop", handler),
	BL_KEEP("stopSignal", STRING),
};
const struct bl_type bl_kept_lifecycle = BL_KEPT_TYPE("Lifecycle", lifecycle_fields);

static const struct bl_field capabilities_fields[] = {
	BL_KEEP("add", STRINGS),
	BL_KEEP("drop", STRINGS),
};
static const struct bl_type capabilities = BL_KEPT_TYPE("Capabilities", capabilities_fields);

static const struct bl_field se_linux_fields[] = {
	BL_KEEP("user", STRING),
	BL_KEEP("role", STRING),
	BL_KEEP("type", STRING),
	BL_KEEP("level", STRING),
};
const struct bl_type bl_kept_se_linux = BL_KEPT_TYPE("SELinuxOptions", se_linux_fields);

static const struct bl_field windows_fields[] = {
	BL_KEEP("gmsaCredentialSpecName", STRING),
	BL_KEEP("gmsaCredentialSpec", STRING),
	BL_KEEP("runAsUserName", STRING),
	BL_KEEP("hostProcess", BOOL),
};
const struct bl_type bl_kept_windows =
	BL_KEPT_TYPE("WindowsSecurityContextOptions", windows_fields);

static const struct bl_field profile_fields[] = {
	BL_KEEP("type", STRING),
	BL_KEEP("localhostProfile", STRING),
};
const struct bl_type bl_kept_profile = BL_KEPT_TYPE("SeccompProfile", profile_fields);
const struct bl_type bl_kept_app_armor = BL_KEPT_TYPE("AppArmorProfile", profile_fields);

static const struct bl_field security_fields[] = {
	BL_KEEP_MAP("capabilities", capabilities),
	BL_KEEP("privileged", BOOL),
	BL_KEEP_MAP("seLinuxOptions", bl_kept_se_linux),
	BL_KEEP_MAP("windowsOptions", bl_kept_windows),
	BL_KEEP("runAsUser", LONG),
	BL_KEEP("runAsGroup", LONG),
	BL_KEEP("runAsNonRoot", BOOL),
	BL_KEEP("readOnlyRootFilesystem", BOOL),
	BL_KEEP("allowPrivilegeEscalation", BOOL),
	BL_KEEP("procMount", STRING),
	BL_KEEP_MAP("seccompProfile", bl_kept_profile),
	BL_KEEP_MAP("appArmorProfile", bl_kept_app_armor),
};
const struct bl_type bl_kept_container_security = BL_KEPT_TYPE("SecurityContext", security_fields);

static const struct bl_field linux_user_fields[] = {
	BL_KEEP("uid", LONG),
	BL_KEEP("gid", LONG),
	BL_KEEP("supplementalGroups", INTS),
};
static const struct bl_type linux_user = BL_KEPT_TYPE("LinuxContainerUser", linux_user_fields);

static const struct bl_field container_user_fields[] = {
	BL_KEEP_MAP("linux", linux_user),
};
const struct bl_type bl_kept_container_user = BL_KEPT_TYPE("ContainerUser", container_user_fields);
