/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of pods that are only kept: field names of Kubernetes v1.36. */
#include "model/schema_kept.h"

static const struct bl_field requirement_fields[] = {
	BL_KEEP("key", STRING),
	BL_KEEP("operator", STRING),
	BL_KEEP("values", STRINGS),
};
static const struct bl_type label_requirement =
	BL_KEPT_TYPE("LabelSelectorRequirement", requirement_fields);
static const struct bl_type node_requirement =
	BL_KEPT_TYPE("NodeSelectorRequirement", requirement_fields);

static const struct bl_field label_selector_fields[] = {
	BL_KEEP("matchLabels", PAIRS),
	BL_KEEP_LIST("matchExpressions", label_requirement, NULL, NULL),
};
const struct bl_type bl_kept_label_selector = BL_KEPT_TYPE("LabelSelector", label_selector_fields);

static const struct bl_field node_term_fields[] = {
	BL_KEEP_LIST("matchExpressions", node_requirement, NULL, NULL),
	BL_KEEP_LIST("matchFields", node_requirement, NULL, NULL),
};
static const struct bl_type node_term = BL_KEPT_TYPE("NodeSelectorTerm", node_term_fields);

static const struct bl_field node_selector_fields[] = {
	BL_KEEP_LIST("nodeSelectorTerms", node_term, NULL, NULL),
};
static const struct bl_type node_selector = BL_KEPT_TYPE("NodeSelector", node_selector_fields);

static const struct bl_field preferred_node_fields[] = {
	BL_KEEP("weight", INT),
	BL_KEEP_ATOM("preference", node_term),
};
static const struct bl_type preferred_node =
	BL_KEPT_TYPE("PreferredSchedulingTerm", preferred_node_fields);

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"

static const struct bl_field node_affinity_fields[] = {
	BL_KEEP_ATOM(REQUIRED, node_selector),
	BL_KEEP_LIST(PREFERRED, preferred_node, NULL, NULL),
};
static const struct bl_type node_affinity = BL_KEPT_TYPE("NodeAffinity", node_affinity_fields);

static const struct bl_field pod_term_fields[] = {
	BL_KEEP_ATOM("labelSelector", bl_kept_label_selector),
	BL_KEEP("namespaces", STRINGS),
	BL_KEEP("topologyKey", STRING),
	BL_KEEP_ATOM("namespaceSelector", bl_kept_label_selector),
	BL_KEEP("matchLabelKeys", STRINGS),
	BL_KEEP("mismatchLabelKeys", STRINGS),
};
static const struct bl_type pod_term = BL_KEPT_TYPE("PodAffinityTerm", pod_term_fields);

static const struct bl_field preferred_pod_fields[] = {
	BL_KEEP("weight", INT),
	BL_KEEP_MAP("podAffinityTerm", pod_term),
};
static const struct bl_type preferred_pod =
	BL_KEPT_TYPE("WeightedPodAffinityTerm", preferred_pod_fields);

static const struct bl_field pod_affinity_fields[] = {
	BL_KEEP_LIST(REQUIRED, pod_term, NULL, NULL),
	BL_KEEP_LIST(PREFERRED, preferred_pod, NULL, NULL),
};
static const struct bl_type pod_affinity = BL_KEPT_TYPE("PodAffinity", pod_affinity_fields);
static const struct bl_type pod_anti_affinity =
	BL_KEPT_TYPE("PodAntiAffinity", pod_affinity_fields);

static const struct bl_field affinity_fields[] = {
	BL_KEEP_MAP("nodeAffinity", node_affinity),
	BL_KEEP_MAP("podAffinity", pod_affinity),
	BL_KEEP_MAP("podAntiAffinity", pod_anti_affinity),
};
const struct bl_type bl_kept_affinity = BL_KEPT_TYPE("Affinity", affinity_fields);

static const struct bl_field toleration_fields[] = {
	BL_KEEP("key", STRING),    BL_KEEP("operator", STRING),        BL_KEEP("value", STRING),
	BL_KEEP("effect", STRING), BL_KEEP("tolerationSeconds", LONG),
};
const struct bl_type bl_kept_toleration = BL_KEPT_TYPE("Toleration", toleration_fields);

static const struct bl_field host_alias_fields[] = {
	BL_KEEP("ip", STRING),
	BL_KEEP("hostnames", STRINGS),
};
const struct bl_type bl_kept_host_alias = BL_KEPT_TYPE("HostAlias", host_alias_fields);

static const struct bl_field spread_fields[] = {
	BL_KEEP("maxSkew", INT),
	BL_KEEP("topologyKey", STRING),
	BL_KEEP("whenUnsatisfiable", STRING),
	BL_KEEP_ATOM("labelSelector", bl_kept_label_selector),
	BL_KEEP("minDomains", INT),
	BL_KEEP("nodeAffinityPolicy", STRING),
	BL_KEEP("nodeTaintsPolicy", STRING),
	BL_KEEP("matchLabelKeys", STRINGS),
};
const struct bl_type bl_kept_spread = BL_KEPT_TYPE("TopologySpreadConstraint", spread_fields);

static const struct bl_field name_fields[] = {
	BL_KEEP("name", STRING),
};
const struct bl_type bl_kept_name = BL_KEPT_TYPE("PodSchedulingGate", name_fields);
const struct bl_type bl_kept_local_ref = BL_KEPT_TYPE("LocalObjectReference", name_fields);
const struct bl_type bl_kept_pod_os = BL_KEPT_TYPE("PodOS", name_fields);

static const struct bl_field resource_claim_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("resourceClaimName", STRING),
	BL_KEEP("resourceClaimTemplateName", STRING),
};
const struct bl_type bl_kept_resource_claim =
	BL_KEPT_TYPE("PodResourceClaim", resource_claim_fields);

static const struct bl_field resource_claim_status_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("resourceClaimName", STRING),
};
const struct bl_type bl_kept_resource_claim_status =
	BL_KEPT_TYPE("PodResourceClaimStatus", resource_claim_status_fields);

static const struct bl_field host_ip_fields[] = {
	BL_KEEP("ip", STRING),
};
const struct bl_type bl_kept_host_ip = BL_KEPT_TYPE("HostIP", host_ip_fields);

static const struct bl_field sysctl_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("value", STRING),
};
static const struct bl_type sysctl = BL_KEPT_TYPE("Sysctl", sysctl_fields);

static const struct bl_field security_fields[] = {
	BL_KEEP_MAP("seLinuxOptions", bl_kept_se_linux),
	BL_KEEP_MAP("windowsOptions", bl_kept_windows),
	BL_KEEP("runAsUser", LONG),
	BL_KEEP("runAsGroup", LONG),
	BL_KEEP("runAsNonRoot", BOOL),
	BL_KEEP("supplementalGroups", INTS),
	BL_KEEP("supplementalGroupsPolicy", STRING),
	BL_KEEP("fsGroup", LONG),
	BL_KEEP_LIST("sysctls", sysctl, NULL, NULL),
	BL_KEEP("fsGroupChangePolicy", STRING),
	BL_KEEP_MAP("seccompProfile", bl_kept_profile),
	BL_KEEP_MAP("appArmorProfile", bl_kept_app_armor),
	BL_KEEP("seLinuxChangePolicy", STRING),
};
const struct bl_type bl_kept_pod_security = BL_KEPT_TYPE("PodSecurityContext", security_fields);
