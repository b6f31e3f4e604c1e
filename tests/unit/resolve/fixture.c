/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fixture.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "base/buf.h"

struct bl_object_list decode_yaml(const char *text)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object_list list = {0};
	int r;

	r = bl_decode("test.yaml", text, strlen(text), &bl_limits_default, 0, &list, &diag);
	if (r < 0)
		bl_diag_print(&diag, stderr);
	cr_assert_eq(r, 0, "the test's YAML is wrong");
	bl_diag_done(&diag);
	return list;
}

struct bl_object *decode_one(const char *text)
{
	struct bl_object_list list = decode_yaml(text);
	struct bl_object *object;

	cr_assert_eq(list.count, 1);
	object = bl_object_ref(list.items[0]);
	bl_object_list_done(&list);
	return object;
}

struct bl_store *store_of(const char *text)
{
	struct bl_object_list list = decode_yaml(text);
	struct bl_store *store;

	cr_assert_eq(bl_store_new(&store), 0);
	for (size_t i = 0; i < list.count; i++)
		cr_assert_eq(bl_store_put(store, list.items[i], 1000, NULL), 0);
	bl_object_list_done(&list);
	return store;
}

static void print_port(const struct bl_resolved_port *port, struct bl_buf *buf)
{
	char text[BL_ADDR_TEXT];

	bl_buf_addf(buf, "%u/%s%s%s%s\n", port->port, port->protocol == IPPROTO_UDP ? "udp" : "tcp",
		    port->internal_elsewhere ? " internal-elsewhere" : "",
		    port->external_elsewhere ? " external-elsewhere" : "",
		    port->affinity_timeout_s ? " affinity" : "");
	for (size_t i = 0; i < port->frontend_count; i++)
		bl_buf_addf(buf, " %s %s:%u%s\n", bl_frontend_kind_name(port->frontends[i].kind),
			    bl_addr_format(&port->frontends[i].address, text),
			    port->frontends[i].port,
			    port->frontends[i].is_virtual ? " virtual" : "");
	for (size_t i = 0; i < port->backend_count; i++) {
		const struct bl_resolved_backend *backend = &port->backends[i];

		bl_buf_addf(buf, " %s:%u%s%s%s%s\n", bl_addr_format(&backend->address, text),
			    backend->port,
			    backend->state == BL_BACKEND_TERMINATING ? " terminating" : "",
			    backend->internal ? " internal" : "",
			    backend->cluster ? " cluster" : "",
			    backend->external ? " external" : "");
	}
}

char *resolve_text(const struct bl_store *store, const struct bl_local_node *node,
		   const char *service)
{
	_cleanup_(bl_resolved_free) struct bl_resolved *resolved = NULL;
	const struct bl_object *object = bl_store_find(store, BL_KIND_SERVICE, "default", service);
	struct bl_buf buf = {0};

	cr_assert_not_null(object);
	cr_assert_eq(bl_resolve(store, node, bl_service_of(object), &resolved), 0);
	if (resolved->skipped)
		bl_buf_addf(&buf, "skipped: %s\n", resolved->skipped);
	for (size_t i = 0; i < resolved->port_count; i++)
		print_port(&resolved->ports[i], &buf);
	bl_buf_add_str(&buf, "");
	return bl_buf_take(&buf);
}
