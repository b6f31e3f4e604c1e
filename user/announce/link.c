/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "announce/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"

#define NEXT_HEADER_AT 20 /* from the start of the frame */
#define ICMP_TYPE_AT 54
#define WHOLE_FRAME 0x40000

/* Neighbour solicitations and advertisements without extension headers, as RFC 6980 wants them. */
static const struct sock_filter neighbours_only[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NEXT_HEADER_AT),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 4),
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, ICMP_TYPE_AT),
	BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ND_NEIGHBOR_SOLICIT, 0, 2),
	BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, ND_NEIGHBOR_ADVERT, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, WHOLE_FRAME),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

/* Bound to the device last: until then nothing comes in, filter or not. */
static int open_packet_socket(uint32_t ifindex, uint16_t protocol, const struct sock_filter *filter,
			      uint16_t filter_len)
{
	const struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = (int)ifindex,
	};
	const struct sock_fprog program = {.len = filter_len,
					   .filter = (struct sock_filter *)filter};
	_cleanup_close_ int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    (filter_len &&
	     setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0) ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* -ENODEV for what cannot answer. */
static int read_mac(int fd, uint32_t ifindex, uint8_t *ret)
{
	struct ifreq request = {0};

	if (!if_indextoname(ifindex, request.ifr_name) || ioctl(fd, SIOCGIFFLAGS, &request) < 0 ||
	    (request.ifr_flags & (IFF_UP | IFF_RUNNING)) != (IFF_UP | IFF_RUNNING) ||
	    ioctl(fd, SIOCGIFHWADDR, &request) < 0 || request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
		return -ENODEV;
	memcpy(ret, request.ifr_hwaddr.sa_data, BL_MAC_LEN);
	return 0;
}

static int open_sockets(struct bl_link *link)
{
	link->arp_fd = open_packet_socket(link->ifindex, ETH_P_ARP, NULL, 0);
	if (link->arp_fd < 0)
		return link->arp_fd;
	link->neighbour_fd = open_packet_socket(link->ifindex, ETH_P_IPV6, neighbours_only,
						ARRAY_SIZE(neighbours_only));
	if (link->neighbour_fd < 0)
		return link->neighbour_fd;
	link->group_fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return bl_map_new(&link->groups);
}

int bl_link_open(uint32_t ifindex, struct bl_link *ret, struct bl_err *err)
{
	struct bl_link link = {
		.ifindex = ifindex, .arp_fd = -1, .neighbour_fd = -1, .group_fd = -1};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : read_mac(fd, ifindex, link.mac);

	if (r == 0)
		r = open_sockets(&link);
	if (r < 0) {
		bl_link_close(&link);
		errno = -r;
		return bl_err_set(err, r,
				  "cannot answer ARP and neighbour discovery on device %u: "
				  "%m",
				  ifindex);
	}
	*ret = link;
	return 0;
}

bool bl_link_is_up(const struct bl_link *link)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint8_t mac[BL_MAC_LEN];

	return fd >= 0 && read_mac(fd, link->ifindex, mac) == 0 &&
	       !memcmp(mac, link->mac, BL_MAC_LEN);
}

void bl_link_close(struct bl_link *link)
{
	bl_close_p(&link->arp_fd);
	bl_close_p(&link->neighbour_fd);
	bl_close_p(&link->group_fd); /* and all memberships with it */
	(void)bl_map_free(link->groups);
	*link = (struct bl_link){.arp_fd = -1, .neighbour_fd = -1, .group_fd = -1};
}

static bool change_group(const struct bl_link *link, int option, const void *group)
{
	struct ipv6_mreq request = {.ipv6mr_interface = link->ifindex};

	memcpy(&request.ipv6mr_multiaddr, group, sizeof(request.ipv6mr_multiaddr));
	return setsockopt(link->group_fd, IPPROTO_IPV6, option, &request, sizeof(request)) == 0;
}

static void take_all_groups(struct bl_link *link)
{
	const struct packet_mreq request = {.mr_ifindex = (int)link->ifindex,
					    .mr_type = PACKET_MR_ALLMULTI};

	link->all_groups = setsockopt(link->neighbour_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
				      &request, sizeof(request)) == 0;
}

static void leave_others(struct bl_link *link, const struct bl_map *wanted)
{
	const void *key;
	size_t cursor = 0;
	size_t len;

	while (bl_map_next(link->groups, &cursor, &key, &len, NULL)) {
		uint8_t group[16];

		if (bl_map_get(wanted, key, len))
			continue;
		memcpy(group, key, sizeof(group));
		(void)change_group(link, IPV6_LEAVE_GROUP, group); /* or it went with the device */
		(void)bl_map_remove(link->groups, group, sizeof(group));
		cursor = 0;
	}
}

void bl_link_set_groups(struct bl_link *link, const struct bl_map *wanted)
{
	const void *key;
	size_t cursor = 0;
	size_t len;

	if (link->group_fd < 0)
		return;
	leave_others(link, wanted);
	while (bl_map_next(wanted, &cursor, &key, &len, NULL)) {
		if (bl_map_get(link->groups, key, len))
			continue;
		if (change_group(link, IPV6_JOIN_GROUP, key))
			(void)bl_map_put(link->groups, key, len, link, NULL);
		else if (!link->all_groups)
			take_all_groups(link);
	}
}

void bl_link_send(const struct bl_link *link, uint8_t family, const uint8_t *frame, size_t len)
{
	int fd = family == BL_FAMILY_IPV6 ? link->neighbour_fd : link->arp_fd;

	(void)!send(fd, frame, len, MSG_NOSIGNAL);
}

ssize_t bl_link_receive(int fd, uint8_t *buffer, size_t size)
{
	struct sockaddr_ll from = {0};
	socklen_t from_len = sizeof(from);
	ssize_t len = recvfrom(fd, buffer, size, MSG_DONTWAIT, (struct sockaddr *)&from, &from_len);

	if (len < 0)
		return -errno;
	return from.sll_pkttype == PACKET_OUTGOING || from.sll_pkttype == PACKET_OTHERHOST ? 0
											   : len;
}
