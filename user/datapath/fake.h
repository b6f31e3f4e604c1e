/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What only tests do to the datapath in memory. */
#ifndef DATAPATH_FAKE_H
#define DATAPATH_FAKE_H

#include "datapath/datapath.h"

/* The next `count` calls that set frontends fail with `code`, a negative errno. */
void bl_fake_fail(struct bl_datapath *fake, int code, unsigned int count);
/* Peers that were last set; borrowed until they are set again. */
size_t bl_fake_dsr_peers(const struct bl_datapath *fake, const struct bl_prefix **ret);
/* Pods in the map of network namespaces. */
size_t bl_fake_netns_pods(const struct bl_datapath *fake, const struct bl_netns_pod_row **ret);

/* What attaching does from now on: `code` 0 and this status, or an error in these words. */
void bl_fake_set_device(struct bl_datapath *fake, int code, const struct bl_device_status *status,
			const char *words);
/* Devices that were last kept. */
size_t bl_fake_kept(const struct bl_datapath *fake, const uint32_t **ret_ifindexes);
/* Flows to be read from now on; -ENOMEM. */
int bl_fake_set_flows(struct bl_datapath *fake, const struct bl_flow_row *rows, size_t count);

#endif
