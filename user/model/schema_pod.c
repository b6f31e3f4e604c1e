/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All field names of Kubernetes v1.36; what Services do not need is kept as it was read. */
#include <string.h>

#include "model/pod.h"
#include "model/schema_kept.h"

static const struct bl_field port_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_container_port, name),
	 .help = "name that a Service's targetPort may use"},
	{BL_NAME("hostPort"), .type = BL_FIELD_INT, BL_AT(struct bl_container_port, host_port),
	 .min = 1, .max = 65535, .help = "port of the node that leads here"},
	{BL_NAME("containerPort"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_container_port, container_port), .required = true, .min = 1, .max = 65535,
	 .help = "the port that the container listens on"},
	{BL_NAME("protocol"), .type = BL_FIELD_ENUM, BL_AT(struct bl_container_port, protocol),
	 .names = bl_protocol_names, .value = BL_PROTOCOL_TCP, .help = "TCP (default), UDP, SCTP"},
	{BL_NAME("hostIP"), .type = BL_FIELD_STRING, BL_AT(struct bl_container_port, host_ip),
	 .help = "address of the node for hostPort"},
};

static const struct bl_type type_port = {
	.name = "ContainerPort",
	BL_TYPE(port_fields, struct bl_container_port),
};

static const struct bl_field container_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_container, name),
	 .required = true, .help = "name of the container"},
	{BL_NAME("image"), .type = BL_FIELD_STRING, BL_AT(struct bl_container, image),
	 .help = "image of the container"},
	BL_KEEP("command", STRINGS),
	BL_KEEP("args", STRINGS),
	BL_KEEP("workingDir", STRING),
	{BL_NAME("ports"), .type = BL_FIELD_LIST, BL_AT(struct bl_container, ports),
	 .sub = &type_port, .merge_key = "containerPort", .list_keys = "containerPort,protocol",
	 .help = "ports that the container listens on"},
	BL_KEEP_LIST("envFrom", bl_kept_env_from, NULL, NULL),
	BL_KEEP_LIST("env", bl_kept_env, "name", "name"),
	BL_KEEP_MAP("resources", bl_kept_resources),
	BL_KEEP_LIST("resizePolicy", bl_kept_resize_policy, NULL, NULL),
	{BL_NAME("restartPolicy"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_container, restart_policy),
	 .help = "Always on an init container: it runs beside the others"},
	BL_KEEP_LIST("restartPolicyRules", bl_kept_restart_rule, NULL, NULL),
	BL_KEEP_LIST("volumeMounts", bl_kept_mount, "mountPath", "mountPath"),
	BL_KEEP_LIST("volumeDevices", bl_kept_device, "devicePath", "devicePath"),
	BL_KEEP_MAP("livenessProbe", bl_type_probe),
	{BL_NAME("readinessProbe"), .type = BL_FIELD_OPTIONAL,
	 BL_AT(struct bl_container, readiness_probe), .sub = &bl_type_probe,
	 .help = "how to find out whether the container can serve"},
	{BL_NAME("startupProbe"), .type = BL_FIELD_OPTIONAL,
	 BL_AT(struct bl_container, startup_probe), .sub = &bl_type_probe,
	 .help = "holds the other probes back until it has succeeded"},
	BL_KEEP_MAP("lifecycle", bl_kept_lifecycle),
	BL_KEEP("terminationMessagePath", STRING),
	BL_KEEP("terminationMessagePolicy", STRING),
	BL_KEEP("imagePullPolicy", STRING),
	BL_KEEP_MAP("securityContext", bl_kept_container_security),
	BL_KEEP("stdin", BOOL),
	BL_KEEP("stdinOnce", BOOL),
	BL_KEEP("tty", BOOL),
};

static const struct bl_type type_container = {
	.name = "Container",
	BL_TYPE(container_fields, struct bl_container),
};

