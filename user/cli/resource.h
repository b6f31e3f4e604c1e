/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Words such as "svc,ep", "svc web" and "svc/web" to paths of the API, and the objects found there.
 * Objects stay JSON: what the agent says is shown as it is.
 */
#ifndef CLI_RESOURCE_H
#define CLI_RESOURCE_H

#include "api/json.h"
#include "cli/cli.h"
#include "model/object.h"

struct bl_target {
	enum bl_kind kind;
	const char *name; /* borrowed; NULL: all of the kind */
};

struct bl_targets {
	struct bl_target *items; /* owned */
	size_t count;
	bool several_kinds; /* names are shown with their kind */
};

void bl_targets_done(struct bl_targets *targets);
static inline void bl_targets_done_p(struct bl_targets *targets)
{
	bl_targets_done(targets);
}

/* -EINVAL for words that make no sense, -ENOMEM. The names are borrowed from `words`. */
int bl_targets_parse(const char *const *words, size_t count, struct bl_targets *ret,
		     struct bl_err *err);

/* A type's name in any form that kubectl takes; -EINVAL with what was probably meant. */
int bl_kind_parse(const char *word, size_t len, enum bl_kind *ret, struct bl_err *err);

/* "service", "endpointslice.discovery.k8s.io": what stands before the slash in "service/web". */
const char *bl_kind_word(enum bl_kind kind);
/* The kind of a JSON object by its field `kind`; -EINVAL. */
int bl_kind_of_json(struct json_object *object, enum bl_kind *ret);

/* "/api/v1/namespaces/shop/services/web"; `ns` NULL: of all; `name` NULL: the collection. Owned by
 * the caller, NULL: no memory. */
char *bl_resource_path(enum bl_kind kind, const char *ns, const char *name);

struct bl_found {
	enum bl_kind kind;
	struct json_object *object; /* owned reference */
};

struct bl_found_list {
	struct bl_found *items; /* owned */
	size_t count;
	char *version;     /* resourceVersion of the last list; owned; may be NULL */
	bool some_missing; /* a name was not there; it was said already */
};

void bl_found_list_done(struct bl_found_list *list);
static inline void bl_found_list_done_p(struct bl_found_list *list)
{
	bl_found_list_done(list);
}

/* The namespace that the options name: NULL for all, else "default". */
const char *bl_cli_namespace(const struct bl_cli *cli);

/*
 * Asks the agent for the targets, as --namespace, --all-namespaces, --selector and
 * --field-selector narrow them (as far as the command has these options). A name that is not there
 * is reported (unless --ignore-not-found) and the others go on.
 */
int bl_cli_find(struct bl_cli *cli, const struct bl_targets *targets, struct bl_found_list *ret,
		struct bl_err *err);

/* The collection of one target, also when it has a name: none or one object then. The list's
 * version is where a watch goes on. */
int bl_cli_find_list(struct bl_cli *cli, const struct bl_target *target, struct bl_found_list *ret,
		     struct bl_err *err);

/* The path of one target's collection with the selectors, for lists and watches. */
int bl_cli_list_path(const struct bl_cli *cli, const struct bl_target *target, const char *extra,
		     char **ret);

#endif
