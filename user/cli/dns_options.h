/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's options about DNS, as its configuration wants them. */
#ifndef CLI_DNS_OPTIONS_H
#define CLI_DNS_OPTIONS_H

#include "agent/agent.h"
#include "cli/options.h"

int bl_read_dns_options(const struct bl_args *args, struct bl_agent_dns_config *ret,
			struct bl_err *err);

#endif
