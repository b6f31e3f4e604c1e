/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Credential plugins of a kubeconfig (`exec`, KEP-541): a program that prints an ExecCredential
 * with a token, a client certificate and its key, and until when they are good. It gets the
 * question in KUBERNETES_EXEC_INFO and has no terminal to ask anybody.
 */
#ifndef KUBE_EXEC_H
#define KUBE_EXEC_H

#include <systemd/sd-event.h>

#include "kube/config.h"

#define BL_KUBE_EXEC_TIMEOUT_MS 60000

struct bl_kube_exec_run;

struct bl_kube_exec_answer { /* borrowed, for the time of the call; NULL: not given */
	const char *token;
	const char *certificate;
	const char *key;
	int64_t expires; /* seconds since the epoch; INT64_MAX: never */
};

/* NULL: it failed, and `err` says how. */
typedef void bl_kube_exec_done_fn(const struct bl_kube_exec_answer *answer,
				  const struct bl_err *err, void *userdata);

/* The configuration is borrowed until it returns. */
int bl_kube_exec_start(sd_event *loop, const struct bl_kube_config *config,
		       bl_kube_exec_done_fn *done, void *userdata, struct bl_kube_exec_run **ret,
		       struct bl_err *err);
/* Accepts NULL, returns NULL. */
struct bl_kube_exec_run *bl_kube_exec_cancel(struct bl_kube_exec_run *run);

/* What a plugin printed. `text` ends with a zero byte; the strings of the answer live in `tree`,
 * which the caller puts. -EINVAL with words. */
struct json_object;
int bl_kube_exec_parse(const char *text, size_t len, const char *api_version,
		       struct json_object **ret_tree, struct bl_kube_exec_answer *ret,
		       struct bl_err *err);

#endif
