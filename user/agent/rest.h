/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The paths of docs/api.md: from a request to an answer. rest.c finds the route, rest_read.c and
 * rest_write.c serve objects and rest_documents.c what there is, as Kubernetes does, own.c,
 * status.c and metrics.c what is beeline's.
 */
#ifndef AGENT_REST_H
#define AGENT_REST_H

#include "agent/server.h"
#include "agent/wiring.h"
#include "api/accept.h"
#include "api/render.h"

struct json_object;

/* For bl_server_new; userdata is the agent. */
void bl_rest_handle(const struct bl_request *request, struct bl_reply *reply, void *userdata);

/* Likewise, for a port that everybody may ask: health and metrics, nothing else. */
void bl_rest_handle_health(const struct bl_request *request, struct bl_reply *reply,
			   void *userdata);

/* An object path, taken apart. */
struct bl_rest_target {
	enum bl_kind kind;
	char ns[256];   /* "": all namespaces, or a kind without */
	char name[256]; /* "": the collection */
	bool is_status; /* its subresource `status` */
	bool is_beta;   /* EndpointSlices in the words of v1beta1, which can only be read */
};

/* Answers of rest_read.c and rest_write.c. */
void bl_rest_list(struct bl_agent *agent, const struct bl_request *request,
		  const struct bl_rest_target *target, struct bl_reply *reply);
void bl_rest_watch(struct bl_agent *agent, const struct bl_request *request,
		   const struct bl_rest_target *target, struct bl_reply *reply);
void bl_rest_get(struct bl_agent *agent, const struct bl_request *request,
		 const struct bl_rest_target *target, struct bl_reply *reply);
void bl_rest_create(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply);
void bl_rest_replace(struct bl_agent *agent, const struct bl_request *request,
		     const struct bl_rest_target *target, struct bl_reply *reply);
void bl_rest_patch(struct bl_agent *agent, const struct bl_request *request,
		   const struct bl_rest_target *target, struct bl_reply *reply);
void bl_rest_delete(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_target *target, struct bl_reply *reply);
/* Goes on with namespaces whose end an earlier run began. */
void bl_rest_resume_ends(struct bl_agent *agent);
void bl_rest_delete_collection(struct bl_agent *agent, const struct bl_request *request,
			       const struct bl_rest_target *target, struct bl_reply *reply);

/* Answers of rest_documents.c: discovery and OpenAPI. False: the path is none of theirs. */
bool bl_rest_document(const struct bl_request *request, struct bl_reply *reply);

/* Events: rest_events.c reads them, rest_events_write.c writes them. */
struct bl_rest_events_target {
	const char *ns;   /* "": all */
	const char *name; /* "": the list */
	bool group;       /* in the form of events.k8s.io/v1 */
};
void bl_rest_events(struct bl_agent *agent, const struct bl_request *request,
		    const struct bl_rest_events_target *target, struct bl_reply *reply);
void bl_rest_events_write(struct bl_agent *agent, const struct bl_request *request,
			  const struct bl_rest_events_target *target, struct bl_reply *reply);
/* What Events can be selected by; NULL ends the list. */
extern const char *const bl_rest_event_fields[];
/* The latest event of a pod goes to those who watch. */
void bl_rest_event_noticed(struct bl_agent *agent, const char *ns, const char *pod);
/* rest_refusals.c: says why what is asked for is not done. False: nothing is known about the path.
 */
bool bl_rest_refuse(const struct bl_request *request, struct bl_reply *reply);

/* Answers of own.c, status.c and metrics.c. */
void bl_own_healthz(struct bl_agent *agent, struct bl_reply *reply);
void bl_own_readyz(struct bl_agent *agent, struct bl_reply *reply);
void bl_own_verify(struct bl_agent *agent, struct bl_reply *reply);
void bl_own_plan(struct bl_agent *agent, struct bl_reply *reply);
void bl_own_env(struct bl_agent *agent, const struct bl_request *request, struct bl_reply *reply);
void bl_own_resolv_conf(struct bl_agent *agent, const struct bl_request *request,
			struct bl_reply *reply);
void bl_own_flows(struct bl_agent *agent, struct bl_reply *reply);
void bl_own_maglev(struct bl_agent *agent, const struct bl_request *request,
		   struct bl_reply *reply);
void bl_own_connections(struct bl_agent *agent, const struct bl_request *request,
			struct bl_reply *reply);
/* What was counted of each Service port, and of its backends; NULL: no memory. Empty names are all.
 */
struct json_object *bl_connections_json(struct bl_agent *agent, const char *ns, const char *name,
					bool backends);
void bl_own_live(struct bl_agent *agent, struct bl_reply *reply);
void bl_own_service_metrics(const struct bl_agent *agent, struct bl_buf *buf);
void bl_own_dns_metrics(const struct bl_agent *agent, struct bl_buf *buf);
/* Of a source that follows kinds one by one; the caller's. */
struct json_object *bl_own_source_kinds(const struct bl_source_info *info);
struct json_object *bl_own_cluster_pool(const struct bl_agent *agent);
void bl_own_cluster_metrics(const struct bl_agent *agent, struct bl_buf *buf);
void bl_own_probes(struct bl_agent *agent, const struct bl_request *request,
		   struct bl_reply *reply);
void bl_status_reply(struct bl_agent *agent, const struct bl_request *request,
		     struct bl_reply *reply);
void bl_metrics_reply(struct bl_agent *agent, struct bl_reply *reply);

/* Shared. The reply gets a Status object; the format is the message. */
void bl_rest_error(struct bl_reply *reply, unsigned int code, const struct bl_rest_target *target,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What to answer with; BL_MEDIA_NONE when the reply has become a 406. */
enum bl_media bl_rest_media(const struct bl_request *request, struct bl_reply *reply,
			    unsigned int offered);
/* The form and what is to be in it, from header and query, into a `ret` that knows its kind.
 * -EINVAL: the reply says why. */
int bl_rest_render(const struct bl_request *request, struct bl_reply *reply, struct bl_render *ret);
#define BL_WATCH_TIMEOUT_MAX_S 86400u
/* A number of the query; one that is not there, or empty, leaves `ret` alone. -EINVAL: the reply
 * says why. */
int bl_rest_number(const struct bl_request *request, const char *key, uint64_t max, uint64_t *ret,
		   struct bl_reply *reply);
/* Where a watch starts (KEP-3157 for sendInitialEvents). -EINVAL: the reply says why not. */
int bl_rest_watch_start(const struct bl_request *request, struct bl_watch_request *watch,
			struct bl_reply *reply);
/* The reply becomes a stream, or an error; the selector is taken. */
void bl_rest_open_watch(struct bl_agent *agent, const struct bl_watch_request *watch,
			uint64_t seconds, struct bl_reply *reply);
/* As bl_selector_parse; the reply gets the error. */
int bl_rest_selector(const struct bl_request *request, const char *const *fields,
		     struct bl_selector **ret, struct bl_reply *reply);
/* 405; `allow` is static and names the methods. */
void bl_rest_not_allowed(struct bl_reply *reply, const char *allow);
/* Takes the tree. */
void bl_rest_json(struct bl_reply *reply, unsigned int code, struct json_object *json);
void bl_rest_object(struct bl_reply *reply, unsigned int code, const struct bl_object *object);
struct bl_source_name bl_rest_name(const struct bl_rest_target *target);
/* "2026-11-23T07:15:22Z", or JSON null for 0. */
struct json_object *bl_rest_time(int64_t seconds);

#endif
