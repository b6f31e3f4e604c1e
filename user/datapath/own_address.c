/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/own_address.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define LOOPBACK_IFINDEX 1u /* in every network namespace */

/* What speaks against an address, the worst first. */
enum {
	AGAINST_OTHER_DEVICE = 64,
	AGAINST_LOOPBACK_DEVICE = 32,
	AGAINST_DEPRECATED = 16,
	AGAINST_HOST =
		8, /* a network of its own alone: as load balancers and keepalived have them */
	AGAINST_SECONDARY = 4, /* IPv4: not the first of its network; IPv6: temporary (RFC 8981) */
};

static bool is_usable(const struct bl_own_address *item)
{
	return !bl_addr_is_loopback(&item->address) && !bl_addr_is_link_local(&item->address) &&
	       item->scope < RT_SCOPE_LINK && !(item->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED));
}

static bool is_on(const struct bl_own_address *item, const uint32_t *devices, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (devices[i] == item->ifindex)
			return true;
	return false;
}

static unsigned int rank(const struct bl_own_address *item, bool on_device)
{
	unsigned int against = on_device ? 0 : AGAINST_OTHER_DEVICE;

	if (item->ifindex == LOOPBACK_IFINDEX)
		against += AGAINST_LOOPBACK_DEVICE;
	if (item->flags & IFA_F_DEPRECATED)
		against += AGAINST_DEPRECATED;
	if (item->bits == bl_addr_bits(&item->address))
		against += AGAINST_HOST;
	if (item->flags & IFA_F_SECONDARY)
		against += AGAINST_SECONDARY;
	return against;
}

bool bl_own_address_choose(const struct bl_own_address *list, size_t count, const uint32_t *devices,
			   size_t device_count, bool others, uint8_t family, union bl_ip *ret)
{
	const struct bl_own_address *best = NULL;
	unsigned int best_rank = 0;

	for (size_t i = 0; i < count; i++) {
		const struct bl_own_address *item = &list[i];
		bool on_device = is_on(item, devices, device_count);
		unsigned int item_rank = rank(item, on_device);

		if (item->address.family != family || !is_usable(item) || (!on_device && !others))
			continue;
		if (best && (item_rank > best_rank ||
			     (item_rank == best_rank && item->since >= best->since)))
			continue;
		best = item;
		best_rank = item_rank;
	}
	if (best)
		*ret = best->address.ip;
	return best != NULL;
}

struct list {
	struct bl_own_address *items;
	size_t count;
	size_t room;
};

static int add(struct list *list, const struct bl_own_address *item)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 16;
		struct bl_own_address *items = realloc(list->items, room * sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = *item;
	return 0;
}

/* IFA_LOCAL is the own address where a link has two ends; without it IFA_ADDRESS. */
static bool read_item(const struct nlmsghdr *header, struct bl_own_address *ret)
{
	const struct ifaddrmsg *message = NLMSG_DATA(header);
	size_t len = IFA_PAYLOAD(header);
	size_t size = message->ifa_family == AF_INET ? 4 : 16;
	bool is_local = false;

	if (message->ifa_family != AF_INET && message->ifa_family != AF_INET6)
		return false;
	*ret = (struct bl_own_address){
		.address.family = message->ifa_family == AF_INET ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6,
		.ifindex = message->ifa_index,
		.bits = message->ifa_prefixlen,
		.scope = message->ifa_scope,
		.flags = message->ifa_flags,
	};
	for (const struct rtattr *item = IFA_RTA(message); RTA_OK(item, len);
	     item = RTA_NEXT(item, len)) {
		const void *value = RTA_DATA(item);

		if ((item->rta_type == IFA_LOCAL || (item->rta_type == IFA_ADDRESS && !is_local)) &&
		    RTA_PAYLOAD(item) == size) {
			memcpy(&ret->address.ip, value, size);
			is_local = item->rta_type == IFA_LOCAL;
		} else if (item->rta_type == IFA_FLAGS) {
			memcpy(&ret->flags, value, sizeof(ret->flags));
		} else if (item->rta_type == IFA_CACHEINFO) {
			ret->since = ((const struct ifa_cacheinfo *)value)->cstamp;
		}
	}
	return true;
}

/* 1 when there is more to come, 0 at the end. */
static int read_reply(const char *reply, size_t len, struct list *list)
{
	struct bl_own_address item;

	for (const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)reply;
	     NLMSG_OK(header, len); header = NLMSG_NEXT(header, len)) {
		if (header->nlmsg_type == NLMSG_DONE)
			return 0;
		if (header->nlmsg_type == NLMSG_ERROR)
			return ((const struct nlmsgerr *)NLMSG_DATA(header))->error;
		if (header->nlmsg_type == RTM_NEWADDR && read_item(header, &item) &&
		    add(list, &item) < 0)
			return -ENOMEM;
	}
	return 1;
}

int bl_own_addresses_read(struct bl_own_address **ret, size_t *ret_count)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct {
		struct nlmsghdr header;
		struct ifaddrmsg message;
	} request = {
		.header = {.nlmsg_len = sizeof(request),
			   .nlmsg_type = RTM_GETADDR,
			   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.message = {.ifa_family = AF_UNSPEC},
	};
	__attribute__((aligned(8))) char reply[32768];
	struct list list = {0};
	int r = 1;

	if (fd < 0 || send(fd, &request, sizeof(request), 0) != sizeof(request))
		return -errno;
	while (r > 0) {
		ssize_t len = recv(fd, reply, sizeof(reply), 0);

		r = len < 0 ? -errno : read_reply(reply, (size_t)len, &list);
	}
	if (r < 0) {
		free(list.items);
		return r;
	}
	*ret = list.items;
	*ret_count = list.count;
	return 0;
}
