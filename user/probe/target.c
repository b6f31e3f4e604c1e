/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules: pkg/probe/http/request.go and pkg/kubelet/prober/prober.go. */
#include "probe/target.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"

#define USER_AGENT "User-Agent: kube-probe/1.36"

const char *bl_probe_action_name(enum bl_probe_action action)
{
	static const char *const names[] = {
		[BL_PROBE_EXEC] = "exec",
		[BL_PROBE_HTTP] = "http-get",
		[BL_PROBE_TCP] = "tcp-socket",
		[BL_PROBE_GRPC] = "grpc",
	};

	assert((size_t)action < ARRAY_SIZE(names));
	return names[action];
}

void bl_probe_target_done(struct bl_probe_target *target)
{
	free(target->host);
	free(target->url);
	for (size_t i = 0; target->headers && target->headers[i]; i++)
		free(target->headers[i]);
	free(target->headers);
	*target = (struct bl_probe_target){0};
}

static int find_port(const struct bl_container *container, const struct bl_int_or_string *port,
		     uint16_t *ret, struct bl_err *err)
{
	if (!port->name) {
		*ret = (uint16_t)port->number;
		return 0;
	}
	for (size_t i = 0; i < container->ports.count; i++) {
		const struct bl_container_port *row = &container->ports.items[i];

		if (row->name && strcmp(row->name, port->name) == 0) {
			*ret = (uint16_t)row->container_port;
			return 0;
		}
	}
	return bl_err_set(err, -EINVAL, "container '%s' has no port named '%s'", container->name,
			  port->name);
}

static int set_host(const struct bl_pod *pod, const char *host, struct bl_probe_target *target,
		    struct bl_err *err)
{
	if (!host || !host[0])
		host = pod->status.pod_ip;
	if ((!host || !host[0]) && pod->status.pod_ips.count)
		host = pod->status.pod_ips.items[0].ip;
	if (!host || !host[0])
		return bl_err_set(err, -EINVAL, "the pod has no address yet");
	target->host = strdup(host);
	if (!target->host)
		return bl_err_set(err, -ENOMEM, "no memory");
	(void)bl_addr_parse_lenient(host, &target->address); /* else it is a name */
	return 0;
}

/* Blanks, control characters and what is no ASCII may not stand in a request line. */
static void add_escaped(struct bl_buf *url, const char *path)
{
	for (; *path; path++) {
		unsigned char c = (unsigned char)*path;

		if (c <= ' ' || c >= 0x7f)
			bl_buf_addf(url, "%%%02X", c);
		else
			bl_buf_add(url, path, 1);
	}
}

char *bl_probe_url(bool https, const char *host, uint16_t port, const char *path)
{
	_cleanup_(bl_buf_done) struct bl_buf url = {0};
	bool bare = strchr(host, ':') && host[0] != '[';

	if (!path || !path[0])
		path = "/";
	bl_buf_addf(&url, "%s://%s%s%s:%u%s", https ? "https" : "http", bare ? "[" : "", host,
		    bare ? "]" : "", port, path[0] == '/' ? "" : "/");
	add_escaped(&url, path);
	return bl_buf_take(&url);
}

/* The first header of this name. */
static const struct bl_http_header *find_header(const struct bl_http_headers *headers,
						const char *name)
{
	for (size_t i = 0; i < headers->count; i++)
		if (headers->items[i].name && strcasecmp(headers->items[i].name, name) == 0)
			return &headers->items[i];
	return NULL;
}

static bool add_header(char **headers, size_t *count, const char *name, const char *value)
{
	bool empty = !value || !value[0];

	/* libcurl sends "Name;" as an empty header and takes "Name:" as the wish not to send it. */
	if (asprintf(&headers[*count], empty ? "%s;" : "%s: %s", name, value ? value : "") < 0) {
		headers[*count] = NULL;
		return false;
	}
	(*count)++;
	return true;
}

static bool add_text(char **headers, size_t *count, const char *text)
{
	headers[*count] = strdup(text);
	return headers[*count] && ++*count;
}

/* Given but empty, these two are not sent at all. */
static bool is_left_out(const struct bl_http_header *header)
{
	return (!header->value || !header->value[0]) &&
	       (strcasecmp(header->name, "Accept") == 0 ||
		strcasecmp(header->name, "User-Agent") == 0 ||
		strcasecmp(header->name, "Host") == 0);
}