/* No struct stands behind these. */
static const struct bl_field ephemeral_fields[] = {
	BL_KEEP("name", STRING),
	BL_KEEP("image", STRING),
	BL_KEEP("command", STRINGS),
	BL_KEEP("args", STRINGS),
	BL_KEEP("workingDir", STRING),
	BL_KEEP_LIST("ports", type_port, "containerPort", "containerPort,protocol"),
	BL_KEEP_LIST("envFrom", bl_kept_env_from, NULL, NULL),
	BL_KEEP_LIST("env", bl_kept_env, "name", "name"),
	BL_KEEP_MAP("resources", bl_kept_resources),
	BL_KEEP_LIST("resizePolicy", bl_kept_resize_policy, NULL, NULL),
	BL_KEEP("restartPolicy", STRING),
	BL_KEEP_LIST("restartPolicyRules", bl_kept_restart_rule, NULL, NULL),
	BL_KEEP_LIST("volumeMounts", bl_kept_mount, "mountPath", "mountPath"),
	BL_KEEP_LIST("volumeDevices", bl_kept_device, "devicePath", "devicePath"),
	BL_KEEP_MAP("livenessProbe", bl_type_probe),
	BL_KEEP_MAP("readinessProbe", bl_type_probe),
	BL_KEEP_MAP("startupProbe", bl_type_probe),
	BL_KEEP_MAP("lifecycle", bl_kept_lifecycle),
	BL_KEEP("terminationMessagePath", STRING),
	BL_KEEP("terminationMessagePolicy", STRING),
	BL_KEEP("imagePullPolicy", STRING),
	BL_KEEP_MAP("securityContext", bl_kept_container_security),
	BL_KEEP("stdin", BOOL),
	BL_KEEP("stdinOnce", BOOL),
	BL_KEEP("tty", BOOL),
	BL_KEEP("targetContainerName", STRING),
};
static const struct bl_type type_ephemeral = BL_KEPT_TYPE("EphemeralContainer", ephemeral_fields);

static const char *check_dns_policy(const char *text)
{
	static const char *const words[] = {"ClusterFirst", "ClusterFirstWithHostNet", "Default",
					    "None"};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(text, words[i]) == 0)
			return NULL;
	return "expected ClusterFirst, ClusterFirstWithHostNet, Default or None";
}

static const char *check_name_server(const char *text)
{
	struct bl_addr addr;

	return bl_addr_parse_lenient(text, &addr) == 0 ? NULL : "expected an IP address";
}

/* It becomes a word of a line. */
static const char *check_word(const char *text)
{
	for (const char *at = text; *at; at++)
		if ((unsigned char)*at <= ' ')
			return "expected no blanks";
	return *text ? NULL : "expected a word";
}

static const struct bl_field dns_option_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_dns_option, name),
	 .required = true, .check = check_word, .help = "such as 'ndots'"},
	{BL_NAME("value"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_dns_option, value),
	 .check = check_word, .help = "what stands behind the colon"},
};

static const struct bl_type type_dns_option = {
	.name = "PodDNSConfigOption",
	BL_TYPE(dns_option_fields, struct bl_pod_dns_option),
};

static const struct bl_field dns_config_fields[] = {
	{BL_NAME("nameservers"), .type = BL_FIELD_STRINGS,
	 BL_AT(struct bl_pod_dns_config, nameservers), .check = check_name_server,
	 .help = "servers besides the policy's"},
	{BL_NAME("searches"), .type = BL_FIELD_STRINGS, BL_AT(struct bl_pod_dns_config, searches),
	 .check = check_word, .help = "domains to search besides the policy's"},
	{BL_NAME("options"), .type = BL_FIELD_LIST, BL_AT(struct bl_pod_dns_config, options),
	 .sub = &type_dns_option, .help = "options of the resolver; they come before the policy's"},
};

static const struct bl_type type_dns_config = {
	.name = "PodDNSConfig",
	BL_TYPE(dns_config_fields, struct bl_pod_dns_config),
};

