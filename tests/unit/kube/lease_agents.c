/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "lease_agents.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kube/fetch.h"
#include "model/codec.h"

#define WALL_US 1795428000000000ull

const char *lease_text(struct json_object *object, const char *path)
{
	const char *found = bl_kube_json_text(object, path);

	return found ? found : "";
}

struct lease_event *lease_find(struct lease_server *server, const char *name)
{
	for (size_t i = 0; i < server->count; i++)
		if (!strcmp(server->objects[i].name, name))
			return &server->objects[i];
	return NULL;
}

static struct lease_event *find_or_make(struct lease_server *server, const char *name)
{
	struct lease_event *found = lease_find(server, name);

	if (found)
		return found;
	cr_assert_lt(server->count, LEASE_OBJECTS);
	found = &server->objects[server->count++];
	(void)snprintf(found->name, sizeof(found->name), "%s", name);
	return found;
}

const char *lease_holder(struct lease_server *server, const char *name)
{
	const struct lease_event *found = lease_find(server, name);

	return found && found->object ? lease_text(found->object, "spec.holderIdentity") : "";
}

/* NULL: it is deleted. */
void lease_keep(struct lease_server *server, const char *name, struct json_object *object)
{
	struct lease_event *place = find_or_make(server, name);
	struct lease_event *event = &server->history[server->events++];
	struct json_object *meta;
	char version[16];

	cr_assert_lt(server->events, LEASE_HISTORY);
	(void)snprintf(version, sizeof(version), "%u", ++server->version);
	if (object) {
		cr_assert(json_object_object_get_ex(object, "metadata", &meta));
		(void)json_object_object_add(meta, "resourceVersion",
					     json_object_new_string(version));
	}
	(void)json_object_put(place->object);
	place->object = json_object_get(object);
	event->object = object;
	(void)snprintf(event->name, sizeof(event->name), "%s", name);
	server->writes++;
}

static int serve(struct lease_server *server, enum bl_lease_act act, const char *name,
		 struct json_object *body)
{
	struct lease_event *found = lease_find(server, name);
	struct json_object *object = found ? found->object : NULL;
	const char *current = lease_text(object, "metadata.resourceVersion");
	const char *told = lease_text(body, act == BL_LEASE_DELETE ? "preconditions.resourceVersion"
								   : "metadata.resourceVersion");

	if (act == BL_LEASE_LOOK)
		return 200;
	if (act == BL_LEASE_CREATE && object)
		return 409;
	if (act != BL_LEASE_CREATE && !object)
		return 404;
	if (act != BL_LEASE_CREATE && strcmp(told, current) != 0)
		return 409;
	lease_keep(server, name, act == BL_LEASE_DELETE ? NULL : json_object_get(body));
	return act == BL_LEASE_CREATE ? 201 : 200;
}

static struct bl_object *decode(struct json_object *json)
{
	struct bl_diag diag = BL_DIAG_INIT;
	struct bl_object *object = NULL;

	cr_assert_eq(bl_decode_json_tree(NULL, json, BL_DECODE_LENIENT, &object, &diag), 0,
		     "%s: %s", json_object_to_json_string(json),
		     diag.count ? diag.problems[0].text : "");
	bl_diag_done(&diag);
	return object;
}

struct sent {
	enum bl_lease_act act;
	char name[BL_LEASE_NAME];
	struct json_object *body;
};

struct outbox {
	struct sent items[64];
	size_t count;
};

static bool collect(const struct bl_lease_request *request, void *userdata)
{
	struct outbox *outbox = userdata;
	struct sent *sent = &outbox->items[outbox->count++];

	cr_assert_lt(outbox->count, ARRAY_SIZE(outbox->items));
	sent->act = request->act;
	(void)snprintf(sent->name, sizeof(sent->name), "%s", request->name);
	sent->body = request->body->len ? json_tokener_parse(request->body->data) : NULL;
	cr_assert(sent->body || request->act == BL_LEASE_LOOK);
	return true;
}

