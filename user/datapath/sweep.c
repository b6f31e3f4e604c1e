/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Stale sockets: found by one walk over the socket storage of all namespaces, destroyed namespace
 * by namespace, where there are any. A second walk tells what is left, so that the count is what
 * happened and not what was tried.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/destroy.h"
#include "datapath/kernel.h"
#include "datapath/netns.h"

#define SWEEP_MAX 65536u /* sockets in one pass; more are left to the next */
#define SWEEP_PASSES 4

struct stale_list {
	struct bl_stale_socket *items; /* ordered by namespace, then cookie */
	size_t count;
	size_t capacity;
};

static void stale_list_done_p(struct stale_list *list)
{
	free(list->items);
}

static int compare_stale(const void *a, const void *b)
{
	const struct bl_stale_socket *stale_a = a;
	const struct bl_stale_socket *stale_b = b;

	if (stale_a->netns_inode != stale_b->netns_inode)
		return stale_a->netns_inode < stale_b->netns_inode ? -1 : 1;
	if (stale_a->socket_cookie != stale_b->socket_cookie)
		return stale_a->socket_cookie < stale_b->socket_cookie ? -1 : 1;
	return 0;
}

/* Reads what an iterator writes, up to SWEEP_MAX records; a read may end within one. */
static int read_iterator(int fd, struct stale_list *list)
{
	size_t bytes = 0;

	for (;;) {
		if (bytes + sizeof(*list->items) > list->capacity * sizeof(*list->items)) {
			size_t capacity = list->capacity == 0 ? 256 : list->capacity * 2;
			struct bl_stale_socket *grown;

			if (capacity > SWEEP_MAX)
				break;
			grown = reallocarray(list->items, capacity, sizeof(*grown));
			if (!grown)
				return -ENOMEM;
			list->items = grown;
			list->capacity = capacity;
		}
		ssize_t len = read(fd, (char *)list->items + bytes,
				   list->capacity * sizeof(*list->items) - bytes);

		/* EAGAIN: a long way without a hit; the kernel lets others run. */
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (len < 0)
			return -errno;
		if (len == 0)
			break;
		bytes += (size_t)len;
	}
	list->count = bytes / sizeof(*list->items);
	return 0;
}

static int find_stale(const struct bl_kernel *kernel, struct stale_list *list)
{
	union bpf_iter_link_info info = {.map.map_fd = (uint32_t)kernel->maps.fds[BL_MAP_ID_SOCKS]};
	LIBBPF_OPTS(bpf_link_create_opts, options, .iter_info = &info,
		    .iter_info_len = sizeof(info));
	_cleanup_close_ int link_fd = -1;
	_cleanup_close_ int fd = -1;
	int r;

	list->count = 0;
	link_fd = bpf_link_create(kernel->find_stale_fd, 0, BPF_TRACE_ITER, &options);
	if (link_fd < 0)
		return link_fd;
	fd = bpf_iter_create(link_fd);
	if (fd < 0)
		return fd;
	r = read_iterator(fd, list);
	if (r == 0 && list->count > 0)
		qsort(list->items, list->count, sizeof(*list->items), compare_stale);
	return r;
}

/* The part of the list that is in one namespace. */
static size_t stale_in(const struct stale_list *list, uint64_t inode,
		       const struct bl_stale_socket **ret_first)
{
	size_t first = 0;
	size_t count = 0;

	while (first < list->count && list->items[first].netns_inode != inode)
		first++;
	while (first + count < list->count && list->items[first + count].netns_inode == inode)
		count++;
	*ret_first = list->items + first;
	return count;
}

struct visit {
	int iterator_link_fd; /* -1: netlink */
	uint64_t *cookies;    /* sorted */
	size_t cookie_count;
};

/* Opening the iterator here makes it walk this namespace. What it destroyed is counted later. */
static int visit_iterator(const struct visit *visit)
{
	_cleanup_close_ int fd = bpf_iter_create(visit->iterator_link_fd);
	char buffer[4096];
	ssize_t len;

	if (fd < 0)
		return fd;
	do
		len = read(fd, buffer, sizeof(buffer));
	while (len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR)));
	return len < 0 ? -errno : 0;
}

static int visit_namespace(void *userdata)
{
	const struct visit *visit = userdata;
	size_t destroyed;

	if (visit->iterator_link_fd >= 0)
		return visit_iterator(visit);
	return bl_destroy_udp_sockets(visit->cookies, visit->cookie_count, &destroyed);
}

