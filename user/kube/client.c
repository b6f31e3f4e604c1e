/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The life of calls: queued, waiting for credentials, running, ended. A call starts and ends in the
 * event loop, never within a function that its owner called, nor within a callback of libcurl.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "kube/parts.h"

uint64_t bl_kube_now_us(const struct bl_kube_client *client)
{
	uint64_t now = 0;

	(void)sd_event_now(client->loop, CLOCK_MONOTONIC, &now);
	return now;
}

static void kick(struct bl_kube_client *client)
{
	(void)sd_event_source_set_enabled(client->kick, SD_EVENT_ONESHOT);
}

/* The end of a call */

static void leave(struct bl_kube_call *call)
{
	if (!call->link)
		return;
	*call->link = call->next;
	if (call->next)
		call->next->link = call->link;
	call->link = NULL;
}

static struct bl_kube_call *call_free(struct bl_kube_call *call)
{
	if (!call)
		return NULL;
	leave(call);
	bl_kube_transfer_end(call);
	sd_event_source_disable_unref(call->timer);
	free(call->method);
	free(call->path);
	free(call->accept);
	free(call->content_type);
	free(call->body);
	free(call);
	return NULL;
}
BL_DEFINE_CLEANUP(struct bl_kube_call *, call_free);

struct bl_kube_call *bl_kube_call_cancel(struct bl_kube_call *call)
{
	if (!call || call->state == BL_KUBE_DEAD)
		return NULL;
	if (!call->client->in_curl)
		return call_free(call);
	call->state = BL_KUBE_DEAD;
	call->timer = sd_event_source_disable_unref(call->timer); /* may be due already */
	kick(call->client);
	return NULL;
}

/* Tells the owner. The call is gone afterwards. */
static void finish(struct bl_kube_call *call, const struct bl_kube_outcome *how)
{
	struct bl_kube_outcome outcome = *how;

	outcome.status = call->has_head ? call->status : 0;
	outcome.retry_after_ms = call->has_head ? call->retry_after_ms : BL_KUBE_NO_RETRY_AFTER;
	outcome.body_len = call->received;
	bl_kube_transfer_end(call);
	call->state = BL_KUBE_DEAD; /* its owner need not cancel it any more */
	call->timer = sd_event_source_disable_unref(call->timer);
	call->handler.done(call, &outcome, call->handler.userdata);
	(void)call_free(call);
}

static void on_done(CURL *easy, CURLcode code, void *userdata)
{
	struct bl_kube_client *client = userdata;
	struct bl_kube_call *call = NULL;
	struct bl_kube_outcome outcome = {0};
	char text[BL_KUBE_TEXT];

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call) != CURLE_OK || !call)
		return;
	if (call->state == BL_KUBE_DEAD) {
		(void)call_free(call);
	} else if (call->again) {
		bl_kube_transfer_end(call);
		call->again = false;
		call->repeated = true;
		call->has_head = false;
		call->status = 0;
		call->state = BL_KUBE_QUEUED;
		kick(client);
	} else {
		bl_kube_transfer_outcome(call, code, &outcome, text);
		outcome.text = text;
		finish(call, &outcome);
	}
}

/* Time */

/* When the call is to be looked at: its deadline, or when it has been idle for too long. */
static uint64_t next_us(const struct bl_kube_call *call)
{
	uint64_t idle = call->active_us + call->idle_us;

	if (call->state != BL_KUBE_RUNNING || idle > call->deadline_us)
		return call->deadline_us;
	return idle;
}

