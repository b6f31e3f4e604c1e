/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A folder of manifests, followed with inotify: every *.yaml, *.yml and *.json in it, no
 * subfolders, no hidden files. Symbolic links are followed, and a swapped `..data` link (as kubelet
 * mounts ConfigMaps) reads everything again.
 *
 * A broken document leaves the last good version of its object in force. A folder that is missing
 * at the start is waited for; one that goes away leaves its objects in force until it is back: what
 * cannot be seen is no reason to stop traffic.
 */
#ifndef SOURCE_MANIFESTS_H
#define SOURCE_MANIFESTS_H

#include "source/source.h"

#define BL_MANIFEST_FILES_MAX 65536u

/* `folder` is copied. */
int bl_manifests_new(const char *folder, const struct bl_source_handler *handler,
		     struct bl_source **ret);

/* Is this the name of a manifest file? */
bool bl_manifests_is_name(const char *name);

#endif
