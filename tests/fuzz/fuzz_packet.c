/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Any frames through the packet cores. The first byte says what the node is like, the rest is a
 * sequence of frames, each behind two bytes of its length. A frame that is passed unread is one
 * that did not change; nothing is read or written beyond its end.
 */
#include <stdint.h>

#include "hook_native.h"

#include "forward.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_FRAME 2048u

enum fuzz_node {
	FUZZ_REMOTE = 1u << 0,
	FUZZ_DSR = 1u << 1,
	FUZZ_NOBODY = 1u << 2,
	FUZZ_SLOW = 1u << 3,
	FUZZ_NARROW = 1u << 4,
	FUZZ_GONE = 1u << 5,
};

static void put_backend(uint8_t node, uint8_t family)
{
	struct bl_backend backend = {.address = {.ipv4 = {10, 244, 2, 5}},
				     .port = bpf_htons(8080),
				     .family = family,
				     .state = node & FUZZ_GONE ? BL_BACKEND_GONE : BL_BACKEND_READY,
				     .generation = 1,
				     .service_id = family,
				     .flags = node & FUZZ_REMOTE ? 0 : BL_BACKEND_F_LOCAL};
	__u32 id = family;
	struct bl_slot_block *slots_of;
	__u32 zero = 0;
	struct bl_dsr_key key = {.address = backend.address, .service_id = id, .family = family};
	struct bl_dsr_backend taken = {.backend_id = id};

	native_update(&backends, sizeof(id), sizeof(backend), &id, &backend, BPF_ANY);
	slots_of = bpf_map_lookup_elem(&slots, &zero);
	slots_of->slots[id].backend_id = id;
	native_update(&dsr_backends, sizeof(key), sizeof(taken), &key, &taken, BPF_ANY);
}

/* 10.0.0.80 and a00:50::, port 80, of both protocols. */
static void put_frontends(uint8_t node)
{
	static const __u8 protocols[] = {IPPROTO_TCP, IPPROTO_UDP};

	for (size_t i = 0; i < sizeof(protocols); i++) {
		struct bl_frontend4_key key4 = {{10, 0, 0, 80}, bpf_htons(80), protocols[i], 0};
		struct bl_frontend6_key key6 = {{10, 0, 0, 80}, bpf_htons(80), protocols[i], 0};
		struct bl_frontend frontend = {
			.service_id = BL_FAMILY_IPV4,
			.flags = node & FUZZ_DSR ? BL_FRONTEND_F_DSR : 0,
			.external = {BL_FAMILY_IPV4, node & FUZZ_NOBODY ? 0 : 1}};

		native_update(&frontends4, sizeof(key4), sizeof(frontend), &key4, &frontend, 0);
		frontend.service_id = BL_FAMILY_IPV6;
		frontend.external.first = BL_FAMILY_IPV6;
		native_update(&frontends6, sizeof(key6), sizeof(frontend), &key6, &frontend, 0);
	}
}

/* 10.0.0.1 of either family: who sends what is encapsulated in the corpus. */
static void put_peers(void)
{
	struct bl_dsr_peer_key key = {
		.prefixlen = 64, .family = BL_FAMILY_IPV4, .address = {.ipv4 = {10, 0, 0, 1}}};
	const struct bl_dsr_peer peer = {.admitted = 1};

	native_update(&dsr_peers, sizeof(key), sizeof(peer), &key, &peer, BPF_ANY);
	key.prefixlen = 160;
	key.family = BL_FAMILY_IPV6;
	native_update(&dsr_peers, sizeof(key), sizeof(peer), &key, &peer, BPF_ANY);
}

static void put_node(uint8_t node)
{
	static const struct bl_packet_port_word all = {~0ull, ~0ull};
	struct bl_uplink own = {.ipv4 = {.ipv4 = {10, 0, 0, 1}}, .ipv6 = {.ipv4 = {10, 0, 0, 1}}};
	struct bl_packet_state state = {.next_hop_generation = 1};
	__u32 zero = 0;

	native_clear();
	native.now_ns = 1000000000000ull;
	native.fib_result = node & FUZZ_SLOW ? BPF_FIB_LKUP_RET_NO_NEIGH : 0;
	native.fib_ifindex = 1;
	native.fib_mtu = node & FUZZ_NARROW ? 100 : 1500;
	native_update(&uplinks, sizeof(zero), sizeof(own), &zero, &own, BPF_ANY);
	native_update(&packet_state, sizeof(zero), sizeof(state), &zero, &state, BPF_ANY);
	for (__u32 word = 0; word < BL_PACKET_PORT_WORDS; word += BL_PACKET_PORT_WORDS / 2)
		for (__u32 i = word; i < word + 2; i++)
			native_update(&packet_ports, sizeof(i), sizeof(all), &i, &all, BPF_ANY);
	put_backend(node, BL_FAMILY_IPV4);
	put_backend(node, BL_FAMILY_IPV6);
	put_frontends(node);
	put_peers();
}

static void run(const uint8_t *frame, uint32_t len, bool is_egress)
{
	struct bl_context ctx;
	struct bl_packet packet = {.verdict = BL_PASS};
	int reason;

	native_hold(&ctx, len);
	memcpy(ctx.data, frame, len);
	reason = is_egress ? bl_egress(&ctx, &packet) : bl_ingress(&ctx, &packet);
	if (reason < 0 || reason > BL_UNCOUNTED ||
	    (packet.verdict != BL_PASS && packet.verdict != BL_DROP && packet.verdict != BL_SENT))
		abort();
	if ((reason == BL_UNCOUNTED || reason == BL_REASON_MALFORMED) &&
	    packet.verdict == BL_PASS && (ctx.len != len || memcmp(ctx.data, frame, len) != 0))
		abort();
	free(ctx.block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t len;

	if (size < 1)
		return 0;
	put_node(data[0]);
	data++;
	size--;
	while (size > 2) {
		len = (uint32_t)(data[0] & 0x7f) << 8 | data[1];
		bool is_egress = data[0] & 0x80;

		data += 2;
		size -= 2;
		if (len > size)
			len = (uint32_t)size;
		if (len > FUZZ_FRAME)
			len = FUZZ_FRAME;
		run(data, len, is_egress);
		native.now_ns += 1500000000ull;
		data += len;
		size -= len;
	}
	return 0;
}
