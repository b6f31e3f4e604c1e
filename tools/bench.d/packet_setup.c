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

#include "plan/maglev.h"
#include "plan/plan.h"

static const char *const devices[] = {"up0", "up1"};

static int put_service(struct bl_plan *plan, const struct synthetic *services, uint32_t number,
		       struct bl_delta *delta, struct bl_err *err)
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
					.maglev = (uint64_t)services->services *
							  bl_maglev_size(services->backends) <=
						  BL_MAGLEV_MAX};
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
							   .external = true};
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
		r = put_service(plan, &setup->services, i, &unused, err);
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

static int find(struct packet_setup *setup, const char *bpffs, struct bl_err *err)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	char path[512];

	setup->outer = if_nametoindex(devices[0]);
	(void)snprintf(path, sizeof(path), "%s/" BL_MAP_FLOWS4, bpffs);
	setup->flows_fd = bpf_obj_get(path);
	if (setup->flows_fd < 0 || bpf_xdp_query((int)setup->outer, 0, &query) < 0)
		return bl_err_set(err, -errno, "cannot find what is measured: %m");
	setup->program_fd = bpf_prog_get_fd_by_id(query.prog_id);
	return setup->program_fd < 0
		       ? bl_err_set(err, -errno, "cannot open program %u: %m", query.prog_id)
		       : 0;
}

int packet_setup_open(struct packet_setup *setup, char **argv, struct bl_err *err)
{
	struct bl_datapath_config config;
	int r;

	*setup = (struct packet_setup){.program_fd = -1, .flows_fd = -1};
	r = synthetic_parse(&setup->services, argv + 3, err);
	if (r == 0 && (setup->services.services & (setup->services.services - 1) ||
		       setup->services.frontend.family != BL_FAMILY_IPV4))
		r = bl_err_set(err, -EINVAL,
			       "expected IPv4 and a number of services that is a power of two");
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

/* Writing a row moves it within the map, and removing the first one makes the next search long: so
 * the keys are listed first. */
static struct bl_flow4_key *list_keys(const struct packet_setup *setup, size_t *ret_count)
{
	struct bl_flow4_key *keys = calloc(BL_FLOWS4_MAX, sizeof(*keys));
	size_t count = 0;

	while (keys && count < BL_FLOWS4_MAX &&
	       bpf_map_get_next_key(setup->flows_fd, count ? &keys[count - 1] : NULL,
				    &keys[count]) == 0)
		count++;
	*ret_count = count;
	return keys;
}

size_t packet_setup_count_flows(const struct packet_setup *setup)
{
	size_t count;
	_cleanup_free_ struct bl_flow4_key *keys = list_keys(setup, &count);

	return keys ? count : 0;
}

int packet_setup_clear_flows(const struct packet_setup *setup)
{
	size_t count;
	_cleanup_free_ struct bl_flow4_key *keys = list_keys(setup, &count);

	for (size_t i = 0; keys && i < count; i++)
		if (bpf_map_delete_elem(setup->flows_fd, &keys[i]) < 0 && errno != ENOENT)
			return -errno;
	return keys ? 0 : -ENOMEM;
}

static void reply_of(const struct bl_flow4_key *key, struct packet_headers *ret)
{
	*ret = (struct packet_headers){
		.eth = {.h_proto = htons(ETH_P_IP)},
		.ip = {.version = 4,
		       .ihl = 5,
		       .ttl = 64,
		       .protocol = key->protocol,
		       .tot_len = htons(sizeof(*ret) - sizeof(ret->eth)),
		       .check = 0x1234},
		.udp = {.source = key->source_port,
			.dest = key->destination_port,
			.len = htons(sizeof(ret->udp) + sizeof(ret->payload)),
			.check = 0x1234},
	};
	memcpy(&ret->ip.saddr, key->source, sizeof(ret->ip.saddr));
	memcpy(&ret->ip.daddr, key->destination, sizeof(ret->ip.daddr));
}

int packet_setup_establish(const struct packet_setup *setup, struct packet_headers *ret_reply)
{
	size_t count;
	_cleanup_free_ struct bl_flow4_key *keys = list_keys(setup, &count);
	bool found = false;

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct bl_flow4 value;

		if (bpf_map_lookup_elem(setup->flows_fd, &keys[i], &value) < 0)
			continue;
		if (value.flow.kind == BL_FLOW_REPLY_REMOTE) {
			reply_of(&keys[i], ret_reply);
			found = true;
		}
	}
	return found ? 0 : -ENOENT;
}

struct packet_work *packet_setup_map(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}
