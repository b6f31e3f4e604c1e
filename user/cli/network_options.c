/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/network_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_port(const char *text, uint16_t *ret)
{
	char *end;
	long port = strtol(text, &end, 10);

	if (!strchr("123456789", text[0]) || !text[0] || *end || port > 65535)
		return -EINVAL;
	*ret = (uint16_t)port;
	return 0;
}

/* "10.0.0.1", "10.0.0.1:53", "fd00::1", "[fd00::1]:53" */
static int read_endpoint(const char *text, struct bl_agent_endpoint *ret)
{
	struct bl_agent_endpoint endpoint = {0};
	char addr[BL_ADDR_TEXT];
	bool is_bracketed = text[0] == '[';
	const char *rest;
	size_t len;

	if (bl_addr_parse(text, &endpoint.addr) == 0) {
		*ret = endpoint;
		return 0;
	}
	text += is_bracketed;
	len = strcspn(text, is_bracketed ? "]" : ":");
	if (len >= sizeof(addr))
		return -EINVAL;
	memcpy(addr, text, len);
	addr[len] = '\0';
	rest = text + len + (text[len] == ']');
	if (bl_addr_parse(addr, &endpoint.addr) < 0 || *rest != ':' ||
	    read_port(rest + 1, &endpoint.port) < 0)
		return -EINVAL;
	*ret = endpoint;
	return 0;
}

int bl_read_endpoints(const struct bl_args *args, const char *option, size_t max,
		      struct bl_agent_endpoint *items, size_t *ret_count, struct bl_err *err)
{
	const struct bl_value *values = bl_arg_list(args, option);

	if (values->count > max)
		return bl_err_set(err, -EINVAL, "option '--%s': expected at most %zu", option, max);
	for (size_t i = 0; i < values->count; i++)
		if (read_endpoint(values->items[i], &items[i]) < 0)
			return bl_err_set(err, -EINVAL,
					  "option '--%s': expected ADDRESS or ADDRESS:PORT, such "
					  "as 10.0.0.1:53 or [fd00::1]:53, got '%s'",
					  option, values->items[i]);
	*ret_count = values->count;
	return 0;
}

int bl_read_networks(const struct bl_args *args, const char *option, size_t max,
		     struct bl_prefix *prefixes, size_t *ret_count, struct bl_err *err)
{
	const struct bl_value *values = bl_arg_list(args, option);

	if (values->count > max)
		return bl_err_set(err, -EINVAL, "option '--%s': expected at most %zu networks",
				  option, max);
	for (size_t i = 0; i < values->count; i++)
		if (bl_prefix_parse(values->items[i], &prefixes[i]) < 0)
			return bl_err_set(err, -EINVAL,
					  "option '--%s': expected a network such as "
					  "192.0.2.0/24, got '%s'",
					  option, values->items[i]);
	*ret_count = values->count;
	return 0;
}
