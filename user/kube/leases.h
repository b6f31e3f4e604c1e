/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All Leases (lease.h) that an agent competes for, in one namespace of an API server: the book of
 * them (lease_book.h) with a watch, requests and clocks.
 */
#ifndef KUBE_LEASES_H
#define KUBE_LEASES_H

#include <systemd/sd-event.h>

#include "kube/client.h"
#include "kube/lease_book.h"

struct bl_leases;

struct bl_leases_config { /* all borrowed */
	sd_event *loop;
	struct bl_kube_client *client;
	const char *ns;
	const char *identity; /* the node's name */
	struct bl_lease_times times;
	/* The standing of some Lease that is wanted is another now. */
	void (*changed)(void *userdata);
	/* What is wrong now, for people; NULL: all is well. */
	void (*problem)(const char *text, void *userdata);
	void *userdata;
};

/* -ENAMETOOLONG: of the node's name. Asks for nothing before some Lease is wanted. */
int bl_leases_new(const struct bl_leases_config *config, struct bl_leases **ret);
/* Sends nothing more: what is held is free for others when its time is over. */
struct bl_leases *bl_leases_free(struct bl_leases *leases); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_leases *, bl_leases_free);

/* -ENOMEM. Those that are not wanted any more are deleted, if they were held here. */
int bl_leases_want(struct bl_leases *leases, const char *name, bool wanted);
enum bl_lease_standing bl_leases_standing(const struct bl_leases *leases, const char *name);
/* Was the heartbeat renewed in time? What was held a moment ago is not when this process was not
 * run for longer than its deadline. */
bool bl_leases_may_act(const struct bl_leases *leases);
/* Who has it as far as we know; NULL: nobody, or nobody looked. */
const char *bl_leases_holder(const struct bl_leases *leases, const char *name);
size_t bl_leases_held_count(const struct bl_leases *leases);

/* For a whole set that is wanted now: between the two, bl_leases_want names those; the others are
 * not wanted. */
void bl_leases_begin(struct bl_leases *leases);
void bl_leases_end(struct bl_leases *leases);

/* Deletes what nobody needs, as bl_lease_book_sweep; to be called every minute by one agent. */
void bl_leases_sweep(struct bl_leases *leases, bool (*needed)(const char *name, void *userdata),
		     void *userdata);

/* Gives all up by one write. `left` is called once, when the server has it or there was nothing to
 * write; not before this returns. */
void bl_leases_leave(struct bl_leases *leases, void (*left)(void *userdata), void *userdata);

struct bl_leases_info {
	uint64_t writes;   /* sent: heartbeats and claims */
	uint64_t renewals; /* of them: of the heartbeat */
};
struct bl_leases_info bl_leases_info(const struct bl_leases *leases);

#endif
