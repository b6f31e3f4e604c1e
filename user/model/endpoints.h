/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Endpoints (v1) and EndpointSlice (discovery.k8s.io/v1). */
#ifndef MODEL_ENDPOINTS_H
#define MODEL_ENDPOINTS_H

#include "model/object.h"
#include "model/service.h"

struct bl_target_ref {
	const char *kind;
	const char *ns;
	const char *name;
	const char *uid;
	/* Shown again, without effect. */
	const char *api_version;
	const char *resource_version;
	const char *field_path;
};

struct bl_endpoint_address { /* of Endpoints */
	const char *ip;
	const char *hostname;
	const char *node_name;
	struct bl_target_ref target;
};

struct bl_endpoint_addresses {
	struct bl_endpoint_address *items;
	size_t count;
};

struct bl_endpoint_port { /* of both kinds */
	const char *name; /* NULL or "": the port without a name */
	enum bl_protocol protocol;
	int32_t port; /* 0: unset */
	const char *app_protocol;
};

struct bl_endpoint_ports {
	struct bl_endpoint_port *items;
	size_t count;
};

struct bl_endpoint_subset {
	struct bl_endpoint_addresses addresses;
	struct bl_endpoint_addresses not_ready_addresses;
	struct bl_endpoint_ports ports;
};

struct bl_endpoint_subsets {
	struct bl_endpoint_subset *items;
	size_t count;
};

struct bl_endpoints {
	struct bl_object object;
	struct bl_endpoint_subsets subsets;
};

static inline const struct bl_endpoints *bl_endpoints_of(const struct bl_object *object)
{
	return (const struct bl_endpoints *)object;
}

enum bl_address_type {
	BL_ADDRESS_TYPE_UNSET = 0,
	BL_ADDRESS_TYPE_IPV4,
	BL_ADDRESS_TYPE_IPV6,
	BL_ADDRESS_TYPE_FQDN,
};

struct bl_endpoint_hints {
	struct bl_strings zones; /* forZones[].name */
	struct bl_strings nodes; /* forNodes[].name */
};

struct bl_slice_endpoint {
	struct bl_strings addresses; /* all mean the same endpoint; only the first is used */
	const char *hostname;
	const char *node_name;
	const char *zone;
	struct bl_pairs topology;        /* deprecatedTopology: shown again, without effect */
	struct bl_endpoint_hints *hints; /* NULL: none */
	struct bl_target_ref *target;    /* NULL: none */
	enum bl_tristate ready;          /* unset: ready */
	enum bl_tristate serving;        /* unset: as ready */
	enum bl_tristate terminating;    /* unset: false */
};

/* There may be hundreds of thousands: a slice keeps them as bytes (most take fewer than 30) in its
 * arena, and a cursor reads them one after another. */
struct bl_slice_endpoints {
	uint8_t *bytes;
	uint32_t size;
	uint32_t count : 31;
	bool has_pointers : 1; /* among the bytes, to structs in the arena */
};

/* Copies the items, and all that they point to. -ENOMEM. */
int bl_slice_endpoints_pack(const struct bl_slice_endpoint *items, size_t count,
			    struct bl_arena *arena, struct bl_slice_endpoints *ret);
/* A list without pointers in another arena. -ENOMEM. */
int bl_slice_endpoints_copy(const struct bl_slice_endpoints *from, struct bl_arena *arena,
			    struct bl_slice_endpoints *ret);

#define BL_POD_NAME 254 /* bytes: a DNS subdomain and a zero */

/* Starts as {.list = &slice->endpoints}. */
struct bl_endpoint_cursor {
	const struct bl_slice_endpoints *list;
	struct bl_slice_endpoint endpoint; /* the one in hand; borrowed until the next step */
	/* The rest is the cursor's own. */
	size_t done;
	uint8_t *head, *at;
	const char *address;
	char address_text[BL_ADDR_TEXT];
	struct bl_target_ref target;
	char pod[BL_POD_NAME];
};
bool bl_endpoint_next(struct bl_endpoint_cursor *cursor); /* false at the end */
/* Of the endpoint in hand, in an object that nobody else has yet. */
void bl_endpoint_set_ready(struct bl_endpoint_cursor *cursor, enum bl_tristate ready,
			   enum bl_tristate serving);

struct bl_endpoint_slice {
	struct bl_object object;
	enum bl_address_type address_type;
	struct bl_slice_endpoints endpoints;
	struct bl_endpoint_ports ports;
};

static inline const struct bl_endpoint_slice *bl_endpoint_slice_of(const struct bl_object *object)
{
	return (const struct bl_endpoint_slice *)object;
}

#define BL_LABEL_SERVICE_NAME "kubernetes.io/service-name"
#define BL_LABEL_MANAGED_BY "endpointslice.kubernetes.io/managed-by"

#endif
