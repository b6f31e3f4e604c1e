/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The `Status` objects with which the API answers when there is no object to show. */
#ifndef AGENT_STATUS_ERROR_H
#define AGENT_STATUS_ERROR_H

#include "base/buf.h"
#include "base/err.h"
#include "source/source.h"

/* `about` and `diag` may be NULL; the problems of `diag` become details.causes. */
void bl_status_error(struct bl_buf *buf, unsigned int code, const char *reason, const char *message,
		     const struct bl_source_name *about, const struct bl_diag *diag);
void bl_status_success(struct bl_buf *buf, const struct bl_source_name *about, const char *uid);
/* "NotFound" for 404 and so on: the reason that belongs to a code when nothing more is known. */
const char *bl_status_reason(unsigned int code);

#endif
