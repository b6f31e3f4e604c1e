/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The commands that work on the node themselves: agent, load, unload, plan, check, verify. They
 * fill the agent's settings from the options and hand over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "api/json.h"
#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/dns_options.h"
#include "cli/network_options.h"
#include "cli/resource.h"
#include "model/validate.h"

static int read_cidrs(const struct bl_args *args, struct bl_agent_config *config,
		      struct bl_err *err)
{
	const struct bl_value *cidrs = bl_arg_list(args, "service-cidr");

	if (cidrs->count > ARRAY_SIZE(config->service_cidrs))
		return bl_err_set(err, -EINVAL,
				  "option '--service-cidr': expected at most one of each family");
	for (size_t i = 0; i < cidrs->count; i++) {
		if (bl_prefix_parse(cidrs->items[i], &config->service_cidrs[i]) < 0)
			return bl_err_set(err, -EINVAL,
					  "option '--service-cidr': expected a network such as "
					  "10.96.0.0/16, got '%s'",
					  cidrs->items[i]);
	}
	if (cidrs->count == 2 &&
	    config->service_cidrs[0].addr.family == config->service_cidrs[1].addr.family)
		return bl_err_set(err, -EINVAL,
				  "option '--service-cidr': '%s' and '%s' are of the same family",
				  cidrs->items[0], cidrs->items[1]);
	config->service_cidr_count = cidrs->count;
	return 0;
}

/* "30000-32767" */
static int read_port_range(const struct bl_args *args, const char *option, uint16_t *ret_first,
			   uint16_t *ret_last, struct bl_err *err)
{
	const char *text = bl_arg(args, option);
	char *end;
	long first, last;

	if (!text)
		return 0;
	first = strtol(text, &end, 10);
	last = *end == '-' ? strtol(end + 1, &end, 10) : -1;
	if (*end || first < 1 || last > 65535 || first > last || !strchr("123456789", text[0]))
		return bl_err_set(err, -EINVAL,
				  "option '--%s': expected FIRST-LAST, two ports from 1 to 65535 "
				  "of which the first is not the larger one, got '%s'",
				  option, text);
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return 0;
}

static bool is_word(const struct bl_args *args, const char *option, const char *word)
{
	const char *value = bl_arg(args, option);

	return value && !strcmp(value, word);
}

static int read_packet(const struct bl_args *args, struct bl_packet_options *packet,
		       struct bl_err *err)
{
	const struct bl_value *devices = bl_arg_list(args, "device");
	int r;

	packet->devices = devices->items;
	packet->device_count = devices->count;
	packet->xdp_mode = is_word(args, "xdp-mode", "tc")        ? BL_AGENT_XDP_TC
			   : is_word(args, "xdp-mode", "generic") ? BL_AGENT_XDP_GENERIC
								  : BL_AGENT_XDP_NATIVE;
	packet->dsr = is_word(args, "forwarding-mode", "dsr");
	packet->maglev = is_word(args, "lb-algorithm", "maglev");
	packet->maglev_entries = (uint32_t)bl_arg_int(args, "maglev-entries", 0);
	packet->cluster_ip_from_outside = bl_arg_flag(args, "cluster-ip-from-outside");
	packet->source_ranges_for_node_ports = bl_arg_flag(args, "source-ranges-for-node-ports");
	packet->answer_echo = bl_arg_flag(args, "answer-echo");
	packet->pool_shared = bl_arg_flag(args, "load-balancer-pool-shared");
	packet->pool_unspoken = bl_arg_flag(args, "no-announce");
	r = read_port_range(args, "snat-ports", &packet->snat_first, &packet->snat_last, err);
	if (r == 0)
		r = bl_read_networks(args, "node-port-addresses", BL_AGENT_PREFIXES,
				     packet->node_port_prefixes, &packet->node_port_prefix_count,
				     err);
	if (r == 0)
		r = bl_read_networks(args, "dsr-peer", BL_AGENT_PREFIXES, packet->dsr_peers,
				     &packet->dsr_peer_count, err);
	return r < 0 ? r
		     : bl_read_networks(args, "load-balancer-pool", BL_AGENT_PREFIXES,
					packet->pools, &packet->pool_count, err);
}

static int read_canary(const struct bl_args *args, struct bl_agent_config *config,
		       struct bl_err *err)
{
	const char *text = bl_arg(args, "canary-address");

