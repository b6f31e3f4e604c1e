/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The part of endpoint_probes.h that is about EndpointSlices. */
#include <errno.h>
#include <string.h>

#include "agent/endpoint_probes.h"
#include "base/buf.h"

static uint16_t port_of(const struct bl_endpoint_slice *slice)
{
	for (size_t i = 0; i < slice->ports.count; i++) {
		const struct bl_endpoint_port *port = &slice->ports.items[i];

		if (port->port && port->protocol != BL_PROTOCOL_UDP &&
		    port->protocol != BL_PROTOCOL_SCTP)
			return (uint16_t)port->port;
	}
	return 0;
}

static const char *address_of(const struct bl_slice_endpoint *endpoint)
{
	return endpoint->addresses.count ? endpoint->addresses.items[0] : NULL;
}

/* Is it ready but for what a probe has said? */
static bool is_ours(const struct bl_slice_endpoint *endpoint, const char *failed)
{
	const char *address = address_of(endpoint);

	return address && endpoint->terminating != BL_TRUE &&
	       (endpoint->ready != BL_FALSE || bl_endpoint_probe_is_listed(failed, address));
}

int bl_slice_probe_each(const struct bl_endpoint_slice *slice, bl_endpoint_probe_fn *fn,
			void *userdata)
{
	const char *failed = bl_endpoint_probe_failed(&slice->object);
	struct bl_endpoint_cursor cursor = {.list = &slice->endpoints};
	uint16_t port = port_of(slice);
	int r = 0;

	if (slice->address_type == BL_ADDRESS_TYPE_FQDN || !port)
		return 0;
	while (r >= 0 && bl_endpoint_next(&cursor))
		if (is_ours(&cursor.endpoint, failed))
			r = fn(address_of(&cursor.endpoint), port, userdata);
	return r;
}

int bl_slice_probe_apply(struct bl_endpoint_slice *slice, bl_endpoint_is_down_fn *is_down,
			 void *userdata, bool *ret_changed)
{
	_cleanup_(bl_buf_done) struct bl_buf list = {0};
	const char *failed = bl_endpoint_probe_failed(&slice->object);
	struct bl_endpoint_cursor cursor = {.list = &slice->endpoints};
	bool changed = false;
	int r = 0;

	while (bl_endpoint_next(&cursor)) {
		const struct bl_slice_endpoint *endpoint = &cursor.endpoint;
		const char *address = address_of(endpoint);
		bool was_down, down;

		if (!is_ours(endpoint, failed))
			continue;
		was_down = bl_endpoint_probe_is_listed(failed, address);
		down = is_down && is_down(address, userdata);
		if (down && !bl_endpoint_probe_is_listed(list.data, address))
			bl_buf_addf(&list, "%s%s", list.len ? "," : "", address);
		/* A slice that came anew says that it is ready. */
		if (down == was_down && !(down && endpoint->ready != BL_FALSE))
			continue;
		bl_endpoint_set_ready(&cursor, down ? BL_FALSE : BL_TRUE,
				      down ? BL_FALSE : BL_TRUE);
		changed = true;
	}
	if (list.failed)
		return -ENOMEM;
	if (strcmp(list.data ? list.data : "", failed) != 0) {
		changed = true;
		r = bl_endpoint_probe_annotate(&slice->object, list.data ? list.data : "");
	}
	if (r >= 0)
		*ret_changed = changed;
	return r;
}
