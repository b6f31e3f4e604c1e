/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The agent as the kubelet of its node, for pods that no kubelet watches: asks the containers that
 * have probes, writes what follows into the statuses of their pods, and keeps what happened for
 * `describe`. Also asks the manual endpoints of Services that wish it (endpoint_probing.h), which
 * is all that it does in a cluster, whose kubelets own readiness.
 */
#ifndef AGENT_PROBING_H
#define AGENT_PROBING_H

#include <systemd/sd-event.h>

#include "agent/catalog.h"
#include "probe/prober.h"

struct bl_probing;

struct bl_probing_config { /* all borrowed */
	sd_event *loop;
	struct bl_store *store;
	struct bl_catalog *catalog;
	struct bl_problems *problems;
	const char *node_name;
	const char *cri_socket; /* NULL: none */
	bool endpoints_only;    /* in a cluster: pods are others' */
	/* Hears that there is a new event of a pod, or that one was counted on; NULL: nobody. */
	void (*noticed)(const char *ns, const char *name, void *userdata);
	void *userdata;
	const char *state_file; /* what was ready when the agent ended; NULL: it starts afresh */
};

int bl_probing_new(const struct bl_probing_config *config, struct bl_probing **ret,
		   struct bl_err *err);
/* Saves what is ready. */
struct bl_probing *bl_probing_free(struct bl_probing *probing);
BL_DEFINE_CLEANUP(struct bl_probing *, bl_probing_free);

/* Writes what is due into the store at once, such as before the first plan is made. */
void bl_probing_settle(struct bl_probing *probing);
/* All sources have delivered: what was ready before and is not there any more is forgotten. */
void bl_probing_forget_unclaimed(struct bl_probing *probing);

/* {"probes": [...], "events": [...]} of a pod; the caller owns the tree. */
struct json_object *bl_probing_json(const struct bl_probing *probing, const char *ns,
				    const char *name);
/* The latest events of a pod alone; a new list. */
struct json_object *bl_probing_events(const struct bl_probing *probing, const char *ns,
				      const char *name);
/* Both clocks, now. */
struct bl_moment bl_probing_now(void);
struct bl_prober_stats bl_probing_stats(const struct bl_probing *probing);

#endif
