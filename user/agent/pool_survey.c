/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/pool_survey.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/map.h"
#include "kube/fetch.h"
#include "kube/resource.h"
#include "model/codec.h"

#define PAGE "200" /* Services of usual size are a few KiB, and an answer at most 4 MiB */

struct bl_pool_survey {
	struct bl_kube_client *client;
	struct bl_pool *pool;
	struct bl_kube_fetch *fetch;
	bl_pool_survey_fn *done;
	void *userdata;
	struct bl_item_decoder *decoder;
	struct bl_object_list services; /* with addresses */
	struct bl_map *gone;            /* "ns/name" of those to leave out */
	bool again;                     /* begun anew once: a token for the next page had expired */
};

struct bl_pool_survey *bl_pool_survey_cancel(struct bl_pool_survey *survey)
{
	if (!survey)
		return NULL;
	(void)bl_kube_fetch_cancel(survey->fetch);
	(void)bl_item_decoder_free(survey->decoder);
	bl_object_list_done(&survey->services);
	(void)bl_map_free(survey->gone);
	free(survey);
	return NULL;
}

static void end(struct bl_pool_survey *survey, const char *words)
{
	survey->done(words, survey->userdata);
	(void)bl_pool_survey_cancel(survey);
}

/* A Service that cannot be used has no address from here: only -ENOMEM is a failure. */
static int take_item(struct bl_pool_survey *survey, struct json_object *item)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object = NULL;
	int r = bl_item_decode(survey->decoder, item, &object, &diag);

	bl_diag_done(&diag);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	if (bl_service_of(object)->ingress.count)
		return bl_object_list_add_take(&survey->services, object);
	bl_object_unref(object);
	return 0;
}

static int take_page(struct bl_pool_survey *survey, struct json_object *page)
{
	struct json_object *items = NULL;
	int r = 0;

	if (!json_object_object_get_ex(page, "items", &items) ||
	    !json_object_is_type(items, json_type_array))
		return -EBADMSG;
	for (size_t i = 0; r >= 0 && i < json_object_array_length(items); i++)
		r = take_item(survey, json_object_array_get_idx(items, i));
	return r;
}

static void on_page(const struct bl_kube_reply *reply, void *userdata);

static int ask(struct bl_pool_survey *survey, const char *more)
{
	const struct bl_kube_resource services = {.kind = BL_KIND_SERVICE,
						  .label_selector = BL_KUBE_PROXIED_SELECTOR};
	_cleanup_(bl_buf_done) struct bl_buf path = {0};
	struct bl_kube_request request = {.method = "GET"};

	bl_kube_path(&services, &path);
	bl_kube_query(&path, "limit", PAGE);
	if (more)
		bl_kube_query(&path, "continue", more);
	if (path.failed)
		return -ENOMEM;
	request.path = path.data;
	request.compressed = true;
	survey->fetch = bl_kube_fetch_start(survey->client, &request, on_page, survey, NULL);
	return survey->fetch ? 0 : -ENOMEM;
}

/* What was given before stays as it is, whether the watch has told of it or not. */
static int take_over(struct bl_pool_survey *survey)
{
	size_t count = survey->services.count, used = 0;
	_cleanup_free_ const struct bl_service **services =
		calloc(count + 1, sizeof(struct bl_service *));
	struct bl_err err = {0};

	if (!services)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct bl_meta *meta = &survey->services.items[i]->meta;
		char name[640];

		(void)snprintf(name, sizeof(name), "%s/%s", meta->ns, meta->name);
		if (!bl_map_get_str(survey->gone, name))
			services[used++] = bl_service_of(survey->services.items[i]);
	}
	bl_pool_sort(services, used);
	/* One that finds its address another's is dealt with as all are, and told then. */
	for (size_t i = 0; i < used; i++)
		if (bl_pool_assign(survey->pool, (struct bl_service *)(uintptr_t)services[i],
				   &err) == -ENOMEM)
			return -ENOMEM;
	return 0;
}

static void on_page(const struct bl_kube_reply *reply, void *userdata)
{
	struct bl_pool_survey *survey = userdata;
	const char *more = bl_kube_json_text(reply->body, "metadata.continue");
	int r;

	survey->fetch = NULL;
	if (reply->status == 410 && !survey->again) {
		survey->again = true;
		bl_object_list_done(&survey->services);
		survey->services = (struct bl_object_list){0};
		if (ask(survey, NULL) < 0)
			end(survey, "no memory");
		return;
	}
	if (!bl_kube_reply_is_good(reply)) {
		end(survey, reply->words);
		return;
	}
	r = take_page(survey, reply->body);
	if (r == -EBADMSG)
		end(survey, "the answer is no list");
	else if (r < 0 || (more && *more && ask(survey, more) < 0))
		end(survey, "no memory");
	else if (!more || !*more)
		end(survey, take_over(survey) < 0 ? "no memory" : NULL);
}

void bl_pool_survey_skip(struct bl_pool_survey *survey, const char *name)
{
	/* Without memory for it an address may stay given until the next leader. */
	(void)bl_map_put_str(survey->gone, name, survey, NULL);
}

int bl_pool_survey_start(struct bl_kube_client *client, struct bl_pool *pool,
			 bl_pool_survey_fn *done, void *userdata, struct bl_pool_survey **ret)
{
	_cleanup_(bl_pool_survey_cancel) struct bl_pool_survey *survey = calloc(1, sizeof(*survey));
	int r;

	if (!survey)
		return -ENOMEM;
	survey->client = client;
	survey->pool = pool;
	survey->done = done;
	survey->userdata = userdata;
	r = bl_item_decoder_new(BL_KIND_SERVICE, &survey->decoder);
	if (r >= 0)
		r = bl_map_new(&survey->gone);
	if (r >= 0)
		r = ask(survey, NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(survey);
	return 0;
}