	config->canary_port = (uint16_t)bl_arg_int(args, "canary-port", 0);
	if (text &&
	    (bl_addr_parse(text, &config->canary) < 0 || !bl_addr_is_loopback(&config->canary)))
		return bl_err_set(err, -EINVAL,
				  "option '--canary-address': expected a loopback address such as "
				  "127.254.254.254, got '%s'",
				  text);
	return 0;
}

/* Variables say where an agent lives that is not the machine's own, as in a laboratory. */
static const char *place(const struct bl_args *args, const char *option, const char *variable)
{
	const char *value = bl_arg(args, option);

	if (!value)
		value = getenv(variable);
	return value && *value ? value : NULL;
}

static int read_config(const struct bl_cli *cli, struct bl_agent_config *ret, struct bl_err *err)
{
	const struct bl_args *args = &cli->args;
	struct bl_agent_config config = {
		.node_name = bl_arg(args, "node-name"),
		.cgroup = place(args, "cgroup", "BEELINE_CGROUP"),
		.bpffs = place(args, "bpffs", "BEELINE_BPFFS"),
		.state_dir = place(args, "state-dir", "BEELINE_STATE_DIR"),
		.socket = bl_cli_socket(cli),
		.dry_run = bl_arg_given(args, "dry-run"),
		.no_refuse_bind = bl_arg_flag(args, "allow-bind-node-ports"),
		.no_remember_peer = bl_arg_flag(args, "no-peer-names"),
	};
	int r;

	r = read_cidrs(args, &config, err);
	if (r == 0)
		r = read_port_range(args, "node-port-range", &config.node_port_first,
				    &config.node_port_last, err);
	if (r == 0)
		r = read_packet(args, &config.packet, err);
	if (r == 0)
		r = read_canary(args, &config, err);
	if (r == 0)
		*ret = config;
	return r;
}

static int read_listen(const struct bl_args *args, const char *option, size_t max,
		       struct bl_agent_endpoint *items, size_t *ret_count, struct bl_err *err)
{
	int r = bl_read_endpoints(args, option, max, items, ret_count, err);

	for (size_t i = 0; r == 0 && i < *ret_count; i++)
		if (!items[i].port)
			return bl_err_set(err, -EINVAL,
					  "option '--%s': '%s' names no port; say ADDRESS:PORT",
					  option, bl_arg_list(args, option)->items[i]);
	return r;
}

static int read_ports(const struct bl_args *args, struct bl_agent_config *config,
		      struct bl_err *err)
{
	int r = read_listen(args, "api-listen", ARRAY_SIZE(config->api_listen), config->api_listen,
			    &config->api_listen_count, err);

	if (r == 0)
		r = read_listen(args, "health-listen", ARRAY_SIZE(config->health_listen),
				config->health_listen, &config->health_listen_count, err);
	config->api_open_to_network = bl_arg_flag(args, "api-open-to-network");
	return r;
}

/* One of manifests and cluster decides what is in force. */
static int read_cluster(const struct bl_args *args, struct bl_agent_config *config,
			struct bl_err *err)
{
	struct bl_agent_cluster_config *cluster = &config->cluster;

	config->manifests = bl_arg(args, "manifests");
	cluster->kubeconfig = bl_arg(args, "kubeconfig");
	cluster->context = bl_arg(args, "context");
	cluster->in_cluster = bl_arg_flag(args, "in-cluster");
	cluster->server = bl_arg(args, "api-server");
	cluster->lease_ns = bl_arg(args, "lease-namespace");
	cluster->lease_duration_s = (uint32_t)bl_arg_int(args, "lease-duration", 0);
	if (cluster->kubeconfig && cluster->in_cluster)
		return bl_err_set(err, -EINVAL,
				  "options '--kubeconfig' and '--in-cluster' exclude each other");
	if (config->manifests && (cluster->kubeconfig || cluster->in_cluster))
		return bl_err_set(err, -EINVAL,
				  "option '--manifests' does not go with '%s': follow the cluster, "
				  "or manifests",
				  cluster->kubeconfig ? "--kubeconfig" : "--in-cluster");
	if (cluster->context && !cluster->kubeconfig)
		return bl_err_set(err, -EINVAL, "option '--context' needs '--kubeconfig'");
	if (cluster->server && !cluster->kubeconfig && !cluster->in_cluster)
		return bl_err_set(err, -EINVAL,
				  "option '--api-server' needs '--kubeconfig' or '--in-cluster'");
	if ((cluster->lease_ns || cluster->lease_duration_s) && !cluster->kubeconfig &&
	    !cluster->in_cluster)
		return bl_err_set(err, -EINVAL,
				  "option '--lease-%s' needs '--kubeconfig' or '--in-cluster'",
				  cluster->lease_ns ? "namespace" : "duration");
	if (cluster->lease_ns && bl_check_dns_label(cluster->lease_ns))
		return bl_err_set(err, -EINVAL, "option '--lease-namespace': %s, got '%s'",
				  bl_check_dns_label(cluster->lease_ns), cluster->lease_ns);
	return 0;
}

