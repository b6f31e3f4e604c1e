/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/destroy.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"

#define RECEIVE_LEN ((size_t)32 * 1024)
#define ANSWER_TIMEOUT_S 5

struct target {
	uint8_t family;
	struct inet_diag_sockid id;
};

struct walk {
	int fd; /* owned */
	const uint64_t *cookies;
	size_t cookie_count;
	struct target *targets; /* owned; at most one a cookie */
	size_t target_count;
};

static void walk_done_p(struct walk *walk)
{
	if (walk->fd >= 0)
		(void)close(walk->fd);
	free(walk->targets);
}

static int compare_cookies(const void *a, const void *b)
{
	uint64_t cookie_a = *(const uint64_t *)a;
	uint64_t cookie_b = *(const uint64_t *)b;

	return cookie_a < cookie_b ? -1 : cookie_a > cookie_b;
}

static int request(int fd, uint16_t type, uint16_t flags, const struct target *target)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 body;
	} message = {
		.header =
			{
				.nlmsg_len = sizeof(message),
				.nlmsg_type = type,
				.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
			},
		.body =
			{
				.sdiag_family = target->family,
				.sdiag_protocol = IPPROTO_UDP,
				.idiag_states = UINT32_MAX,
				.id = target->id,
			},
	};

	return send(fd, &message, sizeof(message), 0) < 0 ? -errno : 0;
}

static void note_socket(struct walk *walk, const struct nlmsghdr *header)
{
	struct inet_diag_msg message;
	uint64_t cookie;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(message)))
		return;
	memcpy(&message, NLMSG_DATA(header), sizeof(message));
	cookie = message.id.idiag_cookie[0] | (uint64_t)message.id.idiag_cookie[1] << 32;
	if (message.id.idiag_dport == 0 || walk->target_count == walk->cookie_count ||
	    !bsearch(&cookie, walk->cookies, walk->cookie_count, sizeof(cookie), compare_cookies))
		return;
	walk->targets[walk->target_count++] =
		(struct target){.family = message.idiag_family, .id = message.id};
}

/* Code of an error message; 0 is an acknowledgement. */
static int error_of(const struct nlmsghdr *header)
{
	struct nlmsgerr error;

	if (header->nlmsg_len < NLMSG_LENGTH(sizeof(error)))
		return -EBADMSG;
	memcpy(&error, NLMSG_DATA(header), sizeof(error));
	return error.error;
}

/* Reads messages up to the end of a dump or an acknowledgement. */
static int answer(struct walk *walk)
{
	_Alignas(struct nlmsghdr) char buffer[RECEIVE_LEN];

	for (;;) {
		ssize_t len = recv(walk->fd, buffer, sizeof(buffer), 0);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return -errno;
		for (const struct nlmsghdr *header = (struct nlmsghdr *)buffer;
		     NLMSG_OK(header, (size_t)len); header = NLMSG_NEXT(header, len)) {
			if (header->nlmsg_type == NLMSG_DONE)
				return 0;
			if (header->nlmsg_type == NLMSG_ERROR)
				return error_of(header);
			note_socket(walk, header);
		}
	}
}

static int list_family(struct walk *walk, uint8_t family)
{
	struct target all = {.family = family};
	int r = request(walk->fd, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &all);

	return r < 0 ? r : answer(walk);
}

static int destroy_targets(struct walk *walk, size_t *ret_destroyed)
{
	size_t destroyed = 0;

	for (size_t i = 0; i < walk->target_count; i++) {
		int r = request(walk->fd, SOCK_DESTROY, NLM_F_ACK, &walk->targets[i]);

		if (r == 0)
			r = answer(walk);
		/* Closed by its owner, or another of the same addresses was found: not this time.
		 */
		if (r == -ENOENT || r == -ESTALE)
			continue;
		if (r < 0)
			return r;
		destroyed++;
	}
	*ret_destroyed = destroyed;
	return 0;
}

int bl_destroy_udp_sockets(const uint64_t *cookies, size_t count, size_t *ret_destroyed)
{
	__attribute__((cleanup(walk_done_p))) struct walk walk = {
		.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG),
		.cookies = cookies,
		.cookie_count = count,
	};
	const struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_S};
	int r;

	if (walk.fd < 0)
		return -errno;
	if (setsockopt(walk.fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	walk.targets = calloc(count > 0 ? count : 1, sizeof(*walk.targets));
	if (!walk.targets)
		return -ENOMEM;
	r = list_family(&walk, AF_INET);
	if (r == 0)
		r = list_family(&walk, AF_INET6);
	if (r < 0)
		return r;
	return destroy_targets(&walk, ret_destroyed);
}