static bool add_headers(const struct bl_http_headers *given, struct bl_probe_target *target)
{
	const struct bl_http_header *accept = find_header(given, "Accept");
	const struct bl_http_header *agent = find_header(given, "User-Agent");
	size_t count = 0;
	bool good;

	target->headers = calloc(given->count + 4, sizeof(*target->headers));
	if (!target->headers)
		return false;
	good = add_text(target->headers, &count, "Connection: close");
	if (good && (!accept || is_left_out(accept)))
		good = add_text(target->headers, &count, accept ? "Accept:" : "Accept: */*");
	if (good && (!agent || is_left_out(agent)))
		good = add_text(target->headers, &count, agent ? "User-Agent:" : USER_AGENT);
	for (size_t i = 0; good && i < given->count; i++) {
		const struct bl_http_header *header = &given->items[i];

		if (is_left_out(header) || strcasecmp(header->name, "Connection") == 0)
			continue;
		good = add_header(target->headers, &count, header->name, header->value);
		target->keeps_host |= strcasecmp(header->name, "Host") == 0;
	}
	return good;
}

static int make_http(const struct bl_pod *pod, const struct bl_container *container,
		     const struct bl_http_get_action *action, struct bl_probe_target *target,
		     struct bl_err *err)
{
	int r = set_host(pod, action->host, target, err);

	if (r >= 0)
		r = find_port(container, &action->port, &target->port, err);
	if (r < 0)
		return r;
	target->action = BL_PROBE_HTTP;
	target->url = bl_probe_url(action->scheme == BL_URI_SCHEME_HTTPS, target->host,
				   target->port, action->path);
	if (!target->url || !add_headers(&action->headers, target))
		return bl_err_set(err, -ENOMEM, "no memory");
	return 0;
}

static int make_tcp(const struct bl_pod *pod, const struct bl_container *container,
		    const struct bl_tcp_socket_action *action, struct bl_probe_target *target,
		    struct bl_err *err)
{
	int r = set_host(pod, action->host, target, err);

	if (r >= 0)
		r = find_port(container, &action->port, &target->port, err);
	if (r < 0)
		return r;
	target->action = BL_PROBE_TCP;
	return 0;
}

static void make_exec(const struct bl_pod *pod, const struct bl_container *container,
		      const struct bl_exec_action *action, struct bl_probe_target *target)
{
	const struct bl_pairs *annotations = &pod->object.meta.annotations;
	const struct bl_container_status *status =
		bl_container_status_find(&pod->status.container_statuses, container->name);

	if (!status)
		status = bl_container_status_find(&pod->status.init_container_statuses,
						  container->name);
	target->action = BL_PROBE_EXEC;
	target->command = &action->command;
	target->netns = bl_pairs_get(annotations, BL_ANNOTATION_NETNS);
	target->pid = bl_pairs_get(annotations, BL_ANNOTATION_PID);
	target->cgroup = bl_pairs_get(annotations, BL_ANNOTATION_CGROUP);
	target->container_id = status ? status->container_id : NULL;
}

int bl_probe_target_make(const struct bl_pod *pod, const struct bl_container *container,
			 const struct bl_probe *probe, struct bl_probe_target *ret,
			 struct bl_err *err)
{
	struct bl_probe_target target = {
		.timeout_ms = probe->timeout_s < 1 ? 1000 : (uint32_t)probe->timeout_s * 1000};
	int r = 0;

	if (probe->http_get) {
		r = make_http(pod, container, probe->http_get, &target, err);
	} else if (probe->tcp_socket) {
		r = make_tcp(pod, container, probe->tcp_socket, &target, err);
	} else if (probe->grpc) {
		r = set_host(pod, NULL, &target, err);
		target.action = BL_PROBE_GRPC;
		target.port = (uint16_t)probe->grpc->port;
		target.service = probe->grpc->service ? probe->grpc->service : "";
	} else if (probe->exec) {
		make_exec(pod, container, probe->exec, &target);
	} else {
		r = bl_err_set(err, -EINVAL, "the probe asks nothing");
	}
	if (r < 0) {
		bl_probe_target_done(&target);
		return r;
	}
	*ret = target;
	return 0;
}
