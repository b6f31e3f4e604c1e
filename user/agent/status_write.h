/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes status.loadBalancer.ingress of one Service at an API server: reads the Service as it is
 * there, makes sure that it is the one that was decided on, and patches its status with the version
 * that was read, so that nothing that somebody wrote in between is lost.
 */
#ifndef AGENT_STATUS_WRITE_H
#define AGENT_STATUS_WRITE_H

#include "kube/fetch.h"
#include "model/service.h"

struct bl_status_write;

enum bl_status_write_end {
	BL_STATUS_WRITTEN,
	BL_STATUS_NOT_NEEDED, /* it has these addresses */
	BL_STATUS_MOVED_ON,   /* it is gone, or another one by now: what was decided is void */
	BL_STATUS_CONFLICT,   /* somebody wrote it at the same time */
	BL_STATUS_FORBIDDEN,
	BL_STATUS_FAILED, /* no answer, or one that does not help */
};

/* `words`: what went wrong; "" when nothing did. The write is gone when this returns. */
typedef void bl_status_write_fn(enum bl_status_write_end end, const char *words, void *userdata);

/* `now`: as it is in the store; `next`: as it is to be. Both are borrowed until this returns.
 * -ENOMEM. */
int bl_status_write_start(struct bl_kube_client *client, const struct bl_service *now,
			  const struct bl_service *next, bl_status_write_fn *done, void *userdata,
			  struct bl_status_write **ret);
/* Without another word. Accepts NULL, returns NULL. */
struct bl_status_write *bl_status_write_cancel(struct bl_status_write *write);

/* Are these the same addresses in the same order? */
bool bl_same_ingress(const struct bl_service *a, const struct bl_service *b);

#endif
