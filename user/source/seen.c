/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "source/seen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* Steps of a file system's clock are shorter. */
#define FRESH_NSEC (20 * 1000 * 1000ll)

struct look {
	uint64_t print;    /* see print_of() */
	unsigned int pass; /* of the last full scan that met it */
	bool fresh; /* changed so short a time before that a later change may look the same */
	bool link;
	char name[];
};

struct bl_seen {
	struct bl_map *looks; /* file name -> struct look */
	uint64_t seed;
	size_t links;
	unsigned int pass;
};

int bl_seen_new(struct bl_seen **ret)
{
	struct bl_seen *seen = calloc(1, sizeof(*seen));
	int r;

	if (!seen)
		return -ENOMEM;
	(void)!getrandom(&seen->seed, sizeof(seen->seed), 0); /* eight bytes are never cut short */
	r = bl_map_new_borrowing(&seen->looks);
	if (r < 0) {
		free(seen);
		return r;
	}
	*ret = seen;
	return 0;
}

struct bl_seen *bl_seen_free(struct bl_seen *seen)
{
	size_t cursor = 0;
	void *look;

	if (!seen)
		return NULL;
	while (bl_map_next(seen->looks, &cursor, NULL, NULL, &look))
		free(look);
	bl_map_free(seen->looks);
	free(seen);
	return NULL;
}

int bl_seen_stat(const char *path, struct stat *ret, bool *ret_link)
{
	if (lstat(path, ret) < 0)
		return -errno;
	*ret_link = S_ISLNK(ret->st_mode);
	if (!*ret_link || stat(path, ret) == 0)
		return 0;
	*ret = (struct stat){0};
	return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
}

size_t bl_seen_count(const struct bl_seen *seen)
{
	return bl_map_count(seen->looks);
}

size_t bl_seen_links(const struct bl_seen *seen)
{
	return seen->links;
}

bool bl_seen_has(const struct bl_seen *seen, const char *name)
{
	return bl_map_get_str(seen->looks, name);
}

static bool is_fresh(const struct stat *st)
{
	struct timespec now;
	long long age;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	age = (now.tv_sec - st->st_ctim.tv_sec) * 1000000000ll + now.tv_nsec - st->st_ctim.tv_nsec;
	return age < FRESH_NSEC;
}

/* Another number for another look, as good as always. */
static uint64_t print_of(const struct bl_seen *seen, const struct stat *st)
{
	const uint64_t facts[] = {
		st->st_dev,
		st->st_ino,
		(uint64_t)st->st_size,
		(uint64_t)st->st_mtim.tv_sec,
		(uint64_t)st->st_mtim.tv_nsec,
		(uint64_t)st->st_ctim.tv_sec,
		(uint64_t)st->st_ctim.tv_nsec,
	};

	return bl_map_hash(seen->seed, facts, sizeof(facts));
}

bool bl_seen_same(const struct bl_seen *seen, const char *name, const struct stat *st)
{
	const struct look *look = bl_map_get_str(seen->looks, name);

	return look && !look->fresh && look->print == print_of(seen, st);
}

int bl_seen_put(struct bl_seen *seen, const char *name, const struct stat *st, bool link)
{
	struct look *look = bl_map_get_str(seen->looks, name);
	int r;

	if (!look) {
		look = calloc(1, sizeof(*look) + strlen(name) + 1);
		if (!look)
			return -ENOMEM;
		memcpy(look->name, name, strlen(name) + 1);
		r = bl_map_put_str(seen->looks, look->name, look, NULL);
		if (r < 0) {
			free(look);
			return r;
		}
	}
	seen->links += link;
	seen->links -= look->link;
	look->print = print_of(seen, st);
	look->pass = seen->pass;
	look->fresh = is_fresh(st);
	look->link = link;
	return 0;
}

void bl_seen_remove(struct bl_seen *seen, const char *name)
{
	_cleanup_free_ struct look *look = bl_map_remove_str(seen->looks, name);

	if (look)
		seen->links -= look->link;
}

void bl_seen_begin_pass(struct bl_seen *seen)
{
	seen->pass++;
}

void bl_seen_meet(struct bl_seen *seen, const char *name)
{
	struct look *look = bl_map_get_str(seen->looks, name);

	if (look)
		look->pass = seen->pass;
}

bool bl_seen_was_met(const struct bl_seen *seen, const char *name)
{
	const struct look *look = bl_map_get_str(seen->looks, name);

	return look && look->pass == seen->pass;
}

bool bl_seen_next(const struct bl_seen *seen, size_t *cursor, const char **ret_name,
		  size_t *ret_len, bool *ret_link)
{
	const void *key;
	void *value;

	if (!bl_map_next(seen->looks, cursor, &key, ret_len, &value))
		return false;
	*ret_name = key;
	if (ret_link)
		*ret_link = ((const struct look *)value)->link;
	return true;
}
