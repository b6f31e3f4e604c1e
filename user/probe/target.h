/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What one try of a probe asks, with all that the pod says filled in: addresses for names, numbers
 * for named ports, the headers that a kubelet sends. No I/O. Strings are borrowed from the pod but
 * for those that say otherwise.
 */
#ifndef PROBE_TARGET_H
#define PROBE_TARGET_H

#include "base/addr.h"
#include "model/pod.h"
#include "probe/state.h"

enum bl_probe_action {
	BL_PROBE_EXEC,
	BL_PROBE_HTTP,
	BL_PROBE_TCP,
	BL_PROBE_GRPC,
};
const char *bl_probe_action_name(enum bl_probe_action action); /* "exec", "http-get" ... */

/* Where exec probes of the laboratory and of hand-made containers run: annotations of the pod. */
#define BL_ANNOTATION_NETNS "beeline.dev/netns"   /* name in /run/netns, or a path */
#define BL_ANNOTATION_PID "beeline.dev/pid"       /* a process of the container */
#define BL_ANNOTATION_CGROUP "beeline.dev/cgroup" /* folder of cgroup2 */

struct bl_probe_target {
	enum bl_probe_action action;
	uint32_t timeout_ms;
	char *host;             /* owned; what is connected to: an address or a name */
	struct bl_addr address; /* of the host; no family: it is a name */
	uint16_t port;
	char *url;       /* owned; of httpGet */
	char **headers;  /* owned, NULL at the end: "Name: value", as libcurl takes them */
	bool keeps_host; /* a Host header is among them */
	const char *service;
	const struct bl_strings *command;
	const char *netns;
	const char *pid;
	const char *cgroup;
	const char *container_id;
};

/* -EINVAL with words when the pod does not say enough, such as a named port that no container has;
 * -ENOMEM. */
int bl_probe_target_make(const struct bl_pod *pod, const struct bl_container *container,
			 const struct bl_probe *probe, struct bl_probe_target *ret,
			 struct bl_err *err);
void bl_probe_target_done(struct bl_probe_target *target);

/* http://[fd00::1]:80/path; NULL: no memory. The caller owns it. */
char *bl_probe_url(bool https, const char *host, uint16_t port, const char *path);

#endif
