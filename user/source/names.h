/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A list of file names, owned by the list. Knows nothing of what the files hold. */
#ifndef SOURCE_NAMES_H
#define SOURCE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct bl_map;

struct bl_names {
	char **items;
	size_t count;
};

void bl_names_done(struct bl_names *names);
static inline void bl_names_done_p(struct bl_names *names)
{
	bl_names_done(names);
}

/* -ENOMEM; what was added before a failure stays. */
int bl_names_add(struct bl_names *names, const char *name, size_t len);
int bl_names_add_keys(struct bl_names *names, const struct bl_map *map);
/* Names in a folder, but those of folders, for which `wanted` is true; also other errors. */
int bl_names_add_folder(struct bl_names *names, const char *folder,
			bool (*wanted)(const char *name));
void bl_names_sort(struct bl_names *names);

#endif
