/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the agent says about DNS over its socket. */
#include <errno.h>
#include <string.h>

#include "agent/rest.h"
#include "dns/resolv_conf.h"
#include "model/pod.h"

#define NODE_FILE "/etc/resolv.conf"
#define NODE_FILE_MAX (64u * 1024)

/* Addresses of kube-system/kube-dns, whoever runs it. */
static size_t find_servers(const struct bl_agent *agent, struct bl_addr servers[static 2])
{
	const struct bl_object *object =
		bl_store_find(agent->store, BL_KIND_SERVICE, BL_DNS_NAMESPACE, BL_DNS_SERVICE);
	const struct bl_strings *ips = object ? &bl_service_of(object)->spec.cluster_ips : NULL;
	size_t count = 0;

	for (size_t i = 0; ips && i < ips->count && count < 2; i++)
		if (bl_addr_parse_lenient(ips->items[i], &servers[count]) == 0)
			count++;
	return count;
}

static int write_file(const struct bl_agent *agent, const struct bl_pod *pod, struct bl_buf *ret,
		      struct bl_err *err)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};
	_cleanup_(bl_arena_free) struct bl_arena *arena = NULL;
	struct bl_resolv_conf node = {0};
	struct bl_addr servers[2];
	struct bl_resolv_cluster cluster = {
		.domain = agent->dns ? bl_agent_dns_domain(agent->dns) : "cluster.local",
		.server = servers,
		.server_count = find_servers(agent, servers),
	};
	int r = bl_arena_new(&arena);

	/* A node without the file has no servers and no searches. */
	if (r == 0 && bl_buf_read_file(&text, NODE_FILE, NODE_FILE_MAX) == 0 && text.data)
		r = bl_resolv_conf_parse(text.data, arena, &node);
	return r < 0 ? r : bl_resolv_conf_of_pod(pod, &cluster, &node, ret, err);
}

void bl_own_resolv_conf(struct bl_agent *agent, const struct bl_request *request,
			struct bl_reply *reply)
{
	const char *ns = bl_request_query(request, "namespace");
	const char *name = bl_request_query(request, "pod");
	struct bl_rest_target target = {.kind = BL_KIND_POD};
	const struct bl_object *pod;
	struct bl_err err = {0};
	int r;

	if (!name || !name[0]) {
		bl_rest_error(reply, 400, NULL, "which pod's resolv.conf? give 'pod'");
		return;
	}
	(void)snprintf(target.name, sizeof(target.name), "%s", name);
	pod = bl_store_find(agent->store, BL_KIND_POD, ns && ns[0] ? ns : "default", name);
	if (!pod) {
		bl_rest_error(reply, 404, &target, "pods \"%.200s\" not found", name);
		return;
	}
	r = write_file(agent, bl_pod_of(pod), &reply->body, &err);
	if (r < 0) {
		bl_buf_done(&reply->body);
		bl_rest_error(reply, r == -EINVAL ? 422 : 500, &target, "%s",
			      err.text[0] ? err.text : strerror(-r));
		return;
	}
	/* The file of a node without any server is empty. */
	bl_buf_add_str(&reply->body, "");
	reply->content_type = "text/plain; charset=utf-8";
}

static void add_counter(struct bl_buf *buf, const char *what, uint64_t value)
{
	bl_buf_addf(buf, "beeline_dns_total{what=\"%s\"} %llu\n", what, (unsigned long long)value);
}

void bl_own_dns_metrics(const struct bl_agent *agent, struct bl_buf *buf)
{
	const struct bl_dns_server *server = agent->dns ? bl_agent_dns_server(agent->dns) : NULL;
	struct bl_dns_stats stats;

	if (!server)
		return;
	stats = bl_dns_server_stats(server);
	bl_buf_add_str(buf, "# HELP beeline_dns_total What the DNS did with questions.\n"
			    "# TYPE beeline_dns_total counter\n");
	add_counter(buf, "udp", stats.udp_queries);
	add_counter(buf, "tcp", stats.tcp_queries);
	add_counter(buf, "answered", stats.answered);
	add_counter(buf, "forwarded", stats.forwarded);
	add_counter(buf, "cached", stats.cache_hits);
	add_counter(buf, "upstream_failed", stats.upstream_failures);
	add_counter(buf, "not_allowed", stats.not_allowed);
	add_counter(buf, "limited", stats.limited);
	add_counter(buf, "loop", stats.loops);
	add_counter(buf, "dropped", stats.dropped);
}
