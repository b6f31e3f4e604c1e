/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bodies in Kubernetes' protobuf encoding, as trees. kubectl sends what its `create service` and
 * `create namespace` make that way from 1.32 on; other commands send JSON. Field numbers are those
 * of k8s.io/api/core/v1 and k8s.io/apimachinery (generated.proto).
 */
#ifndef API_PROTO_BODY_H
#define API_PROTO_BODY_H

#include <stddef.h>

#include "base/err.h"

struct json_object;

/* `application/vnd.kubernetes.protobuf`: "k8s", a zero byte, and an Unknown with the object in it.
 * -EINVAL with words: it is none, or of a kind that is taken as JSON alone; -ENOMEM. */
int bl_body_protobuf(const char *bytes, size_t len, struct json_object **ret, struct bl_err *err);

#endif
