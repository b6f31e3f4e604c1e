/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an HTTP answer means to a probe. Pure; everything here comes from the network. */
#ifndef PROBE_HTTP_ANSWER_H
#define PROBE_HTTP_ANSWER_H

#include "base/buf.h"
#include "probe/state.h"

#define BL_PROBE_BODY_MAX (10u * 1024u)
#define BL_PROBE_REDIRECTS_MAX 10

enum bl_http_next {
	BL_HTTP_DONE,   /* outcome and text say it */
	BL_HTTP_FOLLOW, /* go on to ret->url */
};

struct bl_http_step {
	enum bl_probe_outcome outcome;
	char text[256];
	char *url;        /* owned; to follow */
	bool is_relative; /* it names no host of its own: the Host header stays */
};
void bl_http_step_done(struct bl_http_step *step);

/*
 * `url` was asked and answered with `status` and perhaps a Location; `hops` redirects were followed
 * before. Redirects are followed on the same host; one to another host is a success that warns.
 * -ENOMEM.
 */
int bl_http_answer(const char *url, long status, const char *location, unsigned int hops,
		   enum bl_http_next *ret_next, struct bl_http_step *ret);

#endif
