/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One network device: the XDP program behind a pinned link, or the tc program at its ingress, and
 * the tc program at its egress always. Pins in DIR/links say what is ours: xdp_N is the link on
 * device N, tc_N the egress program (the filters keep themselves), qdisc_N that the clsact qdisc is
 * ours to remove. Knows no maps. Private to this folder.
 */
#ifndef DATAPATH_DEVICE_H
#define DATAPATH_DEVICE_H

#include "datapath/datapath.h"

struct bl_device_programs {
	int xdp_fd;
	int tc_ingress_fd;
	int tc_egress_fd;
};

/* See bl_datapath_attach_device. */
int bl_device_attach(const char *dir, uint32_t ifindex, enum bl_xdp_mode wanted,
		     const struct bl_device_programs *programs, struct bl_device_status *ret,
		     struct bl_err *err);
/* Whatever of ours is on the device, or was, when it is gone. */
int bl_device_detach(const char *dir, uint32_t ifindex, struct bl_err *err);
/* Devices that have pins, sorted; the caller frees. */
int bl_device_list(const char *dir, uint32_t **ret, size_t *ret_count);

/* 1, 0 (packets there begin with their IP headers), or a negative errno. */
int bl_device_has_ethernet(const char *name);
/* What holds the device's XDP hook, and how (XDP_ATTACHED_*); 0: nothing. */
uint32_t bl_device_xdp_program(uint32_t ifindex, uint8_t *ret_mode);

/* device_tc.c: 0 also when the filter is there already with this program. */
int bl_device_tc_attach(const char *dir, uint32_t ifindex, bool ingress, int program_fd,
			struct bl_err *err);
/* One side; no such filter is fine. */
int bl_device_tc_detach(uint32_t ifindex, bool ingress);
/* The clsact qdisc, when it is ours and nobody else has filters there. */
int bl_device_tc_remove_qdisc(const char *dir, uint32_t ifindex);

/* Nobody else has a filter where ours goes; else the name of its program. */
#define BL_PROGRAM_NAME 32
bool bl_device_tc_is_free(uint32_t ifindex, bool ingress, char ret_program[static BL_PROGRAM_NAME]);

/* device_pin.c */
enum bl_device_pin {
	BL_DEVICE_PIN_XDP,
	BL_DEVICE_PIN_TC,
	BL_DEVICE_PIN_QDISC,
	BL_DEVICE_PIN_COUNT,
};
int bl_device_pin(const char *dir, enum bl_device_pin pin, uint32_t ifindex, int fd);
int bl_device_unpin(const char *dir, enum bl_device_pin pin, uint32_t ifindex);
/* A descriptor, or a negative errno. */
int bl_device_open_pin(const char *dir, enum bl_device_pin pin, uint32_t ifindex);

/* Name of a program; "?" when it cannot be had. */
void bl_device_program_name(uint32_t id, char ret[static BL_PROGRAM_NAME]);

#endif
