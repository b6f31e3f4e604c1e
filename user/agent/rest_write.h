/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One write through the API, from its query to its answer; what the files rest_*.c share. */
#ifndef AGENT_REST_WRITE_H
#define AGENT_REST_WRITE_H

#include "agent/rest.h"
#include "api/managed.h"

enum bl_field_validation { /* of fields that nobody knows, or that are there twice */
			   BL_VALIDATION_WARN,
			   BL_VALIDATION_STRICT,
			   BL_VALIDATION_IGNORE,
};

#define BL_FIELD_MANAGER_MAX 128u

struct bl_rest_write {
	struct bl_agent *agent;
	const struct bl_request *request;
	struct bl_reply *reply;
	struct bl_rest_target target; /* gets its name from the body where the path has none */
	const struct bl_object *old;  /* borrowed from the store; NULL: there is none */
	struct json_object *old_json; /* owned; NULL without `old` */
	struct json_object *managers; /* owned: the entries of `old`; NULL: none */
	bool dry_run;
	bool force;
	bool applies;
	enum bl_field_validation validation;
	char manager[BL_FIELD_MANAGER_MAX + 1];
	char time[32]; /* now, RFC 3339 */
};

/* Reads query and headers, and looks the object up. False: answered. */
bool bl_rest_write_begin(struct bl_rest_write *write, struct bl_agent *agent,
			 const struct bl_request *request, const struct bl_rest_target *target,
			 struct bl_reply *reply);
void bl_rest_write_done(struct bl_rest_write *write);
static inline void bl_rest_write_done_p(struct bl_rest_write *write)
{
	bl_rest_write_done(write);
}

struct bl_manager bl_rest_manager(const struct bl_rest_write *write);

/* Dry run, validation and force, from the query. False: answered. */
bool bl_rest_read_choices(struct bl_rest_write *write);

/* The object of the body as a tree. NULL: answered. The caller owns it. */
struct json_object *bl_rest_read_body(struct bl_rest_write *write);
/* Its two halves, for what is no object of the model (`about` NULL): text to tree, and fields that
 * are there twice, of which the last one counts and the client hears. */
struct json_object *bl_rest_parse_body(struct bl_rest_write *write,
				       const struct bl_rest_target *about);
bool bl_rest_check_duplicates(struct bl_rest_write *write);
/* Is it of the kind and version that the path names? False: answered. */
bool bl_rest_check_kind(struct bl_rest_write *write, struct json_object *json);
bool bl_rest_has_type(const struct bl_request *request, const char *type);

/*
 * Puts `json` (taken, changed) in force in place of `write->old`, or as a new object, and answers.
 * `managers` (taken) are its entries after an apply; NULL: they are worked out from what changed.
 */
void bl_rest_put(struct bl_rest_write *write, struct json_object *json,
		 struct json_object *managers);

/* The candidate for a name that starts with `prefix`, with an end in which no words can appear.
 * -EIO: no random numbers. */
#define BL_GENERATED_NAME 64
int bl_rest_generate_name(const char *prefix, char ret[static BL_GENERATED_NAME]);

/* Fields of `diag` that nobody knows, as the client wants to hear of them. False: answered. */
bool bl_rest_answer_unknown(struct bl_rest_write *write, const char *kind, const char *api_version,
			    const struct bl_diag *diag);

/* What a DELETE says beside the name. */
struct bl_delete_options {
	bool dry_run;
	uint64_t version; /* preconditions; 0: any */
	char uid[BL_UID_TEXT + 1];
	int64_t grace_s; /* -1: not given */
};
/* From query and body. False: answered. */
bool bl_rest_delete_options(const struct bl_request *request, struct bl_delete_options *ret,
			    struct bl_reply *reply);

/* 422 for a query parameter or a field of `options` ("DeleteOptions"); `reason` and `message` are
 * its cause's. */
void bl_rest_invalid_option(struct bl_reply *reply, const char *options, const char *field,
			    const char *reason, const char *message);

/* Answers for what is wrong with the fields of `json` (NULL: unknown), and for what the catalog
 * refused. */
void bl_rest_invalid(struct bl_reply *reply, const struct bl_rest_target *target,
		     const struct bl_diag *diag, struct json_object *json);
void bl_rest_refused(struct bl_reply *reply, const struct bl_rest_target *target, int code,
		     const struct bl_diag *diag, struct json_object *json,
		     const struct bl_err *err);
void bl_rest_not_found(struct bl_reply *reply, const struct bl_rest_target *target);

#endif
