/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "resolve/env.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/service.h"

#define MASTER_NAMESPACE "default"
#define MASTER_NAME "kubernetes"

/* Upper case, and "_" for "-"; nothing else is mapped, so that a name may begin with a digit, as it
 * may in Kubernetes since names do (KEP-5311). */
static void add_name(struct bl_buf *buf, const char *name)
{
	for (; *name; name++) {
		char letter = *name == '-' ? '_' : (char)toupper((unsigned char)*name);

		bl_buf_add(buf, &letter, 1);
	}
}

static const char *protocol_name(enum bl_protocol protocol, bool upper)
{
	switch (protocol) {
	case BL_PROTOCOL_UDP:
		return upper ? "UDP" : "udp";
	case BL_PROTOCOL_SCTP:
		return upper ? "SCTP" : "sctp";
	case BL_PROTOCOL_TCP:
	case BL_PROTOCOL_UNSET:
		break;
	}
	return upper ? "TCP" : "tcp";
}

static void add_url(struct bl_buf *buf, const struct bl_service *service,
		    const struct bl_service_port *port)
{
	const char *ip = service->spec.cluster_ip;

	bl_buf_addf(buf, strchr(ip, ':') ? "=%s://[%s]:%d\n" : "=%s://%s:%d\n",
		    protocol_name(port->protocol, false), ip, port->port);
}

/* What Docker's links gave: NAME_PORT_80_TCP and its parts. */
static void add_links(struct bl_buf *buf, const struct bl_service *service)
{
	const char *name = service->object.meta.name;

	for (size_t i = 0; i < service->spec.ports.count; i++) {
		const struct bl_service_port *port = &service->spec.ports.items[i];
		static const char *const parts[] = {"", "_PROTO", "_PORT", "_ADDR"};

		if (i == 0) {
			add_name(buf, name);
			bl_buf_add_str(buf, "_PORT");
			add_url(buf, service, port);
		}
		for (size_t part = 0; part < ARRAY_SIZE(parts); part++) {
			add_name(buf, name);
			bl_buf_addf(buf, "_PORT_%d_%s%s", port->port,
				    protocol_name(port->protocol, true), parts[part]);
			if (part == 0)
				add_url(buf, service, port);
			else if (part == 1)
				bl_buf_addf(buf, "=%s\n", protocol_name(port->protocol, false));
			else if (part == 2)
				bl_buf_addf(buf, "=%d\n", port->port);
			else
				bl_buf_addf(buf, "=%s\n", service->spec.cluster_ip);
		}
	}
}

static void add_service(struct bl_buf *buf, const struct bl_service *service)
{
	const struct bl_service_ports *ports = &service->spec.ports;
	const char *name = service->object.meta.name;

	add_name(buf, name);
	bl_buf_addf(buf, "_SERVICE_HOST=%s\n", service->spec.cluster_ip);
	add_name(buf, name);
	bl_buf_addf(buf, "_SERVICE_PORT=%d\n", ports->items[0].port);
	for (size_t i = 0; i < ports->count; i++) {
		if (!ports->items[i].name || !*ports->items[i].name)
			continue;
		add_name(buf, name);
		bl_buf_add_str(buf, "_SERVICE_PORT_");
		add_name(buf, ports->items[i].name);
		bl_buf_addf(buf, "=%d\n", ports->items[i].port);
	}
	add_links(buf, service);
}

/* Kubernetes compares nothing: a container sees what is there when it starts. A pod that is already
 * there has seen the Services that are no younger than itself. */
static bool is_seen_by(const struct bl_service *service, const struct bl_pod *pod)
{
	return service->spec.cluster_ip && !bl_service_is_headless(service) &&
	       service->spec.type != BL_SERVICE_EXTERNAL_NAME && service->spec.ports.count > 0 &&
	       (!pod || service->object.meta.creation_time <= pod->object.meta.creation_time);
}

int bl_service_env(const struct bl_store *store, const char *ns, const struct bl_pod *pod,
		   struct bl_buf *ret)
{
	_cleanup_free_ const struct bl_object **services = NULL;
	bool links = !pod || pod->spec.enable_service_links != BL_FALSE;
	const struct bl_object *master =
		bl_store_find(store, BL_KIND_SERVICE, MASTER_NAMESPACE, MASTER_NAME);
	size_t count = 0;
	int r;

	if (links) {
		r = bl_store_list(store, BL_KIND_SERVICE, ns, &services, &count);
		if (r < 0)
			return r;
	}
	/* A Service of that name in the pod's own namespace takes the master's place. */
	for (size_t i = 0; i < count; i++)
		if (strcmp(services[i]->meta.name, MASTER_NAME) == 0 &&
		    is_seen_by(bl_service_of(services[i]), pod))
			master = NULL;
	if (master && is_seen_by(bl_service_of(master), pod))
		add_service(ret, bl_service_of(master));
	for (size_t i = 0; i < count; i++)
		if (is_seen_by(bl_service_of(services[i]), pod))
			add_service(ret, bl_service_of(services[i]));
	return ret->failed ? -ENOMEM : 0;
}
