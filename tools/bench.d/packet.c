// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench_packet: what a packet costs in the XDP program, by BPF_PROG_TEST_RUN. Runs in a network
 * namespace that has the devices up0, where clients are, and up1, where the other nodes are, with
 * routes and neighbours; packet.py makes it. Prints JSON: of each case the nanoseconds a packet,
 * round by round.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/exit.h"
#include "packet_setup.h"

#define CLIENTS 0xc6120000u /* last word of the first client; as IPv4, 198.18.0.0 */
#define FLOW_PACKETS 16u    /* of each of many flows in a round */
#define CHUNK 1024u         /* flows that wait to be confirmed at a time: they fit */
#define NEW_FLOWS 16384u    /* in a batch */

enum target {
	TARGET_PASS,
	TARGET_MINIMAL,
	TARGET_BEELINE,
};

struct bench {
	struct packet_setup setup;
	struct bpf_object *object;
	struct packet_work *work;
	int wrap_fd;
	int targets_fd;
	int fds[3]; /* by enum target */
	uint32_t flows;
	uint32_t rounds;
	uint32_t batch;
	uint32_t next_new; /* number of a flow that never was */
	struct bl_tuple answer;
};

/* What is measured. `prepare` sets the frames and says how many, -errno when it cannot. */
struct packet_case {
	const char *name;
	enum target target;
	int (*prepare)(struct bench *bench);
	bool passes; /* to the stack */
	bool is_new; /* pushes other flows out: measured behind the rest */
	double *rounds_ns;
};

static bool is_ipv4(const struct bench *bench)
{
	return bench->setup.services.frontend.family == BL_FAMILY_IPV4;
}

static void frame_between(struct packet_frame *frame, const struct bl_tuple *ends)
{
	*frame = (struct packet_frame){
		.eth = {.h_dest = {2, 0, 0, 0, 0, 1},
			.h_source = {2, 0, 0, 0, 0, 0xfe},
			.h_proto = htons(ends->family == BL_FAMILY_IPV4 ? ETH_P_IP : ETH_P_IPV6)},
	};
	struct udphdr udp = {
		.source = ends->source_port, .dest = ends->destination_port, .check = 0x1234};

	if (ends->family == BL_FAMILY_IPV4) {
		frame->v4.ip = (struct iphdr){.version = 4,
					      .ihl = 5,
					      .ttl = 64,
					      .protocol = IPPROTO_UDP,
					      .tot_len = htons(sizeof(*frame) - ETH_HLEN),
					      .saddr = ends->source.words[0],
					      .daddr = ends->destination.words[0],
					      .check = 0x1234};
		udp.len = htons(sizeof(udp) + sizeof(frame->v4.payload));
		frame->v4.udp = udp;
		return;
	}
	frame->v6.ip =
		(struct ipv6hdr){.version = 6,
				 .payload_len = htons(sizeof(udp) + sizeof(frame->v6.payload)),
				 .nexthdr = IPPROTO_UDP,
				 .hop_limit = 64};
	memcpy(&frame->v6.ip.saddr, &ends->source, sizeof(frame->v6.ip.saddr));
	memcpy(&frame->v6.ip.daddr, &ends->destination, sizeof(frame->v6.ip.daddr));
	udp.len = frame->v6.ip.payload_len;
	frame->v6.udp = udp;
}

/* A client of flow 0. IPv6: in the network of the frontends' documentation neighbours. */
static union bl_ip first_client(const struct bench *bench)
{
	union bl_ip client = {.words = {htonl(0x20010db8), htonl(0x00510000), 0, htonl(CLIENTS)}};

	if (is_ipv4(bench))
		client = (union bl_ip){.words = {htonl(CLIENTS)}};
	return client;
}

static uint32_t last_word(const struct bench *bench, const union bl_ip *ip)
{
	return ntohl(ip->words[is_ipv4(bench) ? 0 : 3]);
}

