// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench_flood: sends frames out of a veth as fast as XDP makes them, with an answering program at
 * the end of the path, and counts the answers that come back. Runs in the client's network
 * namespace. Prints the frames sent, the answers that arrived, and the seconds that it took.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/exit.h"
#include "packet_work.h"

#define CLIENTS 0xc6120000u /* 198.18.0.0 */
#define ROUND 16384u        /* frames between two looks */
#define SETTLE_US 20000

struct flood {
	struct bpf_object *object;
	struct packet_work *work;
	uint32_t device; /* ifindex that frames leave by */
};

static double now_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int attach(const struct flood *flood, const char *program, const char *device,
		  struct bl_err *err)
{
	const struct bpf_program *found = bpf_object__find_program_by_name(flood->object, program);
	uint32_t ifindex = if_nametoindex(device);
	/* Lives as long as this process. */
	int link = ifindex > 0
			   ? bpf_link_create(bpf_program__fd(found), (int)ifindex, BPF_XDP, NULL)
			   : -1;

	return link < 0 ? bl_err_set(err, -errno, "cannot attach '%s' to '%s': %m", program, device)
			: 0;
}

/* The answering end is in another namespace. */
static int attach_both(const struct flood *flood, char **argv, struct bl_err *err)
{
	_cleanup_close_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int other = open(argv[2], O_RDONLY | O_CLOEXEC);
	int r;

	if (own < 0 || other < 0 || setns(other, CLONE_NEWNET) < 0)
		return bl_err_set(err, -errno, "cannot enter '%s': %m", argv[2]);
	r = attach(flood, "answer", argv[4], err);
	if (setns(own, CLONE_NEWNET) < 0)
		return bl_err_set(err, -errno, "cannot come back from '%s': %m", argv[2]);
	return r < 0 ? r : attach(flood, "count", argv[3], err);
}

static int make_work(struct flood *flood, char **argv, struct bl_err *err)
{
	int fd = bpf_object__find_map_fd_by_name(flood->object, "work");
	struct packet_frame *frame;
	struct bl_addr frontend;

	flood->work = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			   fd, 0);
	if (flood->work == MAP_FAILED || bl_addr_parse(argv[5], &frontend) < 0)
		return bl_err_set(err, -EINVAL, "cannot prepare frames to '%s'", argv[5]);
	flood->device = if_nametoindex(argv[3]);
	*flood->work = (struct packet_work){
		.flows = (uint32_t)strtoul(argv[8], NULL, 10),
		.source = CLIENTS,
		.destination = ntohl(frontend.ip.words[0]),
		.service_mask = (uint32_t)strtoul(argv[7], NULL, 10) - 1,
		.device = flood->device,
	};
	frame = &flood->work->frame;
	*frame = (struct packet_frame){
		.eth = {.h_dest = {2, 0, 0, 0, 0, 1},
			.h_source = {2, 0, 0, 0, 0, 0xfe},
			.h_proto = htons(ETH_P_IP)},
	};
	/* No transport checksum: the stack would look at it. */
	frame->v4.ip = (struct iphdr){.version = 4,
				      .ihl = 5,
				      .ttl = 64,
				      .protocol = IPPROTO_UDP,
				      .tot_len = htons(sizeof(*frame) - ETH_HLEN)};
	frame->v4.udp.dest = htons((uint16_t)strtoul(argv[6], NULL, 10));
	frame->v4.udp.len = htons(sizeof(frame->v4.udp) + sizeof(frame->v4.payload));
	return 0;
}

static int count_arrived(const struct flood *flood, uint64_t *ret)
{
	int fd = bpf_object__find_map_fd_by_name(flood->object, "arrived");
	_cleanup_free_ uint64_t *values =
		calloc((size_t)libbpf_num_possible_cpus(), sizeof(*values));
	uint32_t zero = 0;

	if (!values || bpf_map_lookup_elem(fd, &zero, values) < 0)
		return -ENOMEM;
	*ret = 0;
	for (int i = 0; i < libbpf_num_possible_cpus(); i++)
		*ret += values[i];
	return 0;
}

/* Until all frames are sent, each flow in turn. */
static int send_frames(const struct flood *flood, uint32_t count, struct bl_err *err)
{
	uint8_t frame[sizeof(struct packet_frame)] = {0};
	struct xdp_md md = {.data_end = sizeof(frame), .ingress_ifindex = flood->device};
	int fd = bpf_program__fd(bpf_object__find_program_by_name(flood->object, "generate"));

	for (uint32_t sent = 0; sent < count;) {
		uint32_t now = count - sent < ROUND ? count - sent : ROUND;
		LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame,
			    .data_size_in = sizeof(frame), .ctx_in = &md, .ctx_size_in = sizeof(md),
			    .repeat = (int)now, .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

		if (bpf_prog_test_run_opts(fd, &options) < 0)
			return bl_err_set(err, -errno, "cannot send live frames: %m");
		sent += now;
	}
	return 0;
}

static int run(char **argv, struct bl_err *err)
{
	struct flood flood = {.object = bpf_object__open_file(argv[1], NULL)};
	uint32_t count = (uint32_t)strtoul(argv[9], NULL, 10);
	uint64_t arrived = 0;
	double start, took;
	int r = 0;

	if (!flood.object || bpf_object__load(flood.object) < 0)
		r = bl_err_set(err, -errno, "cannot load '%s': %m", argv[1]);
	if (r == 0)
		r = attach_both(&flood, argv, err);
	if (r == 0)
		r = make_work(&flood, argv, err);
	start = now_s();
	if (r == 0)
		r = send_frames(&flood, count, err);
	took = now_s() - start;
	(void)usleep(SETTLE_US);
	if (r == 0 && count_arrived(&flood, &arrived) < 0)
		r = bl_err_set(err, -errno, "cannot read what arrived: %m");
	if (r == 0)
		printf("%u %llu %.6f\n", count, (unsigned long long)arrived, took);
	bpf_object__close(flood.object);
	return r;
}

int main(int argc, char **argv)
{
	struct bl_err err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc != 10) {
		fprintf(stderr, "Usage: bench_flood OBJECT BACKEND-NAMESPACE DEVICE BACKEND-DEVICE "
				"FRONTEND PORT SERVICES FLOWS FRAMES\n");
		return BL_EXIT_USAGE;
	}
	if (run(argv, &err) < 0) {
		fprintf(stderr, "bench_flood: %s\n", err.text);
		return BL_EXIT_FAILURE;
	}
	return BL_EXIT_OK;
}
