/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The devices that packets from outside come in by: by name, whether they are there or not yet.
 * Follows links, addresses, routes and neighbours over rtnetlink; puts the programs on what comes,
 * and has next hops looked up again when something changed.
 */
#ifndef AGENT_DEVICES_H
#define AGENT_DEVICES_H

#include <net/if.h>
#include <systemd/sd-event.h>

#include "agent/problems.h"
#include "datapath/datapath.h"

struct bl_devices;

struct bl_devices_config { /* borrowed, but for the names */
	sd_event *loop;
	struct bl_datapath *datapath;
	struct bl_problems *problems;
	const char *const *names;
	size_t count; /* 0: what other runs left on devices is taken off */
	enum bl_xdp_mode mode;
	void (*changed)(void *userdata); /* links or addresses may have; not during the new */
	void *userdata;
};

/* -EINVAL for a name that no device can have. A device that is missing or held by another program
 * is a problem, not a failure. */
int bl_devices_new(const struct bl_devices_config *config, struct bl_devices **ret,
		   struct bl_err *err);
struct bl_devices *bl_devices_free(struct bl_devices *devices); /* accepts NULL */
BL_DEFINE_CLEANUP(struct bl_devices *, bl_devices_free);

struct bl_device_view {
	char name[IF_NAMESIZE];
	uint32_t ifindex; /* 0: not there */
	struct bl_device_status status;
};
size_t bl_devices_count(const struct bl_devices *devices);
const struct bl_device_view *bl_devices_get(const struct bl_devices *devices, size_t index);

#endif