/* Frames to the frontends, of so many flows; 1: always the same. */
static void to_frontends(struct bench *bench, uint32_t first, uint32_t flows)
{
	const struct synthetic *services = &bench->setup.services;
	const struct bl_tuple ends = {.source = first_client(bench),
				      .destination = services->frontend.ip,
				      .source_port = htons(PACKET_PORT_FIRST),
				      .destination_port = htons(services->port),
				      .family = services->frontend.family};

	*bench->work = (struct packet_work){
		.flows = flows > 1 ? flows : 0,
		.first = first,
		.source = CLIENTS,
		.destination = last_word(bench, &services->frontend.ip),
		.service_mask = services->services - 1,
		.ipv6 = !is_ipv4(bench),
	};
	frame_between(&bench->work->frame, &ends);
}

static int prepare_one(struct bench *bench)
{
	to_frontends(bench, 0, 1);
	return (int)bench->batch;
}

static int prepare_many(struct bench *bench)
{
	to_frontends(bench, 0, bench->flows);
	bench->work->mixed = 1;
	return (int)(FLOW_PACKETS * bench->flows);
}

static int prepare_new(struct bench *bench)
{
	to_frontends(bench, bench->next_new, NEW_FLOWS);
	bench->next_new += NEW_FLOWS;
	return NEW_FLOWS;
}

static int prepare_foreign(struct bench *bench)
{
	to_frontends(bench, 0, 1);
	if (is_ipv4(bench))
		bench->work->frame.v4.udp.dest = htons(9);
	else
		bench->work->frame.v6.udp.dest = htons(9);
	return (int)bench->batch;
}

static int prepare_reply(struct bench *bench)
{
	to_frontends(bench, 0, 1);
	frame_between(&bench->work->frame, &bench->answer);
	return (int)bench->batch;
}

/* The last frame's verdict tells whether the case was the one that it is named after. */
static int run_frames(struct bench *bench, enum target target, uint32_t count, bool passes,
		      double *ret_ns)
{
	uint8_t frame[sizeof(struct packet_frame)] = {0}, out[sizeof(frame) + 256];
	struct xdp_md md = {.data_end = sizeof(frame), .ingress_ifindex = bench->setup.outer};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &md,
		    .ctx_size_in = sizeof(md), .repeat = (int)count);
	uint32_t zero = 0;
	int r = bpf_map_update_elem(bench->targets_fd, &zero, &bench->fds[target], BPF_ANY);

	if (r < 0)
		return r;
	r = bpf_prog_test_run_opts(bench->wrap_fd, &options);
	/* The kernel's own mean, for the call waits for a grace period before and after, which is
	 * milliseconds. */
	*ret_ns = options.duration;
	if (r == 0 && (options.retval == XDP_ABORTED || passes != (options.retval == XDP_PASS)))
		return -EPROTO;
	return r;
}

static bool is_local(const struct bench *bench)
{
	return bench->setup.kind == PACKET_LOCAL;
}

/* First packets of a chunk, and their answers. */
static int begin_chunk(struct bench *bench, uint32_t first, uint32_t count)
{
	double unused;
	int r;

	to_frontends(bench, first, count);
	r = run_frames(bench, TARGET_BEELINE, count, is_local(bench), &unused);
	if (r == 0)
		r = packet_setup_answer(&bench->setup);
	bench->work->counter = 0;
	return r;
}

static int prepare_confirm(struct bench *bench)
{
	int r = begin_chunk(bench, bench->next_new, CHUNK);

	bench->next_new += CHUNK;
	return r < 0 ? r : (int)CHUNK;
}

static int make_flows(struct bench *bench, struct bl_err *err)
{
	double unused;
	int r = 0;

	for (uint32_t first = 0; r == 0 && first < bench->flows; first += CHUNK) {
		uint32_t count = bench->flows - first < CHUNK ? bench->flows - first : CHUNK;

		r = begin_chunk(bench, first, count);
		if (r == 0)
			r = run_frames(bench, TARGET_BEELINE, count, is_local(bench), &unused);
	}
	if (r == 0 && bench->setup.kind == PACKET_SNAT)
		r = packet_setup_find_answer(&bench->setup, &bench->answer);
	return r < 0 ? bl_err_set(err, r, "cannot make %u flows: %s", bench->flows, strerror(-r))
		     : 0;
}

