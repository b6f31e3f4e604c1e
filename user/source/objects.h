/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Objects that came through the API, one YAML file each under FOLDER/PLURAL/NAMESPACE/NAME.yaml
 * (`_` for kinds without a namespace). Read once at the start; afterwards only this process writes
 * there. A file that cannot be read is reported and left where it is.
 */
#ifndef SOURCE_OBJECTS_H
#define SOURCE_OBJECTS_H

#include "source/source.h"

/* `folder` is copied and made if absent. */
int bl_objects_new(const char *folder, const struct bl_source_handler *handler,
		   struct bl_source **ret);

/* Writes one object, atomically; nothing is delivered. */
int bl_objects_write(struct bl_source *source, const struct bl_object *object, struct bl_err *err);
/* 0 also when there is none. */
int bl_objects_remove(struct bl_source *source, const struct bl_source_name *name,
		      struct bl_err *err);
/* -ENOENT when there is none. */
int bl_objects_read(struct bl_source *source, const struct bl_source_name *name,
		    struct bl_object **ret);

#endif
