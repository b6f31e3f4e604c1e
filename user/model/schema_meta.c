/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What several kinds share: metadata, references, conditions, protocols. */
#include "model/endpoints.h"
#include "model/pod.h"
#include "model/schema.h"

const struct bl_enum_name bl_protocol_names[] = {
	{"TCP", BL_PROTOCOL_TCP},
	{"UDP", BL_PROTOCOL_UDP},
	{"SCTP", BL_PROTOCOL_SCTP},
	{NULL, 0},
};

static const struct bl_field owner_fields[] = {
	{BL_NAME("apiVersion"), .type = BL_FIELD_STRING, BL_AT(struct bl_owner, api_version)},
	{BL_NAME("kind"), .type = BL_FIELD_STRING, BL_AT(struct bl_owner, kind)},
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_owner, name)},
	{BL_NAME("uid"), .type = BL_FIELD_STRING, BL_AT(struct bl_owner, uid)},
	BL_KEEP("controller", BOOL),
	BL_KEEP("blockOwnerDeletion", BOOL),
};

static const struct bl_type type_owner = {
	.name = "OwnerReference",
	BL_TYPE(owner_fields, struct bl_owner),
};

static const struct bl_field meta_fields[] = {
	{
		BL_NAME("name"),
		.type = BL_FIELD_STRING,
		BL_AT(struct bl_meta, name),
		.required = true,
		.help = "name of the object, unique among its kind in its namespace",
	},
	BL_KEEP("generateName", STRING),
	{
		BL_NAME("namespace"),
		.type = BL_FIELD_STRING,
		BL_AT(struct bl_meta, ns),
		.help = "namespace; 'default' when it is not given",
	},
	BL_KEEP("selfLink", STRING),
	{BL_NAME("uid"), .type = BL_FIELD_STRING, BL_AT(struct bl_meta, uid),
	 .help = "unique over all objects that ever were; made by the server"},
	{BL_NAME("resourceVersion"), .type = BL_FIELD_VERSION,
	 BL_AT(struct bl_meta, resource_version),
	 .help = "version of this object, made by the server"},
	{BL_NAME("generation"), .type = BL_FIELD_INT, BL_AT(struct bl_meta, generation),
	 .help = "counts changes of the wanted state, made by the server"},
	{BL_NAME("creationTimestamp"), .type = BL_FIELD_TIME, BL_AT(struct bl_meta, creation_time),
	 .help = "when the object was made, RFC 3339"},
	{BL_NAME("deletionTimestamp"), .type = BL_FIELD_TIME, BL_AT(struct bl_meta, deletion_time),
	 .help = "when the object is (or was) to be gone; set: it is being deleted"},
	BL_KEEP("deletionGracePeriodSeconds", LONG),
	{BL_NAME("labels"), .type = BL_FIELD_PAIRS, BL_AT(struct bl_meta, labels),
	 .help = "words by which selectors find the object"},
	{BL_NAME("annotations"), .type = BL_FIELD_PAIRS, BL_AT(struct bl_meta, annotations),
	 .help = "free notes of tools and people"},
	{BL_NAME("ownerReferences"), .type = BL_FIELD_LIST, BL_AT(struct bl_meta, owners),
	 .sub = &type_owner, .merge_key = "uid", .list_keys = "uid",
	 .help = "objects that this one belongs to"},
	{BL_NAME("finalizers"), .type = BL_FIELD_KEPT, .kept = BL_KEPT_STRINGS, .merge_key = "",
	 .list_keys = ""},
	/* Larger than all the rest, and of use only where objects are written. */
	{BL_NAME("managedFields"), .type = BL_FIELD_MANAGED, BL_AT(struct bl_meta, managed_fields),
	 .help = "who gave which fields, kept by the server for applies"},
};

const struct bl_type bl_type_meta = {
	.name = "ObjectMeta",
	BL_TYPE(meta_fields, struct bl_meta),
};

static const struct bl_field target_ref_fields[] = {
	{BL_NAME("kind"), .type = BL_FIELD_STRING, BL_AT(struct bl_target_ref, kind)},
	{BL_NAME("namespace"), .type = BL_FIELD_STRING, BL_AT(struct bl_target_ref, ns)},
	{BL_NAME("name"), .type = BL_FIELD_STRING, BL_AT(struct bl_target_ref, name)},
	{BL_NAME("uid"), .type = BL_FIELD_STRING, BL_AT(struct bl_target_ref, uid)},
	{BL_NAME("apiVersion"), .type = BL_FIELD_STRING, BL_AT(struct bl_target_ref, api_version)},
	{BL_NAME("resourceVersion"), .type = BL_FIELD_STRING,
	 BL_AT(struct bl_target_ref, resource_version)},
	{BL_NAME("fieldPath"), .type = BL_FIELD_STRING, BL_AT(struct bl_target_ref, field_path)},
};

const struct bl_type bl_type_target_ref = {
	.name = "ObjectReference",
	BL_TYPE(target_ref_fields, struct bl_target_ref),
};

static const struct bl_enum_name condition_names[] = {
	{"True", BL_TRUE},
	{"False", BL_FALSE},
	{"Unknown", BL_UNSET},
	{NULL, 0},
};

static const struct bl_field condition_fields[] = {
	{BL_NAME("type"), .type = BL_FIELD_STRING, BL_AT(struct bl_condition, type),
	 .required = true},
	BL_KEEP("observedGeneration", LONG),
	{BL_NAME("status"), .type = BL_FIELD_ENUM, BL_AT(struct bl_condition, status),
	 .names = condition_names},
	BL_KEEP("lastProbeTime", TIME),
	BL_KEEP("lastHeartbeatTime", TIME),
	{BL_NAME("lastTransitionTime"), .type = BL_FIELD_TIME,
	 BL_AT(struct bl_condition, last_transition_time)},
	{BL_NAME("reason"), .type = BL_FIELD_STRING, BL_AT(struct bl_condition, reason)},
	{BL_NAME("message"), .type = BL_FIELD_STRING, BL_AT(struct bl_condition, message)},
};

const struct bl_type bl_type_condition = {
	.name = "Condition",
	BL_TYPE(condition_fields, struct bl_condition),
};
