/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A node for the packet programs: two uplinks, routes and neighbours in a network namespace of its
 * own that leads nowhere, and the programs run by BPF_PROG_TEST_RUN. XDP and tc share the maps, as
 * they do on a real node.
 */
#ifndef TESTS_BPF_PACKET_FIXTURE_H
#define TESTS_BPF_PACKET_FIXTURE_H

#include <criterion/criterion.h>

#include "beeline/packet.h"
#include "beeline/reasons.h"
#include "frame.h"

#define NODE_PORT 30080u
#define SERVICE_PORT 80u
#define POD_PORT 8080u

enum hook {
	HOOK_XDP,
	HOOK_TC_INGRESS,
	HOOK_TC_EGRESS,
};

enum verdict {
	PASSED, /* to the stack */
	DROPPED,
	SENT, /* out of a device: that it came from, or another */
};

struct outcome {
	enum verdict verdict;
	uint8_t data[FRAME_MAX];
	size_t len;
	struct seen seen;
};

/* One of the ways to run everything: each test goes through all of them. */
struct setting {
	const char *name;
	enum hook hook; /* of what comes in */
	int family;     /* 4 or 6 */
	int protocol;
};

extern const struct setting *setting; /* that the test is in now */
extern uint32_t uplink;               /* ifindex */
extern uint32_t uplink_inner;

void packet_up(void);
void packet_down(void);
struct bl_packet_tunables packet_tunables(void);
void packet_up_with(struct bl_packet_tunables tunables);

/* Rows of the maps; ids are given in ascending order. */
uint32_t packet_service(void);
uint32_t packet_backend(uint32_t service_id, enum who who, uint16_t port);
void packet_backend_state(uint32_t backend_id, enum bl_backend_state state);
struct bl_slot_range packet_slots(const uint32_t *backend_ids, uint32_t count);
struct bl_slot_range packet_maglev(const uint32_t *backend_ids, uint32_t count, uint32_t size);
void packet_frontend(enum who who, uint16_t port, const struct bl_frontend *frontend);
/* A frontend of its own service over these backends; returns the service. */
uint32_t packet_serve(enum who who, uint16_t port, uint16_t flags, const enum who *backends,
		      uint32_t count, uint32_t *ret_backend_ids);
void packet_admit(uint32_t service_id, const char *text, uint32_t bits);
void packet_next_hops_changed(void);
void packet_uplink(uint32_t ifindex, const struct bl_uplink *value);
/* A network of other nodes; FAR_NODE is one in every test. */
void packet_peer(const char *text, uint32_t bits);
void packet_dsr_backend(enum who who, uint32_t service_id, uint32_t backend_id);
struct bl_uplink packet_addresses(enum who who);

/* Runs one frame of the setting's family and protocol through its hook. */
void packet_send(const struct frame *frame, struct outcome *ret);
void packet_leave(const struct frame *frame, struct outcome *ret);
/* tc sees the same frame as many segments of that many bytes. */
void packet_send_segments(const struct frame *frame, uint32_t size, struct outcome *ret);
void packet_run(enum hook hook, const uint8_t *data, size_t len, struct outcome *ret);

struct flow {
	struct bl_flow flow;
	union bl_ip source; /* what a packet's become */
	union bl_ip destination;
	bool is_established; /* else it waits */
};

/* Sends this first packet, has the backend answer and the client go on, so that the flow is
 * established. Returns the ends of what the backend sends. */
struct ends packet_establish(const struct frame *first, enum who backend);
/* The flow that a packet of these ends has; false: none. */
bool packet_flow(const struct ends *ends, struct flow *ret);
/* It is as if it was last seen so much earlier. */
void packet_flow_age(const struct ends *ends, uint64_t seconds);
void packet_flow_delete(const struct ends *ends);
size_t packet_established_count(void);
size_t packet_flow_count(void); /* those that wait included */
/* New flows are admitted as after a long pause. */
void packet_forget_guard(void);

uint64_t packet_reason(enum bl_reason reason);
void assert_ends(const struct outcome *outcome, enum who from, uint32_t from_port, enum who to,
		 uint32_t to_port, const char *what);
void assert_unchanged(const struct outcome *outcome, const uint8_t *data, size_t len,
		      const char *what);
/* Calls `body` in every setting, with empty maps each time. */
void everywhere(void (*body)(void));

#endif
