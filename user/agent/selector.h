/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Label and field selectors of the API: text to terms, and does an object match? */
#ifndef AGENT_SELECTOR_H
#define AGENT_SELECTOR_H

#include "model/object.h"

struct bl_selector;
struct json_object;

#define BL_SELECTOR_TERMS_MAX 64u
#define BL_SELECTOR_TEXT_MAX 4096u

/* The fields that objects of a kind can be selected by; NULL ends the list. */
const char *const *bl_selector_fields(enum bl_kind kind);

/* Either text may be NULL or empty: everything matches. `known` are the fields that there are.
 * -EINVAL with words. */
int bl_selector_parse(const char *labels, const char *fields, const char *const *known,
		      struct bl_selector **ret, struct bl_err *err);
struct bl_selector *bl_selector_free(struct bl_selector *selector);
BL_DEFINE_CLEANUP(struct bl_selector *, bl_selector_free);

bool bl_selector_match(const struct bl_selector *selector, const struct bl_object *object);
/* The same for what is a tree already. */
bool bl_selector_match_json(const struct bl_selector *selector, struct json_object *object);

#endif
