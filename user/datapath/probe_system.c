/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trials of the machine: file systems, namespaces, sockets, settings. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "datapath/destroy.h"
#include "datapath/mounts.h"
#include "datapath/netns.h"
#include "datapath/probe.h"

int bl_probe_kernel(const struct bl_datapath_config *config,
		    const struct bl_probe_argument *argument, char *detail)
{
	struct utsname name;

	(void)config;
	(void)argument;
	if (uname(&name) < 0)
		return -errno;
	(void)snprintf(detail, BL_PROBE_DETAIL, "%.50s %.60s %.30s", name.sysname, name.release,
		       name.machine);
	return 0;
}

int bl_probe_bpffs(const struct bl_datapath_config *config,
		   const struct bl_probe_argument *argument, char *detail)
{
	const char *path = config->bpffs ? config->bpffs : BL_BPFFS_DEFAULT;
	struct bl_err err = {0};
	int r = bl_mounts_check_bpffs(path, &err);

	(void)argument;
	(void)snprintf(detail, BL_PROBE_DETAIL, "%.*s", (int)BL_PROBE_DETAIL - 1,
		       r < 0 ? err.text : path);
	return r;
}

int bl_probe_cgroup2(const struct bl_datapath_config *config,
		     const struct bl_probe_argument *argument, char *detail)
{
	_cleanup_free_ char *mount = NULL;
	_cleanup_close_ int fd = -1;
	struct bl_err err = {0};
	const char *shown;
	uint64_t id;
	int r = bl_mounts_open_cgroup(config->cgroup, &fd, &id, &err);

	(void)argument;
	if (r == 0 && !config->cgroup)
		r = bl_mounts_find_cgroup2(&mount);
	shown = r < 0 ? err.text : config->cgroup ? config->cgroup : mount;
	(void)snprintf(detail, BL_PROBE_DETAIL, "%.*s", (int)BL_PROBE_DETAIL - 1, shown);
	return r;
}

int bl_probe_file(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		  char *detail)
{
	_cleanup_close_ int fd = open(argument->text, O_RDONLY | O_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	(void)config;
	if (r == 0)
		(void)snprintf(detail, BL_PROBE_DETAIL, "%s", argument->text);
	else
		(void)snprintf(detail, BL_PROBE_DETAIL, "%s: %m", argument->text);
	return r;
}

int bl_probe_netns_cookie(const struct bl_datapath_config *config,
			  const struct bl_probe_argument *argument, char *detail)
{
	uint64_t cookie = 0;
	int r = bl_netns_own_cookie(&cookie);

	(void)config;
	(void)argument;
	if (r == 0)
		(void)snprintf(detail, BL_PROBE_DETAIL, "%llu here", (unsigned long long)cookie);
	return r;
}

/* A number in a file below /proc/sys. */
static int read_setting(const char *path, int *ret)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	char line[32];
	char *end;
	long value;

	if (!file)
		return -errno;
	if (!fgets(line, sizeof(line), file))
		return -EINVAL;
	value = strtol(line, &end, 10);
	if (end == line)
		return -EINVAL;
	*ret = (int)value;
	return 0;
}

int bl_probe_unprivileged(const struct bl_datapath_config *config,
			  const struct bl_probe_argument *argument, char *detail)
{
	int value = 0;
	int r = read_setting("/proc/sys/kernel/unprivileged_bpf_disabled", &value);

	(void)config;
	(void)argument;
	if (r < 0)
		return r;
	(void)snprintf(detail, BL_PROBE_DETAIL, "kernel.unprivileged_bpf_disabled = %d", value);
	return value != 0 ? 0 : -EPERM;
}

int bl_probe_ipv6(const struct bl_datapath_config *config, const struct bl_probe_argument *argument,
		  char *detail)
{
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)config;
	(void)argument;
	(void)detail;
	return fd < 0 ? -errno : 0;
}

static int bring_lo_up(int fd)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* A socket connected to itself on lo of this namespace, and its cookie. */
static int make_victim(int *ret_fd, uint64_t *ret_cookie)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t self_len = sizeof(self);
	socklen_t cookie_len = sizeof(*ret_cookie);
	int r;

	if (fd < 0)
		return -errno;
	r = bring_lo_up(fd);
	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&self, &self_len) < 0 ||
	    connect(fd, (struct sockaddr *)&self, sizeof(self)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, ret_cookie, &cookie_len) < 0)
		return -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int destroy_victim(void)
{
	_cleanup_close_ int fd = -1;
	uint64_t cookie;
	size_t destroyed = 0;
	int r;

	r = make_victim(&fd, &cookie);
	if (r == 0)
		r = bl_destroy_udp_sockets(&cookie, 1, &destroyed);
	if (r < 0)
		return r;
	return destroyed == 1 ? 0 : -EOPNOTSUPP;
}

struct trial {
	int (*run)(void);
	int result;
};

static void *run_trial(void *argument)
{
	struct trial *trial = argument;

	trial->result = unshare(CLONE_NEWNET) < 0 ? -errno : trial->run();
	return NULL;
}

int bl_probe_in_netns(int (*run)(void))
{
	struct trial trial = {.run = run};
	pthread_t thread;
	int r = pthread_create(&thread, NULL, run_trial, &trial);

	if (r == 0)
		r = pthread_join(thread, NULL);
	return r != 0 ? -r : trial.result;
}

int bl_probe_diag_destroy(const struct bl_datapath_config *config,
			  const struct bl_probe_argument *argument, char *detail)
{
	(void)config;
	(void)argument;
	(void)detail;
	return bl_probe_in_netns(destroy_victim);
}
