/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/xdp_features.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Of linux/netdev.h, which came with Linux 6.3. */
#define NETDEV_FAMILY "netdev"
#define NETDEV_VERSION 1
#define NETDEV_DEV_GET 1
#define NETDEV_DEV_IFINDEX 1
#define NETDEV_DEV_XDP_FEATURES 3
#define NETDEV_XDP_NDO_XMIT (1u << 2)

struct request {
	struct nlmsghdr header;
	struct genlmsghdr generic;
	uint8_t attributes[64];
};

static void begin(struct request *request, uint16_t family, uint8_t command, uint8_t version)
{
	*request = (struct request){
		.header = {.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
			   .nlmsg_type = family,
			   .nlmsg_flags = NLM_F_REQUEST},
		.generic = {.cmd = command, .version = version},
	};
}

static void add(struct request *request, uint16_t type, const void *value, uint16_t len)
{
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type};
	uint8_t *at = (uint8_t *)request + request->header.nlmsg_len;

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + NLA_HDRLEN, value, len);
	request->header.nlmsg_len += NLA_ALIGN(attribute.nla_len);
}

/* Sends, and copies the value of one attribute of the answer. */
static int ask(int fd, const struct request *request, uint16_t type, void *ret, size_t len)
{
	__attribute__((aligned(8))) uint8_t answer[8192];
	const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)answer;
	ssize_t got;

	if (send(fd, request, request->header.nlmsg_len, 0) < 0)
		return -errno;
	got = recv(fd, answer, sizeof(answer), 0);
	if (got < 0)
		return -errno;
	if (!NLMSG_OK(header, (size_t)got) || header->nlmsg_type == NLMSG_ERROR)
		return -ENOENT;
	for (size_t at = NLMSG_LENGTH(GENL_HDRLEN); at + NLA_HDRLEN <= header->nlmsg_len;) {
		struct nlattr attribute;

		memcpy(&attribute, answer + at, sizeof(attribute));
		if (attribute.nla_len < NLA_HDRLEN || at + attribute.nla_len > header->nlmsg_len)
			return -EBADMSG;
		if ((attribute.nla_type & NLA_TYPE_MASK) == type &&
		    attribute.nla_len >= NLA_HDRLEN + len) {
			memcpy(ret, answer + at + NLA_HDRLEN, len);
			return 0;
		}
		at += NLA_ALIGN(attribute.nla_len);
	}
	return -ENOENT;
}

int bl_xdp_features(uint32_t ifindex, uint64_t *ret)
{
	_cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	const struct timeval patience = {.tv_sec = 1};
	struct request request;
	uint16_t family;
	int r;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	begin(&request, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	add(&request, CTRL_ATTR_FAMILY_NAME, NETDEV_FAMILY, sizeof(NETDEV_FAMILY));
	r = ask(fd, &request, CTRL_ATTR_FAMILY_ID, &family, sizeof(family));
	if (r < 0)
		return r;
	begin(&request, family, NETDEV_DEV_GET, NETDEV_VERSION);
	add(&request, NETDEV_DEV_IFINDEX, &ifindex, sizeof(ifindex));
	return ask(fd, &request, NETDEV_DEV_XDP_FEATURES, ret, sizeof(*ret));
}

bool bl_xdp_can_transmit(uint32_t ifindex)
{
	uint64_t features;

	return bl_xdp_features(ifindex, &features) == 0 && features & NETDEV_XDP_NDO_XMIT;
}
