/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "asking.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#define PATIENCE_US 60000000u

void set_secret(struct bl_kube_secret *secret, const char *text)
{
	secret->text = strdup(text);
	secret->len = strlen(text);
}

void set_secret_from(struct bl_kube_secret *secret, const struct fault_server *server,
		     const char *name)
{
	secret->text = fault_server_read(server, name);
	secret->len = strlen(secret->text);
}

void asking_init(struct asking *asking, const struct fault_server *server)
{
	sigset_t mask;

	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &mask, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	memset(asking, 0, sizeof(*asking));
	cr_assert_geq(sd_event_new(&asking->loop), 0);
	asking->config.server = strdup(fault_server_url(server));
	if (strstr(asking->config.server, "https"))
		set_secret_from(&asking->config.ca, server, "ca.pem");
}

void asking_connect(struct asking *asking)
{
	struct bl_err err = {0};

	cr_assert_eq(bl_kube_client_new(asking->loop, &asking->config, &asking->client, &err), 0,
		     "%s", err.text);
}

void asking_done(struct asking *asking)
{
	(void)bl_kube_client_free(asking->client);
	bl_kube_config_done(&asking->config);
	sd_event_unref(asking->loop);
}

static int on_head(struct bl_kube_call *call, int status, uint64_t retry_after_ms, void *userdata)
{
	struct asked *asked = userdata;

	(void)retry_after_ms;
	cr_assert_eq(asked->call, call);
	asked->heads++;
	asked->head_status = status;
	return 0;
}

static int on_data(struct bl_kube_call *call, const void *bytes, size_t len, void *userdata)
{
	struct asked *asked = userdata;

	cr_assert_eq(asked->heads, 1, "the head comes first, and once");
	asked->pieces++;
	bl_buf_add(&asked->body, bytes, len);
	if (asked->cancel_in_data)
		asked->call = bl_kube_call_cancel(call);
	return asked->stop_with;
}

static void on_done(struct bl_kube_call *call, const struct bl_kube_outcome *outcome,
		    void *userdata)
{
	struct asked *asked = userdata;

	cr_assert_eq(asked->call, call);
	cr_assert_not(asked->is_done);
	asked->call = NULL;
	asked->is_done = true;
	asked->outcome = *outcome;
	(void)snprintf(asked->text, sizeof(asked->text), "%s", outcome->text);
	asked->outcome.text = asked->text;
}

void ask_start(struct asking *asking, const char *path, const struct bl_kube_request *request,
	       struct asked *ret)
{
	struct bl_kube_request plain = {.method = "GET", .idle_timeout_ms = 5000};
	struct bl_kube_handler handler = {
		.head = on_head, .data = on_data, .done = on_done, .userdata = ret};
	struct bl_err err = {0};

	if (request)
		plain = *request;
	if (!plain.method)
		plain.method = "GET";
	plain.path = path;
	asked_done(ret);
	ret->call = bl_kube_send(asking->client, &plain, &handler, &err);
	cr_assert(ret->call, "%s", err.text);
	cr_assert_not(ret->is_done, "not before it has returned");
}

static uint64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void ask_wait(struct asking *asking, struct asked *asked)
{
	uint64_t end = now_us() + PATIENCE_US;

	while (!asked->is_done && now_us() < end)
		cr_assert_geq(sd_event_run(asking->loop, 100000), 0);
	cr_assert(asked->is_done, "the call has no end");
}

void ask_run(struct asking *asking, unsigned int ms)
{
	uint64_t end = now_us() + ms * 1000u;

	while (now_us() < end)
		cr_assert_geq(sd_event_run(asking->loop, 10000), 0);
}

void ask(struct asking *asking, const char *path, struct asked *ret)
{
	ask_start(asking, path, NULL, ret);
	ask_wait(asking, ret);
}

void asked_done(struct asked *asked)
{
	struct asked empty = {.stop_with = asked->stop_with,
			      .cancel_in_data = asked->cancel_in_data};

	bl_buf_done(&asked->body);
	*asked = empty;
}
