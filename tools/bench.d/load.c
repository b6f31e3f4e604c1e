// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench_load: attaches beeline to a cgroup and programs many Services at once, through the same
 * plan and datapath as the agent, without objects to decode. Prints the programs' ids and how long
 * the steps took as JSON. What it pinned stays until the bpffs goes away.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/exit.h"
#include "datapath/datapath.h"
#include "plan/plan.h"
#include "synthetic.h"

static double now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void fill_port(const struct synthetic *synthetic, uint32_t service, uint8_t protocol,
		      struct bl_resolved_frontend *frontend, struct bl_resolved_backend *backends,
		      struct bl_resolved_port *port)
{
	bool without = service == synthetic->services;
	uint32_t count = without ? 0 : synthetic->backends;

	*frontend = (struct bl_resolved_frontend){
		.port = synthetic->port,
		.kind = BL_FRONTEND_CLUSTER_IP,
	};
	synthetic_frontend(synthetic, service, &frontend->address);
	for (uint32_t i = 0; i < count; i++) {
		backends[i] = (struct bl_resolved_backend){
			.port = synthetic->backend_port,
			.state = BL_BACKEND_READY,
			.weight = 100,
			.internal = true,
			.external = true,
		};
		synthetic_backend(synthetic, service, i, &backends[i].address);
	}
	*port = (struct bl_resolved_port){
		.name = protocol == IPPROTO_TCP ? "tcp" : "udp",
		.protocol = protocol,
		.family = synthetic->frontend.family,
		.port = synthetic->port,
		.frontends = frontend,
		.frontend_count = 1,
		.backends = backends,
		.backend_count = count,
	};
}

static int put_service(struct bl_plan *plan, const struct synthetic *synthetic, uint32_t service,
		       struct bl_resolved_backend *backends, struct bl_delta *delta,
		       struct bl_err *err)
{
	struct bl_resolved_frontend frontends[2];
	struct bl_resolved_port ports[2];
	char name[32];

	(void)snprintf(name, sizeof(name), "bench-%u", service);
	fill_port(synthetic, service, IPPROTO_TCP, &frontends[0], backends, &ports[0]);
	fill_port(synthetic, service, IPPROTO_UDP, &frontends[1], backends, &ports[1]);
	struct bl_resolved resolved = {
		.ns = "bench",
		.name = name,
		.ports = ports,
		.port_count = 2,
	};
	return bl_plan_put(plan, &resolved, delta, err);
}

static int program(struct bl_datapath *datapath, const struct synthetic *synthetic,
		   struct bl_err *err)
{
	_cleanup_(bl_plan_free) struct bl_plan *plan = NULL;
	_cleanup_(bl_delta_done) struct bl_delta delta = BL_DELTA_INIT;
	_cleanup_free_ struct bl_resolved_backend *backends =
		calloc(synthetic->backends, sizeof(*backends));
	double start = now_ms();
	int r = bl_plan_new(&bl_plan_limits_default, &plan);

	if (r < 0 || !backends)
		return bl_err_set(err, -ENOMEM, "cannot allocate a plan");
	/* The one behind the last is the one without backends. */
	for (uint32_t i = 0; r == 0 && i <= synthetic->services; i++)
		r = put_service(plan, synthetic, i, backends, &delta, err);
	double planned = now_ms();
	if (r == 0)
		r = bl_datapath_apply(datapath, &delta, err);
	if (r == 0)
		printf("{\"plan_ms\": %.2f, \"apply_ms\": %.2f, \"ops\": %zu, ", planned - start,
		       now_ms() - planned, delta.count);
	return r;
}

static int print_programs(struct bl_datapath *datapath, struct bl_err *err)
{
	const struct bl_program_status *items;
	size_t count;
	int r = bl_datapath_programs(datapath, &items, &count);

	if (r < 0)
		return bl_err_set(err, r, "cannot list the programs");
	printf("\"programs\": [");
	for (size_t i = 0, printed = 0; i < count; i++)
		if (items[i].id)
			printf("%s%u", printed++ ? ", " : "", items[i].id);
	printf("]}\n");
	return 0;
}

static int run(char **argv, bool remember_peer, struct bl_err *err)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	struct bl_datapath_config config;
	struct synthetic synthetic;
	int r = synthetic_parse(&synthetic, argv + 3, err);

	bl_datapath_config_init(&config);
	config.cgroup = argv[1];
	config.bpffs = argv[2];
	config.remember_peer = remember_peer;
	if (r == 0)
		r = bl_datapath_open(&config, &datapath, err);
	if (r == 0)
		r = program(datapath, &synthetic, err);
	if (r == 0)
		r = print_programs(datapath, err);
	return r;
}

int main(int argc, char **argv)
{
	struct bl_err err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	bool lean = argc == 4 + SYNTHETIC_WORDS && strcmp(argv[argc - 1], "lean") == 0;

	if (argc != 3 + SYNTHETIC_WORDS && !lean) {
		fprintf(stderr, "Usage: bench_load CGROUP BPFFS FRONTEND BACKEND PORT BACKEND-PORT "
				"SERVICES BACKENDS [lean]\n");
		return BL_EXIT_USAGE;
	}
	if (run(argv, !lean, &err) < 0) {
		fprintf(stderr, "bench_load: %s\n", err.text);
		return BL_EXIT_FAILURE;
	}
	return BL_EXIT_OK;
}
