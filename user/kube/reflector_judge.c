/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From how a call ended to what is done next: the table of docs/kubernetes.md as code. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "kube/reflector_parts.h"

/* A watch that fails so often from one version is given up for a list. */
#define WATCH_TRIES 3u
#define STREAM_TRIES 2u
#define RETRY_AFTER_MAX_MS (300 * 1000u)

static const char *verb(const struct bl_reflector *reflector)
{
	return reflector->ask == BL_ASK_LIST ? "list" : "watch";
}

static const char *plural(const struct bl_reflector *reflector)
{
	return bl_kind_info(reflector->config.resource.kind)->plural;
}

__attribute__((format(printf, 3, 4))) static void
say(const struct bl_reflector *reflector, struct bl_verdict *verdict, const char *format, ...)
{
	int len = snprintf(verdict->text, sizeof(verdict->text), "cannot %s %s: ", verb(reflector),
			   plural(reflector));
	va_list args;

	va_start(args, format);
	(void)vsnprintf(verdict->text + len, sizeof(verdict->text) - (size_t)len, format, args);
	va_end(args);
}

/* The server's own words, where it had some. */
static const char *words(const struct bl_reflector *reflector)
{
	const struct bl_kube_status *status = &reflector->status;

	return status->message[0] ? status->message : status->reason[0] ? status->reason : "";
}

static bool is_list(const struct bl_reflector *reflector)
{
	return reflector->ask != BL_ASK_WATCH;
}

/* One silence of a busy server is no reason to do without for good, and servers are upgraded. */
static void do_without_streams(struct bl_reflector *reflector)
{
	reflector->can_stream = false;
	reflector->stream_again_ms = reflector->sent_ms + BL_STREAM_AGAIN_MS;
}

static void stop_streaming(struct bl_reflector *reflector, struct bl_verdict *verdict)
{
	do_without_streams(reflector);
	verdict->next = BL_ASK_LIST;
	verdict->at_once = true;
	verdict->text[0] = '\0';
}

/* The version is too old, or from another life of the server: only a list helps. */
static void start_over(struct bl_reflector *reflector, struct bl_verdict *verdict)
{
	verdict->next = BL_ASK_LIST;
	verdict->at_once = reflector->stale++ == 0;
	verdict->quiet = true;
	if (reflector->more)
		reflector->unpaged = true;
	free(reflector->version);
	reflector->version = NULL;
	reflector->fresh = true;
}

/* Not what we ask for, but how: in another way it may work. */
static void judge_bad_request(struct bl_reflector *reflector, int code, struct bl_verdict *verdict)
{
	if (reflector->ask == BL_ASK_STREAM) {
		stop_streaming(reflector, verdict);
		return;
	}
	if (reflector->more && !reflector->unpaged) {
		start_over(reflector, verdict);
		verdict->text[0] = '\0';
		return;
	}
	say(reflector, verdict, "the server answered %d %s", code, words(reflector));
	start_over(reflector, verdict);
	verdict->at_once = false;
	verdict->quiet = false;
}

static void judge_forbidden(struct bl_reflector *reflector, struct bl_verdict *verdict)
{
	char resource[128];

	(void)bl_kube_resource_words(&reflector->config.resource, resource, sizeof(resource));
	say(reflector, verdict,
	    "not allowed (403): %s; a ClusterRole must give the agent the verbs 'list' and 'watch' "
	    "on %s",
	    words(reflector), resource);
}

