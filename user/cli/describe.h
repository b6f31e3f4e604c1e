/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects in words, laid out as `kubectl describe` does it. Each function writes "Key:<tab>value"
 * lines for elastic.h; none asks the agent for anything.
 */
#ifndef CLI_DESCRIBE_H
#define CLI_DESCRIBE_H

#include "api/json.h"
#include "model/object.h"

/* What is shown of an object beside itself. Trees are borrowed and may be NULL. */
struct bl_description {
	struct json_object *object;
	struct json_object *slices;      /* items: EndpointSlices of a Service */
	struct json_object *endpoints;   /* Endpoints of a Service that has no slices */
	struct json_object *connections; /* of the agent, of a Service */
	struct json_object *pods;        /* items: Pods of a Node */
	struct json_object *probes;      /* of the agent, of a Pod */
	int64_t now;
};

void bl_describe(enum bl_kind kind, const struct bl_description *what, struct bl_buf *ret);

/* The parts. */
void bl_describe_service(const struct bl_description *what, struct bl_buf *ret);
void bl_describe_pod(const struct bl_description *what, struct bl_buf *ret);
void bl_describe_node(const struct bl_description *what, struct bl_buf *ret);
void bl_describe_endpoints(const struct bl_description *what, struct bl_buf *ret);
void bl_describe_slice(const struct bl_description *what, struct bl_buf *ret);

/* "Readiness:" and "Startup:" of a container, each with what its last try said. */
void bl_describe_probes(struct json_object *container, struct json_object *probes, int64_t now,
			struct bl_buf *ret);
void bl_describe_events(const struct bl_description *what, struct bl_buf *ret);

/* "Labels:" and "Annotations:", a line each pair. */
void bl_describe_labels(struct json_object *labels, const char *title, struct bl_buf *ret);
void bl_describe_annotations(struct json_object *annotations, struct bl_buf *ret);

#endif
