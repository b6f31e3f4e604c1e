/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The agent's /beeline/v1/status in words. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "api/json.h"

/* Ready, last change applied, hooks not known to be out of force, no error among the problems. */
bool bl_status_is_healthy(struct json_object *status);
/* Lines for elastic.h. */
void bl_status_add(struct json_object *status, int64_t now, struct bl_buf *ret);
/* The part of it about traffic: status_traffic.c. */
void bl_status_add_traffic(struct json_object *status, struct bl_buf *ret);

#endif
