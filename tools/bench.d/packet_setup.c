// SPDX-License-Identifier: GPL-3.0-or-later
#include "packet_setup.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "plan/plan.h"

const char *const packet_kind_names[PACKET_KIND_COUNT] = {
	[PACKET_SNAT] = "snat",
	[PACKET_DSR] = "dsr",
	[PACKET_LOCAL] = "local",
};

static const char *const devices[] = {"up0", "up1"};

static int put_service(struct bl_plan *plan, const struct synthetic *services,
		       enum packet_kind kind, uint32_t number, struct bl_delta *delta,
		       struct bl_err *err)
{
	struct bl_resolved_backend backends[128];
	struct bl_resolved_frontend frontend = {
		.port = services->port, .kind = BL_FRONTEND_LOAD_BALANCER_IP, .is_virtual = true};
	struct bl_resolved_port port = {.name = "udp",
					.protocol = IPPROTO_UDP,
					.family = services->frontend.family,
					.port = services->port,
					.frontends = &frontend,
					.frontend_count = 1,
					.backends = backends,
					.backend_count = services->backends,
					.maglev = true,
					.dsr = kind == PACKET_DSR};
	char name[32];
	struct bl_resolved resolved = {
		.ns = "bench", .name = name, .ports = &port, .port_count = 1};

	(void)snprintf(name, sizeof(name), "bench-%u", number);
	synthetic_frontend(services, number, &frontend.address);
	for (uint32_t i = 0; i < services->backends; i++) {
		backends[i] = (struct bl_resolved_backend){.port = services->backend_port,
							   .state = BL_BACKEND_READY,
							   .weight = 100,
							   .internal = true,
							   .cluster = true,
							   .external = true,
							   .local = kind == PACKET_LOCAL};
		synthetic_backend(services, number, i, &backends[i].address);
	}
	return bl_plan_put(plan, &resolved, delta, err);
}

static int program(struct packet_setup *setup, const struct bl_packet_tunables *tunables,
		   struct bl_err *err)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	_cleanup_(bl_delta_done) struct bl_delta unused = BL_DELTA_INIT, delta = BL_DELTA_INIT;
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	int r = bl_plan_new(&bl_plan_limits_default, &plan);

	if (r < 0)
		return bl_err_set(err, r, "cannot allocate a plan");
	bl_plan_set_snat_pool(plan, tunables->snat_first, tunables->snat_last);
	for (uint32_t i = 0; r == 0 && i < setup->services.services; i++)
		r = put_service(plan, &setup->services, setup->kind, i, &unused, err);
	if (r == 0)
		r = bl_datapath_read(setup->datapath, &rows, err);
	if (r == 0)
		r = bl_plan_diff(plan, &rows, &delta);
	return r == 0 ? bl_datapath_apply(setup->datapath, &delta, err) : r;
}

static int attach(struct packet_setup *setup, struct bl_err *err)
{
	struct bl_device_status status;

	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		int r = bl_datapath_attach_device(setup->datapath, if_nametoindex(devices[i]),
						  BL_XDP_NATIVE, &status, err);

		if (r < 0)
			return r;
		if (status.mode != BL_DEVICE_NATIVE)
			return bl_err_set(err, -ENOTSUP, "device '%s' runs no XDP: %s", devices[i],
					  status.reason);
	}
	return 0;
}

static bool is_ipv4(const struct packet_setup *setup)
{
	return setup->services.frontend.family == BL_FAMILY_IPV4;
}

static int find(struct packet_setup *setup, const char *bpffs, struct bl_err *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	char path[512];

	setup->outer = if_nametoindex(devices[0]);
	(void)snprintf(path, sizeof(path), "%s/%s", bpffs,
		       is_ipv4(setup) ? BL_MAP_FLOWS4 : BL_MAP_FLOWS6);
	setup->flows_fd = bpf_obj_get(path);
	(void)snprintf(path, sizeof(path), "%s/%s", bpffs,
		       is_ipv4(setup) ? BL_MAP_FLOW_TAGS4 : BL_MAP_FLOW_TAGS6);
	setup->tags_fd = bpf_obj_get(path);
	if (setup->flows_fd < 0 || setup->tags_fd < 0 ||
	    bpf_xdp_query((int)setup->outer, 0, &query) < 0)
		return bl_err_set(err, -errno, "cannot find what is measured: %m");
	setup->program_fd = bpf_prog_get_fd_by_id(query.prog_id);
	return setup->program_fd < 0
		       ? bl_err_set(err, -errno, "cannot open program %u: %m", query.prog_id)
		       : 0;
}

