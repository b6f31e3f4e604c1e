/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/health_check.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/map.h"
#include "model/node.h"

#define SETTLE_USEC (10 * 1000ull)
#define RETRY_USEC (5 * 1000 * 1000ull)
#define CONNECTIONS_MAX 64u
#define IDLE_S 10u
#define CHECKS_MAX 1024u
#define TAINT_TO_BE_DELETED "ToBeDeletedByClusterAutoscaler"

/* One port's server. */
struct check {
	struct bl_health_check *owner;
	char *ns;
	char *name;
	uint16_t port;
	bool wanted;
	struct MHD_Daemon *daemon;
	sd_event_source *io;
	sd_event_source *timer;
};

struct bl_health_check {
	struct bl_health_check_config config;
	struct bl_map *checks; /* uint16_t port -> struct check, owned */
	struct bl_store_watch *watch;
	sd_event_source *settle;
};

uint16_t bl_health_check_port(const struct bl_service *service)
{
	const struct bl_service_spec *spec = &service->spec;

	if (spec->type != BL_SERVICE_LOAD_BALANCER ||
	    spec->external_traffic_policy != BL_TRAFFIC_POLICY_LOCAL ||
	    bl_pairs_get(&service->object.meta.labels, BL_LABEL_SERVICE_PROXY_NAME))
		return 0;
	return (uint16_t)spec->health_check_node_port;
}

static bool is_here(const struct bl_local_node *node, const struct bl_resolved_endpoint *endpoint)
{
	if (endpoint->node && node->name[0] && !strcmp(endpoint->node, node->name))
		return true;
	for (size_t i = 0; i < node->address_count; i++)
		if (bl_addr_equal(&node->addresses[i], &endpoint->address))
			return true;
	return false;
}

int bl_health_check_count(const struct bl_store *store, const struct bl_local_node *node,
			  const struct bl_service *service, size_t *ret)
{
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	const struct bl_addr *last = NULL;
	size_t count = 0;
	int r = bl_resolve_endpoints_on(store, node, service, &view);

	if (r < 0)
		return r;
	for (size_t i = 0; i < view->count; i++) {
		const struct bl_resolved_endpoint *endpoint = &view->items[i];

		/* Terminating ones serve, but are not ready: no new clients for this node. */
		if (!endpoint->ready || endpoint->terminating || !is_here(node, endpoint) ||
		    (last && bl_addr_equal(last, &endpoint->address)))
			continue;
		last = &endpoint->address;
		count++;
	}
	*ret = count;
	return 0;
}

int bl_health_check_serves(const struct bl_store *store, const struct bl_local_node *node,
			   const struct bl_service *service, bool *ret)
{
	_cleanup_(bl_endpoint_view_free) struct bl_endpoint_view *view = NULL;
	bool serves = false;
	int r = bl_resolve_endpoints_on(store, node, service, &view);

	if (r < 0)
		return r;
	for (size_t i = 0; i < view->count; i++)
		serves |= (view->items[i].ready || view->items[i].serving) &&
			  is_here(node, &view->items[i]);
	*ret = serves;
	return 0;
}

const char *bl_health_check_leaving(const struct bl_store *store, const char *node_name)
{
	const struct bl_object *object = bl_store_find(store, BL_KIND_NODE, NULL, node_name);
	const struct bl_node *node = object ? bl_node_of(object) : NULL;

	if (!node)
		return NULL;
	if (object->meta.deletion_time)
		return "the node is being deleted";
	for (size_t i = 0; i < node->taints.count; i++)
		if (node->taints.items[i].key &&
		    !strcmp(node->taints.items[i].key, TAINT_TO_BE_DELETED))
			return "the node has the taint '" TAINT_TO_BE_DELETED "'";
	return NULL;
}

