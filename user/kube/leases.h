/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All Leases (lease.h) that an agent competes for, in one namespace of an API server. Those that
 * others hold are looked at by one list for all; each that is held here is renewed by itself.
 * Leases that are not wanted any more are deleted, if they were held here.
 */
#ifndef KUBE_LEASES_H
#define KUBE_LEASES_H

#include <systemd/sd-event.h>

#include "kube/client.h"
#include "kube/lease.h"

struct bl_leases;

struct bl_leases_config { /* all borrowed */
	sd_event *loop;
	struct bl_kube_client *client;
	const char *ns;
	const char *identity; /* the node's name */
	struct bl_lease_times times;
	/* Some Lease is held now that was not, or the other way round; or bl_leases_is_fresh says
	 * something else. */
	void (*changed)(void *userdata);
	/* What is wrong now, for people; NULL: all is well. */
	void (*problem)(const char *text, void *userdata);
	void *userdata;
};

int bl_leases_new(const struct bl_leases_config *config, struct bl_leases **ret);
/* Sends nothing more: what is held is free for others when its time is over. */
struct bl_leases *bl_leases_free(struct bl_leases *leases); /* accepts NULL, returns NULL */
BL_DEFINE_CLEANUP(struct bl_leases *, bl_leases_free);

/* -ENOMEM. */
int bl_leases_want(struct bl_leases *leases, const char *name, bool wanted);
bool bl_leases_is_held(const struct bl_leases *leases, const char *name);
/* Who has it as far as we know; NULL: nobody, or nobody looked. */
const char *bl_leases_holder(const struct bl_leases *leases, const char *name);
/* Has the server told us of Leases within their duration? If not, who has them is not known. */
bool bl_leases_is_fresh(const struct bl_leases *leases);
size_t bl_leases_held_count(const struct bl_leases *leases);

/* For a whole set that is wanted now: between the two, bl_leases_want names those; the others are
 * not wanted. */
void bl_leases_begin(struct bl_leases *leases);
void bl_leases_end(struct bl_leases *leases);

#endif