static int fill_minimal(const struct bench *bench)
{
	const struct synthetic *services = &bench->setup.services;
	int fd4 = bpf_object__find_map_fd_by_name(bench->object, "minimal_flows4");
	int fd6 = bpf_object__find_map_fd_by_name(bench->object, "minimal_flows6");
	struct packet_minimal value = {.address = htonl(0xac100002), .port = htons(8080)};
	struct bl_flow4_key key4 = {.protocol = IPPROTO_UDP,
				    .destination_port = htons(services->port)};
	struct bl_tuple key6 = {.protocol = IPPROTO_UDP, .destination_port = htons(services->port)};
	union bl_ip client = first_client(bench), frontend = services->frontend.ip;

	value.sum_address = (value.address & 0xffff) + (value.address >> 16);
	value.sum_all = value.sum_address + value.port;
	for (uint32_t i = 0; i < bench->flows; i++) {
		__be16 port = htons((uint16_t)(PACKET_PORT_FIRST + (i & (PACKET_PORTS - 1))));
		uint32_t last = is_ipv4(bench) ? 0 : 3;

		client.words[last] = htonl(CLIENTS + (i >> PACKET_PORT_BITS));
		frontend.words[last] = htonl(last_word(bench, &services->frontend.ip) +
					     (i & (services->services - 1)));
		memcpy(key4.source, &client, sizeof(key4.source));
		memcpy(key4.destination, &frontend, sizeof(key4.destination));
		key6.source = client;
		key6.destination = frontend;
		key4.source_port = key6.source_port = port;
		if (is_ipv4(bench) ? bpf_map_update_elem(fd4, &key4, &value, BPF_ANY) < 0
				   : bpf_map_update_elem(fd6, &key6, &value, BPF_ANY) < 0)
			return -errno;
	}
	return 0;
}

