/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any request for a list: a line each for the Accept header, the selectors of labels and of fields,
 * and the token to continue by. What is accepted must be among what is offered, a selector that was
 * read must match or not, and a token that was read must lead to its place. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/page.h"
#include "api/accept.h"
#include "model/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] = "apiVersion: v1\nkind: Pod\n"
			   "metadata: {name: p, namespace: shop, labels: {a: b, c: ''}}\n"
			   "spec: {nodeName: n1, containers: [{name: c, image: i}]}\n"
			   "status: {phase: Running, podIP: 10.0.0.1}\n";
static struct bl_object_list pods;

static void prepare(void)
{
	struct bl_diag diag = BL_DIAG_INIT;

	if (pods.count)
		return;
	if (bl_decode("pod", text, strlen(text), &bl_limits_default, 0, &pods, &diag) < 0)
		abort();
	bl_diag_done(&diag);
}

static void accept(const char *header)
{
	for (unsigned int offered = 1u << BL_MEDIA_JSON; offered < 1u << BL_MEDIA_COUNT;
	     offered += 6) {
		enum bl_media media = bl_accept(header, offered);

		if (media != BL_MEDIA_NONE && header[0] && !(offered & 1u << media))
			abort();
	}
}

static void cut(struct bl_page *page, const struct bl_selector *selector)
{
	const struct bl_object *items[] = {pods.items[0], pods.items[0]};
	struct bl_page next = {.limit = 1};
	struct bl_buf token = {0};
	size_t count = 2;

	page->limit = 1;
	bl_page_cut(page, selector, items, &count, &token);
	if (count > 1 || (token.len > 0) != (page->remaining > 0))
		abort();
	if (token.len && (bl_page_token_parse(token.data, &next) < 0 ||
			  next.version != page->version || strcmp(next.name, "p") != 0))
		abort();
	bl_buf_done(&token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = strndup((const char *)data, size), *rest = copy;
	const char *lines[4];
	struct bl_selector *selector = NULL;
	struct bl_page page = {0};
	struct bl_err err = {0};

	if (!copy)
		return 0;
	prepare();
	for (size_t i = 0; i < 4; i++) {
		char *line = strsep(&rest, "\n");

		lines[i] = line ? line : "";
	}
	accept(lines[0]);
	(void)bl_page_token_parse(lines[3], &page);
	if (bl_selector_parse(lines[1], lines[2], bl_selector_fields(BL_KIND_POD), &selector,
			      &err) == 0)
		cut(&page, selector);
	else if (!err.text[0])
		abort(); /* said no, and not why */
	bl_selector_free(selector);
	free(copy);
	return 0;
}
