/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects from YAML text. A fault of the text fails the test with every problem printed. */
#ifndef TESTS_RESOLVE_FIXTURE_H
#define TESTS_RESOLVE_FIXTURE_H

#include "model/codec.h"
#include "resolve/resolve.h"
#include "store/store.h"

struct bl_object_list decode_yaml(const char *text);
struct bl_object *decode_one(const char *text);
struct bl_store *store_of(const char *text);
/* What a Service of namespace default resolves to on a node, as text: a line a port, then
 * "frontend", "backend" and the sets. The caller frees it. */
char *resolve_text(const struct bl_store *store, const struct bl_local_node *node,
		   const char *service);

#endif
