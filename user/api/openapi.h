/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The objects of the API as OpenAPI documents, for kubectl's `explain`, its checks before it sends,
 * and its patches. All of it comes from the schema tables. Pure; trees are the caller's
 * (json_object_put), NULL: no memory.
 */
#ifndef API_OPENAPI_H
#define API_OPENAPI_H

#include <stdint.h>

#include "base/buf.h"

struct json_object;

/* Swagger 2.0 over all groups. */
struct json_object *bl_openapi_v2(const char *version);
/* The same document in protobuf (openapi.v2.Document of gnostic), which is all that kubectl asks
 * for.
 */
void bl_openapi_v2_protobuf(struct json_object *document, struct bl_buf *ret);
/* OpenAPI 3.0 of one group and version ("v1", "discovery.k8s.io/v1"). */
struct json_object *bl_openapi_v3(const char *group_version, const char *version);
/* The list of those: `hash` gives an unsigned number that changes with the document. */
struct json_object *bl_openapi_v3_index(const char *version);

/* "api/v1" for "v1", "apis/discovery.k8s.io/v1" for the other. */
void bl_openapi_v3_path(const char *group_version, struct bl_buf *ret);
/* FNV-1a, for ETags and hashed addresses. */
uint64_t bl_openapi_hash(const char *text, size_t len);

#endif
