/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a device's driver can do with XDP, asked over generic netlink. Private to this folder. */
#ifndef DATAPATH_XDP_FEATURES_H
#define DATAPATH_XDP_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#define BL_XDP_FEATURE_BASIC (1u << 0) /* runs XDP programs */

/* Bits of enum netdev_xdp_act; -ENOENT before Linux 6.3, or for no device. */
int bl_xdp_features(uint32_t ifindex, uint64_t *ret);

/* Does it send frames that XDP programs of other devices hand over? Before Linux 6.3 nobody can
 * tell: then no, and such frames take the way through the stack. */
bool bl_xdp_can_transmit(uint32_t ifindex);

#endif