static enum MHD_Result answer(const struct check *check, struct MHD_Connection *connection,
			      size_t count, bool healthy)
{
	struct MHD_Response *response;
	enum MHD_Result result;
	char body[512];
	char weight[24];
	int len;

	/* Names of objects need no escapes in JSON. */
	len = snprintf(body, sizeof(body),
		       "{\"service\":{\"namespace\":\"%s\",\"name\":\"%s\"},\"localEndpoints\":%zu,"
		       "\"serviceProxyHealthy\":%s}\n",
		       check->ns, check->name, count, healthy ? "true" : "false");
	if (len < 0 || (size_t)len >= sizeof(body))
		return MHD_NO;
	(void)snprintf(weight, sizeof(weight), "%zu", count);
	response = MHD_create_response_from_buffer((size_t)len, body, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
	(void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	(void)MHD_add_response_header(response, "X-Load-Balancing-Endpoint-Weight", weight);
	result = MHD_queue_response(connection, count > 0 && healthy ? MHD_HTTP_OK : 503, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
				  const char *url, const char *method, const char *version,
				  const char *upload, size_t *upload_size, void **state)
{
	const struct check *check = userdata;
	const struct bl_health_check_config *config = &check->owner->config;
	const struct bl_object *object =
		bl_store_find(config->store, BL_KIND_SERVICE, check->ns, check->name);
	size_t count = 0;

	(void)url;
	(void)method;
	(void)version;
	(void)upload;
	(void)state;
	*upload_size = 0; /* whatever is sent is of no interest */
	if (object && bl_health_check_count(config->store, config->node(config->userdata),
					    bl_service_of(object), &count) < 0)
		return MHD_NO;
	return answer(check, connection, count, config->healthy(config->userdata));
}

static void arm(struct check *check)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(check->daemon, &ms) != MHD_YES) {
		(void)sd_event_source_set_enabled(check->timer, SD_EVENT_OFF);
		return;
	}
	(void)sd_event_source_set_time_relative(check->timer, ms * 1000);
	(void)sd_event_source_set_enabled(check->timer, SD_EVENT_ONESHOT);
}

static void serve(struct check *check)
{
	(void)MHD_run(check->daemon);
	arm(check);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	(void)source;
	(void)fd;
	(void)revents;
	serve(userdata);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source;
	(void)usec;
	serve(userdata);
	return 0;
}

static struct check *check_free(struct check *check)
{
	if (!check)
		return NULL;
	sd_event_source_disable_unref(check->io);
	sd_event_source_disable_unref(check->timer);
	if (check->daemon)
		MHD_stop_daemon(check->daemon);
	free(check->ns);
	free(check->name);
	free(check);
	return NULL;
}
BL_DEFINE_CLEANUP(struct check *, check_free);

static int listen_on(uint16_t port, int family)
{
	const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	const void *address = family == AF_INET6 ? (const void *)&any6 : (const void *)&any4;
	socklen_t len = family == AF_INET6 ? sizeof(any6) : sizeof(any4);
	const int one = 1;
	const int zero = 0;
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
	    (family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero)) < 0) ||
	    bind(fd, address, len) < 0 || listen(fd, SOMAXCONN) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int start_server(struct check *check, sd_event *loop)
{
	const union MHD_DaemonInfo *info;
	int fd = listen_on(check->port, AF_INET6);
	int r;

	if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
		fd = listen_on(check->port, AF_INET);
	if (fd < 0)
		return fd;
	/* The daemon owns the socket once it runs. */
	check->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, check,
					 MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
					 CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
					 MHD_OPTION_END);
	if (!check->daemon) {
		(void)close(fd);
		return -ENOMEM;
	}
	info = MHD_get_daemon_info(check->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOMEM;
	r = sd_event_add_io(loop, &check->io, info->epoll_fd, EPOLLIN, on_io, check);
	if (r >= 0)
		r = sd_event_add_time_relative(loop, &check->timer, CLOCK_MONOTONIC, 0, 0, on_timer,
					       check);
	return r < 0 ? r : sd_event_source_set_enabled(check->timer, SD_EVENT_OFF);
}

static int add_check(struct bl_health_check *owner, const struct bl_object *object, uint16_t port)
{
	_cleanup_(check_free) struct check *check = calloc(1, sizeof(*check));
	int r;

	if (!check)
		return -ENOMEM;
	if (bl_map_count(owner->checks) >= CHECKS_MAX)
		return -E2BIG;
	*check = (struct check){.owner = owner, .port = port, .wanted = true};
	check->ns = strdup(object->meta.ns);
	check->name = strdup(object->meta.name);
	if (!check->ns || !check->name)
		return -ENOMEM;
	r = start_server(check, owner->config.loop);
	if (r == 0)
		r = bl_map_put(owner->checks, &port, sizeof(port), check, NULL);
	if (r < 0)
		return r;
	(void)TAKE_PTR(check);
	return 0;
}

