/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A catalog over an empty store, without any file. */
#ifndef TESTS_UNIT_AGENT_FIXTURE_H
#define TESTS_UNIT_AGENT_FIXTURE_H

#include "agent/catalog.h"
#include "agent/config.h"

struct fixture {
	struct bl_settings settings;
	struct bl_store *store;
	struct bl_allocator *allocator;
	struct bl_allocations allocations;
	struct bl_problems *problems;
	struct bl_catalog *catalog;
};

void fixture_setup(struct fixture *fixture);
void fixture_done(struct fixture *fixture);

/* One object of YAML; `file` NULL: as if it came through the API. */
struct bl_object *decode_one(const char *file, const char *text);
/* Delivers one object of YAML as a source does. */
void deliver(struct fixture *fixture, const char *file, const char *text);
/* Takes it away as a source does. */
void withdraw(struct fixture *fixture, enum bl_kind kind, const char *ns, const char *name);
const struct bl_object *find(const struct fixture *fixture, enum bl_kind kind, const char *name);
/* All lines of problems, joined. */
const char *problems(const struct fixture *fixture);

#endif
