/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel and the machine offer, for `beeline check` and for fall-backs: one row a feature,
 * probed by trying, never by version.
 */
#ifndef DATAPATH_FEATURES_H
#define DATAPATH_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "datapath/datapath.h"

enum bl_feature_need {
	BL_FEATURE_REQUIRED,
	BL_FEATURE_OPTIONAL,
};

struct bl_feature {
	const char *name; /* "bpf_sock_destroy" */
	enum bl_feature_need need;
	const char *since; /* first kernel with it: "6.5" */
	const char *lost;  /* what does not work, or what is used instead */
	const char *mend;  /* how to get it */
	bool found;
	char detail[160]; /* what was seen: a path, an errno in words */
};

/* Probes all rows. The array is the caller's (free). */
int bl_features_probe(const struct bl_datapath_config *config, struct bl_feature **ret_items,
		      size_t *ret_count);

#endif
