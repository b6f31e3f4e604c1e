/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the kernel and the machine offer, for `beeline check` and for fall-backs: one row a feature,
 * probed by trying, never by version.
 */
#ifndef DATAPATH_FEATURES_H
#define DATAPATH_FEATURES_H

#include <net/if.h>
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
	char device[IF_NAMESIZE]; /* that it is about; "": the whole machine */
	char detail[160];         /* what was seen: a path, an errno in words */
};

/* Devices that packets from outside are to come in by. */
struct bl_device_wish {
	const char *const *names; /* borrowed */
	size_t count;             /* 0: nobody outside is served, and nothing of it is probed */
	enum bl_xdp_mode mode;
};

/* Probes all rows. The array is the caller's (free). */
int bl_features_probe(const struct bl_datapath_config *config, const struct bl_device_wish *wish,
		      struct bl_feature **ret_items, size_t *ret_count);

#endif