static int find_programs(struct bench *bench, struct bl_err *err)
{
	struct bpf_map *work = bpf_object__find_map_by_name(bench->object, "work");
	static const char *const names[] = {"pass", "minimal"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		bench->fds[i] =
			bpf_program__fd(bpf_object__find_program_by_name(bench->object, names[i]));
	bench->wrap_fd = bpf_program__fd(bpf_object__find_program_by_name(bench->object, "wrap"));
	bench->targets_fd = bpf_object__find_map_fd_by_name(bench->object, "targets");
	bench->fds[TARGET_BEELINE] = bench->setup.program_fd;
	bench->work = packet_setup_map(bpf_map__fd(work));
	return bench->work ? 0 : bl_err_set(err, -errno, "cannot map 'work': %m");
}

static int time_round(struct bench *bench, struct packet_case *item, uint32_t round,
		      struct bl_err *err)
{
	int r = item->prepare(bench);

	if (r > 0)
		r = run_frames(bench, item->target, (uint32_t)r, item->passes,
			       &item->rounds_ns[round]);
	return r < 0 ? bl_err_set(err, r, "case '%s': %s", item->name, strerror(-r)) : 0;
}

/* Every round takes the cases in turn, and begins with another one. */
static int time_cases(struct bench *bench, struct packet_case *cases, size_t count, bool is_new,
		      struct bl_err *err)
{
	for (uint32_t round = 0; round < bench->rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			struct packet_case *item = &cases[(round + i) % count];
			int r = item->is_new == is_new ? time_round(bench, item, round, err) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

static void print_cases(const struct bench *bench, const struct packet_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		printf("%s\"%s\": [", i ? ", " : "", cases[i].name);
		for (uint32_t round = 0; round < bench->rounds; round++)
			printf("%s%.2f", round ? ", " : "", cases[i].rounds_ns[round]);
		printf("]");
	}
}

static int measure(struct bench *bench, struct bl_err *err)
{
	bool local = is_local(bench);
	struct packet_case cases[] = {
		{.name = "pass", .target = TARGET_PASS, .prepare = prepare_one, .passes = true},
		{.name = "foreign",
		 .target = TARGET_BEELINE,
		 .prepare = prepare_foreign,
		 .passes = true},
		{.name = "minimal-1", .target = TARGET_MINIMAL, .prepare = prepare_one},
		{.name = "established-1",
		 .target = TARGET_BEELINE,
		 .prepare = prepare_one,
		 .passes = local},
		{.name = "pass-many",
		 .target = TARGET_PASS,
		 .prepare = prepare_many,
		 .passes = true},
		{.name = "minimal-many", .target = TARGET_MINIMAL, .prepare = prepare_many},
		{.name = "established-many",
		 .target = TARGET_BEELINE,
		 .prepare = prepare_many,
		 .passes = local},
		{.name = "new",
		 .target = TARGET_BEELINE,
		 .prepare = prepare_new,
		 .passes = local,
		 .is_new = true},
		{.name = "confirm",
		 .target = TARGET_BEELINE,
		 .prepare = prepare_confirm,
		 .passes = local,
		 .is_new = true},
		{.name = "reply", .target = TARGET_BEELINE, .prepare = prepare_reply},
	};
	/* Answers come back to this node's XDP only where it sent packets on under its address. */
	size_t count = sizeof(cases) / sizeof(cases[0]) - (bench->setup.kind != PACKET_SNAT);
	size_t made, kept;
	int r;

	for (size_t i = 0; i < count; i++) {
		cases[i].rounds_ns = calloc(bench->rounds, sizeof(double));
		if (!cases[i].rounds_ns)
			return bl_err_set(err, -ENOMEM, "cannot allocate");
	}
	bench->next_new = 4 * BL_FLOWS4_MAX;
	r = make_flows(bench, err);
	made = packet_setup_count_flows(&bench->setup);
	if (r == 0)
		r = time_cases(bench, cases, count, false, err);
	kept = packet_setup_count_flows(&bench->setup);
	if (r == 0)
		r = time_cases(bench, cases, count, true, err);
	if (r == 0) {
		printf("{\"entries\": {\"made\": %zu, \"kept\": %zu}, \"ns\": {", made, kept);
		print_cases(bench, cases, count);
		printf("}}\n");
	}
	for (size_t i = 0; i < count; i++)
		free(cases[i].rounds_ns);
	return r;
}

static int run(char **argv, struct bl_err *err)
{
	struct bench bench = {.flows = (uint32_t)strtoul(argv[11], NULL, 10),
			      .rounds = (uint32_t)strtoul(argv[12], NULL, 10),
			      .batch = (uint32_t)strtoul(argv[13], NULL, 10)};
	int r = packet_setup_open(&bench.setup, argv, err);

	if (r < 0)
		return r;
	bench.object = bpf_object__open_file(argv[10], NULL);
	if (!bench.object || bpf_object__load(bench.object) < 0)
		r = bl_err_set(err, -errno, "cannot load '%s': %m", argv[10]);
	if (r == 0)
		r = find_programs(&bench, err);
	if (r == 0)
		r = fill_minimal(&bench);
	if (r == 0)
		r = measure(&bench, err);
	bpf_object__close(bench.object);
	packet_setup_close(&bench.setup);
	return r;
}

int main(int argc, char **argv)
{
	struct bl_err err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc != 14 && argc != 10) {
		fprintf(stderr, "Usage: bench_packet CGROUP BPFFS FRONTEND BACKEND PORT "
				"BACKEND-PORT SERVICES BACKENDS snat|dsr|local "
				"[OBJECT FLOWS ROUNDS BATCH]\n"
				"Without the rest, the programs stay attached to up0 and up1.\n");
		return BL_EXIT_USAGE;
	}
	if ((argc == 10 ? packet_setup_attach_only(argv, &err) : run(argv, &err)) < 0) {
		fprintf(stderr, "bench_packet: %s\n", err.text);
		return BL_EXIT_FAILURE;
	}
	return BL_EXIT_OK;
}
