/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/pods.h"

#include <string.h>

#include "resolve/resolve.h"

static bool is_true(const struct bl_conditions *conditions, const char *type)
{
	const struct bl_condition *condition = bl_condition_find(conditions, type);

	return condition && condition->status == BL_TRUE;
}

/* Without a kubelet nobody writes a Ready condition: a manifest that gives a pod its address, and
 * at most says that it runs, means that it serves. */
static bool is_serving(const struct bl_pod *pod)
{
	const struct bl_pod_status *status = &pod->status;
	bool ready;

	if (bl_condition_find(&status->conditions, "Ready"))
		ready = is_true(&status->conditions, "Ready");
	else
		ready = status->phase == BL_POD_PHASE_UNSET || status->phase == BL_POD_RUNNING;
	for (size_t i = 0; ready && i < pod->spec.readiness_gates.count; i++)
		ready = is_true(&status->conditions, pod->spec.readiness_gates.items[i]);
	return ready;
}

struct bl_pod_state bl_pod_state_of(const struct bl_pod *pod)
{
	struct bl_pod_state state = {0};

	state.finished =
		pod->status.phase == BL_POD_SUCCEEDED || pod->status.phase == BL_POD_FAILED;
	state.terminating = pod->object.meta.deletion_time != 0;
	state.serving = !state.finished && is_serving(pod);
	state.ready = state.serving && !state.terminating;
	return state;
}

static uint16_t find_named_port(const struct bl_container *container, const char *name,
				enum bl_protocol protocol)
{
	for (size_t i = 0; i < container->ports.count; i++) {
		const struct bl_container_port *port = &container->ports.items[i];
		enum bl_protocol spoken = port->protocol ? port->protocol : BL_PROTOCOL_TCP;

		if (port->name && strcmp(port->name, name) == 0 && spoken == protocol)
			return (uint16_t)port->container_port;
	}
	return 0;
}

uint16_t bl_pod_target_port(const struct bl_pod *pod, const struct bl_service_port *port)
{
	enum bl_protocol protocol = port->protocol ? port->protocol : BL_PROTOCOL_TCP;
	const char *name = port->target_port.name;
	uint16_t number = 0;

	if (!name)
		return (uint16_t)(port->target_port.number ? port->target_port.number : port->port);
	for (size_t i = 0; number == 0 && i < pod->spec.containers.count; i++)
		number = find_named_port(&pod->spec.containers.items[i], name, protocol);
	for (size_t i = 0; number == 0 && i < pod->spec.init_containers.count; i++) {
		const struct bl_container *container = &pod->spec.init_containers.items[i];

		if (container->restart_policy && strcmp(container->restart_policy, "Always") == 0)
			number = find_named_port(container, name, protocol);
	}
	return number;
}

bool bl_pod_address(const struct bl_pod *pod, uint8_t family, struct bl_addr *ret)
{
	const struct bl_pod_ips *ips = &pod->status.pod_ips;
	struct bl_addr address;

	for (size_t i = 0; i <= ips->count; i++) {
		const char *text = i == 0 ? pod->status.pod_ip : ips->items[i - 1].ip;

		if (text && bl_addr_parse_lenient(text, &address) == 0 &&
		    address.family == family) {
			*ret = address;
			return true;
		}
	}
	return false;
}
