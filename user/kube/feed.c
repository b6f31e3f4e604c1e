/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "kube/feed.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

#define ACCURACY_US 1000u

struct bl_feed {
	struct bl_feed_config config;
	struct bl_reflector *reflector;
	struct bl_kube_call *call; /* NULL: none */
	sd_event_source *timer;
	bool lost; /* only a new list helps */
};

static uint64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Not while the reflector is at work. True: what it was at is over. */
static bool make_up_for_lost(struct bl_feed *feed)
{
	if (!feed->lost)
		return false;
	bl_feed_relist(feed);
	return true;
}

static void tell_answered(struct bl_feed *feed)
{
	if (feed->config.answered)
		feed->config.answered(feed->config.receiver.userdata);
}

/* The call */

static int on_head(struct bl_kube_call *call, int status, uint64_t retry_after_ms, void *userdata)
{
	struct bl_feed *feed = userdata;

	(void)call;
	(void)retry_after_ms; /* comes again at the end */
	tell_answered(feed);
	bl_reflector_head(feed->reflector, status, now_ms());
	return 0;
}

static int on_data(struct bl_kube_call *call, const void *bytes, size_t len, void *userdata)
{
	struct bl_feed *feed = userdata;
	int r = bl_reflector_data(feed->reflector, bytes, len, now_ms());

	(void)call;
	return make_up_for_lost(feed) ? 0 : r;
}

static void on_done(struct bl_kube_call *call, const struct bl_kube_outcome *outcome,
		    void *userdata)
{
	struct bl_feed *feed = userdata;

	(void)call;
	feed->call = NULL;
	tell_answered(feed);
	bl_reflector_end(feed->reflector, outcome, now_ms());
	(void)make_up_for_lost(feed);
}

/* What the reflector asks for */

static int send_get(const struct bl_reflector_get *get, void *userdata, struct bl_err *err)
{
	struct bl_feed *feed = userdata;
	const struct bl_kube_request request = {
		.method = "GET",
		.path = get->path,
		.compressed = get->compressed,
		.idle_timeout_ms = get->idle_timeout_ms,
		.total_timeout_ms = get->total_timeout_ms,
	};
	const struct bl_kube_handler handler = {on_head, on_data, on_done, feed};

	feed->call = bl_kube_send(feed->config.client, &request, &handler, err);
	if (feed->call)
		return 0;
	return err->code ? err->code : -EIO;
}

static void cancel_get(void *userdata)
{
	struct bl_feed *feed = userdata;

	feed->call = bl_kube_call_cancel(feed->call);
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_feed *feed = userdata;

	(void)timer;
	(void)usec;
	bl_reflector_wake(feed->reflector, now_ms());
	return 0;
}

static void set_timer(uint64_t at_ms, void *userdata)
{
	struct bl_feed *feed = userdata;

	if (at_ms == UINT64_MAX) {
		(void)sd_event_source_set_enabled(feed->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(feed->timer, at_ms * 1000);
	(void)sd_event_source_set_enabled(feed->timer, SD_EVENT_ONESHOT);
}

static uint32_t get_random(void *userdata)
{
	uint32_t value = 0;

	(void)userdata;
	(void)!getrandom(&value, sizeof(value), 0); /* four bytes are never cut short */
	return value;
}

/* The feed */

static int make_timer(struct bl_feed *feed)
{
	int r = sd_event_add_time(feed->config.loop, &feed->timer, CLOCK_MONOTONIC, 0, ACCURACY_US,
				  on_timer, feed);

	return r < 0 ? r : sd_event_source_set_enabled(feed->timer, SD_EVENT_OFF);
}

int bl_feed_new(const struct bl_feed_config *config, struct bl_feed **ret)
{
	_cleanup_(bl_feed_free) struct bl_feed *feed = calloc(1, sizeof(*feed));
	struct bl_reflector_config reflector = {
		.resource = config->resource,
		.transport = {.send = send_get,
			      .cancel = cancel_get,
			      .wake_at = set_timer,
			      .random = get_random,
			      .userdata = feed},
		.receiver = config->receiver,
	};
	int r;

	if (!feed)
		return -ENOMEM;
	feed->config = *config;
	r = make_timer(feed);
	if (r >= 0)
		r = bl_reflector_new(&reflector, &feed->reflector);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(feed);
	return 0;
}

struct bl_feed *bl_feed_free(struct bl_feed *feed)
{
	if (!feed)
		return NULL;
	(void)bl_kube_call_cancel(feed->call);
	sd_event_source_disable_unref(feed->timer);
	bl_reflector_free(feed->reflector);
	free(feed);
	return NULL;
}

void bl_feed_start(struct bl_feed *feed)
{
	bl_reflector_start(feed->reflector, now_ms());
}

void bl_feed_relist(struct bl_feed *feed)
{
	feed->lost = false;
	bl_reflector_relist(feed->reflector, now_ms());
}

void bl_feed_lose(struct bl_feed *feed)
{
	feed->lost = true;
}

bool bl_feed_saw(const struct bl_feed *feed, const char *ns, const char *name)
{
	return bl_reflector_saw(feed->reflector, ns, name);
}

struct bl_reflector_info bl_feed_info(const struct bl_feed *feed)
{
	return bl_reflector_info(feed->reflector);
}
