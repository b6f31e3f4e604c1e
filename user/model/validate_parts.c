/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "model/validate_parts.h"

#include <string.h>

#include "model/check.h"
#include "model/endpoints.h"
#include "model/validate.h"

bool bl_check_address(struct bl_report *report, const char *field, const char *text,
		      struct bl_addr *ret)
{
	struct bl_addr addr;
	char canonical[BL_ADDR_TEXT];

	if (bl_addr_parse(text, ret) == 0)
		return true;
	if (bl_addr_parse_lenient(text, &addr) == 0)
		bl_check_fail(report, field,
			      "expected an address without leading zeros and "
			      "without IPv4 inside IPv6, got '%.80s' (write '%s')",
			      text, bl_addr_format(&addr, canonical));
	else
		bl_check_fail(report, field, "expected an IPv4 or IPv6 address, got '%.80s'", text);
	return false;
}

void bl_check_usual_address(struct bl_report *report, const char *field, const struct bl_addr *addr)
{
	char text[BL_ADDR_TEXT];
	const char *word = bl_addr_is_unspecified(addr)  ? "unspecified"
			   : bl_addr_is_loopback(addr)   ? "loopback"
			   : bl_addr_is_link_local(addr) ? "link-local"
			   : bl_addr_is_multicast(addr)  ? "multicast"
							 : NULL;

	if (word)
		bl_check_fail(report, field, "the %s address '%s' cannot be used here", word,
			      bl_addr_format(addr, text));
}

static const char *port_name(const struct bl_endpoint_port *port)
{
	return port->name ? port->name : "";
}

void bl_check_endpoint_ports(struct bl_report *report, const char *field,
			     const struct bl_endpoint_ports *ports)
{
	char name[BL_FIELD_TEXT];

	for (size_t i = 0; i < ports->count; i++) {
		const struct bl_endpoint_port *port = &ports->items[i];

		bl_check_field(name, "%s[%zu].name", field, i);
		if (port_name(port)[0])
			bl_check_rule(report, name, port->name, bl_check_dns_label(port->name));
		for (size_t j = 0; j < i; j++) {
			if (strcmp(port_name(port), port_name(&ports->items[j])) == 0) {
				bl_check_fail(report, name, "name '%s' is that of %s[%zu] too",
					      port_name(port), field, j);
				break;
			}
		}
		bl_check_field(name, "%s[%zu].appProtocol", field, i);
		if (port->app_protocol)
			bl_check_rule(report, name, port->app_protocol,
				      bl_check_qualified_name(port->app_protocol));
	}
}
