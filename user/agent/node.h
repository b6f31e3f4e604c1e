/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * This node: its name, the zone that its Node object gives it, and the addresses of the agent's own
 * network namespace, followed over rtnetlink. Link-local IPv6 addresses are left out: they mean
 * nothing without an interface.
 */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

#include <systemd/sd-event.h>

#include "resolve/resolve.h"

struct bl_node_watch;

typedef void bl_node_changed_fn(void *userdata);

/* `name` NULL: the host name, in lower case as kubelet has it. */
int bl_node_watch_new(const char *name, struct bl_node_watch **ret, struct bl_err *err);
struct bl_node_watch *bl_node_watch_free(struct bl_node_watch *watch);
BL_DEFINE_CLEANUP(struct bl_node_watch *, bl_node_watch_free);

/* Reads the addresses once. */
int bl_node_watch_read(struct bl_node_watch *watch, struct bl_err *err);
/* Reads the addresses and follows them; `changed` is called after each change. */
int bl_node_watch_start(struct bl_node_watch *watch, sd_event *loop, bl_node_changed_fn *changed,
			void *userdata, struct bl_err *err);

/* Borrowed; valid until the loop turns or the zone is set. */
const struct bl_local_node *bl_node_watch_facts(const struct bl_node_watch *watch);
/* How clients from outside are served; the networks in it are borrowed. */
void bl_node_watch_set_outside(struct bl_node_watch *watch, const struct bl_outside_policy *policy);
/* See struct bl_local_node. */
void bl_node_watch_set_slices_only(struct bl_node_watch *watch, bool slices_only);
/* Takes the zone from the Node object of our name; true when it changed. */
bool bl_node_watch_set_zone(struct bl_node_watch *watch, const struct bl_store *store);

/* A Node object for ourselves, for `get nodes`: ready since then, with what the machine is
 * (node_object.c). */
int bl_node_object(const struct bl_local_node *node, int64_t since_s, struct bl_object **ret);

#endif
