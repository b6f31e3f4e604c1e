/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes as an HTTP answer: read whole and in two pieces they must come to the same, and what is
 * made of a redirect must be an address on the same host. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "probe/http_answer.h"
#include "probe/http_response.h"

#define URL "http://10.0.0.1:8080/a"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_in_two(struct bl_http_response *response, const uint8_t *data, size_t size,
		       size_t first)
{
	int r;

	bl_http_response_init(response, BL_PROBE_BODY_MAX);
	r = bl_http_response_read(response, data, first);
	if (r == 0)
		r = bl_http_response_read(response, data + first, size - first);
	return r ? r : bl_http_response_end(response);
}

static void decide(const struct bl_http_response *response)
{
	struct bl_http_step step;
	enum bl_http_next next;

	if (bl_http_answer(URL, response->status, response->location, 0, &next, &step) < 0)
		return;
	if (next == BL_HTTP_FOLLOW && (!step.url || !strstr(step.url, "//")))
		abort();
	if (memchr(step.text, '\n', strlen(step.text)))
		abort();
	bl_http_step_done(&step);
}

/* The first byte says where the second piece begins. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bl_http_response whole, pieces;
	int r;

	if (!size)
		return 0;
	size--;
	r = read_in_two(&whole, data + 1, size, size);
	if (r != read_in_two(&pieces, data + 1, size, data[0] < size ? data[0] : size) ||
	    (r > 0 &&
	     (whole.status != pieces.status || strcmp(whole.location, pieces.location) != 0)))
		abort();
	if (r > 0)
		decide(&whole);
	return 0;
}
