// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench_programs: loads the comparison programs, fills their maps, attaches each kind to a cgroup
 * of its own and prints the programs' ids as JSON. Nothing is pinned: all of it goes away with this
 * process, which waits for the end of its input.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/cleanup.h"
#include "base/exit.h"
#include "beeline/abi.h"
#include "synthetic.h"

static void close_object_p(struct bpf_object **object)
{
	bpf_object__close(*object);
}

static int set_frontend(struct bpf_object *object, const struct bl_addr *addr, uint16_t port,
			uint8_t protocol, uint32_t id)
{
	struct bl_frontend6_key key6 = {.port = htons(port), .protocol = protocol};
	struct bl_frontend4_key key4 = {.port = htons(port), .protocol = protocol};
	bool is4 = addr->family == BL_FAMILY_IPV4;
	int fd = bpf_object__find_map_fd_by_name(object, is4 ? "cmp_hash4" : "cmp_hash6");

	memcpy(key6.address, addr->ip.ipv6, sizeof(key6.address));
	memcpy(key4.address, addr->ip.ipv4, sizeof(key4.address));
	return bpf_map_update_elem(fd, is4 ? (void *)&key4 : (void *)&key6, &id, BPF_ANY) < 0
		       ? -errno
		       : 0;
}

static int fill_services(struct bpf_object *object, const struct synthetic *synthetic,
			 struct bl_err *err)
{
	int backends_fd = bpf_object__find_map_fd_by_name(object, "cmp_backends");

	for (uint32_t i = 0; i < synthetic->services; i++) {
		struct bl_addr frontend, addr;
		uint32_t id = i + 1;

		synthetic_frontend(synthetic, i, &frontend);
		synthetic_backend(synthetic, i, 0, &addr);
		struct bl_backend backend = {
			.address = addr.ip,
			.port = htons(synthetic->backend_port),
			.family = addr.family,
			.state = BL_BACKEND_READY,
			.service_id = id,
		};
		if (bpf_map_update_elem(backends_fd, &id, &backend, BPF_ANY) < 0 ||
		    set_frontend(object, &frontend, synthetic->port, IPPROTO_TCP, id) < 0 ||
		    set_frontend(object, &frontend, synthetic->port, IPPROTO_UDP, id) < 0)
			return bl_err_set(err, -errno, "cannot write Service %u: %m", i);
	}
	return 0;
}

/* An LRU map that nobody deletes from is full after a while; measured is that state. */
static int fill_lru(struct bpf_object *object, struct bl_err *err)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, "cmp_lru");
	uint8_t key[256] = {0}, value[256] = {0};

	if (bpf_map__key_size(map) > sizeof(key) || bpf_map__value_size(map) > sizeof(value))
		return bl_err_set(err, -E2BIG, "the LRU map's entries are larger than expected");
	for (uint64_t i = 0; i < bpf_map__max_entries(map); i++) {
		uint64_t cookie = UINT64_MAX - i;

		memcpy(key, &cookie, sizeof(cookie));
		if (bpf_map_update_elem(bpf_map__fd(map), key, value, BPF_ANY) < 0)
			return bl_err_set(err, -errno, "cannot fill the LRU map: %m");
	}
	return 0;
}

/* Attaches all programs named KIND_... to the cgroup; prints their ids. */
static int attach_kind(struct bpf_object *object, const char *kind, const char *cgroup,
		       struct bl_err *err)
{
	_cleanup_close_ int cgroup_fd = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bpf_program *program;
	const char *separator = "";

	if (cgroup_fd < 0)
		return bl_err_set(err, -errno, "cannot open cgroup '%s': %m", cgroup);
	printf("\"%s\": [", kind);
	bpf_object__for_each_program(program, object)
	{
		const char *name = bpf_program__name(program);
		struct bpf_prog_info info = {0};
		__u32 len = sizeof(info);

		if (strncmp(name, kind, strlen(kind)) != 0 || name[strlen(kind)] != '_')
			continue;
		/* The link is never closed: the process's end detaches the program. */
		if (!bpf_program__attach_cgroup(program, cgroup_fd))
			return bl_err_set(err, -errno, "cannot attach '%s': %m", name);
		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len) < 0)
			return bl_err_set(err, -errno, "cannot ask for the id of '%s': %m", name);
		printf("%s%u", separator, info.id);
		separator = ", ";
	}
	printf("]");
	return *separator ? 0 : bl_err_set(err, -ENOENT, "no program is called '%s_...'", kind);
}

static int attach_all(struct bpf_object *object, char **words, int count, struct bl_err *err)
{
	printf("{");
	for (int i = 0; i < count; i++) {
		char *equals = strchr(words[i], '=');

		if (!equals)
			return bl_err_set(err, -EINVAL, "cannot read '%s': expected KIND=CGROUP",
					  words[i]);
		*equals = '\0';
		printf("%s", i ? ", " : "");
		int r = attach_kind(object, words[i], equals + 1, err);
		if (r < 0)
			return r;
	}
	printf("}\n");
	(void)fflush(stdout);
	return 0;
}

static int run(int argc, char **argv, struct bl_err *err)
{
	struct synthetic synthetic;
	int r = synthetic_parse(&synthetic, argv + 2, err);

	if (r < 0)
		return r;
	__attribute__((cleanup(close_object_p))) struct bpf_object *object =
		bpf_object__open_file(argv[1], NULL);
	if (!object)
		return bl_err_set(err, -errno, "cannot open '%s': %m", argv[1]);
	if (bpf_object__load(object) < 0)
		return bl_err_set(err, -errno, "cannot load '%s': %m", argv[1]);
	r = fill_services(object, &synthetic, err);
	if (r == 0)
		r = fill_lru(object, err);
	if (r == 0)
		r = attach_all(object, argv + 2 + SYNTHETIC_WORDS, argc - 2 - SYNTHETIC_WORDS, err);
	if (r == 0)
		while (getchar() != EOF)
			continue;
	return r;
}

int main(int argc, char **argv)
{
	struct bl_err err = {0};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (argc < 3 + SYNTHETIC_WORDS) {
		fprintf(stderr, "Usage: bench_programs OBJECT FRONTEND BACKEND PORT BACKEND-PORT "
				"SERVICES BACKENDS KIND=CGROUP...\n");
		return BL_EXIT_USAGE;
	}
	if (run(argc, argv, &err) < 0) {
		fprintf(stderr, "bench_programs: %s\n", err.text);
		return BL_EXIT_FAILURE;
	}
	return BL_EXIT_OK;
}