/* One Service's check; a port that another Service had goes over to it. */
static int want_check(struct bl_health_check *owner, const struct bl_object *object, uint16_t port)
{
	struct check *check = bl_map_get(owner->checks, &port, sizeof(port));

	if (check && !strcmp(check->ns, object->meta.ns) &&
	    !strcmp(check->name, object->meta.name)) {
		check->wanted = true;
		return 0;
	}
	if (check)
		(void)check_free(bl_map_remove(owner->checks, &port, sizeof(port)));
	return add_check(owner, object, port);
}

static void drop_unwanted(struct bl_health_check *owner)
{
	uint16_t ports[CHECKS_MAX];
	size_t count = 0;
	size_t cursor = 0;
	void *value;

	while (bl_map_next(owner->checks, &cursor, NULL, NULL, &value)) {
		struct check *check = value;

		if (!check->wanted)
			ports[count++] = check->port;
		check->wanted = false;
	}
	for (size_t i = 0; i < count; i++)
		(void)check_free(bl_map_remove(owner->checks, &ports[i], sizeof(ports[i])));
}

static void set_timer(struct bl_health_check *owner, uint64_t usec)
{
	(void)sd_event_source_set_time_relative(owner->settle, usec);
	(void)sd_event_source_set_enabled(owner->settle, SD_EVENT_ONESHOT);
}

static int sync_services(struct bl_health_check *owner)
{
	_cleanup_free_ const struct bl_object **items = NULL;
	size_t count = 0;
	int first = bl_store_list(owner->config.store, BL_KIND_SERVICE, NULL, &items, &count);

	for (size_t i = 0; i < count; i++) {
		uint16_t port = bl_health_check_port(bl_service_of(items[i]));
		int r = port ? want_check(owner, items[i], port) : 0;

		if (r == 0)
			continue;
		first = r;
		bl_problems_set(owner->config.problems, "health checks", BL_SEVERITY_ERROR,
				"cannot listen on the healthCheckNodePort %u of service '%s/%s': "
				"%s; free the port or choose another",
				port, items[i]->meta.ns, items[i]->meta.name, strerror(-r));
	}
	drop_unwanted(owner);
	return first;
}

static int on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct bl_health_check *owner = userdata;

	(void)source;
	(void)usec;
	if (sync_services(owner) < 0)
		set_timer(owner, RETRY_USEC);
	else
		bl_problems_clear(owner->config.problems, "health checks");
	return 0;
}

static void on_store(const struct bl_event *event, void *userdata)
{
	if (event->object->kind == BL_KIND_SERVICE)
		set_timer(userdata, SETTLE_USEC);
}

int bl_health_check_new(const struct bl_health_check_config *config, struct bl_health_check **ret)
{
	_cleanup_(bl_health_check_free) struct bl_health_check *owner = calloc(1, sizeof(*owner));
	int r;

	if (!owner)
		return -ENOMEM;
	owner->config = *config;
	r = bl_map_new(&owner->checks);
	if (r == 0)
		r = sd_event_add_time_relative(config->loop, &owner->settle, CLOCK_MONOTONIC, 0, 0,
					       on_settle, owner);
	if (r >= 0)
		r = bl_store_watch_add(config->store, on_store, owner, &owner->watch);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(owner);
	return 0;
}

struct bl_health_check *bl_health_check_free(struct bl_health_check *owner)
{
	size_t cursor = 0;
	void *value;

	if (!owner)
		return NULL;
	if (owner->watch)
		bl_store_watch_remove(owner->config.store, owner->watch);
	sd_event_source_disable_unref(owner->settle);
	while (owner->checks && bl_map_next(owner->checks, &cursor, NULL, NULL, &value))
		(void)check_free(value);
	(void)bl_map_free(owner->checks);
	free(owner);
	return NULL;
}
