/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Spans of time as kubectl writes them. */
#ifndef API_AGE_H
#define API_AGE_H

#include <stdint.h>

#include "base/buf.h"

/* "5s", "2m30s", "5h12m", "3d4h", "45d", "2y100d": never more than two units. */
void bl_duration_add(int64_t seconds, struct bl_buf *ret);
/* The span from a time to now; "<unknown>" for NULL or nonsense. */
void bl_age_add(const char *since, int64_t now, struct bl_buf *ret);
/* As "Mon, 23 Nov 2026 03:24:30 +0000"; the text itself when it is no time. */
void bl_time_add(const char *text, struct bl_buf *ret);

#endif
