/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The columns of `get` and of the server's Tables, one table of rows a kind: the same heads and the
 * same words in them as Kubernetes'. They read the JSON of an API server, so they work for any that
 * speaks it.
 */
#ifndef API_COLUMNS_H
#define API_COLUMNS_H

#include <stdint.h>

#include "api/json.h"
#include "model/object.h"

struct bl_view {
	bool wide;
	int64_t now;              /* seconds since the epoch */
	struct json_object *live; /* GET /beeline/v1/live; NULL: nobody was asked */
};

struct bl_column {
	const char *head; /* as the API spells it; people see it in capitals. NULL ends a table */
	bool wide;        /* only with -o wide */
	void (*add)(struct json_object *object, const struct bl_view *view, struct bl_buf *ret);
	bool ours; /* not in the server's Tables: it takes the answer `live` */
};

const struct bl_column *bl_columns_of(enum bl_kind kind);

/* "a=1,b=2"; "<none>" when there are none. */
void bl_labels_add(struct json_object *labels, struct bl_buf *ret);

/* What the columns share with `describe`. */
void bl_external_ip_add(struct json_object *service, bool wide, struct bl_buf *ret);
void bl_pod_status_add(struct json_object *pod, struct bl_buf *ret);
void bl_node_roles_add(struct json_object *node, struct bl_buf *ret);

extern const struct bl_column bl_columns_pod[];
extern const struct bl_column bl_columns_node[];
extern const struct bl_column bl_columns_event[];

/* Columns of every kind. */
void bl_column_age(struct json_object *object, const struct bl_view *view, struct bl_buf *ret);
void bl_column_name(struct json_object *object, const struct bl_view *view, struct bl_buf *ret);

/* Joins what is shown of a longer list: at most three, then "+ 2 more...". */
struct bl_short_list {
	struct bl_buf *out;
	size_t count;
};
void bl_short_list_add(struct bl_short_list *list, const char *text);
void bl_short_list_end(struct bl_short_list *list);

#endif
