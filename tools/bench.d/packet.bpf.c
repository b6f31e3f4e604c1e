// SPDX-License-Identifier: GPL-2.0
/*
 * Around the XDP program that is measured: `wrap` makes a frame as it came from the wire, since the
 * run before has rewritten it, and goes on to a program of `targets`. What it goes on to may be
 *   pass     nothing
 *   minimal  one lookup in an LRU map as large as the flows', one rewrite, one checksum update: the
 *            least that a translator of established flows can do
 * `generate` sends frames out of a device, `answer` sends those that arrive back to their sender,
 * `count` counts what comes back.
 */
#include <linux/bpf.h>
#include <linux/in.h>
#include <stdbool.h>
#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "packet_work.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct packet_work);
} work SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} targets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BL_FLOWS4_MAX);
	__type(key, struct bl_flow4_key);
	__type(value, struct packet_minimal);
} minimal_flows4 SEC(".maps");

/* As large as the other, so that as many flows fit. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BL_FLOWS4_MAX);
	__type(key, struct bl_tuple);
	__type(value, struct packet_minimal);
} minimal_flows6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} arrived SEC(".maps");

char _license[] SEC("license") = "GPL";

static __always_inline __u16 folded(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)((sum & 0xffff) + (sum >> 16));
}

static __always_inline struct packet_frame *frame_of(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;

	return data + sizeof(struct packet_frame) <= data_end ? data : NULL;
}

static __always_inline void sum_header(struct packet_frame *frame)
{
	const __u16 *words = (const void *)((const char *)frame + sizeof(frame->eth));
	__u32 sum = 0;

	frame->v4.ip.check = 0;
	for (int i = 0; i < 10; i++)
		sum += words[i];
	frame->v4.ip.check = (__u16)~folded(sum);
}

/* Puts the template down, of the flow whose turn it is. */
static __always_inline int make_frame(struct xdp_md *ctx, struct packet_work *now)
{
	int longer = (int)(ctx->data_end - ctx->data) - (int)sizeof(struct packet_frame);
	__u32 flow = now->counter++, source, destination;
	struct packet_frame *frame;
	__be16 port;

	/* What was encapsulated is still longer. */
	if (longer && bpf_xdp_adjust_head(ctx, longer))
		return -1;
	frame = frame_of(ctx);
	if (!frame)
		return -1;
	*frame = now->frame;
	if (!now->flows)
		return 0;
	/* A mixed order, so that neighbours in time are none in memory. */
	if (now->mixed)
		flow = (__u32)(((__u64)(flow * 2654435761u) * now->flows) >> 32);
	else if (flow >= now->flows)
		flow %= now->flows;
	flow += now->first;
	source = bpf_htonl(now->source + (flow >> PACKET_PORT_BITS));
	destination = bpf_htonl(now->destination + (flow & now->service_mask));
	port = bpf_htons(PACKET_PORT_FIRST + (flow & (PACKET_PORTS - 1)));
	if (now->ipv6) {
		frame->v6.ip.saddr.in6_u.u6_addr32[3] = source;
		frame->v6.ip.daddr.in6_u.u6_addr32[3] = destination;
		frame->v6.udp.source = port;
	} else {
		frame->v4.ip.saddr = source;
		frame->v4.ip.daddr = destination;
		frame->v4.udp.source = port;
	}
	return 0;
}

SEC("xdp")
int wrap(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct packet_work *now = bpf_map_lookup_elem(&work, &zero);

	if (!now || make_frame(ctx, now) < 0)
		return XDP_ABORTED;
	bpf_tail_call(ctx, &targets, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

static __always_inline void swap_macs(struct packet_frame *frame)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, frame->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(frame->eth.h_dest, frame->eth.h_source, ETH_ALEN);
	__builtin_memcpy(frame->eth.h_source, mac, ETH_ALEN);
}

static __always_inline int minimal4(struct packet_frame *frame)
{
	struct bl_flow4_key key = {0};
	const struct packet_minimal *to;

	__builtin_memcpy(key.source, &frame->v4.ip.saddr, sizeof(key.source));
	__builtin_memcpy(key.destination, &frame->v4.ip.daddr, sizeof(key.destination));
	key.source_port = frame->v4.udp.source;
	key.destination_port = frame->v4.udp.dest;
	key.protocol = frame->v4.ip.protocol;
	to = bpf_map_lookup_elem(&minimal_flows4, &key);
	if (!to)
		return XDP_PASS;
	frame->v4.ip.check = folded(frame->v4.ip.check + to->sum_address);
	frame->v4.udp.check = folded(frame->v4.udp.check + to->sum_all);
	frame->v4.ip.daddr = to->address;
	frame->v4.udp.dest = to->port;
	swap_macs(frame);
	return XDP_TX;
}

static __always_inline int minimal6(struct packet_frame *frame)
{
	struct bl_tuple key = {0};
	const struct packet_minimal *to;

	__builtin_memcpy(key.source.ipv6, &frame->v6.ip.saddr, sizeof(key.source.ipv6));
	__builtin_memcpy(key.destination.ipv6, &frame->v6.ip.daddr, sizeof(key.destination.ipv6));
	key.source_port = frame->v6.udp.source;
	key.destination_port = frame->v6.udp.dest;
	key.protocol = frame->v6.ip.nexthdr;
	to = bpf_map_lookup_elem(&minimal_flows6, &key);
	if (!to)
		return XDP_PASS;
	frame->v6.udp.check = folded(frame->v6.udp.check + to->sum_all);
	frame->v6.ip.daddr.in6_u.u6_addr32[3] = to->address;
	frame->v6.udp.dest = to->port;
	swap_macs(frame);
	return XDP_TX;
}

SEC("xdp")
int minimal(struct xdp_md *ctx)
{
	struct packet_frame *frame = frame_of(ctx);

	if (!frame)
		return XDP_PASS;
	if (frame->eth.h_proto == bpf_htons(ETH_P_IP) && frame->v4.ip.ihl == 5)
		return minimal4(frame);
	return frame->eth.h_proto == bpf_htons(ETH_P_IPV6) ? minimal6(frame) : XDP_PASS;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct packet_work *now = bpf_map_lookup_elem(&work, &zero);
	struct packet_frame *frame;

	if (!now || make_frame(ctx, now) < 0)
		return XDP_ABORTED;
	frame = frame_of(ctx);
	if (!frame)
		return XDP_ABORTED;
	sum_header(frame);
	return (int)bpf_redirect(now->device, 0);
}

static __always_inline bool is_udp4(const struct packet_frame *frame)
{
	return frame && frame->eth.h_proto == bpf_htons(ETH_P_IP) &&
	       frame->v4.ip.protocol == IPPROTO_UDP;
}

SEC("xdp")
int answer(struct xdp_md *ctx)
{
	struct packet_frame *frame = frame_of(ctx);
	__be32 address;
	__be16 port;

	if (!is_udp4(frame))
		return XDP_PASS;
	swap_macs(frame);
	address = frame->v4.ip.saddr;
	frame->v4.ip.saddr = frame->v4.ip.daddr;
	frame->v4.ip.daddr = address;
	port = frame->v4.udp.source;
	frame->v4.udp.source = frame->v4.udp.dest;
	frame->v4.udp.dest = port;
	/* Not XDP_TX, which waits for a program on the other end of the veth. */
	return (int)bpf_redirect(ctx->ingress_ifindex, 0);
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *sum = bpf_map_lookup_elem(&arrived, &zero);

	if (!is_udp4(frame_of(ctx)))
		return XDP_PASS;
	if (sum)
		*sum += 1;
	return XDP_DROP;
}