static const struct bl_field spec_fields[] = {
	{BL_NAME("volumes"), .type = BL_FIELD_KEPT, .kept = BL_KEPT_LIST, .sub = &bl_kept_volume,
	 .merge_key = "name", .list_keys = "name", .retain_keys = true},
	{BL_NAME("initContainers"), .type = BL_FIELD_LIST,
	 BL_AT(struct bl_pod_spec, init_containers), .sub = &type_container, .merge_key = "name",
	 .list_keys = "name", .help = "containers that run before the others"},
	{BL_NAME("containers"), .type = BL_FIELD_LIST, BL_AT(struct bl_pod_spec, containers),
	 .sub = &type_container, .merge_key = "name", .list_keys = "name",
	 .help = "containers of the pod"},
	BL_KEEP_LIST("ephemeralContainers", type_ephemeral, "name", "name"),
	BL_KEEP("restartPolicy", STRING),
	{BL_NAME("terminationGracePeriodSeconds"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_pod_spec, termination_grace_period_s), .unset = -1, .value = 30,
	 .help = "how long the pod may take to end"},
	BL_KEEP("activeDeadlineSeconds", LONG),
	{BL_NAME("dnsPolicy"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_spec, dns_policy),
	 .check = check_dns_policy,
	 .help = "ClusterFirst (default), ClusterFirstWithHostNet, Default or None"},
	{BL_NAME("nodeSelector"), .type = BL_FIELD_KEPT, .kept = BL_KEPT_PAIRS, .atomic = true},
	BL_KEEP("serviceAccountName", STRING),
	BL_KEEP("serviceAccount", STRING),
	BL_KEEP("automountServiceAccountToken", BOOL),
	{BL_NAME("nodeName"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_spec, node_name),
	 .help = "the node that the pod runs on"},
	{BL_NAME("hostNetwork"), .type = BL_FIELD_BOOL, BL_AT(struct bl_pod_spec, host_network),
	 .help = "true: the pod has the node's network"},
	BL_KEEP("hostPID", BOOL),
	BL_KEEP("hostIPC", BOOL),
	BL_KEEP("shareProcessNamespace", BOOL),
	BL_KEEP_MAP("securityContext", bl_kept_pod_security),
	BL_KEEP_LIST("imagePullSecrets", bl_kept_local_ref, "name", "name"),
	{BL_NAME("hostname"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_spec, hostname),
	 .help = "name of the pod in DNS, below subdomain"},
	{BL_NAME("subdomain"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_spec, subdomain),
	 .help = "headless Service below which the pod has its name"},
	BL_KEEP_MAP("affinity", bl_kept_affinity),
	BL_KEEP("schedulerName", STRING),
	BL_KEEP_LIST("tolerations", bl_kept_toleration, NULL, NULL),
	BL_KEEP_LIST("hostAliases", bl_kept_host_alias, "ip", "ip"),
	BL_KEEP("priorityClassName", STRING),
	BL_KEEP("priority", INT),
	{BL_NAME("dnsConfig"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_pod_spec, dns_config),
	 .sub = &type_dns_config, .help = "what resolv.conf gets besides"},
	{BL_NAME("readinessGates"), .type = BL_FIELD_NAMED_STRINGS,
	 BL_AT(struct bl_pod_spec, readiness_gates), .key = "conditionType",
	 .help = "further conditions that must be True before the pod is ready"},
	BL_KEEP("runtimeClassName", STRING),
	{BL_NAME("enableServiceLinks"), .type = BL_FIELD_BOOL,
	 BL_AT(struct bl_pod_spec, enable_service_links), .value = BL_TRUE,
	 .help = "false: no environment variables for Services"},
	BL_KEEP("preemptionPolicy", STRING),
	BL_KEEP("overhead", QUANTITIES),
	BL_KEEP_LIST("topologySpreadConstraints", bl_kept_spread, "topologyKey",
		     "topologyKey,whenUnsatisfiable"),
	BL_KEEP("setHostnameAsFQDN", BOOL),
	BL_KEEP_MAP("os", bl_kept_pod_os),
	BL_KEEP("hostUsers", BOOL),
	BL_KEEP_LIST("schedulingGates", bl_kept_name, "name", "name"),
	{BL_NAME("resourceClaims"), .type = BL_FIELD_KEPT, .kept = BL_KEPT_LIST,
	 .sub = &bl_kept_resource_claim, .merge_key = "name", .list_keys = "name",
	 .retain_keys = true},
	BL_KEEP_MAP("resources", bl_kept_resources),
	BL_KEEP("hostnameOverride", STRING),
	BL_KEEP("workloadRef", MAP),
	BL_KEEP("schedulingGroup", MAP),
};