static uint64_t retry_after(const struct bl_reflector *reflector,
			    const struct bl_kube_outcome *outcome)
{
	uint64_t ms = reflector->status.retry_after_s * 1000;

	if (outcome->retry_after_ms != BL_KUBE_NO_RETRY_AFTER && outcome->retry_after_ms > ms)
		ms = outcome->retry_after_ms;
	return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

static void judge_status(struct bl_reflector *reflector, int code, struct bl_verdict *verdict)
{
	switch (code) {
	case 400:
	case 422:
		judge_bad_request(reflector, code, verdict);
		return;
	case 401:
		say(reflector, verdict,
		    "the server does not accept the agent's credentials (401): %s",
		    words(reflector));
		return;
	case 403:
		judge_forbidden(reflector, verdict);
		return;
	case 404:
		say(reflector, verdict,
		    "the server does not have them (404): %s; they are part of Kubernetes 1.21 and "
		    "newer",
		    words(reflector));
		return;
	case 410:
		say(reflector, verdict, "the server's history begins later (410): %s",
		    words(reflector));
		start_over(reflector, verdict);
		return;
	case 504:
		if (reflector->status.version_too_large) {
			say(reflector, verdict, "the server is behind what was seen (504): %s",
			    words(reflector));
			start_over(reflector, verdict);
			verdict->at_once = false;
			return;
		}
		break;
	default:
		break;
	}
	say(reflector, verdict, "the server answered %d%s%s", code, words(reflector)[0] ? ": " : "",
	    words(reflector));
}

static void judge_fault(struct bl_reflector *reflector, struct bl_verdict *verdict)
{
	switch (reflector->fault) {
	case BL_FAULT_NO_STREAM:
		stop_streaming(reflector, verdict);
		return;
	case BL_FAULT_EVENT:
		judge_status(reflector, reflector->status.code, verdict);
		return;
	case BL_FAULT_BODY:
		say(reflector, verdict, "the server's answer cannot be read: %s",
		    reflector->err.text);
		return;
	case BL_FAULT_MEMORY:
		say(reflector, verdict, "no memory");
		return;
	case BL_FAULT_NONE:
		break;
	}
}

static void judge_transport(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome,
			    struct bl_verdict *verdict)
{
	if (reflector->ask == BL_ASK_WATCH && reflector->http == 200) {
		/* Half-open, or a server that sends no bookmarks: a new watch tells. */
		verdict->at_once =
			outcome->end == BL_KUBE_END_IDLE || outcome->end == BL_KUBE_END_TIMEOUT;
		verdict->quiet = true;
	}
	if (reflector->ask == BL_ASK_STREAM && reflector->http == 200 &&
	    ++reflector->cut_streams >= STREAM_TRIES)
		do_without_streams(reflector);
	say(reflector, verdict, "%s",
	    outcome->text && outcome->text[0] ? outcome->text : "the connection has ended");
}

/* The body came whole, but it was not what was wanted. */
static void judge_complete(struct bl_reflector *reflector, struct bl_verdict *verdict)
{
	if (reflector->ask == BL_ASK_STREAM) {
		stop_streaming(reflector, verdict);
		return;
	}
	verdict->quiet = true;
	say(reflector, verdict, "the server ends the answer at once");
}

void bl_reflector_judge(struct bl_reflector *reflector, const struct bl_kube_outcome *outcome,
			struct bl_verdict *ret)
{
	*ret = (struct bl_verdict){.next = is_list(reflector) ? BL_ASK_LIST : BL_ASK_WATCH};
	reflector->judged_body = reflector->fault != BL_FAULT_NONE;
	if (reflector->http && reflector->http != 200)
		judge_status(reflector, reflector->http, ret);
	else if (reflector->fault != BL_FAULT_NONE)
		judge_fault(reflector, ret);
	else if (outcome->end != BL_KUBE_END_COMPLETE)
		judge_transport(reflector, outcome, ret);
	else
		judge_complete(reflector, ret);
	ret->delay_ms = retry_after(reflector, outcome);
	if (!ret->at_once && ret->next == BL_ASK_WATCH &&
	    reflector->info.failures + 1 >= WATCH_TRIES && reflector->http &&
	    reflector->http != 401 && reflector->http != 403 && reflector->http != 429) {
		ret->next = BL_ASK_LIST;
		reflector->fresh = true;
	}
}
