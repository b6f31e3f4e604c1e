/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Agents that compete for Leases, without I/O: their books over a server of a few lines, whose
 * watch each hears when the test says so, and over a clock that the test moves. */
#ifndef TEST_KUBE_LEASE_AGENTS_H
#define TEST_KUBE_LEASE_AGENTS_H

#include <json-c/json.h>

#include "kube/lease_book.h"

#define LEASE_OBJECTS 1024
#define LEASE_HISTORY 65536

struct lease_event { /* a Lease as it was written; NULL: deleted */
	struct json_object *object;
	char name[BL_LEASE_NAME];
};

struct lease_server { /* Leases with versions, as an API server keeps them, and what happened to
			 them */
	struct lease_event objects[LEASE_OBJECTS]; /* with a name and no object: deleted */
	size_t count;
	unsigned int version;
	unsigned int writes;
	unsigned int refused;
	struct lease_event history[LEASE_HISTORY];
	size_t events;
};

enum lease_weather { FINE, DOWN, LOST_ANSWER };

struct lease_agent {
	struct bl_lease_book *book;
	struct lease_server *server;
	enum lease_weather weather;
	bool deaf; /* its watch brings nothing */
	bool dead;
	unsigned int lists; /* that it asked for, besides the first */
	size_t heard;       /* of the history */
	uint64_t now;
};

struct lease_server *lease_server_open(void);
void lease_server_close(struct lease_server *server);
/* NULL: there never was one. */
struct lease_event *lease_find(struct lease_server *server, const char *name);
/* As somebody writes it; takes the object; NULL: deletes. */
void lease_keep(struct lease_server *server, const char *name, struct json_object *object);
/* The string at a path, or "". */
const char *lease_text(struct json_object *object, const char *path);
/* "": nobody. */
const char *lease_holder(struct lease_server *server, const char *name);

/* Knows all that the server has. */
void agent_begin(struct lease_agent *agent, struct lease_server *server, const char *name,
		 uint64_t now);
void agent_begin_seeded(struct lease_agent *agent, struct lease_server *server, const char *name,
			uint64_t seed, uint64_t now);
void agent_end(struct lease_agent *agent);
/* All that it does at one time. */
void agent_turn(struct lease_agent *agent, uint64_t now);
void agent_want(struct lease_agent *agent, const char *name, bool wanted);
bool agent_has(struct lease_agent *agent, const char *name, uint64_t now);

#endif
