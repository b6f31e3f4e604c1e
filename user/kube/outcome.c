/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How calls end, in words. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "kube/parts.h"

static const char *const names[] = {
	[BL_KUBE_END_COMPLETE] = "complete", [BL_KUBE_END_CUT] = "cut",
	[BL_KUBE_END_CONNECT] = "connect",   [BL_KUBE_END_TLS] = "tls",
	[BL_KUBE_END_IDLE] = "idle",         [BL_KUBE_END_TIMEOUT] = "timeout",
	[BL_KUBE_END_STOPPED] = "stopped",   [BL_KUBE_END_TOO_LARGE] = "too large",
	[BL_KUBE_END_AUTH] = "credentials",  [BL_KUBE_END_PROTOCOL] = "protocol",
	[BL_KUBE_END_LOCAL] = "local",
};
_Static_assert(ARRAY_SIZE(names) == BL_KUBE_END_COUNT, "each end has a name");

const char *bl_kube_end_name(enum bl_kube_end end)
{
	return names[end];
}

static enum bl_kube_end end_of(const struct bl_kube_call *call, CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return BL_KUBE_END_COMPLETE;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
	case CURLE_OPERATION_TIMEDOUT: /* only connecting has a time limit of libcurl's */
	case CURLE_INTERFACE_FAILED:
	case CURLE_PROXY:
		return BL_KUBE_END_CONNECT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CLIENTCERT:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_USE_SSL_FAILED:
		return BL_KUBE_END_TLS;
	case CURLE_RECV_ERROR:
		/* TLS 1.3 refuses a client's certificate only after the handshake. */
		if (!call->has_head && strstr(call->error_text, " alert "))
			return BL_KUBE_END_TLS;
		return BL_KUBE_END_CUT;
	case CURLE_PARTIAL_FILE:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return BL_KUBE_END_CUT;
	case CURLE_OUT_OF_MEMORY:
	case CURLE_FAILED_INIT:
	case CURLE_URL_MALFORMAT:
		return BL_KUBE_END_LOCAL;
	default:
		return BL_KUBE_END_PROTOCOL;
	}
}

/* "Connection refused." to "connection refused"; acronyms keep their letters. */
static void to_plain(const char *words, char text[static BL_KUBE_TEXT])
{
	size_t len;

	(void)snprintf(text, BL_KUBE_TEXT, "%s", words);
	len = strlen(text);
	while (len && strchr(".\n\r ", text[len - 1]))
		text[--len] = '\0';
	if (len && !isupper((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
}

static void write_words(const struct bl_kube_call *call, CURLcode code, int error,
			char text[static BL_KUBE_TEXT])
{
	if (code == CURLE_COULDNT_CONNECT && call->client->socket_error)
		(void)snprintf(text, BL_KUBE_TEXT, "cannot make a socket: %s",
			       strerror(call->client->socket_error));
	else if (code == CURLE_COULDNT_CONNECT && error)
		to_plain(strerror(error), text);
	else if (code == CURLE_GOT_NOTHING)
		(void)snprintf(text, BL_KUBE_TEXT, "the connection was closed without an answer");
	else
		to_plain(call->error_text[0] ? call->error_text : curl_easy_strerror(code), text);
}

void bl_kube_transfer_outcome(const struct bl_kube_call *call, CURLcode code,
			      struct bl_kube_outcome *ret, char text[static BL_KUBE_TEXT])
{
	long error = 0;

	ret->end = end_of(call, code);
	text[0] = '\0';
	if (call->stopped) {
		ret->end = BL_KUBE_END_STOPPED;
		ret->error = call->stopped;
		(void)snprintf(text, BL_KUBE_TEXT, "the answer was not wanted any more");
	} else if (call->too_large) {
		ret->end = BL_KUBE_END_TOO_LARGE;
		ret->error = -EFBIG;
		(void)snprintf(text, BL_KUBE_TEXT, "the answer has more than %llu bytes",
			       (unsigned long long)call->body_max);
	} else if (code != CURLE_OK) {
		(void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &error);
		ret->error = -(int)error;
		write_words(call, code, (int)error, text);
	}
}

uint64_t bl_kube_retry_after_ms(const char *value)
{
	char *end;
	unsigned long long seconds;
	time_t when;

	value += strspn(value, " \t");
	seconds = strtoull(value, &end, 10);
	if (end != value && value[0] != '-' && strspn(end, " \t\r\n") == strlen(end))
		return seconds < 86400 ? seconds * 1000 : 86400000;
	when = curl_getdate(value, NULL);
	if (when < 0)
		return BL_KUBE_NO_RETRY_AFTER;
	return when > time(NULL) ? (uint64_t)(when - time(NULL)) * 1000 : 0;
}
