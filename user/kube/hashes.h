/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A set of 64-bit hashes: which names turned up in a list, without keeping the names. Two names of
 * one hash are taken for one; with a random seed that does not happen in the life of a cluster.
 */
#ifndef KUBE_HASHES_H
#define KUBE_HASHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bl_hashes {       /* starts as {0} */
	uint64_t *slots; /* owned; 0: free */
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

void bl_hashes_done(struct bl_hashes *hashes);
/* -ENOMEM. */
int bl_hashes_add(struct bl_hashes *hashes, uint64_t hash);
bool bl_hashes_has(const struct bl_hashes *hashes, uint64_t hash);

#endif
