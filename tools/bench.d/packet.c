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
#include <time.h>

#include "base/exit.h"
#include "packet_setup.h"

#define CLIENTS 0xc6120000u /* 198.18.0.0 */
#define NEW_FLOWS 16384u    /* in a batch: they fit beside each other */

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
	struct packet_headers reply;
};

/* What is measured; `prepare` sets the frames. */
struct packet_case {
	const char *name;
	enum target target;
	void (*prepare)(struct bench *bench);
	bool renewed; /* flows are made anew before each round */
	double *rounds_ns;
};

static double now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void frame_begin(struct packet_headers *headers, uint16_t port)
{
	*headers = (struct packet_headers){
		.eth = {.h_dest = {2, 0, 0, 0, 0, 1},
			.h_source = {2, 0, 0, 0, 0, 0xfe},
			.h_proto = htons(ETH_P_IP)},
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = IPPROTO_UDP,
		       .tot_len = htons(sizeof(*headers) - sizeof(headers->eth)),
		       .saddr = htonl(CLIENTS),
		       .check = 0x1234},
		.udp = {.source = htons(PACKET_PORT_FIRST),
			.dest = htons(port),
			.len = htons(sizeof(headers->udp) + sizeof(headers->payload)),
			.check = 0x1234},
	};
}

/* Frames to the frontends, of so many flows; 1: always the same. */
static void to_frontends(struct bench *bench, uint32_t flows)
{
	const struct synthetic *services = &bench->setup.services;
	uint32_t frontend = ntohl(services->frontend.ip.words[0]);

	*bench->work = (struct packet_work){
		.flows = flows > 1 ? flows : 0,
		.mixed = flows > 1,
		.source = CLIENTS,
		.destination = frontend,
		.service_mask = services->services - 1,
	};
	frame_begin(&bench->work->headers, services->port);
	bench->work->headers.ip.daddr = htonl(frontend);
}

static void prepare_one(struct bench *bench)
{
	to_frontends(bench, 1);
}

static void prepare_many(struct bench *bench)
{
	to_frontends(bench, bench->flows);
}

static void prepare_new(struct bench *bench)
{
	to_frontends(bench, NEW_FLOWS);
	bench->work->mixed = 0;
	bench->work->first = 2 * BL_FLOWS4_MAX;
}

static void prepare_foreign(struct bench *bench)
{
	to_frontends(bench, 1);
	bench->work->headers.udp.dest = htons(9);
}

static void prepare_reply(struct bench *bench)
{
	to_frontends(bench, 1);
	bench->work->headers = bench->reply;
}

/* The last frame's verdict tells whether the case was the one that it is named after. */
static int run_frames(struct bench *bench, enum target target, uint32_t count, bool passes,
		      double *ret_ns)
{
	uint8_t frame[sizeof(struct packet_headers)] = {0}, out[sizeof(frame) + 256];
	struct xdp_md md = {.data_end = sizeof(frame), .ingress_ifindex = bench->setup.outer};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out), .ctx_in = &md,
		    .ctx_size_in = sizeof(md), .repeat = (int)count);
	uint32_t zero = 0;
	double start;
	int r = bpf_map_update_elem(bench->targets_fd, &zero, &bench->fds[target], BPF_ANY);

	if (r < 0)
		return r;
	start = now_ns();
	r = bpf_prog_test_run_opts(bench->wrap_fd, &options);
	*ret_ns = (now_ns() - start) / count;
	if (r == 0 && (options.retval == XDP_ABORTED || passes != (options.retval == XDP_PASS)))
		return -EPROTO;
	return r;
}

/* Makes the flows once, one after the other, and has each answered. */
static int make_flows(struct bench *bench, uint32_t flows, struct bl_err *err)
{
	double unused;
	int r = packet_setup_clear_flows(&bench->setup);

	to_frontends(bench, flows);
	bench->work->mixed = 0;
	if (r == 0)
		r = run_frames(bench, TARGET_BEELINE, flows, false, &unused);
	if (r == 0)
		r = packet_setup_establish(&bench->setup, &bench->reply);
	return r < 0 ? bl_err_set(err, r, "cannot make %u flows: %s", flows, strerror(-r)) : 0;
}

