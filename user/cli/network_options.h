/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Repeatable options of the agent that name addresses, ports and networks. */
#ifndef CLI_NETWORK_OPTIONS_H
#define CLI_NETWORK_OPTIONS_H

#include "agent/agent.h"
#include "cli/options.h"

/* ADDRESS or ADDRESS:PORT each; the port of the former is 0. -EINVAL with words. */
int bl_read_endpoints(const struct bl_args *args, const char *option, size_t max,
		      struct bl_agent_endpoint *items, size_t *ret_count, struct bl_err *err);
/* -EINVAL with words. */
int bl_read_networks(const struct bl_args *args, const char *option, size_t max,
		     struct bl_prefix *prefixes, size_t *ret_count, struct bl_err *err);

#endif
