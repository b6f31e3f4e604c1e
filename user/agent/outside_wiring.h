/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Makes what an agent owns for clients outside: the pool of load-balancer addresses, devices, and
 * who answers for addresses. Part of agent.c, which says in what order. */
#ifndef AGENT_OUTSIDE_WIRING_H
#define AGENT_OUTSIDE_WIRING_H

#include "agent/wiring.h"

int bl_agent_make_pool(struct bl_agent *agent, struct bl_err *err);
int bl_agent_make_balancing(struct bl_agent *agent);
/* Devices, announcements on them, and the nodes whose encapsulated packets are taken. */
int bl_agent_make_outside(struct bl_agent *agent, struct bl_err *err);
/* Before a clean stop: gives up the addresses that this node answers for. True: the loop is ended
 * once others know, at most two seconds later. */
bool bl_agent_leave_outside(struct bl_agent *agent);

#endif
