/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/dns_options.h"

#include "base/cleanup.h"
#include "cli/network_options.h"

int bl_read_dns_options(const struct bl_args *args, struct bl_agent_dns_config *ret,
			struct bl_err *err)
{
	struct bl_agent_dns_config config = {
		.enabled = bl_arg_flag(args, "dns"),
		.domain = bl_arg(args, "cluster-domain"),
	};
	int r = bl_read_endpoints(args, "dns-listen", ARRAY_SIZE(config.listen), config.listen,
				  &config.listen_count, err);

	if (r == 0)
		r = bl_read_endpoints(args, "dns-upstream", ARRAY_SIZE(config.upstreams),
				      config.upstreams, &config.upstream_count, err);
	if (r == 0)
		r = bl_read_networks(args, "dns-allow", ARRAY_SIZE(config.allow), config.allow,
				     &config.allow_count, err);
	if (r == 0)
		*ret = config;
	return r;
}
