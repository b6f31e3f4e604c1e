/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/buf.h"

#define ANSWER_MAX (256u << 20)
#define LINE_MAX_BYTES (16u << 20)
#define TEXT_MAX 1000 /* of a server's message that is no Status */

struct bl_client {
	char *socket;
	CURL *curl;
};

/* One request in flight. */
struct transfer {
	struct bl_client *client;
	struct bl_buf body;
	bool too_long;
	bl_client_event_fn function; /* NULL: collect the whole body */
	void *data;
	int function_result;
	struct bl_err *err;
};

static void drop_json(struct json_object **json)
{
	if (*json)
		(void)json_object_put(*json);
}

static void drop_headers(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

int bl_client_new(const char *socket, struct bl_client **ret)
{
	_cleanup_(bl_client_free) struct bl_client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->socket = strdup(socket);
	client->curl = curl_easy_init();
	if (!client->socket || !client->curl)
		return -ENOMEM;
	*ret = TAKE_PTR(client);
	return 0;
}

struct bl_client *bl_client_free(struct bl_client *client)
{
	if (!client)
		return NULL;
	if (client->curl)
		curl_easy_cleanup(client->curl);
	free(client->socket);
	free(client);
	return NULL;
}

char *bl_client_escape(const char *text)
{
	char *escaped = curl_easy_escape(NULL, text, 0);
	char *copy = escaped ? strdup(escaped) : NULL;

	curl_free(escaped);
	return copy;
}

static const char *string_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return NULL;
	return json_object_get_string(value);
}

static int code_of_status(long status)
{
	switch (status) {
	case 404:
		return -ENOENT;
	case 409:
		return -EEXIST;
	default:
		return -EREMOTEIO;
	}
}

/* Words as kubectl's: "Error from server (NotFound): services "x" not found". */
static int fail_status(long status, const struct bl_buf *body, struct bl_err *err)
{
	struct json_object *json __attribute__((cleanup(drop_json))) =
		body->data ? json_tokener_parse(body->data) : NULL;
	const char *reason = string_of(json, "reason");
	const char *message = string_of(json, "message");
	int code = code_of_status(status);

	if (reason && message && strcmp(reason, "Invalid") == 0)
		return bl_err_set(err, code, "The %s", message);
	if (reason && message)
		return bl_err_set(err, code, "Error from server (%s): %s", reason, message);
	if (message)
		return bl_err_set(err, code, "Error from server: %s", message);
	return bl_err_set(err, code, "Error from server: status %ld: %.*s", status, TEXT_MAX,
			  body->data ? body->data : "no text");
}

static int take_line(struct transfer *transfer, const char *line, size_t len)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *event __attribute__((cleanup(drop_json))) = NULL;

	if (!tokener)
		return bl_err_set(transfer->err, -ENOMEM, "cannot allocate a JSON parser");
	event = json_tokener_parse_ex(tokener, line, (int)len);
	json_tokener_free(tokener);
	if (!event)
		return bl_err_set(transfer->err, -EBADMSG,
				  "the agent's stream holds a line that is no JSON");
	return transfer->function(event, transfer->data);
}

static int take_lines(struct transfer *transfer)
{
	struct bl_buf *body = &transfer->body;
	size_t start = 0;

	for (;;) {
		char *end = memchr(body->data + start, '\n', body->len - start);
		size_t len;

		if (!end)
			break;
		len = (size_t)(end - (body->data + start));
		if (len > 0) {
			int r = take_line(transfer, body->data + start, len);

			if (r != 0)
				return r;
		}
		start += len + 1;
	}
	memmove(body->data, body->data + start, body->len - start);
	body->len -= start;
	body->data[body->len] = '\0';
	return 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	size_t len = size * count;
	long status = 0;

	if (transfer->body.len + len > (transfer->function ? LINE_MAX_BYTES : ANSWER_MAX)) {
		transfer->too_long = true;
		return 0;
	}
	bl_buf_add(&transfer->body, bytes, len);
	if (transfer->body.failed)
		return 0;
	(void)curl_easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (transfer->function && status < 300) {
		transfer->function_result = take_lines(transfer);
		if (transfer->function_result != 0)
			return 0;
	}
	return len;
}

static int fail_connect(const struct bl_client *client, struct bl_err *err)
{
	long saved = 0;

	(void)curl_easy_getinfo(client->curl, CURLINFO_OS_ERRNO, &saved);
	if (saved == EACCES || saved == EPERM)
		return bl_err_set(err, -EACCES,
				  "may not use the agent's socket '%s': run as root (sudo)",
				  client->socket);
	return bl_err_set(
		err, -ENOTCONN,
		"no agent answers on '%s': start one with 'beeline agent --manifests DIR' "
		"as root, or name its socket with --socket or BEELINE_SOCKET",
		client->socket);
}

