/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "loop/curl.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <time.h>

struct bl_curl_loop {
	sd_event *loop; /* borrowed */
	bl_curl_done_fn *done;
	void *userdata;
	CURLM *multi;
	sd_event_source *timer;
	bool telling; /* a receiver may be at work */
	bool dying;   /* and has freed the whole */
};

static void destroy(struct bl_curl_loop *curl)
{
	if (curl->multi)
		(void)curl_multi_cleanup(curl->multi);
	sd_event_source_disable_unref(curl->timer);
	curl_global_cleanup();
	free(curl);
}

/* Tells how transfers ended. */
static void read_messages(struct bl_curl_loop *curl)
{
	CURLMsg *message;
	int left;

	curl->telling = true;
	while (!curl->dying && (message = curl_multi_info_read(curl->multi, &left)))
		if (message->msg == CURLMSG_DONE)
			curl->done(message->easy_handle, message->data.result, curl->userdata);
	curl->telling = false;
	if (curl->dying)
		destroy(curl);
}

static int on_io(sd_event_source *io, int fd, uint32_t events, void *userdata)
{
	struct bl_curl_loop *curl = userdata;
	int running, mask = 0;

	(void)io;
	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	(void)curl_multi_socket_action(curl->multi, fd, mask, &running);
	read_messages(curl);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *source)
{
	struct bl_curl_loop *curl = userdata;
	sd_event_source *io = source;
	uint32_t events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(io);
		return 0;
	}
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EPOLLIN;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EPOLLOUT;
	if (io)
		return sd_event_source_set_io_events(io, events) < 0 ? -1 : 0;
	if (sd_event_add_io(curl->loop, &io, fd, events, on_io, curl) < 0)
		return -1;
	(void)curl_multi_assign(curl->multi, fd, io);
	return 0;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_curl_loop *curl = userdata;
	int running;

	(void)timer;
	(void)usec;
	(void)curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	read_messages(curl);
	return 0;
}

static int on_set_timer(CURLM *multi, long ms, void *userdata)
{
	struct bl_curl_loop *curl = userdata;

	(void)multi;
	if (ms < 0)
		return sd_event_source_set_enabled(curl->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(curl->timer, (uint64_t)ms * 1000) < 0)
		return -1;
	return sd_event_source_set_enabled(curl->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

static int set_up_multi(struct bl_curl_loop *curl)
{
	curl->multi = curl_multi_init();
	if (!curl->multi ||
	    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket) != CURLM_OK ||
	    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl) != CURLM_OK ||
	    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_set_timer) != CURLM_OK ||
	    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl) != CURLM_OK)
		return -ENOMEM;
	return 0;
}

int bl_curl_loop_new(sd_event *loop, bl_curl_done_fn *done, void *userdata,
		     struct bl_curl_loop **ret)
{
	struct bl_curl_loop *curl = calloc(1, sizeof(*curl));
	int r;

	if (!curl)
		return -ENOMEM;
	curl->loop = loop;
	curl->done = done;
	curl->userdata = userdata;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		free(curl);
		return -ENOMEM;
	}
	r = sd_event_add_time_relative(loop, &curl->timer, CLOCK_MONOTONIC, 0, 1000, on_timer,
				       curl);
	if (r >= 0)
		r = sd_event_source_set_enabled(curl->timer, SD_EVENT_OFF);
	if (r >= 0)
		r = set_up_multi(curl);
	if (r < 0) {
		bl_curl_loop_free(curl);
		return r;
	}
	*ret = curl;
	return 0;
}

struct bl_curl_loop *bl_curl_loop_free(struct bl_curl_loop *curl)
{
	if (!curl)
		return NULL;
	curl->dying = true;
	if (!curl->telling)
		destroy(curl);
	return NULL;
}

CURLM *bl_curl_loop_multi(const struct bl_curl_loop *curl)
{
	return curl->multi;
}
