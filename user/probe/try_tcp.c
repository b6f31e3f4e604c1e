/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "probe/try_parts.h"

struct tcp_try {
	struct bl_try try;
	int fd;
	int failure; /* of connect() itself, told from the loop; 0: none */
	sd_event_source *io;
};

static void release(struct bl_try *try)
{
	struct tcp_try *tcp = (struct tcp_try *)try;

	sd_event_source_disable_unref(tcp->io);
	bl_close_p(&tcp->fd);
	free(tcp);
}

/* A connection that only ever was a question ends with a reset, as load balancers' checks do: no
 * TIME_WAIT stays on either side, and close() cannot wait. */
static void hang_up(struct tcp_try *tcp)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(tcp->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

static void finish(struct tcp_try *tcp, int error)
{
	char text[BL_TRY_TEXT];

	if (error) {
		bl_try_end(&tcp->try, BL_PROBE_FAILURE, "%s", bl_try_error_text(error, text));
		return;
	}
	hang_up(tcp);
	bl_try_end(&tcp->try, BL_PROBE_SUCCESS, "%s", "");
}

static int on_io(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
	(void)io;
	(void)events;
	finish(userdata, -bl_try_connect_result(fd));
	return 0;
}

static int on_failure(sd_event_source *defer, void *userdata)
{
	struct tcp_try *tcp = userdata;

	(void)defer;
	finish(tcp, tcp->failure);
	return 0;
}

int bl_try_start_tcp(struct bl_tries *tries, const struct bl_probe_target *target,
		     bl_try_done_fn *done, void *userdata, struct bl_try **ret, struct bl_err *err)
{
	struct tcp_try *tcp = calloc(1, sizeof(*tcp));
	int r;

	if (!tcp)
		return bl_err_set(err, -ENOMEM, "no memory");
	r = bl_try_connect(tries, &target->address, target->port, &tcp->fd, &tcp->failure, err);
	if (r < 0) {
		free(tcp);
		return r;
	}
	if (tcp->failure)
		r = sd_event_add_defer(tries->config.loop, &tcp->io, on_failure, tcp);
	else
		r = sd_event_add_io(tries->config.loop, &tcp->io, tcp->fd, EPOLLOUT, on_io, tcp);
	if (r >= 0)
		r = bl_try_enter(&tcp->try, tries, target->timeout_ms, done, userdata, release);
	if (r < 0) {
		release(&tcp->try);
		return bl_err_set(err, r, "cannot wait for a socket");
	}
	*ret = &tcp->try;
	return 0;
}
