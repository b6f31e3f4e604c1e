// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench_client: does one operation over and over to several targets, in rounds that take every
 * target in turn, and prints the figures of each as JSON. Started by tools/bench.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "ops.h"
#include "target.h"

struct options {
	const struct op *op;
	size_t rounds;
	size_t batch;
	size_t warm_up; /* rounds that are not counted */
	int cpu;        /* -1: any */
	const char *server_netns;
	uint16_t server_port;
	bool prog_stats;
};

static int compare_u64(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static int compare_double(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return left < right ? -1 : left > right;
}

/* Of a sorted array; `percent` of the values are not above it. */
static uint64_t percentile(const uint64_t *sorted, size_t count, unsigned int percent)
{
	return sorted[(count - 1) * percent / 100];
}

/* Keeps the batch as it was measured and remembers its median. */
static int end_batch(struct target *target, size_t batch)
{
	_cleanup_free_ uint64_t *sorted = malloc(batch * sizeof(*sorted));

	if (!sorted)
		return -ENOMEM;
	memcpy(sorted, target->samples + target->sample_count, batch * sizeof(*sorted));
	qsort(sorted, batch, sizeof(*sorted), compare_u64);
	target->round_medians[target->round_count++] = (double)percentile(sorted, batch, 50);
	target->sample_count += batch;
	return 0;
}

static int run_batch(const struct options *options, struct target *target,
		     const struct server *server, bool counted, struct bl_err *err)
{
	uint64_t *samples = target->samples + target->sample_count;
	int r = target_enter(target, err);

	if (r == 0 && counted)
		r = target_progs_begin(target, err);
	for (size_t i = 0; r == 0 && i < options->batch; i++)
		r = options->op->run(target, server, &samples[i], err);
	if (r == 0 && counted)
		r = target_progs_end(target, err);
	if (r == 0 && counted)
		r = end_batch(target, options->batch);
	return r;
}

/* Every round begins with another target, so that none always follows the same neighbour. */
static int run_rounds(const struct options *options, struct target *targets, size_t target_count,
		      const struct server *server, struct bl_err *err)
{
	for (size_t round = 0; round < options->warm_up + options->rounds; round++) {
		for (size_t i = 0; i < target_count; i++) {
			struct target *target = &targets[(round + i) % target_count];
			int r = run_batch(options, target, server, round >= options->warm_up, err);

			if (r < 0)
				return bl_err_wrap(err, r, "target '%s'", target->name);
		}
	}
	return 0;
}

static void print_progs(const struct target *target)
{
	printf(", \"programs\": [");
	for (size_t i = 0; i < target->prog_count; i++) {
		const struct prog_use *prog = &target->progs[i];
		size_t count = prog->per_run_count;

		printf("%s{\"id\": %u, \"name\": \"%s\", \"run_count\": %llu, \"run_time_ns\": "
		       "%llu",
		       i ? ", " : "", prog->id, prog->name, (unsigned long long)prog->run_count,
		       (unsigned long long)prog->run_time_ns);
		if (count > 0) {
			qsort(prog->per_run, count, sizeof(double), compare_double);
			printf(", \"median_ns\": %.1f, \"min_ns\": %.1f",
			       prog->per_run[(count - 1) / 2], prog->per_run[0]);
		}
		printf("}");
	}
	printf("]");
}

static void print_target(struct target *target)
{
	uint64_t sum = 0;

	qsort(target->samples, target->sample_count, sizeof(uint64_t), compare_u64);
	for (size_t i = 0; i < target->sample_count; i++)
		sum += target->samples[i];
	printf("{\"name\": \"%s\", \"operations\": %zu, \"median_ns\": %llu, \"min_ns\": %llu, "
	       "\"p99_ns\": %llu, \"mean_ns\": %.1f, \"round_medians_ns\": [",
	       target->name, target->sample_count,
	       (unsigned long long)percentile(target->samples, target->sample_count, 50),
	       (unsigned long long)target->samples[0],
	       (unsigned long long)percentile(target->samples, target->sample_count, 99),
	       (double)sum / (double)target->sample_count);
	for (size_t i = 0; i < target->round_count; i++)
		printf("%s%.0f", i ? ", " : "", target->round_medians[i]);
	printf("]");
	if (target->prog_count > 0)
		print_progs(target);
	printf("}");
}

static int enter_server(const struct options *options, struct bl_err *err)
{
	_cleanup_close_ int fd = open(options->server_netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return bl_err_set(err, -errno, "cannot enter the server's namespace '%s': %m",
				  options->server_netns);
	return 0;
}

static int pin(int cpu, struct bl_err *err)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	CPU_SET((unsigned int)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		return bl_err_set(err, -errno, "cannot stay on core %d: %m", cpu);
	return 0;
}

static int measure(const struct options *options, struct target *targets, size_t target_count,
		   struct bl_err *err)
{
	struct server server = {.tcp_fd = -1, .udp_fd = -1};
	_cleanup_close_ int stats_fd = -1;
	int r = pin(options->cpu, err);

	if (r == 0 && options->prog_stats) {
		/* In force for as long as the descriptor is open: nothing to restore. */
		stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		if (stats_fd < 0)
			r = bl_err_set(err, -errno, "cannot switch program statistics on: %m");
	}
	if (r == 0)
		r = enter_server(options, err);
	if (r == 0)
		r = server_open(&server, targets[0].address.family, options->server_port, err);
	if (r == 0)
		r = run_rounds(options, targets, target_count, &server, err);
	server_done(&server);
	return r;
}

static void usage(FILE *out)
{
	fprintf(out, "Usage: bench_client --op OP --server-netns FILE --server-port PORT\n"
		     "                    [--rounds N] [--batch N] [--warm-up N] [--cpu N]\n"
		     "                    [--prog-stats] TARGET...\n\nOperations:\n");
	op_list(out);
}

static int parse_options(int argc, char **argv, struct options *options)
{
	static const struct option table[] = {
		{"op", required_argument, NULL, 'o'},
		{"rounds", required_argument, NULL, 'r'},
		{"batch", required_argument, NULL, 'b'},
		{"warm-up", required_argument, NULL, 'w'},
		{"cpu", required_argument, NULL, 'c'},
		{"server-netns", required_argument, NULL, 'n'},
		{"server-port", required_argument, NULL, 'p'},
		{"prog-stats", no_argument, NULL, 's'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) >= 0) {
		switch (option) {
		case 'o':
			options->op = op_find(optarg);
			break;
		case 'r':
			options->rounds = strtoul(optarg, NULL, 10);
			break;
		case 'b':
			options->batch = strtoul(optarg, NULL, 10);
			break;
		case 'w':
			options->warm_up = strtoul(optarg, NULL, 10);
			break;
		case 'c':
			options->cpu = (int)strtol(optarg, NULL, 10);
			break;
		case 'n':
			options->server_netns = optarg;
			break;
		case 'p':
			options->server_port = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 's':
			options->prog_stats = true;
			break;
		default:
			return -EINVAL;
		}
	}
	if (!options->op || !options->server_netns || !options->server_port || !options->rounds ||
	    !options->batch || options->rounds > 100000 || options->batch > 100000 ||
	    optind == argc)
		return -EINVAL;
	return 0;
}

static int parse_targets(const struct options *options, char **texts, struct target *targets,
			 size_t count, struct bl_err *err)
{
	for (size_t i = 0; i < count; i++) {
		int r = target_parse(&targets[i], texts[i], options->rounds, options->batch, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = {.rounds = 100, .batch = 50, .warm_up = 2, .cpu = -1};
	struct bl_err err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (parse_options(argc, argv, &options) < 0) {
		usage(stderr);
		return BL_EXIT_USAGE;
	}
	size_t count = (size_t)(argc - optind);
	struct target *targets = calloc(count, sizeof(*targets));
	if (!targets)
		return BL_EXIT_FAILURE;
	int r = parse_targets(&options, argv + optind, targets, count, &err);
	if (r == 0)
		r = measure(&options, targets, count, &err);
	if (r < 0) {
		fprintf(stderr, "bench_client: %s: %s\n", options.op->name, err.text);
	} else {
		printf("{\"op\": \"%s\", \"targets\": [", options.op->name);
		for (size_t i = 0; i < count; i++) {
			printf("%s\n", i ? "," : "");
			print_target(&targets[i]);
		}
		printf("]}\n");
	}
	for (size_t i = 0; i < count; i++)
		target_done(&targets[i]);
	free(targets);
	return r < 0 ? BL_EXIT_FAILURE : BL_EXIT_OK;
}
