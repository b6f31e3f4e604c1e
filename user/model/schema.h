/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One table of rows per type of struct: from it come decoding, defaults, checks, encoding and help.
 * Row order is Kubernetes' field order. Rows are constant; nothing here allocates.
 */
#ifndef MODEL_SCHEMA_H
#define MODEL_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/object.h"

enum bl_field_type {
	BL_FIELD_STRING,        /* const char * */
	BL_FIELD_INT,           /* int32_t or int64_t */
	BL_FIELD_VERSION,       /* uint64_t, a string in text */
	BL_FIELD_BOOL,          /* enum bl_tristate */
	BL_FIELD_ENUM,          /* an enum, by `names` */
	BL_FIELD_TIME,          /* int64_t, RFC 3339 in text */
	BL_FIELD_INT_OR_STRING, /* struct bl_int_or_string */
	BL_FIELD_FAMILIES,      /* uint8_t[2] */
	BL_FIELD_STRINGS,       /* struct bl_strings */
	BL_FIELD_NAMED_STRINGS, /* struct bl_strings, in text a list of {`key`: string} */
	BL_FIELD_PAIRS,         /* struct bl_pairs, sorted by key */
	BL_FIELD_STRUCT,        /* the struct of `sub` at the offset */
	BL_FIELD_LIST,          /* {items, count} of the struct of `sub` */
	BL_FIELD_KEPT,          /* known but not used: kept as text */
	BL_FIELD_ENDPOINTS,     /* struct bl_slice_endpoints: a packed list of `sub`, in which no
				 * row is kept as text */
	BL_FIELD_OPTIONAL,      /* pointer to the struct of `sub`; NULL: not given */
	BL_FIELD_MANAGED, /* const char *: a list as JSON text, let go unless it is asked for */
};

/* What the value of a BL_FIELD_KEPT looks like: it is checked, and no more. */
enum bl_kept_as {
	BL_KEPT_ANY,
	BL_KEPT_STRING,
	BL_KEPT_INT, /* of 32 bits */
	BL_KEPT_LONG,
	BL_KEPT_BOOL,
	BL_KEPT_TIME,
	BL_KEPT_QUANTITY,
	BL_KEPT_INT_OR_STRING,
	BL_KEPT_INTS, /* a list of BL_KEPT_LONG */
	BL_KEPT_STRINGS,
	BL_KEPT_PAIRS,
	BL_KEPT_QUANTITIES, /* a mapping of names to BL_KEPT_QUANTITY */
	BL_KEPT_MAP,        /* with the fields of `sub`; NULL: any */
	BL_KEPT_LIST,       /* of such mappings */
};

struct bl_enum_name {
	const char *name; /* NULL ends the list */
	int value;
};

struct bl_type;

/* The text of the rule that `text` breaks, or NULL. */
typedef const char *bl_check_fn(const char *text);

struct bl_field {
	const char *name;
	uint8_t name_len;
	uint8_t type; /* enum bl_field_type */
	uint8_t size; /* of the member */
	uint8_t kept; /* enum bl_kept_as, of a BL_FIELD_KEPT */
	bool required;
	bool always; /* encoded also when it is empty */
	bool atomic; /* a mapping or list that server-side apply takes as one value */
	/* A strategic merge patch drops what `$retainKeys` of it does not name. */
	bool retain_keys;
	uint16_t offset;
	const struct bl_type *sub; /* of a kept field: what it holds, with no struct behind it */
	const struct bl_enum_name *names;
	const char *key;
	/* The field by which a strategic merge patch tells the items of this list apart; "": the
	 * items are scalars, and the patch's join them; NULL: a patch replaces the list. */
	const char *merge_key;
	/* The same for server-side apply, fields with commas between them; NULL: one value. */
	const char *list_keys;
	bl_check_fn *check; /* strings, each string of a list */
	int64_t min, max;   /* integers; both 0: any. 0 itself is "unset" */
	int64_t value;      /* default of integers and enums; 0: none */
	int64_t unset;      /* what an integer holds that was not given */
	const char *help;
};

struct bl_type {
	const char *name;
	const struct bl_field *fields;
	size_t count;
	size_t size;
	bool has_unset; /* rows of it, or of a struct in it, have `unset` */
	/* What a row's constant cannot say; `base` is the struct. */
	int (*fill_defaults)(void *base, struct bl_arena *arena);
};