static int fill_minimal(const struct bench *bench)
{
	const struct synthetic *services = &bench->setup.services;
	int fd = bpf_object__find_map_fd_by_name(bench->object, "minimal_flows");
	struct packet_minimal value = {.address = htonl(0xac100002), .port = htons(8080)};
	struct bl_flow4_key key = {.protocol = IPPROTO_UDP,
				   .destination_port = htons(services->port)};
	uint32_t frontend = ntohl(services->frontend.ip.words[0]);

	for (uint32_t i = 0; i < bench->flows; i++) {
		uint32_t source = htonl(CLIENTS + (i >> PACKET_PORT_BITS));
		uint32_t destination = htonl(frontend + (i & (services->services - 1)));

		memcpy(key.source, &source, sizeof(source));
		memcpy(key.destination, &destination, sizeof(destination));
		key.source_port = htons((uint16_t)(PACKET_PORT_FIRST + (i & (PACKET_PORTS - 1))));
		value.sum_address = (value.address & 0xffff) + (value.address >> 16);
		value.sum_all = value.sum_address + value.port;
		if (bpf_map_update_elem(fd, &key, &value, BPF_ANY) < 0)
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
	bool is_new = item->prepare == prepare_new;
	bool passes = item->target == TARGET_PASS || item->prepare == prepare_foreign;
	int r = item->renewed ? make_flows(bench, 1, err) : 0;

	if (r < 0)
		return r;
	item->prepare(bench);
	r = run_frames(bench, item->target, is_new ? NEW_FLOWS : bench->batch, passes,
		       &item->rounds_ns[round]);
	return r < 0 ? bl_err_set(err, r, "case '%s': %s", item->name, strerror(-r)) : 0;
}

/* Every round takes the cases in turn, and begins with another one. */
static int time_cases(struct bench *bench, struct packet_case *cases, size_t count,
		      struct bl_err *err)
{
	for (uint32_t round = 0; round < bench->rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			int r = time_round(bench, &cases[(round + i) % count], round, err);

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
	struct packet_case cases[] = {
		{.name = "pass", .target = TARGET_PASS, .prepare = prepare_one},
		{.name = "foreign", .target = TARGET_BEELINE, .prepare = prepare_foreign},
		{.name = "minimal-1", .target = TARGET_MINIMAL, .prepare = prepare_one},
		{.name = "established-1", .target = TARGET_BEELINE, .prepare = prepare_one},
		{.name = "pass-many", .target = TARGET_PASS, .prepare = prepare_many},
		{.name = "minimal-many", .target = TARGET_MINIMAL, .prepare = prepare_many},
		{.name = "established-many", .target = TARGET_BEELINE, .prepare = prepare_many},
		{.name = "reply", .target = TARGET_BEELINE, .prepare = prepare_reply},
		{.name = "new", .target = TARGET_BEELINE, .prepare = prepare_new, .renewed = true},
	};
	size_t count = sizeof(cases) / sizeof(cases[0]), made, kept, born;
	int r;

	for (size_t i = 0; i < count; i++) {
		cases[i].rounds_ns = calloc(bench->rounds, sizeof(double));
		if (!cases[i].rounds_ns)
			return bl_err_set(err, -ENOMEM, "cannot allocate");
	}
	r = make_flows(bench, bench->flows, err);
	made = packet_setup_count_flows(&bench->setup);
	if (r == 0)
		r = time_cases(bench, cases, count - 1, err);
	kept = packet_setup_count_flows(&bench->setup);
	/* New flows push old ones out, so they have a part of their own. */
	if (r == 0)
		r = time_cases(bench, &cases[count - 1], 1, err);
	born = packet_setup_count_flows(&bench->setup);
	if (r == 0) {
		printf("{\"entries\": {\"made\": %zu, \"kept\": %zu, \"new\": %zu}, \"ns\": {",
		       made, kept, born);
		print_cases(bench, cases, count);
		printf("}}\n");
	}
	for (size_t i = 0; i < count; i++)
		free(cases[i].rounds_ns);
	return r;
}

static int run(char **argv, struct bl_err *err)
{
	struct bench bench = {.flows = (uint32_t)strtoul(argv[10], NULL, 10),
			      .rounds = (uint32_t)strtoul(argv[11], NULL, 10),
			      .batch = (uint32_t)strtoul(argv[12], NULL, 10)};
	int r = packet_setup_open(&bench.setup, argv, err);

	if (r < 0)
		return r;
	bench.object = bpf_object__open_file(argv[9], NULL);
	if (!bench.object || bpf_object__load(bench.object) < 0)
		r = bl_err_set(err, -errno, "cannot load '%s': %m", argv[9]);
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
	if (argc != 13 && argc != 9) {
		fprintf(stderr, "Usage: bench_packet CGROUP BPFFS FRONTEND BACKEND PORT "
				"BACKEND-PORT SERVICES BACKENDS [OBJECT FLOWS ROUNDS BATCH]\n"
				"Without the rest, the programs stay attached to up0 and up1.\n");
		return BL_EXIT_USAGE;
	}
	if ((argc == 9 ? packet_setup_attach_only(argv, &err) : run(argv, &err)) < 0) {
		fprintf(stderr, "bench_packet: %s\n", err.text);
		return BL_EXIT_FAILURE;
	}
	return BL_EXIT_OK;
}
