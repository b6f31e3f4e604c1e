// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench_watch: says when a backend can be chosen. Reads lines "ADDRESS PORT BACKEND BACKEND-PORT"
 * from its input, looks into the pinned maps as the program in the kernel does (TCP; frontend,
 * slots, backends) until that backend is there, and answers with the time of CLOCK_MONOTONIC in
 * nanoseconds, or 0 when it waited too long.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/addr.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/exit.h"

#define WAIT_NS 20000000000ull
#define PAUSE_NS 20000 /* how late a change may be seen */

struct maps {
	int frontends4;
	int frontends6;
	int slots;
	int backends;
};

struct question {
	struct bl_addr frontend;
	struct bl_addr backend;
	unsigned short port;
	unsigned short backend_port;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int open_map(const char *folder, const char *name, struct bl_err *err)
{
	char path[4096];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		return bl_err_set(err, -ENAMETOOLONG, "folder '%s' is too long", folder);
	int fd = bpf_obj_get(path);
	return fd < 0 ? bl_err_set(err, -errno, "cannot open map '%s': %m", path) : fd;
}

static int open_maps(const char *folder, struct maps *maps, struct bl_err *err)
{
	int r = maps->frontends4 = open_map(folder, BL_MAP_FRONTENDS4, err);

	if (r >= 0)
		r = maps->frontends6 = open_map(folder, BL_MAP_FRONTENDS6, err);
	if (r >= 0)
		r = maps->slots = open_map(folder, BL_MAP_SLOTS, err);
	if (r >= 0)
		r = maps->backends = open_map(folder, BL_MAP_BACKENDS, err);
	return r < 0 ? r : 0;
}

static int find_frontend(const struct maps *maps, const struct question *question,
			 struct bl_frontend *ret)
{
	struct bl_frontend6_key key6 = {
		.port = htons(question->port),
		.protocol = IPPROTO_TCP,
	};
	struct bl_frontend4_key key4 = {
		.port = htons(question->port),
		.protocol = IPPROTO_TCP,
	};

	if (question->frontend.family == BL_FAMILY_IPV4) {
		memcpy(key4.address, question->frontend.ip.ipv4, sizeof(key4.address));
		return bpf_map_lookup_elem(maps->frontends4, &key4, ret);
	}
	memcpy(key6.address, question->frontend.ip.ipv6, sizeof(key6.address));
	return bpf_map_lookup_elem(maps->frontends6, &key6, ret);
}

static bool is_chosen_from(const struct maps *maps, const struct question *question)
{
	struct bl_frontend frontend;

	if (find_frontend(maps, question, &frontend) < 0)
		return false;
	for (uint32_t i = 0; i < frontend.internal.count; i++) {
		uint32_t index = frontend.internal.first + i;
		uint32_t at = index / BL_SLOT_BLOCK;
		struct bl_slot_block block;
		struct bl_backend backend;

		if (bpf_map_lookup_elem(maps->slots, &at, &block) < 0 ||
		    bpf_map_lookup_elem(maps->backends,
					&block.slots[index % BL_SLOT_BLOCK].backend_id,
					&backend) < 0)
			continue;
		struct bl_addr addr = {.ip = backend.address, .family = backend.family};

		if (backend.state == BL_BACKEND_READY &&
		    backend.port == htons(question->backend_port) &&
		    bl_addr_equal(&addr, &question->backend))
			return true;
	}
	return false;
}

static int parse_question(const char *line, struct question *ret)
{
	char frontend[BL_ADDR_TEXT], backend[BL_ADDR_TEXT];

	if (sscanf(line, "%45s %hu %45s %hu", frontend, &ret->port, backend, &ret->backend_port) !=
	    4)
		return -EINVAL;
	int r = bl_addr_parse(frontend, &ret->frontend);
	return r < 0 ? r : bl_addr_parse(backend, &ret->backend);
}

static uint64_t wait_for(const struct maps *maps, const struct question *question)
{
	/* A loop without a pause would take a core from the agent. */
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	uint64_t end = now_ns() + WAIT_NS;

	while (!is_chosen_from(maps, question)) {
		if (now_ns() > end)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return now_ns();
}

int main(int argc, char **argv)
{
	_cleanup_free_ char *line = NULL;
	struct bl_err err = {0};
	struct maps maps;
	size_t size = 0;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_TIMERSLACK, 1ul);
	if (argc != 2) {
		fprintf(stderr, "Usage: bench_watch BPFFS\n");
		return BL_EXIT_USAGE;
	}
	if (open_maps(argv[1], &maps, &err) < 0) {
		fprintf(stderr, "bench_watch: %s\n", err.text);
		return BL_EXIT_FAILURE;
	}
	printf("watching\n");
	(void)fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		struct question question;

		if (parse_question(line, &question) < 0) {
			fprintf(stderr, "bench_watch: cannot read '%s'\n", line);
			return BL_EXIT_FAILURE;
		}
		printf("%llu\n", (unsigned long long)wait_for(&maps, &question));
		(void)fflush(stdout);
	}
	return BL_EXIT_OK;
}