/* Visits every namespace that has a stale socket. With cookies, netlink destroys those; without, it
 * only gives every socket a cookie. */
static int visit_all(const struct bl_netns_list *namespaces, const struct stale_list *stale,
		     int iterator_link_fd, bool with_cookies)
{
	_cleanup_free_ uint64_t *cookies = calloc(stale->count, sizeof(*cookies));
	int first_failure = 0;

	if (!cookies)
		return -ENOMEM;
	for (size_t i = 0; i < namespaces->count; i++) {
		struct visit visit = {.iterator_link_fd = iterator_link_fd, .cookies = cookies};
		const struct bl_stale_socket *first;
		size_t count = stale_in(stale, namespaces->items[i].inode, &first);
		int r;

		if (count == 0)
			continue;
		for (size_t j = 0; j < count && with_cookies; j++)
			cookies[visit.cookie_count++] = first[j].socket_cookie;
		r = bl_netns_run(namespaces->items[i].fd, visit_namespace, &visit);
		if (r < 0 && first_failure == 0)
			first_failure = r;
	}
	return first_failure;
}

static int destroy_by_iterator(const struct bl_kernel *kernel,
			       const struct bl_netns_list *namespaces,
			       const struct stale_list *stale)
{
	_cleanup_close_ int link_fd =
		bpf_link_create(kernel->destroy_udp_fd, 0, BPF_TRACE_ITER, NULL);

	return link_fd < 0 ? link_fd : visit_all(namespaces, stale, link_fd, false);
}

/* A socket has no cookie until somebody asks for it; a first look over netlink asks for all. */
static int destroy_by_netlink(const struct bl_kernel *kernel,
			      const struct bl_netns_list *namespaces, struct stale_list *stale)
{
	int r = visit_all(namespaces, stale, -1, false);

	if (r == 0)
		r = find_stale(kernel, stale);
	if (r < 0 || stale->count == 0)
		return r;
	return visit_all(namespaces, stale, -1, true);
}

static int destroy(const struct bl_kernel *kernel, struct stale_list *stale)
{
	__attribute__((cleanup(bl_netns_list_done_p))) struct bl_netns_list namespaces = {0};
	int r = bl_netns_list(&namespaces);

	if (r < 0)
		return r;
	if (kernel->destroy_udp_fd >= 0)
		return destroy_by_iterator(kernel, &namespaces, stale);
	return destroy_by_netlink(kernel, &namespaces, stale);
}

static int sweep_failed(int code, size_t left, struct bl_err *err)
{
	if (code == -EOPNOTSUPP || code == -ENOENT)
		return bl_err_set(err, -ENOTSUP,
				  "%zu connected UDP sockets keep a backend that is gone: this "
				  "kernel has neither bpf_sock_destroy (6.5) nor INET_DIAG_DESTROY "
				  "with UDP; try modprobe udp_diag, or restart their programs",
				  left);
	if (code == 0)
		return bl_err_set(err, -ESRCH,
				  "%zu connected UDP sockets keep a backend that is gone: they are "
				  "in network namespaces that no process and no name in /run/netns "
				  "shows",
				  left);
	errno = -code;
	return bl_err_set(err, code, "cannot destroy %zu UDP sockets whose backend is gone: %m",
			  left);
}

int bl_kernel_sweep_sockets(struct bl_datapath *datapath, size_t *ret_destroyed, struct bl_err *err)
{
	__attribute__((cleanup(stale_list_done_p))) struct stale_list stale = {0};
	const struct bl_kernel *kernel = (struct bl_kernel *)datapath;
	size_t destroyed = 0;
	size_t before;
	int r;

	if (kernel->find_stale_fd < 0)
		return bl_err_set(err, -ENOTSUP,
				  "cannot look for stale UDP sockets: this kernel has no iterator "
				  "over socket storage");
	r = find_stale(kernel, &stale);
	for (int pass = 0; r == 0 && stale.count > 0 && pass < SWEEP_PASSES; pass++) {
		int failure;

		before = stale.count;
		failure = destroy(kernel, &stale);
		r = find_stale(kernel, &stale);
		if (r == 0 && stale.count >= before && before < SWEEP_MAX / 2)
			return sweep_failed(failure, stale.count, err);
		if (r == 0 && stale.count < before)
			destroyed += before - stale.count;
	}
	if (r < 0) {
		errno = -r;
		return bl_err_set(err, r, "cannot look for stale UDP sockets: %m");
	}
	*ret_destroyed = destroyed;
	return 0;
}
