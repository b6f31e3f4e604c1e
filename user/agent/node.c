/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/node.h"

#include <ctype.h>
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "datapath/netns.h"
#include "model/node.h"
#include "model/validate.h"

struct bl_node_watch {
	char *name;
	char *zone;
	struct bl_addr *addresses;
	size_t address_count;
	struct bl_local_node facts;
	int fd;
	sd_event_source *io;
	bl_node_changed_fn *changed;
	void *userdata;
};

static int own_name(const char *name, char **ret, struct bl_err *err)
{
	char host[256] = "";
	const char *wrong;
	char *copy;

	if (!name && gethostname(host, sizeof(host) - 1) < 0)
		return bl_err_set(err, -errno, "cannot get the host name: %m");
	copy = strdup(name ? name : host);
	if (!copy)
		return bl_err_set(err, -ENOMEM, "no memory");
	for (char *at = copy; *at; at++)
		*at = (char)tolower((unsigned char)*at);
	wrong = bl_check_dns_subdomain(copy);
	if (wrong) {
		(void)bl_err_set(err, -EINVAL,
				 "'%s' is no name for a node: %s; give one with --node-name", copy,
				 wrong);
		free(copy);
		return -EINVAL;
	}
	*ret = copy;
	return 0;
}

int bl_node_watch_new(const char *name, struct bl_node_watch **ret, struct bl_err *err)
{
	_cleanup_(bl_node_watch_free) struct bl_node_watch *watch = calloc(1, sizeof(*watch));
	int r;

	if (!watch)
		return bl_err_set(err, -ENOMEM, "no memory");
	watch->fd = -1;
	r = own_name(name, &watch->name, err);
	if (r < 0)
		return r;
	watch->facts.name = watch->name;
	*ret = TAKE_PTR(watch);
	return 0;
}

struct bl_node_watch *bl_node_watch_free(struct bl_node_watch *watch)
{
	if (!watch)
		return NULL;
	sd_event_source_disable_unref(watch->io);
	bl_close_p(&watch->fd);
	free(watch->addresses);
	free(watch->zone);
	free(watch->name);
	free(watch);
	return NULL;
}

const struct bl_local_node *bl_node_watch_facts(const struct bl_node_watch *watch)
{
	return &watch->facts;
}

static int by_order(const void *a, const void *b)
{
	return bl_addr_compare(a, b);
}

/* Sorted, without repeats and without what no client can dial. */
static size_t tidy(struct bl_addr *addresses, size_t count)
{
	size_t used = 0;

	if (count)
		qsort(addresses, count, sizeof(*addresses), by_order);
	for (size_t i = 0; i < count; i++) {
		if (addresses[i].family == BL_FAMILY_IPV6 && bl_addr_is_link_local(&addresses[i]))
			continue;
		if (used && bl_addr_equal(&addresses[used - 1], &addresses[i]))
			continue;
		addresses[used++] = addresses[i];
	}
	return used;
}

/* 1 when they changed. */
static int read_addresses(struct bl_node_watch *watch)
{
	_cleanup_free_ struct bl_addr *addresses = NULL;
	size_t count = 0;
	int r = bl_netns_addresses(&addresses, &count);

	if (r < 0)
		return r;
	count = tidy(addresses, count);
	if (count == watch->address_count &&
	    (!count || !memcmp(addresses, watch->addresses, count * sizeof(*addresses))))
		return 0;
	free(watch->addresses);
	watch->addresses = TAKE_PTR(addresses);
	watch->address_count = count;
	watch->facts.addresses = watch->addresses;
	watch->facts.address_count = count;
	return 1;
}

static int on_netlink(sd_event_source *io, int fd, uint32_t revents, void *userdata)
{
	struct bl_node_watch *watch = userdata;
	char buffer[8192];

	(void)io;
	(void)revents;
	/* What the messages say does not matter, nor that some were lost: all is read again. */
	while (recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT) > 0)
		;
	if (read_addresses(watch) > 0)
		watch->changed(watch->userdata);
	return 0;
}

static int open_netlink(struct bl_err *err)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return bl_err_set(err, -errno, "cannot follow the addresses of this node: %m");
	return TAKE_FD(fd);
}

int bl_node_watch_read(struct bl_node_watch *watch, struct bl_err *err)
{
	int r = read_addresses(watch);

	return r < 0 ? bl_err_set(err, r, "cannot read the addresses of this node: %s",
				  strerror(-r))
		     : 0;
}

int bl_node_watch_start(struct bl_node_watch *watch, sd_event *loop, bl_node_changed_fn *changed,
			void *userdata, struct bl_err *err)
{
	int r;

	watch->changed = changed;
	watch->userdata = userdata;
	watch->fd = open_netlink(err);
	if (watch->fd < 0)
		return watch->fd;
	r = sd_event_add_io(loop, &watch->io, watch->fd, EPOLLIN, on_netlink, watch);
	return r < 0 ? bl_err_set(err, r, "cannot follow the addresses of this node: %s",
				  strerror(-r))
		     : bl_node_watch_read(watch, err);
}

void bl_node_watch_set_slices_only(struct bl_node_watch *watch, bool slices_only)
{
	watch->facts.slices_only = slices_only;
}

void bl_node_watch_set_outside(struct bl_node_watch *watch, const struct bl_outside_policy *policy)
{
	watch->facts.outside = *policy;
}

bool bl_node_watch_set_zone(struct bl_node_watch *watch, const struct bl_store *store)
{
	const struct bl_object *node = bl_store_find(store, BL_KIND_NODE, NULL, watch->name);
	const char *zone = node ? bl_pairs_get(&node->meta.labels, BL_LABEL_ZONE) : NULL;
	char *copy = NULL;

	if (!zone == !watch->zone && (!zone || !strcmp(zone, watch->zone)))
		return false;
	if (zone) {
		copy = strdup(zone);
		if (!copy)
			return false; /* the next look tries again */
	}
	free(watch->zone);
	watch->zone = copy;
	watch->facts.zone = copy;
	return true;
}
