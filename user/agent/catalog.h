/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one way into the store. Admission (validation against the object in force, addresses, the
 * node of a pod), who may change what, and what the agent makes itself: Namespaces that manifests
 * use, the Node it runs on, Endpoints of Services with a selector.
 *
 * A manifest's object comes before one of the same name that came through the API, and both before
 * one that the agent made. An object that is refused leaves the one before in force and is tried
 * again when something that it may have waited for goes away.
 */
#ifndef AGENT_CATALOG_H
#define AGENT_CATALOG_H

#include "agent/allocations.h"
#include "agent/problems.h"
#include "base/map.h"
#include "source/source.h"
#include "store/store.h"

struct bl_catalog;

struct bl_catalog_config { /* all borrowed */
	struct bl_store *store;
	struct bl_allocations *allocations;
	struct bl_problems *problems;
	const char *node_name;
	bool probing;              /* the pods of this node wait for their probes */
	bool read_only;            /* a cluster is followed: clients change objects there */
	struct bl_source *objects; /* keeps what came through the API; NULL: nothing is kept */
};

int bl_catalog_new(const struct bl_catalog_config *config, struct bl_catalog **ret);
struct bl_catalog *bl_catalog_free(struct bl_catalog *catalog);
BL_DEFINE_CLEANUP(struct bl_catalog *, bl_catalog_free);
void bl_catalog_set_objects(struct bl_catalog *catalog, struct bl_source *objects);

/* A batch of a source. -EIO when addresses could not be written to the state file: the new objects
 * wait until bl_catalog_settle succeeds. */
int bl_catalog_deliver(struct bl_catalog *catalog, const struct bl_source_batch *batch);
int bl_catalog_settle(struct bl_catalog *catalog);

/*
 * What clients of the API do. Errors, with words in `err`:
 * -EEXIST, -ENOENT (the object or its namespace), -EACCES (a manifest's, or the agent's own),
 * -ESTALE (another resourceVersion or uid), -EINVAL (every problem is in `diag`), -EBUSY (a
 * namespace that is not empty), -EIO (the state folder), -ENOMEM.
 */
enum bl_write {
	BL_WRITE_CREATE,
	BL_WRITE_REPLACE,
};
int bl_catalog_write(struct bl_catalog *catalog, enum bl_write write, struct bl_object *object,
		     bool dry_run, struct bl_diag *diag, struct bl_err *err);
int bl_catalog_remove(struct bl_catalog *catalog, const struct bl_source_name *name,
		      uint64_t resource_version, bool dry_run, struct bl_err *err);

/* May something that is no object be written in a namespace, or made there, if it is `is_new`?
 * -EACCES, -ENOENT with words that start with `what`. */
int bl_catalog_check_namespace(const struct bl_catalog *catalog, const char *ns, const char *what,
			       bool is_new, struct bl_err *err);
/* Objects of a kind, in a namespace or (NULL) in all, that came through the API, those that wait
 * included. */
int bl_catalog_list_of_users(const struct bl_catalog *catalog, enum bl_kind kind, const char *ns,
			     struct bl_object_list *ret);

/*
 * A namespace ends in three steps: may it (errors as of bl_catalog_remove; `uid` "" and version 0:
 * any)? From `begin` on nothing new is made in it; once what it holds is gone `finish` removes it,
 * and does nothing before (every removal tries). `ret` is the namespace as it ends.
 */
int bl_catalog_check_end(const struct bl_catalog *catalog, const char *ns, const char *uid,
			 uint64_t resource_version, struct bl_err *err);
int bl_catalog_begin_end(struct bl_catalog *catalog, const char *ns, struct bl_object **ret,
			 struct bl_err *err);
int bl_catalog_finish_end(struct bl_catalog *catalog, const char *ns, struct bl_err *err);

int bl_catalog_make_namespace(const char *ns, struct bl_object **ret);

/* Objects that the agent makes. Put replaces only what the agent made before. */
int bl_catalog_put_own(struct bl_catalog *catalog, struct bl_object *object);
void bl_catalog_remove_own(struct bl_catalog *catalog, const struct bl_source_name *name);
bool bl_catalog_is_own(const struct bl_catalog *catalog, const struct bl_source_name *name);
/* Hands an object of the agent's over to the user, as if it had come through the API. */
int bl_catalog_give_away(struct bl_catalog *catalog, const struct bl_source_name *name);

/* A new version of an object in force in which only what the agent says about it differs: it stays
 * whose it was. */
int bl_catalog_put_status(struct bl_catalog *catalog, struct bl_object *object);

/* The same for what must outlive the agent, such as that a pod is being deleted: also on disk. */
int bl_catalog_mark(struct bl_catalog *catalog, struct bl_object *object, struct bl_err *err);

/* "service 'default/web'" */
const char *bl_catalog_label(const struct bl_source_name *name, char *buffer, size_t size);
#define BL_CATALOG_LABEL 400

#endif