static const struct bl_type type_spec = {
	.name = "PodSpec",
	BL_TYPE(spec_fields, struct bl_pod_spec),
	.has_unset = true,
};

static const struct bl_enum_name phase_names[] = {
	{"Pending", BL_POD_PENDING},       {"Running", BL_POD_RUNNING},
	{"Succeeded", BL_POD_SUCCEEDED},   {"Failed", BL_POD_FAILED},
	{"Unknown", BL_POD_PHASE_UNKNOWN}, {NULL, 0},
};

static const struct bl_field pod_ip_fields[] = {
	{BL_NAME("ip"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_ip, ip), .required = true},
};

static const struct bl_type type_pod_ip = {
	.name = "PodIP",
	BL_TYPE(pod_ip_fields, struct bl_pod_ip),
};

static const struct bl_field waiting_fields[] = {
	{BL_NAME("reason"), .type = BL_FIELD_STRING, BL_AT(struct bl_container_waiting, reason)},
	BL_KEEP("message", STRING),
};

static const struct bl_type type_waiting = {
	.name = "ContainerStateWaiting",
	BL_TYPE(waiting_fields, struct bl_container_waiting),
};

static const struct bl_field running_fields[] = {
	{BL_NAME("startedAt"), .type = BL_FIELD_TIME,
	 BL_AT(struct bl_container_running, started_at)},
};

static const struct bl_type type_running = {
	.name = "ContainerStateRunning",
	BL_TYPE(running_fields, struct bl_container_running),
};

static const struct bl_field terminated_fields[] = {
	{BL_NAME("exitCode"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_container_terminated, exit_code), .always = true},
	BL_KEEP("signal", INT),
	{BL_NAME("reason"), .type = BL_FIELD_STRING, BL_AT(struct bl_container_terminated, reason)},
	BL_KEEP("message", STRING),
	BL_KEEP("startedAt", TIME),
	BL_KEEP("finishedAt", TIME),
	BL_KEEP("containerID", STRING),
};

static const struct bl_type type_terminated = {
	.name = "ContainerStateTerminated",
	BL_TYPE(terminated_fields, struct bl_container_terminated),
};

static const struct bl_field state_fields[] = {
	{BL_NAME("waiting"), .type = BL_FIELD_OPTIONAL, BL_AT(struct bl_container_state, waiting),
	 .sub = &type_waiting, .help = "it has not started yet"},
	{BL_NAME("running"), .type = BL_FIELD_OPTIONAL, BL_AT(struct bl_container_state, running),
	 .sub = &type_running, .help = "it runs"},
	{BL_NAME("terminated"), .type = BL_FIELD_OPTIONAL,
	 BL_AT(struct bl_container_state, terminated), .sub = &type_terminated,
	 .help = "it has ended"},
};

static const struct bl_type type_state = {
	.name = "ContainerState",
	BL_TYPE(state_fields, struct bl_container_state),
};

static const struct bl_field container_status_fields[] = {
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_container_status, name),
	 .required = true, .help = "name of the container"},
	{BL_NAME("state"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_container_status, state),
	 .sub = &type_state, .help = "waiting, running or terminated"},
	BL_KEEP_MAP("lastState", type_state),
	{BL_NAME("ready"), .type = BL_FIELD_BOOL, BL_AT(struct bl_container_status, ready),
	 .always = true, .help = "whether it can serve"},
	{BL_NAME("restartCount"), .type = BL_FIELD_INT,
	 BL_AT(struct bl_container_status, restart_count), .always = true,
	 .help = "how often it was started again"},
	{BL_NAME("image"), .type = BL_FIELD_STRING, BL_AT(struct bl_container_status, image),
	 .help = "image that it runs"},
	BL_KEEP("imageID", STRING),
	{BL_NAME("containerID"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_container_status, container_id),
	 .help = "the runtime's name for it; another one means a restart"},
	{BL_NAME("started"), .type = BL_FIELD_BOOL, BL_AT(struct bl_container_status, started),
	 .help = "whether it is up, which its startupProbe decides"},
	BL_KEEP("allocatedResources", QUANTITIES),
	BL_KEEP_MAP("resources", bl_kept_resources),
	BL_KEEP_LIST("volumeMounts", bl_kept_mount_status, "mountPath", "mountPath"),
	BL_KEEP_MAP("user", bl_kept_container_user),
	BL_KEEP("allocatedResourcesStatus", ANY),
	BL_KEEP("stopSignal", STRING),
};

