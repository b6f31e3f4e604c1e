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

enum packet_kind {
	PACKET_SNAT,
	PACKET_DSR,
	PACKET_LOCAL,
	PACKET_KIND_COUNT,
};
extern const char *const packet_kind_names[PACKET_KIND_COUNT];

struct packet_setup {
	struct synthetic services;
	enum packet_kind kind; /* where the backends are, and how packets get there */
	struct bl_datapath *datapath;
	uint32_t outer; /* ifindex of up0 */
	int program_fd; /* of XDP */
	int flows_fd;
	int tags_fd;
};

/* `argv` is that of bench_packet. */
int packet_setup_open(struct packet_setup *setup, char **argv, struct bl_err *err);
void packet_setup_close(struct packet_setup *setup);
/* The programs stay attached to up0 and up1. */
int packet_setup_attach_only(char **argv, struct bl_err *err);

size_t packet_setup_count_flows(const struct packet_setup *setup);
/* Marks all flows that wait as answered, so that another packet establishes them. */
int packet_setup_answer(const struct packet_setup *setup);
/* The ends of an answer to some established flow, in `ret`; -ENOENT when there is none. */
int packet_setup_find_answer(const struct packet_setup *setup, struct bl_tuple *ret);

/* A page-aligned look at an array's memory; NULL: errno says why. */
struct packet_work *packet_setup_map(int fd);

#endif
