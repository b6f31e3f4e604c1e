/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 (RFC 4648, section 4), as it carries certificates in kubeconfig files. */
#ifndef KUBE_BASE64_H
#define KUBE_BASE64_H

#include <stdbool.h>

#include "base/buf.h"

/* Appends; `failed` of the buffer says when memory did not suffice. */
void bl_base64_encode(struct bl_buf *ret, const char *bytes, size_t len);
/* Appends. Line breaks are left out. False: it is no base64. */
bool bl_base64_decode(struct bl_buf *ret, const char *text, size_t len);

#endif