static int fail_transfer(const struct transfer *transfer, CURLcode code)
{
	struct bl_err *err = transfer->err;

	if (code == CURLE_COULDNT_CONNECT)
		return fail_connect(transfer->client, err);
	if (transfer->too_long)
		return bl_err_set(err, -E2BIG, "the agent's answer is longer than %u MiB",
				  (transfer->function ? LINE_MAX_BYTES : ANSWER_MAX) >> 20);
	if (transfer->body.failed || code == CURLE_OUT_OF_MEMORY)
		return bl_err_set(err, -ENOMEM, "cannot allocate the agent's answer");
	if (transfer->function_result != 0)
		return transfer->function_result;
	return bl_err_set(err, -ECONNRESET, "the agent broke the connection off: %s",
			  curl_easy_strerror(code));
}

static const char *method_name(enum bl_method method)
{
	switch (method) {
	case BL_METHOD_POST:
		return "POST";
	case BL_METHOD_PUT:
		return "PUT";
	case BL_METHOD_MERGE_PATCH:
		return "PATCH";
	case BL_METHOD_DELETE:
		return "DELETE";
	case BL_METHOD_GET:
		break;
	}
	return "GET";
}

static int prepare(struct transfer *transfer, enum bl_method method, const char *path,
		   const char *body, struct curl_slist **headers, char **ret_url)
{
	CURL *curl = transfer->client->curl;
	const char *type = method == BL_METHOD_MERGE_PATCH
				   ? "Content-Type: application/merge-patch+json"
				   : "Content-Type: application/json";

	if (asprintf(ret_url, "http://localhost%s", path) < 0)
		return -ENOMEM;
	*headers = curl_slist_append(NULL, type);
	if (!*headers)
		return -ENOMEM;
	curl_easy_reset(curl);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_USERAGENT, "beeline"); /* managedFields show it */
	(void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, transfer->client->socket);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method_name(method));
	if (curl_easy_setopt(curl, CURLOPT_URL, *ret_url) != CURLE_OK)
		return -ENOMEM;
	if (!body)
		return 0;
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
	(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
	return curl_easy_setopt(curl, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK ? 0 : -ENOMEM;
}

static int perform(struct transfer *transfer, enum bl_method method, const char *path,
		   const char *body)
{
	struct curl_slist *headers __attribute__((cleanup(drop_headers))) = NULL;
	_cleanup_free_ char *url = NULL;
	CURLcode code;
	long status = 0;
	int r;

	r = prepare(transfer, method, path, body, &headers, &url);
	if (r < 0)
		return bl_err_set(transfer->err, r, "cannot prepare a request to the agent");
	code = curl_easy_perform(transfer->client->curl);
	(void)curl_easy_setopt(transfer->client->curl, CURLOPT_HTTPHEADER, NULL);
	if (code != CURLE_OK)
		return fail_transfer(transfer, code);
	(void)curl_easy_getinfo(transfer->client->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status >= 300)
		return fail_status(status, &transfer->body, transfer->err);
	return 0;
}

int bl_client_call(struct bl_client *client, enum bl_method method, const char *path,
		   struct json_object *body, struct json_object **ret, struct bl_err *err)
{
	const char *text =
		body ? json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN) : NULL;
	struct transfer transfer = {.client = client, .err = err};
	_cleanup_free_ char *answer = NULL;
	struct json_object *json = NULL;
	int r;

	if (body && !text)
		return bl_err_set(err, -ENOMEM, "cannot allocate a request to the agent");
	r = perform(&transfer, method, path, text);
	answer = transfer.body.data;
	if (r < 0)
		return r;
	if (answer) {
		json = json_tokener_parse(answer);
		if (!json)
			return bl_err_set(err, -EBADMSG, "the agent's answer to '%s' is no JSON",
					  path);
	}
	if (ret)
		*ret = json;
	else
		drop_json(&json);
	return 0;
}

int bl_client_get_text(struct bl_client *client, const char *path, char **ret, struct bl_err *err)
{
	struct transfer transfer = {.client = client, .err = err};
	int r;

	r = perform(&transfer, BL_METHOD_GET, path, NULL);
	if (r == 0) {
		*ret = bl_buf_take(&transfer.body);
		if (!*ret)
			r = bl_err_set(err, -ENOMEM, "cannot allocate the agent's answer");
	}
	bl_buf_done(&transfer.body);
	return r;
}

int bl_client_watch(struct bl_client *client, const char *path, bl_client_event_fn function,
		    void *data, struct bl_err *err)
{
	struct transfer transfer = {
		.client = client, .err = err, .function = function, .data = data};
	int r;

	r = perform(&transfer, BL_METHOD_GET, path, NULL);
	bl_buf_done(&transfer.body);
	return r;
}
