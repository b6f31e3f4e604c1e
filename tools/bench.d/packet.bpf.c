// SPDX-License-Identifier: GPL-2.0
/*
 * Around the XDP program that is measured: `wrap` makes a frame as it came from the wire, since the
 * run before has rewritten it, and goes on to a program of `targets`. What it goes on to may be
 *   pass     nothing
 *   minimal  one lookup in an LRU map as large as the flows', one rewrite, one checksum update: the
 *            least that a translator of established flows can do
 * `generate` sends frames out of a device, `count` counts those that arrive.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>

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
} minimal_flows SEC(".maps");

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

static __always_inline struct packet_headers *headers_of(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *data_end = (void *)(long)ctx->data_end;

	return data + sizeof(struct packet_headers) <= data_end ? data : NULL;
}

/* Puts the template down, of the flow whose turn it is. */
static __always_inline int make_frame(struct xdp_md *ctx, struct packet_work *now)
{
	struct packet_headers *headers = headers_of(ctx);
	__u32 flow = now->counter++;

	if (!headers)
		return -1;
	*headers = now->headers;
	if (now->flows) {
		/* A mixed order, so that neighbours in time are none in memory. */
		if (now->mixed)
			flow = (__u32)(((__u64)(flow * 2654435761u) * now->flows) >> 32);
		flow += now->first;
		headers->ip.saddr = bpf_htonl(now->source + (flow >> PACKET_PORT_BITS));
		headers->udp.source = bpf_htons(PACKET_PORT_FIRST + (flow & (PACKET_PORTS - 1)));
		headers->ip.daddr = bpf_htonl(now->destination + (flow & now->service_mask));
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

SEC("xdp")
int minimal(struct xdp_md *ctx)
{
	struct packet_headers *headers = headers_of(ctx);
	struct bl_flow4_key key = {0};
	struct packet_minimal *to;
	__u8 mac[ETH_ALEN];

	if (!headers || headers->eth.h_proto != bpf_htons(ETH_P_IP) || headers->ip.ihl != 5)
		return XDP_PASS;
	__builtin_memcpy(key.source, &headers->ip.saddr, sizeof(key.source));
	__builtin_memcpy(key.destination, &headers->ip.daddr, sizeof(key.destination));
	key.source_port = headers->udp.source;
	key.destination_port = headers->udp.dest;
	key.protocol = headers->ip.protocol;
	to = bpf_map_lookup_elem(&minimal_flows, &key);
	if (!to)
		return XDP_PASS;
	headers->ip.check = folded(headers->ip.check + to->sum_address);
	headers->udp.check = folded(headers->udp.check + to->sum_all);
	headers->ip.daddr = to->address;
	headers->udp.dest = to->port;
	__builtin_memcpy(mac, headers->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(headers->eth.h_dest, headers->eth.h_source, ETH_ALEN);
	__builtin_memcpy(headers->eth.h_source, mac, ETH_ALEN);
	return XDP_TX;
}

SEC("xdp")
int generate(struct xdp_md *ctx)
{
	__u32 zero = 0;
	struct packet_work *now = bpf_map_lookup_elem(&work, &zero);

	if (!now || make_frame(ctx, now) < 0)
		return XDP_ABORTED;
	return (int)bpf_redirect(now->device, 0);
}

SEC("xdp")
int count(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *sum = bpf_map_lookup_elem(&arrived, &zero);
	struct packet_headers *headers = headers_of(ctx);

	if (!headers || headers->ip.protocol != IPPROTO_UDP ||
	    headers->eth.h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	if (sum)
		*sum += 1;
	return XDP_DROP;
}
