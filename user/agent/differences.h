/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plan against maps, in words. */
#ifndef AGENT_DIFFERENCES_H
#define AGENT_DIFFERENCES_H

#include "datapath/datapath.h"

/* One line a row that differs; the text is the caller's and never NULL on success. */
int bl_differences(const struct bl_plan *plan, struct bl_datapath *datapath, char **ret_text,
		   size_t *ret_count, struct bl_err *err);

#endif
