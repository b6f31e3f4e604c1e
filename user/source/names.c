/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

void bl_names_done(struct bl_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct bl_names){0};
}

int bl_names_add(struct bl_names *names, const char *name, size_t len)
{
	char **grown;

	if ((names->count & (names->count + 1)) == 0) { /* full at 2^n - 1 */
		grown = reallocarray(names->items, (names->count + 1) * 2, sizeof(char *));
		if (!grown)
			return -ENOMEM;
		names->items = grown;
	}
	names->items[names->count] = strndup(name, len);
	if (!names->items[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

int bl_names_add_keys(struct bl_names *names, const struct bl_map *map)
{
	const void *key;
	size_t cursor = 0, len;
	int r = 0;

	while (r >= 0 && bl_map_next(map, &cursor, &key, &len, NULL))
		r = bl_names_add(names, key, len);
	return r;
}

int bl_names_add_folder(struct bl_names *names, const char *folder,
			bool (*wanted)(const char *name))
{
	DIR *dir = opendir(folder);
	const struct dirent *item;
	int r = 0;

	if (!dir)
		return -errno;
	errno = 0;
	while (r >= 0 && (item = readdir(dir)))
		if (item->d_type != DT_DIR && wanted(item->d_name))
			r = bl_names_add(names, item->d_name, strlen(item->d_name));
	if (r >= 0 && errno)
		r = -errno;
	(void)closedir(dir);
	return r;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void bl_names_sort(struct bl_names *names)
{
	if (names->count)
		qsort(names->items, names->count, sizeof(*names->items), by_name);
}
