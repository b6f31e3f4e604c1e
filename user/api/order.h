/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In which order the items of a merged list stand. */
#ifndef API_ORDER_H
#define API_ORDER_H

#include <stddef.h>

struct json_object;

/*
 * Sorts `list` so that its items stand as `wanted` has them. `rank[i]` is where item i belongs in
 * that, or SIZE_MAX for an item that is not wanted by name: such ones keep their place among those
 * before and behind them, as in Kubernetes' strategic merge patch. Only the first `known` items
 * were there before; later ones have no place to keep. -ENOMEM.
 */
int bl_json_order(struct json_object *list, const size_t *rank, size_t known);

#endif
