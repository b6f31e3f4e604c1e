/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/dns_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

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

static int read_endpoints(const struct bl_args *args, const char *option, size_t max,
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

static int read_networks(const struct bl_args *args, struct bl_agent_dns_config *config,
			 struct bl_err *err)
{
	const struct bl_value *values = bl_arg_list(args, "dns-allow");

	if (values->count > ARRAY_SIZE(config->allow))
		return bl_err_set(err, -EINVAL, "option '--dns-allow': expected at most %zu",
				  ARRAY_SIZE(config->allow));
	for (size_t i = 0; i < values->count; i++)
		if (bl_prefix_parse(values->items[i], &config->allow[i]) < 0)
			return bl_err_set(err, -EINVAL,
					  "option '--dns-allow': expected a network such as "
					  "10.244.0.0/16, got '%s'",
					  values->items[i]);
	config->allow_count = values->count;
	return 0;
}

int bl_read_dns_options(const struct bl_args *args, struct bl_agent_dns_config *ret,
			struct bl_err *err)
{
	struct bl_agent_dns_config config = {
		.enabled = bl_arg_flag(args, "dns"),
		.domain = bl_arg(args, "cluster-domain"),
	};
	int r = read_endpoints(args, "dns-listen", ARRAY_SIZE(config.listen), config.listen,
			       &config.listen_count, err);

	if (r == 0)
		r = read_endpoints(args, "dns-upstream", ARRAY_SIZE(config.upstreams),
				   config.upstreams, &config.upstream_count, err);
	if (r == 0)
		r = read_networks(args, &config, err);
	if (r == 0)
		*ret = config;
	return r;
}