static const struct bl_type type_container_status = {
	.name = "ContainerStatus",
	BL_TYPE(container_status_fields, struct bl_container_status),
};

static const struct bl_field status_fields[] = {
	BL_KEEP("observedGeneration", LONG),
	{BL_NAME("phase"), .type = BL_FIELD_ENUM, BL_AT(struct bl_pod_status, phase),
	 .names = phase_names, .help = "Pending, Running, Succeeded, Failed or Unknown"},
	{BL_NAME("conditions"), .type = BL_FIELD_LIST, BL_AT(struct bl_pod_status, conditions),
	 .sub = &bl_type_condition, .merge_key = "type", .list_keys = "type",
	 .help = "Ready and others"},
	BL_KEEP("message", STRING),
	{BL_NAME("reason"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_status, reason),
	 .help = "such as 'Evicted'"},
	BL_KEEP("nominatedNodeName", STRING),
	{BL_NAME("hostIP"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_status, host_ip),
	 .help = "address of the node"},
	BL_KEEP_LIST("hostIPs", bl_kept_host_ip, "ip", NULL),
	{BL_NAME("podIP"), .type = BL_FIELD_STRING, BL_AT(struct bl_pod_status, pod_ip),
	 .help = "address of the pod"},
	{BL_NAME("podIPs"), .type = BL_FIELD_LIST, BL_AT(struct bl_pod_status, pod_ips),
	 .sub = &type_pod_ip, .merge_key = "ip", .list_keys = "ip",
	 .help = "podIP and that of the other family"},
	{BL_NAME("startTime"), .type = BL_FIELD_TIME, BL_AT(struct bl_pod_status, start_time),
	 .help = "when the node took the pod on"},
	{BL_NAME("initContainerStatuses"), .type = BL_FIELD_LIST,
	 BL_AT(struct bl_pod_status, init_container_statuses), .sub = &type_container_status,
	 .help = "how the init containers are"},
	{BL_NAME("containerStatuses"), .type = BL_FIELD_LIST,
	 BL_AT(struct bl_pod_status, container_statuses), .sub = &type_container_status,
	 .help = "how the containers are"},
	BL_KEEP("qosClass", STRING),
	BL_KEEP_LIST("ephemeralContainerStatuses", type_container_status, NULL, NULL),
	BL_KEEP("resize", STRING),
	{BL_NAME("resourceClaimStatuses"), .type = BL_FIELD_KEPT, .kept = BL_KEPT_LIST,
	 .sub = &bl_kept_resource_claim_status, .merge_key = "name", .list_keys = "name",
	 .retain_keys = true},
	BL_KEEP("extendedResourceClaimStatus", MAP),
	BL_KEEP("allocatedResources", QUANTITIES),
	BL_KEEP_MAP("resources", bl_kept_resources),
	BL_KEEP("nodeAllocatableResourceClaimStatuses", ANY),
};

static const struct bl_type type_status = {
	.name = "PodStatus",
	BL_TYPE(status_fields, struct bl_pod_status),
};

static const struct bl_field pod_fields[] = {
	{BL_NAME("metadata"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_object, meta),
	 .sub = &bl_type_meta, .help = "name, namespace, labels, annotations"},
	{BL_NAME("spec"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_pod, spec), .sub = &type_spec,
	 .help = "what the pod is to be"},
	{BL_NAME("status"), .type = BL_FIELD_STRUCT, BL_AT(struct bl_pod, status),
	 .sub = &type_status, .help = "how the pod is"},
};

const struct bl_type bl_type_pod = {
	.name = "Pod",
	BL_TYPE(pod_fields, struct bl_pod),
	.has_unset = true,
};
