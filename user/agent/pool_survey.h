/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All load-balancer addresses that a cluster's Services have at its API server at this moment,
 * which the watch may not have told yet: for who begins to give addresses, and must know all that
 * were given. Pages of a consistent list (one without a resourceVersion: KEP-1904).
 */
#ifndef AGENT_POOL_SURVEY_H
#define AGENT_POOL_SURVEY_H

#include "agent/pool.h"
#include "kube/client.h"

struct bl_pool_survey;

/* `words`: why it could not be done; NULL: the pool has given all these addresses. The survey is
 * gone when this returns. */
typedef void bl_pool_survey_fn(const char *words, void *userdata);

/* `pool`: new; borrowed. -ENOMEM. */
int bl_pool_survey_start(struct bl_kube_client *client, struct bl_pool *pool,
			 bl_pool_survey_fn *done, void *userdata, struct bl_pool_survey **ret);
/* A Service ("ns/name") that was deleted since the start: it may be in the list, and is left out.
 */
void bl_pool_survey_skip(struct bl_pool_survey *survey, const char *name);
/* Without another word. Accepts NULL, returns NULL. */
struct bl_pool_survey *bl_pool_survey_cancel(struct bl_pool_survey *survey);
BL_DEFINE_CLEANUP(struct bl_pool_survey *, bl_pool_survey_cancel);

#endif