int bl_cmd_agent(struct bl_cli *cli)
{
	struct bl_agent_config config;
	struct bl_err err = {0};

	if (read_config(cli, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	if (bl_read_dns_options(&cli->args, &config.dns, &err) < 0 ||
	    read_ports(&cli->args, &config, &err) < 0 ||
	    read_cluster(&cli->args, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	config.no_probes = bl_arg_flag(&cli->args, "no-probes");
	config.cri_socket = bl_arg(&cli->args, "cri-socket");
	config.packet.announce_interval_s =
		(uint32_t)bl_arg_int(&cli->args, "announce-interval", 0);
	config.packet.pool_kept = is_word(&cli->args, "on-stop", "keep");
	return bl_agent_run(&config);
}

int bl_cmd_load(struct bl_cli *cli)
{
	const struct bl_value *files = bl_arg_list(&cli->args, "filename");
	struct bl_agent_config config;
	struct bl_err err = {0};

	if (read_config(cli, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	return bl_agent_load(&config, files->items, files->count);
}

int bl_cmd_unload(struct bl_cli *cli)
{
	struct bl_agent_config config;
	struct bl_err err = {0};

	if (read_config(cli, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	return bl_agent_unload(&config);
}

int bl_cmd_check(struct bl_cli *cli)
{
	struct bl_agent_config config;
	struct bl_err err = {0};

	if (read_config(cli, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	return bl_agent_check(&config, bl_arg(&cli->args, "output") != NULL, cli->out);
}

static int plan_of_agent(struct bl_cli *cli)
{
	_cleanup_free_ char *text = NULL;
	struct bl_client *client;
	struct bl_err err = {0};
	int r;

	r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_client_get_text(client, "/beeline/v1/plan", &text, &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	fputs(text, cli->out);
	return BL_EXIT_OK;
}

int bl_cmd_plan(struct bl_cli *cli)
{
	const struct bl_value *files = bl_arg_list(&cli->args, "filename");
	struct bl_agent_config config;
	struct bl_err err = {0};

	if (read_config(cli, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	return files->count ? bl_agent_plan(&config, files->items, files->count, cli->out)
			    : plan_of_agent(cli);
}

static int verify_of_agent(struct bl_cli *cli)
{
	_cleanup_json_ struct json_object *answer = NULL;
	struct json_object *differences;
	struct bl_client *client;
	struct bl_err err = {0};
	int r;

	r = bl_cli_client(cli, &client, &err);
	if (r == 0)
		r = bl_client_call(client, BL_METHOD_GET, "/beeline/v1/verify", NULL, &answer,
				   &err);
	if (r < 0)
		return bl_cli_fail(cli, r, &err);
	differences = bl_json_at(answer, "differences");
	for (size_t i = 0; i < bl_json_len(differences); i++)
		fprintf(cli->out, "%s\n", bl_json_str_or(bl_json_item(differences, i), "", ""));
	if (bl_json_bool(answer, "truncated", false))
		fprintf(cli->out, "... and more\n");
	if (!bl_json_bool(answer, "equal", false)) {
		fprintf(cli->err, "beeline: the maps differ from the plan\n");
		return BL_EXIT_CHECK_FAILED;
	}
	fprintf(cli->out, "the maps equal the plan\n");
	return BL_EXIT_OK;
}

int bl_cmd_verify(struct bl_cli *cli)
{
	const struct bl_value *files = bl_arg_list(&cli->args, "filename");
	struct bl_agent_config config;
	struct bl_err err = {0};

	if (read_config(cli, &config, &err) < 0)
		return bl_cli_usage(cli, "%s", err.text);
	return files->count ? bl_agent_verify(&config, files->items, files->count, cli->out)
			    : verify_of_agent(cli);
}
