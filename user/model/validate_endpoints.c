/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints: ValidateEndpoints of pkg/apis/core/validation; EndpointSlices:
 * ValidateEndpointSlice of pkg/apis/discovery/validation and KEP-752. */
#include <string.h>

#include "model/check.h"
#include "model/endpoints.h"
#include "model/validate.h"
#include "model/validate_parts.h"

#define SLICE_ENDPOINTS 1000
#define SLICE_PORTS 100
#define ENDPOINT_ADDRESSES 100
#define ENDPOINT_HINTS 8

static void check_names(struct bl_report *report, const char *prefix, size_t index,
			const char *hostname, const char *node_name)
{
	char field[BL_FIELD_TEXT];

	if (hostname)
		bl_check_rule(report, bl_check_field(field, "%s[%zu].hostname", prefix, index),
			      hostname, bl_check_dns_label(hostname));
	if (node_name)
		bl_check_rule(report, bl_check_field(field, "%s[%zu].nodeName", prefix, index),
			      node_name, bl_check_dns_subdomain(node_name));
}

static void check_addresses(struct bl_report *report, const char *prefix,
			    const struct bl_endpoint_addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++) {
		const struct bl_endpoint_address *address = &addresses->items[i];
		char field[BL_FIELD_TEXT];
		struct bl_addr addr;

		bl_check_field(field, "%s[%zu].ip", prefix, i);
		if (address->ip && address->ip[0] &&
		    bl_check_address(report, field, address->ip, &addr))
			bl_check_usual_address(report, field, &addr);
		check_names(report, prefix, i, address->hostname, address->node_name);
	}
}

static void check_subset(struct bl_report *report, const struct bl_endpoint_subset *subset,
			 size_t index)
{
	char field[BL_FIELD_TEXT];

	bl_check_field(field, "subsets[%zu]", index);
	if (subset->addresses.count == 0 && subset->not_ready_addresses.count == 0)
		bl_check_fail(report, field, "expected addresses or notReadyAddresses");
	bl_check_field(field, "subsets[%zu].addresses", index);
	check_addresses(report, field, &subset->addresses);
	bl_check_field(field, "subsets[%zu].notReadyAddresses", index);
	check_addresses(report, field, &subset->not_ready_addresses);
	bl_check_field(field, "subsets[%zu].ports", index);
	bl_check_endpoint_ports(report, field, &subset->ports);
	for (size_t i = 0; i < subset->ports.count; i++) {
		const struct bl_endpoint_port *port = &subset->ports.items[i];

		if (port->port == 0)
			bl_check_fail(
				report,
				bl_check_field(field, "subsets[%zu].ports[%zu].port", index, i),
				"expected 1-65535, got 0 or nothing");
		if (subset->ports.count > 1 && (!port->name || !port->name[0]))
			bl_check_fail(
				report,
				bl_check_field(field, "subsets[%zu].ports[%zu].name", index, i),
				"with several ports each has a name");
	}
}

void bl_check_endpoints(struct bl_report *report, const struct bl_object *object,
			const struct bl_object *old)
{
	const struct bl_endpoints *endpoints = bl_endpoints_of(object);

	(void)old; /* all of it may change */
	for (size_t i = 0; i < endpoints->subsets.count; i++)
		check_subset(report, &endpoints->subsets.items[i], i);
}

/* Slices */

static void check_slice_address(struct bl_report *report, const char *field, const char *text,
				enum bl_address_type type)
{
	struct bl_addr addr;

	if (type == BL_ADDRESS_TYPE_UNSET)
		return; /* said already */
	if (type == BL_ADDRESS_TYPE_FQDN) {
		bl_check_rule(report, field, text, bl_check_dns_subdomain(text));
		return;
	}
	if (!bl_check_address(report, field, text, &addr))
		return;
	if ((addr.family == BL_FAMILY_IPV4) != (type == BL_ADDRESS_TYPE_IPV4))
		bl_check_fail(report, field, "expected an address of addressType %s, got '%s'",
			      type == BL_ADDRESS_TYPE_IPV4 ? "IPv4" : "IPv6", text);
	bl_check_usual_address(report, field, &addr);
}

static void check_hints(struct bl_report *report, const char *field, const struct bl_strings *hints,
			bl_check_fn *check)
{
	if (hints->count > ENDPOINT_HINTS)
		bl_check_fail(report, field, "expected at most %d, got %zu", ENDPOINT_HINTS,
			      hints->count);
	for (size_t i = 0; i < hints->count; i++) {
		bl_check_rule(report, field, hints->items[i], check(hints->items[i]));
		for (size_t j = 0; j < i; j++) {
			if (strcmp(hints->items[i], hints->items[j]) == 0) {
				bl_check_fail(report, field, "'%s' stands there twice",
					      hints->items[i]);
				break;
			}
		}
	}
}

static void check_endpoint(struct bl_report *report, enum bl_address_type address_type,
			   const struct bl_slice_endpoint *endpoint, size_t index)
{
	char field[BL_FIELD_TEXT];

	if (endpoint->addresses.count > ENDPOINT_ADDRESSES)
		bl_check_fail(report, bl_check_field(field, "endpoints[%zu].addresses", index),
			      "expected at most %d, got %zu", ENDPOINT_ADDRESSES,
			      endpoint->addresses.count);
	for (size_t i = 0; i < endpoint->addresses.count && i < ENDPOINT_ADDRESSES; i++) {
		bl_check_field(field, "endpoints[%zu].addresses[%zu]", index, i);
		check_slice_address(report, field, endpoint->addresses.items[i], address_type);
	}
	check_names(report, "endpoints", index, endpoint->hostname, endpoint->node_name);
	if (!endpoint->hints)
		return;
	check_hints(report, bl_check_field(field, "endpoints[%zu].hints.forZones", index),
		    &endpoint->hints->zones, bl_check_label_value);
	check_hints(report, bl_check_field(field, "endpoints[%zu].hints.forNodes", index),
		    &endpoint->hints->nodes, bl_check_dns_subdomain);
}

void bl_check_endpoint_slice(struct bl_report *report, const struct bl_object *object,
			     const struct bl_object *old)
{
	const struct bl_endpoint_slice *slice = bl_endpoint_slice_of(object);
	struct bl_endpoint_cursor cursor = {.list = &slice->endpoints};

	if (slice->endpoints.count > SLICE_ENDPOINTS)
		bl_check_fail(report, "endpoints", "expected at most %d, got %u", SLICE_ENDPOINTS,
			      slice->endpoints.count);
	if (slice->ports.count > SLICE_PORTS)
		bl_check_fail(report, "ports", "expected at most %d, got %zu", SLICE_PORTS,
			      slice->ports.count);
	else
		bl_check_endpoint_ports(report, "ports", &slice->ports);
	for (size_t i = 0; i < SLICE_ENDPOINTS && bl_endpoint_next(&cursor); i++)
		check_endpoint(report, slice->address_type, &cursor.endpoint, i);
	if (old && bl_endpoint_slice_of(old)->address_type != slice->address_type)
		bl_check_fail(report, "addressType", "cannot be changed; make another slice");
}
