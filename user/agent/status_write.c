/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/status_write.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/buf.h"

#define PATH_ROOM 640

struct bl_status_write {
	struct bl_kube_client *client;
	struct bl_kube_fetch *fetch;
	bl_status_write_fn *done;
	void *userdata;
	char path[PATH_ROOM]; /* of the Service */
	char *uid;            /* NULL: unknown */
	char *before;         /* "192.0.2.1 2001:db8::1 ", as it was decided on */
	char *after;
};

bool bl_same_ingress(const struct bl_service *a, const struct bl_service *b)
{
	if (a->ingress.count != b->ingress.count)
		return false;
	for (size_t i = 0; i < a->ingress.count; i++)
		if (!a->ingress.items[i].ip || !b->ingress.items[i].ip ||
		    strcmp(a->ingress.items[i].ip, b->ingress.items[i].ip) != 0)
			return false;
	return true;
}

/* "192.0.2.1 2001:db8::1 " */
static char *list_ingress(const struct bl_service *service)
{
	struct bl_buf text = {0};

	for (size_t i = 0; i < service->ingress.count; i++)
		bl_buf_addf(&text, "%s ",
			    service->ingress.items[i].ip ? service->ingress.items[i].ip : "?");
	return bl_buf_take(&text);
}

static char *list_ingress_of(struct json_object *object)
{
	struct json_object *at = object, *items = NULL;
	struct bl_buf text = {0};

	if (json_object_object_get_ex(at, "status", &at) &&
	    json_object_object_get_ex(at, "loadBalancer", &at) &&
	    json_object_object_get_ex(at, "ingress", &items) &&
	    json_object_is_type(items, json_type_array))
		for (size_t i = 0; i < json_object_array_length(items); i++) {
			const char *ip =
				bl_kube_json_text(json_object_array_get_idx(items, i), "ip");

			bl_buf_addf(&text, "%s ", ip ? ip : "?");
		}
	return bl_buf_take(&text);
}

struct bl_status_write *bl_status_write_cancel(struct bl_status_write *write)
{
	if (!write)
		return NULL;
	(void)bl_kube_fetch_cancel(write->fetch);
	free(write->uid);
	free(write->before);
	free(write->after);
	free(write);
	return NULL;
}
BL_DEFINE_CLEANUP(struct bl_status_write *, bl_status_write_cancel);

static void end(struct bl_status_write *write, enum bl_status_write_end how, const char *words)
{
	write->done(how, words, write->userdata);
	(void)bl_status_write_cancel(write);
}

static void end_badly(struct bl_status_write *write, const struct bl_kube_reply *reply)
{
	enum bl_status_write_end how = reply->status == 404   ? BL_STATUS_MOVED_ON
				       : reply->status == 409 ? BL_STATUS_CONFLICT
				       : reply->status == 403 ? BL_STATUS_FORBIDDEN
							      : BL_STATUS_FAILED;

	end(write, how, reply->words);
}

static void on_patched(const struct bl_kube_reply *reply, void *userdata)
{
	struct bl_status_write *write = userdata;

	write->fetch = NULL;
	if (bl_kube_reply_is_good(reply))
		end(write, BL_STATUS_WRITTEN, "");
	else
		end_badly(write, reply);
}

/* {"metadata":{"resourceVersion":"7"},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.1"}]}}}
 */
static void make_patch(const struct bl_status_write *write, const char *version, struct bl_buf *ret)
{
	const char *at = write->after;

	bl_buf_addf(ret,
		    "{\"metadata\":{\"resourceVersion\":\"%s\"},\"status\":{\"loadBalancer\":{"
		    "\"ingress\":",
		    version);
	if (!*at)
		bl_buf_add_str(ret, "null");
	for (bool first = true; *at; first = false) {
		size_t len = strcspn(at, " ");

		bl_buf_addf(ret, "%s{\"ip\":\"%.*s\"}", first ? "[" : ",", (int)len, at);
		at += len + 1;
	}
	bl_buf_add_str(ret, *write->after ? "]}}}" : "}}}");
}

static int patch(struct bl_status_write *write, const char *version, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf body = {0};
	char path[PATH_ROOM + 64];
	struct bl_kube_request request = {
		.method = "PATCH",
		.path = path,
		.content_type = "application/merge-patch+json",
	};

	make_patch(write, version, &body);
	if (body.failed)
		return bl_err_set(err, -ENOMEM, "no memory for a request");
	request.body = body.data;
	request.body_len = body.len;
	(void)snprintf(path, sizeof(path), "%s/status?fieldManager=beeline", write->path);
	write->fetch = bl_kube_fetch_start(write->client, &request, on_patched, write, err);
	return write->fetch ? 0 : -ENOMEM;
}

static void on_read(const struct bl_kube_reply *reply, void *userdata)
{
	struct bl_status_write *write = userdata;
	const char *uid = bl_kube_json_text(reply->body, "metadata.uid");
	const char *version = bl_kube_json_text(reply->body, "metadata.resourceVersion");
	_cleanup_free_ char *current = list_ingress_of(reply->body);
	struct bl_err err = {0};

	write->fetch = NULL;
	if (!bl_kube_reply_is_good(reply))
		end_badly(write, reply);
	else if (!version || strpbrk(version, "\"\\"))
		end(write, BL_STATUS_FAILED, "the answer has no resourceVersion");
	else if (!current || (write->uid && (!uid || strcmp(uid, write->uid) != 0)))
		end(write, BL_STATUS_MOVED_ON, "");
	else if (!strcmp(current, write->after))
		end(write, BL_STATUS_NOT_NEEDED, "");
	else if (strcmp(current, write->before) != 0)
		end(write, BL_STATUS_CONFLICT, "");
	else if (patch(write, version, &err) < 0)
		end(write, BL_STATUS_FAILED, err.text);
}

int bl_status_write_start(struct bl_kube_client *client, const struct bl_service *now,
			  const struct bl_service *next, bl_status_write_fn *done, void *userdata,
			  struct bl_status_write **ret)
{
	_cleanup_(bl_status_write_cancel) struct bl_status_write *write = calloc(1, sizeof(*write));
	const struct bl_meta *meta = &now->object.meta;
	struct bl_kube_request request = {.method = "GET"};

	if (!write)
		return -ENOMEM;
	write->client = client;
	write->done = done;
	write->userdata = userdata;
	write->before = list_ingress(now);
	write->after = list_ingress(next);
	write->uid = meta->uid ? strdup(meta->uid) : NULL;
	(void)snprintf(write->path, sizeof(write->path), "/api/v1/namespaces/%s/services/%s",
		       meta->ns, meta->name);
	request.path = write->path;
	if (!write->before || !write->after || (meta->uid && !write->uid))
		return -ENOMEM;
	write->fetch = bl_kube_fetch_start(client, &request, on_read, write, NULL);
	if (!write->fetch)
		return -ENOMEM;
	*ret = TAKE_PTR(write);
	return 0;
}
