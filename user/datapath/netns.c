/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/netns.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/magic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/map.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif
#ifndef NSFS_MAGIC
#define NSFS_MAGIC 0x6e736673
#endif

static inline void close_dir_p(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}
#define _cleanup_dir_ __attribute__((cleanup(close_dir_p)))

/* Namespaces found so far, with an index by inode so that each is opened once. */
struct collector {
	struct bl_netns_list list;
	size_t capacity;
	struct bl_map *seen;
};

void bl_netns_list_done(struct bl_netns_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		(void)close(list->items[i].fd);
	free(list->items);
	*list = (struct bl_netns_list){0};
}

/* Takes `fd` over, also on failure. A file that is no namespace is passed over. */
static int collect(struct collector *collector, int fd)
{
	_cleanup_close_ int owned = fd;
	struct stat status;
	struct statfs filesystem;
	uint64_t inode;
	int r;

	if (fstatfs(fd, &filesystem) < 0 || filesystem.f_type != NSFS_MAGIC ||
	    fstat(fd, &status) < 0)
		return 0;
	inode = status.st_ino;
	if (bl_map_get(collector->seen, &inode, sizeof(inode)))
		return 0;

	if (collector->list.count == collector->capacity) {
		size_t capacity = collector->capacity == 0 ? 16 : collector->capacity * 2;
		struct bl_netns *grown =
			reallocarray(collector->list.items, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		collector->list.items = grown;
		collector->capacity = capacity;
	}
	/* The value only says that the inode was seen. */
	r = bl_map_put(collector->seen, &inode, sizeof(inode), collector->seen, NULL);
	if (r < 0)
		return r;
	collector->list.items[collector->list.count++] =
		(struct bl_netns){.fd = TAKE_FD(owned), .inode = inode};
	return 0;
}

/*
 * Most processes share a few namespaces: the inode stands in the link's text, so only the first of
 * each is opened. Processes end while we look, and some are not ours to read; both are passed over.
 */
static int collect_process(struct collector *collector, int proc_fd, const char *pid)
{
	char path[64];
	char link[64];
	uint64_t inode;
	char *end;
	ssize_t len;
	int fd;

	if (snprintf(path, sizeof(path), "%s/ns/net", pid) >= (int)sizeof(path))
		return 0;
	len = readlinkat(proc_fd, path, link, sizeof(link) - 1);
	if (len < 0)
		return 0;
	link[len] = '\0';
	if (strncmp(link, "net:[", 5) != 0)
		return 0;
	inode = strtoull(link + 5, &end, 10);
	if (end == link + 5 || *end != ']')
		return 0;
	if (bl_map_get(collector->seen, &inode, sizeof(inode)))
		return 0;
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : 0;
	return collect(collector, fd);
}

static int collect_processes(struct collector *collector)
{
	_cleanup_dir_ DIR *proc = opendir("/proc");
	const struct dirent *entry;
	int r;

	if (!proc)
		return -errno;
	while ((entry = readdir(proc))) {
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		r = collect_process(collector, dirfd(proc), entry->d_name);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Namespaces kept by name, in which no process need live. */
static int collect_named(struct collector *collector)
{
	_cleanup_dir_ DIR *named = opendir("/run/netns");
	const struct dirent *entry;
	int fd;
	int r;

	if (!named)
		return 0;
	while ((entry = readdir(named))) {
		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(named), entry->d_name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE)
				return -errno;
			continue;
		}
		r = collect(collector, fd);
		if (r < 0)
			return r;
	}
	return 0;
}

int bl_netns_list(struct bl_netns_list *ret)
{
	_cleanup_(bl_map_free) struct bl_map *seen = NULL;
	struct collector collector = {0};
	int r;

	r = bl_map_new(&seen);
	if (r < 0)
		return r;
	collector.seen = seen;
	r = collect_processes(&collector);
	if (r == 0)
		r = collect_named(&collector);
	if (r < 0) {
		bl_netns_list_done(&collector.list);
		return r;
	}
	*ret = collector.list;
	return 0;
}

struct visit {
	int netns_fd;
	int (*fn)(void *userdata);
	void *userdata;
	int result;
};

static void *visit_thread(void *argument)
{
	struct visit *visit = argument;

	if (setns(visit->netns_fd, CLONE_NEWNET) < 0)
		visit->result = -errno;
	else
		visit->result = visit->fn(visit->userdata);
	return NULL;
}

int bl_netns_run(int netns_fd, int (*fn)(void *userdata), void *userdata)
{
	struct visit visit = {.netns_fd = netns_fd, .fn = fn, .userdata = userdata};
	pthread_t thread;
	sigset_t all;
	sigset_t before;
	int r;

	/* Signals are the business of the caller's thread. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&thread, NULL, visit_thread, &visit);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r != 0)
		return -r;
	r = pthread_join(thread, NULL);
	return r != 0 ? -r : visit.result;
}

int bl_netns_own_cookie(uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie;
	socklen_t len = sizeof(cookie);

	if (fd < 0 && errno == EAFNOSUPPORT)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		return errno == ENOPROTOOPT ? -ENOTSUP : -errno;
	*ret = cookie;
	return 0;
}

static int visit_cookie(void *userdata)
{
	return bl_netns_own_cookie(userdata);
}

int bl_netns_cookie(int netns_fd, uint64_t *ret)
{
	return bl_netns_run(netns_fd, visit_cookie, ret);
}

struct addresses {
	struct bl_addr *items;
	size_t count;
};

int bl_netns_addresses(struct bl_addr **ret_items, size_t *ret_count)
{
	_cleanup_free_ struct bl_addr *items = NULL;
	struct ifaddrs *interfaces;
	size_t count = 0;
	size_t room = 0;

	if (getifaddrs(&interfaces) < 0)
		return -errno;
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next)
		room++;
	items = calloc(room > 0 ? room : 1, sizeof(*items));
	if (!items) {
		freeifaddrs(interfaces);
		return -ENOMEM;
	}
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next) {
		if (i->ifa_addr && bl_addr_from_sockaddr(i->ifa_addr, &items[count], NULL) == 0)
			count++;
	}
	freeifaddrs(interfaces);
	*ret_items = TAKE_PTR(items);
	*ret_count = count;
	return 0;
}

static int visit_addresses(void *userdata)
{
	struct addresses *addresses = userdata;

	return bl_netns_addresses(&addresses->items, &addresses->count);
}

int bl_netns_addresses_of(int netns_fd, struct bl_addr **ret_items, size_t *ret_count)
{
	struct addresses addresses = {0};
	int r = bl_netns_run(netns_fd, visit_addresses, &addresses);

	if (r < 0)
		return r;
	*ret_items = addresses.items;
	*ret_count = addresses.count;
	return 0;
}