/* For rows: `BL_NAME("port")` and `BL_AT(struct bl_service_port, port)`. */
#define BL_NAME(text) .name = (text), .name_len = sizeof(text) - 1
#define BL_AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define BL_KEEP(text, looks)                                                                       \
	{                                                                                          \
		BL_NAME(text), .type = BL_FIELD_KEPT, .kept = (BL_KEPT_##looks)                    \
	}
#define BL_KEEP_MAP(text, table)                                                                   \
	{                                                                                          \
		BL_NAME(text), .type = BL_FIELD_KEPT, .kept = BL_KEPT_MAP, .sub = &(table)         \
	}
/* One value for server-side apply. */
#define BL_KEEP_ATOM(text, table)                                                                  \
	{                                                                                          \
		BL_NAME(text), .type = BL_FIELD_KEPT, .kept = BL_KEPT_MAP, .sub = &(table),        \
			       .atomic = true                                                      \
	}
/* A list; `by` and `keys` are its `merge_key` and `list_keys`, NULL where it is one value. */
#define BL_KEEP_LIST(text, table, by, keys)                                                        \
	{                                                                                          \
		BL_NAME(text), .type = BL_FIELD_KEPT, .kept = BL_KEPT_LIST, .sub = &(table),       \
			       .merge_key = (by), .list_keys = (keys)                              \
	}
/* The table of what is only kept, as `sub` of such rows. */
#define BL_KEPT_TYPE(title, table)                                                                 \
	{                                                                                          \
		.name = (title), .fields = (table), .count = sizeof(table) / sizeof((table)[0])    \
	}
#define BL_TYPE(table, type)                                                                       \
	.fields = (table), .count = sizeof(table) / sizeof((table)[0]), .size = sizeof(type)

/* A list of any struct: they all have this shape. */
struct bl_any_list {
	void *items;
	size_t count;
};

/* A field that was kept as it was read, in a list that its object owns. */
struct bl_kept {
	const struct bl_kept *next;
	const struct bl_field *field;
	const void *base; /* the struct that the field belongs to */
	const char *json;
};

extern const struct bl_enum_name bl_protocol_names[];
extern const struct bl_type bl_type_meta, bl_type_target_ref, bl_type_condition, bl_type_probe;
extern const struct bl_type bl_type_service, bl_type_pod, bl_type_endpoints, bl_type_endpoint_slice,
	bl_type_node, bl_type_namespace, bl_type_lease;

/* The table of a whole object of this kind, without apiVersion and kind; and the struct's size. */
const struct bl_type *bl_type_of(enum bl_kind kind);

/* NULL: none. `hint` is where to look first, and is moved behind the row that was found. */
const struct bl_field *bl_type_find(const struct bl_type *type, const char *name, size_t len,
				    size_t *hint);

static inline void *bl_field_at(const struct bl_field *field, const void *base)
{
	return (char *)(uintptr_t)base + field->offset;
}

/* What a value of the row looks like, whichever its type. */
enum bl_kept_as bl_field_looks(const struct bl_field *field);

int64_t bl_field_get_int(const struct bl_field *field, const void *base);
void bl_field_set_int(const struct bl_field *field, void *base, int64_t value);

/* NULL: no name for this value. */
const char *bl_enum_name(const struct bl_enum_name *names, int value);

/*
 * Checks a mapping that no struct is made of, by the rows of `type`; `flags` are of enum
 * bl_decode_flag. `ret` (owned, json_object_put) is what it is without fields that nobody knows and
 * without nulls. -EINVAL (every problem is in `diag`), -E2BIG, -ENOMEM.
 */
struct json_object;
int bl_type_check_json(const struct bl_type *type, struct json_object *json, unsigned int flags,
		       struct json_object **ret, struct bl_diag *diag);

/* Puts `unset` where it is not zero, in a struct that is all zeros. */
void bl_fill_unset(const struct bl_type *type, void *base);
/* Fills defaults of the struct and all below it. -ENOMEM. */
int bl_fill_defaults(const struct bl_type *type, void *base, struct bl_arena *arena);

/* The name most like `word` among `names`, or NULL when none is near. */
struct bl_suggest {
	const char *word;
	size_t len;
	const char *best;
	size_t distance;
};
void bl_suggest_init(struct bl_suggest *suggest, const char *word, size_t len);
void bl_suggest_try(struct bl_suggest *suggest, const char *name);

#endif
