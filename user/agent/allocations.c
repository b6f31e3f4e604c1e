/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/allocations.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define STATE_BYTES_MAX (256u << 20)

static int refuse_damaged(const char *path, int code, const struct bl_err *why, struct bl_err *err)
{
	if (code == -EINVAL)
		return bl_err_set(err, code,
				  "the state file '%s' is damaged: %s; put a good copy in its "
				  "place, or move it away and Services without fixed addresses "
				  "get new ones",
				  path, why->text);
	return code < 0 ? bl_err_set(err, code, "cannot use '%s': %s", path,
				     why->text[0] ? why->text : strerror(-code))
			: 0;
}

static int restore(const char *path, struct bl_allocator *allocator, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_err why = {0};
	int r = bl_buf_read_file(&text, path, STATE_BYTES_MAX);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return bl_err_set(err, r, "cannot read '%s': %s", path, strerror(-r));
	r = bl_allocator_restore(allocator, text.data ? text.data : "", text.len, &why);
	return refuse_damaged(path, r, &why, err);
}

int bl_allocations_open_pool(struct bl_allocations *allocations, struct bl_pool *pool,
			     const char *path, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	struct bl_err why = {0};
	int r = path ? bl_buf_read_file(&text, path, STATE_BYTES_MAX) : -ENOENT;

	if (r < 0 && r != -ENOENT)
		return bl_err_set(err, r, "cannot read '%s': %s", path, strerror(-r));
	if (r == 0) {
		r = bl_pool_restore(pool, text.data ? text.data : "", text.len, &why);
		if (r < 0)
			return refuse_damaged(path, r, &why, err);
	}
	if (path) {
		allocations->pool_path = strdup(path);
		if (!allocations->pool_path)
			return bl_err_set(err, -ENOMEM, "no memory");
	}
	allocations->pool = pool;
	return 0;
}

void bl_allocations_release(struct bl_allocations *allocations, const char *ns, const char *name)
{
	bl_allocate_release(allocations->allocator, ns, name);
	if (allocations->pool)
		bl_pool_release(allocations->pool, ns, name);
}

void bl_allocations_forget_unclaimed(struct bl_allocations *allocations)
{
	bl_allocator_forget_unclaimed(allocations->allocator);
	if (allocations->pool)
		bl_pool_forget_unclaimed(allocations->pool);
}

int bl_allocations_open(struct bl_allocations *allocations, struct bl_allocator *allocator,
			const char *path, struct bl_err *err)
{
	char *copy = NULL;
	int r;

	if (path) {
		r = restore(path, allocator, err);
		if (r < 0)
			return r;
		copy = strdup(path);
		if (!copy)
			return bl_err_set(err, -ENOMEM, "no memory");
	}
	*allocations = (struct bl_allocations){.path = copy, .allocator = allocator};
	return 0;
}

void bl_allocations_done(struct bl_allocations *allocations)
{
	free(allocations->path);
	free(allocations->pool_path);
	*allocations = (struct bl_allocations){0};
}

static int save_pool(struct bl_allocations *allocations, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	int r;

	if (!allocations->pool_path ||
	    (!allocations->pool_unsaved && !bl_pool_is_dirty(allocations->pool)))
		return 0;
	allocations->pool_unsaved = true;
	r = bl_pool_save(allocations->pool, &text);
	if (r >= 0)
		r = bl_write_file_atomic(allocations->pool_path, text.data, text.len, 0600);
	if (r < 0)
		return bl_err_set(err, r, "cannot write '%s': %s", allocations->pool_path,
				  strerror(-r));
	allocations->pool_unsaved = false;
	return 0;
}

int bl_allocations_save(struct bl_allocations *allocations, struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	int r = save_pool(allocations, err);

	if (r < 0 || !allocations->path)
		return r;
	if (!allocations->unsaved && !bl_allocator_is_dirty(allocations->allocator))
		return 0;
	allocations->unsaved = true;
	r = bl_allocator_save(allocations->allocator, &text);
	if (r >= 0 && text.failed)
		r = -ENOMEM;
	if (r >= 0)
		r = bl_write_file_atomic(allocations->path, text.data, text.len, 0600);
	if (r < 0)
		return bl_err_set(err, r, "cannot write '%s': %s", allocations->path, strerror(-r));
	allocations->unsaved = false;
	return 0;
}
