/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The node: programs, cgroup, namespaces. Maps are in fixture_maps.c, sockets in
 * fixture_sockets.c. */
#include "fixture.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUP_PREFIX "beeline-test-"

struct sock_bpf *skel;

const struct stack stacks[STACKS + 1] = {
	{"IPv4",
	 "10.96.0.10",
	 "10.96.0.10",
	 "127.0.1.1",
	 {{"127.0.1.1", 8080}, {"127.0.1.2", 8080}, {"127.0.1.3", 8080}}},
	{"IPv6",
	 "fd00:10:96::10",
	 "fd00:10:96::10",
	 "fd00:77::1",
	 {{"fd00:77::1", 8080}, {"fd00:77::2", 8080}, {"fd00:77::3", 8080}}},
	{"IPv4-mapped",
	 "10.96.0.20",
	 "::ffff:10.96.0.20",
	 "::ffff:127.0.2.1",
	 {{"127.0.2.1", 8080}, {"127.0.2.2", 8080}, {"127.0.2.3", 8080}}},
};

static char cgroup_mount[PATH_MAX];
static char cgroup_before[PATH_MAX];
static char cgroup_own[PATH_MAX];
static int cgroup_fd = -1;
static struct bpf_link *links[16];
static size_t links_count;

static void find_cgroup_mount(void)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	cr_assert_not_null(mounts);
	while (!cgroup_mount[0] && fgets(line, sizeof(line), mounts))
		if (strstr(line, " - cgroup2 "))
			cr_assert_eq(sscanf(line, "%*s %*s %*s %*s %4095s", cgroup_mount), 1);
	(void)fclose(mounts);
	cr_assert(cgroup_mount[0], "no cgroup2 is mounted");
}

/* The part of /proc/self/cgroup that speaks of cgroup2, as a folder below its mount. */
static void find_own_cgroup(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[4096];

	cr_assert_not_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "0::", 3) == 0) {
			line[strcspn(line, "\n")] = '\0';
			cr_assert_lt(snprintf(cgroup_before, sizeof(cgroup_before),
					      "%.2000s%.2000s", cgroup_mount, line + 3),
				     PATH_MAX);
		}
	(void)fclose(file);
	cr_assert(cgroup_before[0]);
}

static void join_cgroup(const char *folder)
{
	char path[PATH_MAX + 16];
	FILE *procs;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", folder);
	procs = fopen(path, "we");
	cr_assert_not_null(procs, "cannot open '%s'", path);
	cr_assert_gt(fprintf(procs, "%d\n", (int)getpid()), 0);
	cr_assert_eq(fclose(procs), 0, "cannot join '%s'", folder);
}

/* Cgroups of test processes that died without their .fini. */
static void sweep_cgroups(void)
{
	DIR *folder = opendir(cgroup_mount);
	struct dirent *entry;
	char path[PATH_MAX + 300];

	cr_assert_not_null(folder);
	while ((entry = readdir(folder))) {
		pid_t pid;

		if (strncmp(entry->d_name, CGROUP_PREFIX, strlen(CGROUP_PREFIX)) != 0)
			continue;
		pid = (pid_t)strtol(entry->d_name + strlen(CGROUP_PREFIX), NULL, 10);
		if (pid > 0 && kill(pid, 0) < 0 && errno == ESRCH) {
			(void)snprintf(path, sizeof(path), "%s/%s", cgroup_mount, entry->d_name);
			(void)rmdir(path);
		}
	}
	(void)closedir(folder);
}

static void enter_cgroup(void)
{
	find_cgroup_mount();
	find_own_cgroup();
	sweep_cgroups();
	cr_assert_lt(snprintf(cgroup_own, sizeof(cgroup_own), "%.4000s/" CGROUP_PREFIX "%d",
			      cgroup_mount, (int)getpid()),
		     PATH_MAX);
	cr_assert_eq(mkdir(cgroup_own, 0755), 0, "cannot make '%s': %s", cgroup_own,
		     strerror(errno));
	cgroup_fd = open(cgroup_own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cr_assert_geq(cgroup_fd, 0);
	join_cgroup(cgroup_own);
}

static bool kernel_has(const char *function)
{
	struct btf *btf = btf__load_vmlinux_btf();
	bool found = btf && btf__find_by_name_kind(btf, function, BTF_KIND_FUNC) > 0;

	btf__free(btf);
	return found;
}

static void shrink_maps(void)
{
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.slots, 4096 / BL_SLOT_BLOCK), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.backends, 4096), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.backend_stats, 4096 / BL_STATS_BLOCK), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.services, 1024), 0);
	cr_assert_eq(bpf_map__set_max_entries(skel->maps.service_stats, 1024 / BL_STATS_BLOCK), 0);
}

static void load_programs(struct bl_sock_tunables tunables)
{
	struct bpf_program *program;

	skel = sock_bpf__open();
	cr_assert_not_null(skel);
	shrink_maps();
	tunables.host_netns_cookie = netns_cookie();
	tunables.cast_context = tunables.cast_context && kernel_has("bpf_cast_to_kern_ctx");
	*(struct bl_sock_tunables *)&skel->rodata->tunables = tunables;
	if (!kernel_has("bpf_sock_destroy"))
		bpf_program__set_autoload(skel->progs.bl_destroy_udp, false);
	cr_assert_eq(sock_bpf__load(skel), 0, "programs do not load");
	bpf_object__for_each_program(program, skel->obj)
	{
		if (bpf_program__type(program) == BPF_PROG_TYPE_TRACING)
			continue;
		cr_assert_lt(links_count, sizeof(links) / sizeof(links[0]));
		links[links_count] = bpf_program__attach_cgroup(program, cgroup_fd);
		cr_assert_not_null(links[links_count++], "cannot attach %s: %s",
				   bpf_program__name(program), strerror(errno));
	}
}

struct bl_sock_tunables fixture_tunables(void)
{
	struct bl_sock_tunables tunables = {
		.probe_mark = BL_PROBE_MARK_DEFAULT,
		.remember_peer = 1,
		.refuse_bind = 1,
		.count = 1,
		.cast_context = 1,
	};

	return tunables;
}

void fixture_up_with(struct bl_sock_tunables tunables)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	(void)netns_enter_new();
	for (unsigned int i = 0; i < STACK_BACKENDS; i++)
		add_lo_address6(stacks[1].backends[i].address);
	enter_cgroup();
	load_programs(tunables);
}

void fixture_up(void)
{
	fixture_up_with(fixture_tunables());
}

void fixture_down(void)
{
	if (cgroup_fd < 0)
		return;
	while (links_count > 0)
		(void)bpf_link__destroy(links[--links_count]);
	sock_bpf__destroy(skel);
	skel = NULL;
	join_cgroup(cgroup_before);
	(void)close(cgroup_fd);
	cgroup_fd = -1;
	cr_expect_eq(rmdir(cgroup_own), 0, "cannot remove '%s': %s", cgroup_own, strerror(errno));
}

int netns_open(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	cr_assert_geq(fd, 0);
	return fd;
}

int netns_enter_new(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd;

	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_geq(fd, 0);
	cr_assert_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	(void)close(fd);
	return netns_open();
}

void netns_enter(int fd)
{
	cr_assert_eq(setns(fd, CLONE_NEWNET), 0);
}

uint64_t netns_cookie(void)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	cr_assert_geq(fd, 0);
	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size), 0);
	(void)close(fd);
	return cookie;
}
