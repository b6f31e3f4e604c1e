/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The rules that a field's own row cannot say (see also the ranges in the schema tables). Sources:
 * Kubernetes' validation of v1.36 and KEPs 1435, 1880, 4858, 5311, named at each rule.
 */
#ifndef MODEL_VALIDATE_H
#define MODEL_VALIDATE_H

#include "model/object.h"

/* Adds every problem to `diag`; -EINVAL when there was an error. Objects that bl_decode returned
 * have passed already. `old` is the object in force that this one replaces, or NULL: immutable
 * fields are compared with it. */
int bl_validate(const struct bl_object *object, const struct bl_object *old, struct bl_diag *diag);

/* Name checks, for commands that make names. The text of the rule on failure, NULL when good. */
const char *bl_check_dns_label(const char *name);
const char *bl_check_dns_subdomain(const char *name);

#endif