static int parse_kind(const char *word, enum packet_kind *ret, struct bl_err *err)
{
	for (enum packet_kind kind = 0; kind < PACKET_KIND_COUNT; kind++) {
		if (strcmp(word, packet_kind_names[kind]) == 0) {
			*ret = kind;
			return 0;
		}
	}
	return bl_err_set(err, -EINVAL, "expected snat, dsr or local, got '%s'", word);
}

int packet_setup_open(struct packet_setup *setup, char **argv, struct bl_err *err)
{
	struct bl_datapath_config config;
	int r;

	*setup = (struct packet_setup){.program_fd = -1, .flows_fd = -1, .tags_fd = -1};
	r = synthetic_parse(&setup->services, argv + 3, err);
	if (r == 0 && setup->services.services & (setup->services.services - 1))
		r = bl_err_set(err, -EINVAL,
			       "expected a number of services that is a power of two");
	if (r == 0)
		r = parse_kind(argv[9], &setup->kind, err);
	bl_datapath_config_init(&config);
	config.cgroup = argv[1];
	config.bpffs = argv[2];
	config.packet = true;
	/* New flows come without a pause here. */
	config.packet_tunables.new_flows_per_s = 0;
	if (r == 0)
		r = bl_datapath_open(&config, &setup->datapath, err);
	if (r == 0)
		r = program(setup, &config.packet_tunables, err);
	if (r == 0)
		r = attach(setup, err);
	if (r == 0)
		r = find(setup, config.bpffs, err);
	if (r < 0)
		packet_setup_close(setup);
	return r;
}

void packet_setup_close(struct packet_setup *setup)
{
	if (setup->program_fd >= 0)
		(void)close(setup->program_fd);
	if (setup->flows_fd >= 0)
		(void)close(setup->flows_fd);
	if (setup->tags_fd >= 0)
		(void)close(setup->tags_fd);
	setup->datapath = bl_datapath_close(setup->datapath);
}

int packet_setup_attach_only(char **argv, struct bl_err *err)
{
	struct packet_setup setup;
	int r = packet_setup_open(&setup, argv, err);

	if (r == 0)
		packet_setup_close(&setup);
	return r;
}

static uint32_t buckets_of(const struct packet_setup *setup)
{
	return is_ipv4(setup) ? BL_FLOWS4_BUCKETS : BL_FLOWS6_BUCKETS;
}

size_t packet_setup_count_flows(const struct packet_setup *setup)
{
	size_t size = buckets_of(setup) * sizeof(struct bl_flow_tags), count = 0;
	const struct bl_flow_tags *tags =
		mmap(NULL, size, PROT_READ, MAP_SHARED, setup->tags_fd, 0);

	if (tags == MAP_FAILED)
		return 0;
	for (uint32_t i = 0; i < buckets_of(setup); i++)
		for (uint32_t way = 0; way < BL_FLOW_ESTABLISHED_WAYS; way++)
			count += tags[i].tags[way] != 0;
	(void)munmap((void *)tags, size);
	return count;
}

/* The flow of the i-th entry. */
static struct bl_flow *flow_of(const struct packet_setup *setup, void *entries, uint32_t i)
{
	return is_ipv4(setup) ? &((struct bl_flow4 *)entries)[i].flow
			      : &((struct bl_flow6 *)entries)[i].flow;
}

int packet_setup_answer(const struct packet_setup *setup)
{
	uint32_t buckets = buckets_of(setup);
	size_t size = (size_t)buckets * BL_FLOW_WAYS *
		      (is_ipv4(setup) ? sizeof(struct bl_flow4) : sizeof(struct bl_flow6));
	void *entries = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, setup->flows_fd, 0);

	if (entries == MAP_FAILED)
		return -errno;
	for (uint32_t i = buckets * BL_FLOW_ESTABLISHED_WAYS; i < buckets * BL_FLOW_WAYS; i++)
		flow_of(setup, entries, i)->state = BL_FLOW_ESTABLISHED;
	(void)munmap(entries, size);
	return 0;
}

int packet_setup_find_answer(const struct packet_setup *setup, struct bl_tuple *ret)
{
	_cleanup_free_ struct bl_flow_row *rows = NULL;
	size_t count = 0;
	int r = bl_datapath_read_flows(setup->datapath, BL_FLOWS4_MAX, &rows, &count, NULL);

	for (size_t i = 0; r == 0 && i < count; i++) {
		if (rows[i].flow.kind != BL_FLOW_REPLY_REMOTE)
			continue;
		*ret = rows[i].from;
		return 0;
	}
	return r < 0 ? r : -ENOENT;
}

struct packet_work *packet_setup_map(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}
