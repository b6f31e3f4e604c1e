/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All probes of this node's pods: which there are, when each is due, what its tries said, and what
 * that makes of its container. Knows no loop and no clock: the owner asks when something is due,
 * calls bl_prober_run then, and starts the tries that it is told to start. Holds references to the
 * pods it was given. One thread.
 */
#ifndef PROBE_PROBER_H
#define PROBE_PROBER_H

#include "base/cleanup.h"
#include "base/err.h"
#include "probe/status.h"
#include "probe/target.h"

struct bl_prober;
struct bl_probe_entry; /* one probe of one container */

/* Something to tell people: a result that came into force. */
struct bl_probe_report {
	const struct bl_pod *pod;
	const char *container;
	enum bl_probe_kind kind;
	bool good;
	bool warning;
	uint32_t run;     /* tries in a row that said so */
	const char *text; /* the reason in words; "" for a plain success */
};

struct bl_prober_ops {
	/* Starts a try; it ends with bl_prober_end(entry, ...). The handle is for `cancel`. */
	int (*start)(struct bl_probe_entry *entry, const struct bl_probe_target *target,
		     void **ret_handle, void *userdata, struct bl_err *err);
	void (*cancel)(void *handle, void *userdata);
	/* The verdict on a container of this pod is another one. */
	void (*changed)(const struct bl_pod *pod, void *userdata);
	void (*report)(const struct bl_probe_report *report, void *userdata);
	/* Was this container ready when the agent ended? Asked once, for a container that is new
	 * to the prober. May be NULL. */
	bool (*was_good)(const struct bl_pod *pod, const char *container, enum bl_probe_kind kind,
			 void *userdata);
	uint32_t (*random)(void *userdata);
};

struct bl_prober_config {
	const struct bl_prober_ops *ops;
	void *userdata;
	uint64_t started_us; /* when the agent started */
	size_t parallel_max; /* tries under way at a time; 0: 512 */
};

struct bl_moment {
	uint64_t us; /* CLOCK_MONOTONIC */
	int64_t s;   /* wall clock */
};

int bl_prober_new(const struct bl_prober_config *config, struct bl_prober **ret);
struct bl_prober *bl_prober_free(struct bl_prober *prober);
BL_DEFINE_CLEANUP(struct bl_prober *, bl_prober_free);

/* A new pod or a new version of one. -ENOMEM leaves its probes as they were, or none. */
int bl_prober_put(struct bl_prober *prober, const struct bl_pod *from, const struct bl_moment *now);
void bl_prober_remove(struct bl_prober *prober, const char *ns, const char *name);

/* When bl_prober_run has something to do; UINT64_MAX: never. */
uint64_t bl_prober_due_us(const struct bl_prober *prober);
void bl_prober_run(struct bl_prober *prober, uint64_t now_us);
/* A try ended. */
void bl_prober_end(struct bl_probe_entry *entry, enum bl_probe_outcome outcome, const char *text,
		   uint64_t now_us);

/* The userdata of the prober that an entry belongs to. */
void *bl_probe_entry_owner(const struct bl_probe_entry *entry);

/* Verdicts on the containers of a pod that are probed; false: the pod is not known here. `ret` is
 * valid until the next change. */
bool bl_prober_verdicts(struct bl_prober *prober, const char *ns, const char *name,
			const struct bl_container_verdict **ret, size_t *ret_count);

/* For `describe` and status, in no order. */
struct bl_probe_row {
	const struct bl_pod *pod;
	const char *container;
	enum bl_probe_kind kind;
	enum bl_probe_action action;
	bool good;
	bool tried;
	uint32_t run;
	uint64_t last_us; /* when the last try ended; 0: never */
	const char *text;
};
typedef void bl_probe_row_fn(const struct bl_probe_row *row, void *userdata);
/* Of one pod, or of all (ns NULL). */
void bl_prober_each(const struct bl_prober *prober, const char *ns, const char *name,
		    bl_probe_row_fn *fn, void *userdata);

struct bl_prober_stats {
	size_t probes;
	size_t under_way;
	uint64_t tries;
	uint64_t failures;
	uint64_t errors;  /* tries that could not be made */
	uint64_t late_us; /* how much later than due tries started, in all */
	uint64_t late_max_us;
};
struct bl_prober_stats bl_prober_stats(const struct bl_prober *prober);

#endif
