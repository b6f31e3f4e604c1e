// SPDX-License-Identifier: GPL-3.0-or-later
#include "target.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static int parse_number(const char *text, uint32_t most, uint32_t *ret)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || end == text || *end || value > most)
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

static int parse_progs(struct target *target, char *text)
{
	char *save = NULL;

	for (char *id = strtok_r(text, ":", &save); id; id = strtok_r(NULL, ":", &save)) {
		if (target->prog_count == TARGET_PROGS_MAX)
			return -E2BIG;
		int r = parse_number(id, UINT32_MAX, &target->progs[target->prog_count].id);
		if (r < 0)
			return r;
		target->progs[target->prog_count++].fd = -1;
	}
	return 0;
}

static int open_cgroup(const char *folder)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/cgroup.procs", folder) >= sizeof(path))
		return -ENAMETOOLONG;
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int parse_field(struct target *target, const char *key, char *value)
{
	uint32_t number;
	int r;

	if (strcmp(key, "name") == 0) {
		if (strlen(value) >= sizeof(target->name))
			return -ENAMETOOLONG;
		(void)snprintf(target->name, sizeof(target->name), "%s", value);
		return 0;
	}
	if (strcmp(key, "netns") == 0) {
		target->netns_fd = open(value, O_RDONLY | O_CLOEXEC);
		return target->netns_fd < 0 ? -errno : 0;
	}
	if (strcmp(key, "cgroup") == 0) {
		r = open_cgroup(value);
		if (r >= 0)
			target->cgroup_fd = r;
		return r < 0 ? r : 0;
	}
	if (strcmp(key, "address") == 0)
		return bl_addr_parse(value, &target->address);
	if (strcmp(key, "port") == 0) {
		r = parse_number(value, UINT16_MAX, &number);
		if (r == 0)
			target->port = (uint16_t)number;
		return r;
	}
	if (strcmp(key, "spread") == 0)
		return parse_number(value, UINT32_MAX, &target->spread);
	if (strcmp(key, "progs") == 0)
		return parse_progs(target, value);
	return -ENOENT;
}

static int open_progs(struct target *target, size_t rounds, struct bl_err *err)
{
	for (size_t i = 0; i < target->prog_count; i++) {
		struct prog_use *prog = &target->progs[i];

		prog->fd = bpf_prog_get_fd_by_id(prog->id);
		if (prog->fd < 0)
			return bl_err_set(err, -errno, "cannot open program %u: %m", prog->id);
		prog->per_run = calloc(rounds, sizeof(*prog->per_run));
		if (!prog->per_run)
			return bl_err_set(err, -ENOMEM, "cannot allocate %zu rounds", rounds);
	}
	return 0;
}

int target_parse(struct target *target, const char *text, size_t rounds, size_t batch,
		 struct bl_err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	char *save = NULL;
	int r;

	target->netns_fd = target->cgroup_fd = target->udp_fd = -1;
	target->spread = 1;
	target->mixed = 0x9e3779b97f4a7c15u;
	if (!copy)
		return bl_err_set(err, -ENOMEM, "cannot allocate target '%s'", text);
	for (char *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save)) {
		char *equals = strchr(part, '=');

		if (!equals)
			return bl_err_set(err, -EINVAL, "cannot read target part '%s': no '='",
					  part);
		*equals = '\0';
		r = parse_field(target, part, equals + 1);
		if (r < 0)
			return bl_err_set(err, r, "cannot use target part '%s=%s': %s", part,
					  equals + 1, strerror(-r));
	}
	if (!target->name[0] || !target->address.family || !target->spread)
		return bl_err_set(err, -EINVAL, "target '%s' needs name, address and spread >= 1",
				  text);
	target->samples = calloc(rounds * batch, sizeof(*target->samples));
	target->round_medians = calloc(rounds, sizeof(*target->round_medians));
	if (!target->samples || !target->round_medians)
		return bl_err_set(err, -ENOMEM, "cannot allocate %zu samples", rounds * batch);
	return open_progs(target, rounds, err);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void target_done(struct target *target)
{
	for (size_t i = 0; i < target->prog_count; i++) {
		close_fd(&target->progs[i].fd);
		free(target->progs[i].per_run);
	}
	close_fd(&target->netns_fd);
	close_fd(&target->cgroup_fd);
	close_fd(&target->udp_fd);
	free(target->samples);
	free(target->round_medians);
}

int target_enter(const struct target *target, struct bl_err *err)
{
	/* "0" is the writing process. A socket belongs to the cgroup it was created in. */
	if (target->cgroup_fd >= 0 && write(target->cgroup_fd, "0", 1) != 1)
		return bl_err_set(err, -errno, "cannot enter the cgroup of '%s': %m", target->name);
	if (target->netns_fd >= 0 && setns(target->netns_fd, CLONE_NEWNET) < 0)
		return bl_err_set(err, -errno, "cannot enter the namespace of '%s': %m",
				  target->name);
	return 0;
}

/* splitmix64: the same order for every target, so that all see the same locality. */
static uint64_t mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

socklen_t target_next(struct target *target, struct sockaddr_storage *ret)
{
	struct bl_addr addr = target->address;

	if (target->spread > 1)
		(void)bl_addr_add(&target->address, mix(&target->mixed) % target->spread, &addr);
	return bl_addr_to_sockaddr(&addr, target->port, ret);
}

static int read_counters(struct prog_use *prog, uint64_t *ret_count, uint64_t *ret_time_ns)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog->fd, &info, &len) < 0)
		return -errno;
	memcpy(prog->name, info.name, sizeof(prog->name));
	*ret_count = info.run_cnt;
	*ret_time_ns = info.run_time_ns;
	return 0;
}

int target_progs_begin(struct target *target, struct bl_err *err)
{
	for (size_t i = 0; i < target->prog_count; i++) {
		struct prog_use *prog = &target->progs[i];
		int r = read_counters(prog, &prog->before_count, &prog->before_time_ns);

		if (r < 0)
			return bl_err_set(err, r, "cannot read counters of program %u", prog->id);
	}
	return 0;
}

int target_progs_end(struct target *target, struct bl_err *err)
{
	for (size_t i = 0; i < target->prog_count; i++) {
		struct prog_use *prog = &target->progs[i];
		uint64_t count, time_ns;
		int r = read_counters(prog, &count, &time_ns);

		if (r < 0)
			return bl_err_set(err, r, "cannot read counters of program %u", prog->id);
		count -= prog->before_count;
		time_ns -= prog->before_time_ns;
		prog->run_count += count;
		prog->run_time_ns += time_ns;
		if (count > 0)
			prog->per_run[prog->per_run_count++] = (double)time_ns / (double)count;
	}
	return 0;
}
