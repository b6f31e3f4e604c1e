/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Structs of the schema tables back into JSON trees. */
#ifndef MODEL_ENCODE_H
#define MODEL_ENCODE_H

#include "model/schema.h"

struct json_object;

/* Fields of the struct into `json`; empty ones are left out. -ENOMEM. */
int bl_encode_struct(const struct bl_kept *kept, const struct bl_type *type, const void *base,
		     struct json_object *json);

#endif
