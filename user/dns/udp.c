/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries and answers over UDP, many a system call. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "dns/serving.h"

#define BATCH 64
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))

struct letter {
	struct sockaddr_storage peer;
	struct iovec data;
	uint8_t bytes[BL_DNS_QUERY_MAX];
	uint8_t control[CONTROL_SIZE] __attribute__((aligned(8)));
};

struct bl_dns_batch {
	struct mmsghdr in[BATCH];
	struct mmsghdr out[BATCH];
	struct letter queries[BATCH];
	struct letter answers[BATCH];
};

/* Makes the first `count` places ready to receive. */
static void prepare(struct bl_dns_batch *batch, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct letter *letter = &batch->queries[i];

		letter->data =
			(struct iovec){.iov_base = letter->bytes, .iov_len = sizeof(letter->bytes)};
		batch->in[i].msg_hdr = (struct msghdr){
			.msg_name = &letter->peer,
			.msg_namelen = sizeof(letter->peer),
			.msg_iov = &letter->data,
			.msg_iovlen = 1,
			.msg_control = letter->control,
			.msg_controllen = sizeof(letter->control),
		};
	}
}

int bl_dns_batch_new(struct bl_dns_batch **ret)
{
	*ret = calloc(1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	prepare(*ret, BATCH);
	return 0;
}

struct bl_dns_batch *bl_dns_batch_free(struct bl_dns_batch *batch)
{
	free(batch);
	return NULL;
}

static void read_local(struct msghdr *header, struct bl_dns_client *client)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(part), sizeof(info));
			client->local.family = BL_FAMILY_IPV4;
			memcpy(&client->local.ip, &info.ipi_addr, 4);
		} else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(part), sizeof(info));
			client->local.family = BL_FAMILY_IPV6;
			memcpy(&client->local.ip, &info.ipi6_addr, 16);
			/* Only link-local addresses need their interface. */
			if (bl_addr_is_link_local(&client->local))
				client->interface = info.ipi6_ifindex;
		}
	}
}

/* The answer's source is what the query was sent to, whatever the routes say. */
static void write_local(struct msghdr *header, const struct bl_dns_client *client)
{
	struct cmsghdr *part = header->msg_control;

	if (client->local.family == BL_FAMILY_IPV4) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, &client->local.ip, 4);
		part->cmsg_level = IPPROTO_IP;
		part->cmsg_type = IP_PKTINFO;
		part->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(part), &info, sizeof(info));
		header->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = {.ipi6_ifindex = client->interface};

		memcpy(&info.ipi6_addr, &client->local.ip, 16);
		part->cmsg_level = IPPROTO_IPV6;
		part->cmsg_type = IPV6_PKTINFO;
		part->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(part), &info, sizeof(info));
		header->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

static void address(struct msghdr *header, struct iovec *data, uint8_t *control,
		    const struct bl_dns_client *client)
{
	*header = (struct msghdr){
		.msg_name = (void *)(uintptr_t)&client->peer,
		.msg_namelen = client->peer_len,
		.msg_iov = data,
		.msg_iovlen = 1,
	};
	if (client->local.family) {
		header->msg_control = control;
		write_local(header, client);
	}
}

void bl_dns_udp_send(struct bl_dns_server *server, const struct bl_dns_client *client,
		     const uint8_t *bytes, size_t len)
{
	uint8_t control[CONTROL_SIZE] __attribute__((aligned(8))) = {0};
	struct iovec data = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr header;

	address(&header, &data, control, client);
	if (sendmsg(client->listener->source.fd, &header, MSG_DONTWAIT) < 0)
		bl_dns_count(server, BL_DNS_DROPPED);
}

/* One query; true when `answer` is ready to be sent. */
static bool take(struct bl_dns_server *server, struct bl_dns_listener *listener, struct mmsghdr *in,
		 struct letter *query, struct letter *answer, struct msghdr *out)
{
	struct bl_dns_client client = {
		.listener = listener, .peer = query->peer, .peer_len = in->msg_hdr.msg_namelen};
	struct bl_dns_reply reply = {.out = answer->bytes, .room = sizeof(answer->bytes)};
	struct bl_addr peer;

	bl_dns_count(server, BL_DNS_UDP_QUERIES);
	if (!bl_dns_is_allowed(server, &client.peer, &peer)) {
		bl_dns_count(server, BL_DNS_NOT_ALLOWED);
		return false;
	}
	if (!bl_dns_limit_admit(server->limit, &peer, server->now_us)) {
		bl_dns_count(server, BL_DNS_LIMITED);
		return false;
	}
	if (in->msg_hdr.msg_flags & MSG_TRUNC) {
		bl_dns_count(server, BL_DNS_DROPPED);
		return false;
	}
	read_local(&in->msg_hdr, &client);
	if (!bl_dns_serve(server, &client, query->bytes, in->msg_len, &reply))
		return false;
	answer->peer = client.peer;
	answer->data = (struct iovec){.iov_base = answer->bytes, .iov_len = reply.len};
	address(out, &answer->data, answer->control, &client);
	out->msg_name = &answer->peer;
	return true;
}

static void send_all(struct bl_dns_server *server, int fd, struct mmsghdr *out, unsigned int count)
{
	unsigned int done = 0;

	while (done < count) {
		int sent = sendmmsg(fd, out + done, count - done, MSG_DONTWAIT);

		/* The first one failed: its client asks again. */
		if (sent <= 0) {
			bl_dns_count(server, BL_DNS_DROPPED);
			sent = 1;
		}
		done += (unsigned int)sent;
	}
}

void bl_dns_udp_ready(struct bl_dns_server *server, struct bl_dns_source *source, uint32_t events)
{
	struct bl_dns_listener *listener = (struct bl_dns_listener *)source;
	struct bl_dns_batch *batch = server->batch;
	unsigned int count = 0;
	int received;

	(void)events;
	received = recvmmsg(source->fd, batch->in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < received; i++)
		if (take(server, listener, &batch->in[i], &batch->queries[i],
			 &batch->answers[count], &batch->out[count].msg_hdr))
			count++;
	send_all(server, source->fd, batch->out, count);
	prepare(batch, received > 0 ? (size_t)received : 0);
}
