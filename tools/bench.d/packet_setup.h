/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * beeline as bench_packet measures it: loaded by the same datapath as the agent's, with Services of
 * the plan, attached to up0 and up1; and its flows, looked at and changed by its own maps.
 */
#ifndef TOOLS_BENCH_D_PACKET_SETUP_H
#define TOOLS_BENCH_D_PACKET_SETUP_H

#include "datapath/datapath.h"
#include "packet_work.h"
#include "synthetic.h"

struct packet_setup {
	struct synthetic services;
	struct bl_datapath *datapath;
	uint32_t outer; /* ifindex of up0 */
	int program_fd; /* of XDP */
	int flows_fd;
};

/* `argv` is that of bench_packet. */
int packet_setup_open(struct packet_setup *setup, char **argv, struct bl_err *err);
void packet_setup_close(struct packet_setup *setup);
int packet_setup_attach_only(char **argv, struct bl_err *err);

size_t packet_setup_count_flows(const struct packet_setup *setup);
int packet_setup_clear_flows(const struct packet_setup *setup);
/* Marks all flows as answered; `ret_reply` is a frame that answers one of them. */
int packet_setup_establish(const struct packet_setup *setup, struct packet_headers *ret_reply);

/* A page-aligned look at an array's memory; NULL: errno says why. */
struct packet_work *packet_setup_map(int fd);

#endif