static void arm(struct bl_kube_call *call)
{
	uint64_t at = next_us(call);

	if (at == UINT64_MAX) {
		(void)sd_event_source_set_enabled(call->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time(call->timer, at);
	(void)sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT);
}

static const char *span(uint64_t ms, char buffer[static 32])
{
	if (ms % 1000)
		(void)snprintf(buffer, 32, "%llu ms", (unsigned long long)ms);
	else
		(void)snprintf(buffer, 32, "%llu s", (unsigned long long)ms / 1000);
	return buffer;
}

static int on_timer(sd_event_source *timer, uint64_t usec, void *userdata)
{
	struct bl_kube_call *call = userdata;
	struct bl_kube_client *client = call->client;
	struct bl_kube_outcome outcome = {.error = -ETIMEDOUT};
	uint64_t now = bl_kube_now_us(client);
	uint64_t half = call->active_us + (now - call->active_us) / 2;
	bool late = now >= call->deadline_us;
	char text[BL_KUBE_TEXT], time_text[32];

	(void)timer;
	(void)usec;
	if (now < next_us(call)) {
		arm(call);
		return 0;
	}
	/* On a connection that carries others, only a stream is silent as long as they get their
	 * bytes. When nobody got any for the second half of this time, what is open may be
	 * half-open: nothing of it is used again, but for what was opened in that half. */
	if (call->state == BL_KUBE_RUNNING && client->received_us <= half)
		bl_kube_shut_sockets(client, half);
	if (late)
		(void)snprintf(text, sizeof(text), "not done within %s",
			       span(call->total_ms, time_text));
	else
		(void)snprintf(text, sizeof(text), "nothing came for %s",
			       span(call->idle_us / 1000, time_text));
	outcome.end = late ? BL_KUBE_END_TIMEOUT : BL_KUBE_END_IDLE;
	outcome.text = text;
	finish(call, &outcome);
	return 0;
}

/* The start of a call */

static void start(struct bl_kube_call *call)
{
	struct bl_kube_client *client = call->client;
	struct bl_kube_credentials credentials;
	struct bl_err err = {0};
	struct bl_kube_outcome outcome = {.text = err.text, .end = BL_KUBE_END_AUTH};
	int r = bl_kube_auth_get(client->auth, &credentials, &err);

	if (r == -EAGAIN) {
		call->state = BL_KUBE_WAITING;
		arm(call);
		return;
	}
	if (r == 0) {
		r = bl_kube_transfer_start(call, &credentials, &err);
		outcome.end = BL_KUBE_END_LOCAL;
	}
	if (r < 0) {
		outcome.error = r;
		finish(call, &outcome);
		return;
	}
	call->state = BL_KUBE_RUNNING;
	arm(call);
}

static struct bl_kube_call *find(const struct bl_kube_client *client, enum bl_kube_state state)
{
	struct bl_kube_call *call = client->first;

	while (call && call->state != state)
		call = call->next;
	return call;
}

static int on_kick(sd_event_source *source, void *userdata)
{
	struct bl_kube_client *client = userdata;
	struct bl_kube_call *call;

	(void)source;
	while ((call = find(client, BL_KUBE_DEAD)))
		(void)call_free(call);
	while ((call = find(client, BL_KUBE_QUEUED)))
		start(call);
	return 0;
}

static void on_ready(void *userdata)
{
	struct bl_kube_client *client = userdata;

	for (struct bl_kube_call *call = client->first; call; call = call->next)
		if (call->state == BL_KUBE_WAITING)
			call->state = BL_KUBE_QUEUED;
	kick(client);
}

static int copy_request(struct bl_kube_call *call, const struct bl_kube_request *request,
			uint64_t now)
{
	uint64_t idle_ms = request->idle_timeout_ms ? request->idle_timeout_ms : BL_KUBE_IDLE_MS;

	call->method = strdup(request->method);
	call->path = strdup(request->path);
	call->accept = strdup(request->accept ? request->accept : "application/json");
	call->content_type =
		strdup(request->content_type ? request->content_type : "application/json");
	call->has_body = request->body != NULL;
	call->body = call->has_body ? malloc(request->body_len + 1) : NULL;
	if (!call->method || !call->path || !call->accept || !call->content_type ||
	    (call->has_body && !call->body))
		return -ENOMEM;
	if (call->has_body)
		memcpy(call->body, request->body, request->body_len);
	call->body_len = request->body_len;
	call->compressed = request->compressed;
	call->body_max = request->body_max;
	call->idle_us = idle_ms * 1000;
	call->total_ms = request->total_timeout_ms;
	call->deadline_us = call->total_ms ? now + call->total_ms * 1000 : UINT64_MAX;
	return 0;
}

struct bl_kube_call *bl_kube_send(struct bl_kube_client *client,
				  const struct bl_kube_request *request,
				  const struct bl_kube_handler *handler, struct bl_err *err)
{
	_cleanup_(call_free) struct bl_kube_call *call = calloc(1, sizeof(*call));
	uint64_t now = bl_kube_now_us(client);

	if (!call) {
		(void)bl_err_set(err, -ENOMEM, "no memory for a request");
		return NULL;
	}
	call->client = client;
	call->handler = *handler;
	call->active_us = now;
	call->retry_after_ms = BL_KUBE_NO_RETRY_AFTER;
	if (copy_request(call, request, now) < 0 ||
	    sd_event_add_time(client->loop, &call->timer, CLOCK_MONOTONIC, now, 1000, on_timer,
			      call) < 0) {
		(void)bl_err_set(err, -ENOMEM, "no memory for a request");
		return NULL;
	}
	(void)sd_event_source_set_enabled(call->timer, SD_EVENT_OFF);
	call->next = client->first;
	call->link = &client->first;
	if (call->next)
		call->next->link = &call->next;
	client->first = call;
	kick(client);
	return TAKE_PTR(call);
}

/* The client */

/* The URL that paths follow, and how the server's name in its certificate is another one than that
 * which is dialled. */
static int make_url(struct bl_kube_client *client)
{
	const char *name = client->config.tls_server_name;
	CURLU *url = curl_url();
	_cleanup_(bl_buf_done) struct bl_buf line = {0};
	char *host = NULL, *port = NULL, *whole = NULL;
	int r = -EINVAL;

	if (url && curl_url_set(url, CURLUPART_URL, client->config.server, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	    curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
	    (!name || curl_url_set(url, CURLUPART_HOST, name, 0) == CURLUE_OK) &&
	    curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK)
		r = 0;
	if (r == 0 && name) {
		bl_buf_addf(&line, "%s:%s:%s:%s", name, port, host, port);
		client->connect_to = line.failed ? NULL : curl_slist_append(NULL, line.data);
		line.len = 0;
		bl_buf_addf(&line, "%s:%s", host, port);
		client->host_header = bl_buf_take(&line);
		if (!client->connect_to || !client->host_header)
			r = -ENOMEM;
	}
	if (r == 0) {
		size_t len = strlen(whole);

		while (len && whole[len - 1] == '/')
			len--;
		client->url = strndup(whole, len);
		r = client->url ? 0 : -ENOMEM;
	}
	curl_free(whole);
	curl_free(port);
	curl_free(host);
	curl_url_cleanup(url);
	return r;
}

int bl_kube_client_new(sd_event *loop, const struct bl_kube_config *config,
		       struct bl_kube_client **ret, struct bl_err *err)
{
	_cleanup_(bl_kube_client_free) struct bl_kube_client *client = calloc(1, sizeof(*client));
	int r;

	if (!client)
		return bl_err_set(err, -ENOMEM, "no memory for a client");
	/* Whatever the address comes from: a file, the environment or an option. */
	if ((config->token.text || config->token.file || config->exec.command) &&
	    !bl_kube_config_is_private(config))
		return bl_err_set(err, -EINVAL,
				  "server '%s': a token is not sent without TLS; expected a URL of "
				  "https",
				  config->server);
	client->loop = sd_event_ref(loop);
	r = bl_kube_config_copy(config, &client->config);
	if (r == 0)
		r = bl_curl_loop_new(loop, on_done, client, &client->curl);
	if (r == 0)
		r = sd_event_add_defer(loop, &client->kick, on_kick, client);
	if (r >= 0)
		r = sd_event_source_set_enabled(client->kick, SD_EVENT_OFF);
	if (r >= 0)
		r = bl_kube_auth_new(loop, &client->config, on_ready, client, &client->auth);
	if (r < 0)
		return bl_err_set(err, r, "cannot make a client: %s", strerror(-r));
	r = make_url(client);
	if (r < 0)
		return bl_err_set(err, r, "server '%s' is no URL", client->config.server);
	client->info.server = client->config.server;
	*ret = TAKE_PTR(client);
	return 0;
}

struct bl_kube_client *bl_kube_client_free(struct bl_kube_client *client)
{
	if (!client)
		return NULL;
	while (client->first)
		(void)call_free(client->first);
	(void)bl_curl_loop_free(client->curl);
	(void)bl_kube_auth_free(client->auth);
	sd_event_source_disable_unref(client->kick);
	curl_slist_free_all(client->connect_to);
	free(client->host_header);
	free(client->url);
	bl_kube_config_done(&client->config);
	sd_event_unref(client->loop);
	free(client);
	return NULL;
}

struct bl_kube_client_info bl_kube_client_info(const struct bl_kube_client *client)
{
	return client->info;
}
