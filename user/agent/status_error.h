/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `Status` objects with which the API answers when there is no object to show. */
#ifndef AGENT_STATUS_ERROR_H
#define AGENT_STATUS_ERROR_H

#include "base/buf.h"
#include "base/err.h"
#include "source/source.h"

struct json_object;

/* `about` may be NULL. */
void bl_status_error(struct bl_buf *buf, unsigned int code, const char *reason, const char *message,
		     const struct bl_source_name *about);
/* The same with details: `kind` (NULL: the plural) is what they call the object's kind, `causes`
 * (NULL: none) is taken. */
void bl_status_details(struct bl_buf *buf, unsigned int code, const char *reason,
		       const char *message, const struct bl_source_name *about, const char *kind,
		       struct json_object *causes);
/* 422 for what is wrong with an object: each problem is a cause, in the words of an API server
 * ("Invalid value: 80: ..."). `json` is the object, for its values; NULL: unknown. */
void bl_status_invalid(struct bl_buf *buf, const struct bl_source_name *about,
		       const struct bl_diag *diag, struct json_object *json);
/* 409 for an apply; `causes` is borrowed. */
void bl_status_conflicts(struct bl_buf *buf, const char *message, struct json_object *causes);
void bl_status_success(struct bl_buf *buf, const struct bl_source_name *about, const char *uid);
/* "NotFound" for 404 and so on: the reason that belongs to a code when nothing more is known. */
const char *bl_status_reason(unsigned int code);

#endif