static void hear(struct lease_agent *agent)
{
	for (; agent->heard < agent->server->events; agent->heard++) {
		const struct lease_event *event = &agent->server->history[agent->heard];
		_cleanup_(bl_object_unref) struct bl_object *object = NULL;

		if (!event->object) {
			bl_lease_book_remove(agent->book, event->name, agent->now);
			continue;
		}
		object = decode(event->object);
		cr_assert_eq(bl_lease_book_put(agent->book, (const struct bl_lease_object *)object,
					       agent->now),
			     0);
	}
}

static void answer(struct lease_agent *agent, const struct sent *sent)
{
	_cleanup_(bl_object_unref) struct bl_object *object = NULL;
	struct lease_event *found;
	int status = agent->weather == DOWN
			     ? 0
			     : serve(agent->server, sent->act, sent->name, sent->body);

	agent->server->refused += status >= 400;
	found = lease_find(agent->server, sent->name);
	if (status && found && found->object && sent->act != BL_LEASE_DELETE && status < 300)
		object = decode(found->object);
	if (agent->weather == LOST_ANSWER)
		status = 0;
	bl_lease_book_done(agent->book, sent->name, status,
			   status ? (const struct bl_lease_object *)object : NULL, agent->now);
}

/* All that an agent does at one time. */
void agent_turn(struct lease_agent *agent, uint64_t now)
{
	agent->now = now;
	for (int i = 0; i < 6 && !agent->dead; i++) {
		struct outbox outbox = {0};

		if (!agent->deaf && agent->weather == FINE)
			hear(agent);
		(void)bl_lease_book_changed(agent->book, now);
		bl_lease_book_turn(agent->book, now, WALL_US + now * 1000, collect, &outbox);
		for (size_t k = 0; k < outbox.count; k++) {
			answer(agent, &outbox.items[k]);
			(void)json_object_put(outbox.items[k].body);
		}
		agent->lists += bl_lease_book_needs_list(agent->book, now);
		if (outbox.count)
			continue;
		/* A timer that is due at once would never let the agent rest. */
		cr_assert_gt(bl_lease_book_due(agent->book, now), now);
		return;
	}
}

static bool saw_in_server(const char *name, void *userdata)
{
	const struct lease_event *found = lease_find(userdata, name);

	return found && found->object;
}

void agent_begin_seeded(struct lease_agent *agent, struct lease_server *server, const char *name,
			uint64_t seed, uint64_t now)
{
	const struct bl_lease_book_config config = {
		.ns = "kube-system",
		.identity = name,
		.times = bl_lease_times_of(BL_LEASE_DURATION_MS),
		.seed = seed,
	};

	*agent = (struct lease_agent){.server = server, .now = now};
	cr_assert_eq(bl_lease_book_new(&config, &agent->book), 0);
	/* A list of all there is. */
	for (size_t i = 0; i < server->count; i++) {
		_cleanup_(bl_object_unref) struct bl_object *object = NULL;

		if (!server->objects[i].object)
			continue;
		object = decode(server->objects[i].object);
		(void)bl_lease_book_put(agent->book, (const struct bl_lease_object *)object, now);
	}
	bl_lease_book_complete(agent->book, saw_in_server, server, now);
	bl_lease_book_set_watching(agent->book, true);
	agent->heard = server->events;
}

void agent_begin(struct lease_agent *agent, struct lease_server *server, const char *name,
		 uint64_t now)
{
	agent_begin_seeded(agent, server, name,
			   strlen(name) + now + (uint64_t)name[strlen(name) - 1], now);
}

void agent_end(struct lease_agent *agent)
{
	agent->book = bl_lease_book_free(agent->book);
}

void agent_want(struct lease_agent *agent, const char *name, bool wanted)
{
	cr_assert_eq(bl_lease_book_want(agent->book, name, wanted, agent->now), 0);
}

bool agent_has(struct lease_agent *agent, const char *name, uint64_t now)
{
	return !agent->dead && bl_lease_book_standing(agent->book, name, now) == BL_LEASE_HELD;
}

struct lease_server *lease_server_open(void)
{
	struct lease_server *server = calloc(1, sizeof(*server));

	cr_assert(server);
	return server;
}

void lease_server_close(struct lease_server *server)
{
	for (size_t i = 0; i < server->count; i++)
		(void)json_object_put(server->objects[i].object);
	for (size_t i = 0; i < server->events; i++)
		(void)json_object_put(server->history[i].object);
	free(server);
}
