/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath_fixture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "datapath/mounts.h"

#define CGROUP_PREFIX "beeline-datapath-"

struct bl_datapath_config place;
static char cgroup[512];
static char other_cgroup[600];
static pid_t children[16]; /* those not waited for */
static size_t child_count;

/* Cgroups of test processes that died without tidying up. */
static void sweep_cgroups(const char *mount)
{
	DIR *folder = opendir(mount);
	const struct dirent *entry;
	char path[1024];

	cr_assert_not_null(folder);
	while ((entry = readdir(folder))) {
		pid_t pid;

		if (strncmp(entry->d_name, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) != 0)
			continue;
		pid = (pid_t)strtol(entry->d_name + strlen(CGROUP_PREFIX), NULL, 10);
		if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		(void)snprintf(path, sizeof(path), "%.400s/%.200s/other", mount, entry->d_name);
		(void)rmdir(path);
		*strrchr(path, '/') = '\0';
		(void)rmdir(path);
	}
	(void)closedir(folder);
}

void lo_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	(void)close(fd);
}

void place_up(void)
{
	_cleanup_free_ char *mount_point = NULL;

	if (geteuid() != 0)
		cr_skip_test("needs root");
	cr_assert_eq(bl_mounts_find_cgroup2(&mount_point), 0);
	sweep_cgroups(mount_point);
	(void)snprintf(cgroup, sizeof(cgroup), "%.400s/" CGROUP_PREFIX "%d", mount_point,
		       (int)getpid());
	cr_assert_eq(mkdir(cgroup, 0755), 0);

	cr_assert_eq(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	cr_assert_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	cr_assert_eq(mount("bpf", "/sys/fs/bpf", "bpf", 0, "mode=0700"), 0);
	lo_up();

	bl_datapath_config_init(&place);
	place.cgroup = cgroup;
	place.bpffs = PLACE_BPFFS;
	place.limits = (struct bl_plan_limits){
		.frontends = 64, .slots = 4096, .backends = 1024, .services = 256};
}

void place_down(void)
{
	for (; child_count > 0; child_count--) {
		(void)kill(children[child_count - 1], SIGKILL);
		(void)waitpid(children[child_count - 1], NULL, 0);
	}
	(void)bl_datapath_unload(&place, NULL);
	(void)rmdir(other_cgroup);
	cr_expect_eq(rmdir(cgroup), 0, "cannot remove '%s': %s", cgroup, strerror(errno));
}

const char *place_other_cgroup(void)
{
	(void)snprintf(other_cgroup, sizeof(other_cgroup), "%s/other", cgroup);
	cr_assert_eq(mkdir(other_cgroup, 0755), 0);
	return other_cgroup;
}

struct bl_datapath *place_open(void)
{
	struct bl_datapath *datapath = NULL;
	struct bl_err err = {0};

	cr_assert_eq(bl_datapath_open(&place, &datapath, &err), 0, "%s", err.text);
	return datapath;
}

int web_apply(struct bl_datapath *datapath, const struct web *web, struct bl_err *err)
{
	struct bl_service_entry service = {
		.ns = "shop",
		.name = "web",
		.port = htons(web->port),
		.protocol = web->protocol,
		.in_use = 1,
	};
	bool serving = web->state != BL_BACKEND_GONE;
	struct bl_slot slot = {.backend_id = 1};
	struct bl_addr address;
	struct bl_addr backend;
	uint32_t bit;

	cr_assert_eq(bl_addr_parse(web->address, &address), 0);
	cr_assert_eq(bl_addr_parse(web->backend, &backend), 0);
	bit = bl_addr_filter_bit(address.ip.words);
	struct bl_op ops[] = {
		{.kind = BL_OP_SET_BACKEND,
		 .index = 1,
		 .count = 1,
		 .backend = {.address = backend.ip,
			     .port = htons(web->backend_port),
			     .family = backend.family,
			     .state = web->state,
			     .generation = web->generation,
			     .service_id = 1,
			     .weight = 100}},
		{.kind = BL_OP_SET_SLOTS, .count = 1, .slots = &slot},
		{.kind = BL_OP_SET_SERVICE, .index = 1, .count = 1, .service = &service},
		{.kind = BL_OP_SET_FILTER,
		 .index = bit / 64,
		 .count = 1,
		 .filter = {.frontend = 1ull << bit % 64}},
		{.kind = BL_OP_SET_FRONTEND,
		 .count = 1,
		 .family = address.family,
		 .frontend = {.key = {.port = htons(web->port), .protocol = web->protocol},
			      .value = {.service_id = 1,
					.internal = {.count = serving},
					.external = {.count = serving}}}},
	};
	struct bl_delta delta = {.ops = ops, .count = ARRAY_SIZE(ops)};

	memcpy(ops[4].frontend.key.address, address.ip.ipv6, 16);
	return bl_datapath_apply(datapath, &delta, err);
}

pid_t child_start(int (*fn)(void *userdata), void *userdata)
{
	char path[600];
	pid_t pid = fork();

	cr_assert_geq(pid, 0);
	if (pid > 0) {
		cr_assert_lt(child_count, ARRAY_SIZE(children));
		children[child_count++] = pid;
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
	FILE *procs = fopen(path, "we");
	if (!procs || fprintf(procs, "%d\n", (int)getpid()) < 0 || fclose(procs) != 0)
		_exit(100);
	_exit(fn(userdata));
}

int child_wait(pid_t pid)
{
	int status;

	cr_assert_eq(waitpid(pid, &status, 0), pid);
	for (size_t i = 0; i < child_count; i++) {
		if (children[i] == pid)
			children[i] = children[--child_count];
	}
	cr_assert(WIFEXITED(status), "a child was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static socklen_t sockaddr_of(const char *address, uint16_t port, struct sockaddr_storage *ret)
{
	struct bl_addr addr;

	if (bl_addr_parse(address, &addr) < 0)
		abort();
	return bl_addr_to_sockaddr(&addr, port, ret);
}

int listen_on(const char *address, uint16_t port)
{
	struct sockaddr_storage place_of;
	socklen_t len = sockaddr_of(address, port, &place_of);
	int fd = socket(place_of.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1;

	cr_assert_geq(fd, 0);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&place_of, len), 0);
	cr_assert_eq(listen(fd, 4096), 0);
	return fd;
}

int dial_keep(const char *address, uint16_t port, int type)
{
	struct sockaddr_storage place_of;
	socklen_t len = sockaddr_of(address, port, &place_of);
	int fd = socket(place_of.ss_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&place_of, len) == 0)
		return fd;
	int r = -errno;
	(void)close(fd);
	return r;
}

int dial(const char *address, uint16_t port, int type)
{
	int fd = dial_keep(address, port, type);

	if (fd < 0)
		return fd;
	(void)close(fd);
	return 0;
}

/* The kernel frees programs and maps a little after their last reference is gone. */
static bool exists_for_long(uint32_t id, int (*open_by_id)(uint32_t id))
{
	for (int i = 0; i < 3000; i++) {
		int fd = open_by_id(id);

		if (fd < 0)
			return false;
		(void)close(fd);
		(void)usleep(10000);
	}
	return true;
}

bool program_exists(uint32_t id)
{
	return exists_for_long(id, bpf_prog_get_fd_by_id);
}

bool map_exists(uint32_t id)
{
	return exists_for_long(id, bpf_map_get_fd_by_id);
}

/* Information about a pin; false: no such pin. */
static bool read_pin(const char *folder, const char *name, void *ret, uint32_t len)
{
	char path[600];

	(void)snprintf(path, sizeof(path), "%s/%s%s", PLACE_BPFFS, folder, name);
	_cleanup_close_ int fd = bpf_obj_get(path);
	if (fd < 0)
		return false;
	cr_assert_eq(bpf_obj_get_info_by_fd(fd, ret, &len), 0);
	return true;
}

uint32_t pinned_map_id(const char *name)
{
	struct bpf_map_info info = {0};

	return read_pin("", name, &info, sizeof(info)) ? info.id : 0;
}

uint32_t pinned_link_id(const char *name)
{
	struct bpf_link_info info = {0};

	return read_pin("links/", name, &info, sizeof(info)) ? info.id : 0;
}

void rows_done(struct bl_plan_rows *rows)
{
	free(rows->frontends);
	free(rows->slots);
	free(rows->backends);
	free(rows->services);
	free(rows->filter);
}

double seconds_now(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
