/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Validation from inside: rules add problems to a report, so that bl_decode can give positions. */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "model/object.h"
#include "model/report.h"
#include "model/schema.h"

/* All rules of the object's kind; `old` may be NULL. */
void bl_check_object(struct bl_report *report, const struct bl_object *object,
		     const struct bl_object *old);

void bl_check_service(struct bl_report *report, const struct bl_object *object,
		      const struct bl_object *old);
void bl_check_pod(struct bl_report *report, const struct bl_object *object,
		  const struct bl_object *old);
/* The probes of a container; `prefix` is "spec.containers[0]". */
struct bl_container;
void bl_check_probes(struct bl_report *report, const char *prefix,
		     const struct bl_container *container);
void bl_check_endpoints(struct bl_report *report, const struct bl_object *object,
			const struct bl_object *old);
void bl_check_endpoint_slice(struct bl_report *report, const struct bl_object *object,
			     const struct bl_object *old);
void bl_check_node(struct bl_report *report, const struct bl_object *object,
		   const struct bl_object *old);

/* Fills subject: "service 'default/web'". */
void bl_report_name(struct bl_report *report, const char *singular, const char *ns,
		    const char *name);

/* An error at a field: "field 'spec.x': TEXT". */
void bl_check_fail(struct bl_report *report, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same when `rule` (the text of a broken rule) is not NULL. */
void bl_check_rule(struct bl_report *report, const char *field, const char *got, const char *rule);
/* Writes "spec.ports[3].name" and returns it. */
const char *bl_check_field(char buffer[static BL_FIELD_TEXT], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Text of the broken rule, or NULL. */
const char *bl_check_port_name(const char *name);      /* IANA service name */
const char *bl_check_qualified_name(const char *name); /* keys of labels and annotations */
const char *bl_check_label_value(const char *value);

#endif
