/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/cluster.h"

#include <errno.h>

#include "agent/wiring.h"
#include "base/log.h"
#include "source/kubernetes.h"

static void log_problems(const struct bl_diag *diag)
{
	for (size_t i = 0; i < diag->count; i++) {
		const struct bl_problem *problem = &diag->problems[i];

		bl_log(problem->severity == BL_SEVERITY_ERROR ? BL_LOG_ERROR : BL_LOG_WARNING,
		       "%s:%u:%u: %s", problem->file ? problem->file : "kubeconfig", problem->line,
		       problem->column, problem->text);
	}
}

static int read_kubeconfig(const struct bl_agent_cluster_config *cluster,
			   struct bl_kube_config *config, struct bl_err *err)
{
	struct bl_diag diag = BL_DIAG_INIT;
	int r = bl_kube_config_read(cluster->kubeconfig, cluster->context, config, &diag);

	log_problems(&diag);
	bl_diag_done(&diag);
	if (r < 0)
		return bl_err_set(err, r, "cannot use the kubeconfig '%s': see above",
				  cluster->kubeconfig);
	return cluster->server ? bl_kube_config_set_server(config, cluster->server, err) : 0;
}

/*
 * The agent's own connection is not led anywhere by Services: no externalIPs of somebody's can take
 * the server's address. Only the virtual address of the server itself needs them.
 */
static uint32_t mark_of(const struct bl_agent *agent)
{
	const struct bl_agent_config *config = &agent->settings.config;
	bool is_virtual = config->cluster.in_cluster && !config->cluster.server;

	return is_virtual || config->dry_run ? 0
					     : bl_settings_datapath(&agent->settings).probe_mark;
}

int bl_cluster_open(struct bl_agent *agent, struct bl_err *err)
{
	const struct bl_agent_cluster_config *cluster = &agent->settings.config.cluster;
	_cleanup_(bl_kube_config_done) struct bl_kube_config config = {0};
	int r = 0;

	if (!bl_cluster_is_followed(&agent->settings.config))
		return 0;
	if (cluster->kubeconfig)
		r = read_kubeconfig(cluster, &config, err);
	else
		r = bl_kube_config_in_cluster(cluster->server, NULL, &config, err);
	if (r < 0)
		return r;
	config.mark = mark_of(agent);
	return bl_kube_client_new(agent->loop, &config, &agent->kube, err);
}

static int in_force(struct bl_source *source, enum bl_kind kind,
		    const struct bl_object ***ret_items, size_t *ret_count, void *userdata)
{
	const struct bl_agent *agent = userdata;

	(void)source;
	if (ret_items)
		return bl_store_list(agent->store, kind, NULL, ret_items, ret_count);
	*ret_count = bl_store_count(agent->store, kind);
	return 0;
}

int bl_cluster_make_source(struct bl_agent *agent, const struct bl_source_handler *handler,
			   struct bl_source **ret)
{
	struct bl_source_handler whole = *handler;
	const struct bl_kubernetes_config config = {
		.client = agent->kube,
		.node_name = bl_node_watch_facts(agent->node)->name,
		.all_services = agent->settings.config.dns.enabled,
		/* Direct server return is between nodes that know each other. */
		.all_nodes = agent->settings.config.packet.device_count > 0,
	};

	whole.in_force = in_force;
	return bl_kubernetes_new(&config, &whole, ret);
}
