/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent/config.h"

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"

/* The first cgroup2 mount: field 5 is the mount point, the type follows " - ". */
char *bl_settings_find_cgroup(void)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t capacity = 0;

	while (file && getline(&line, &capacity, file) > 0) {
		char *type = strstr(line, " - cgroup2 "), *at = line;

		if (!type)
			continue;
		for (int i = 0; at && i < 4; i++)
			at = strchr(at, ' ') ? strchr(at, ' ') + 1 : NULL;
		if (at)
			return strndup(at, strcspn(at, " "));
	}
	return NULL;
}

static int default_cidrs(struct bl_agent_config *config)
{
	int r;

	if (config->service_cidr_count)
		return 0;
	config->service_cidr_count = 2;
	r = bl_prefix_parse("10.96.0.0/16", &config->service_cidrs[0]);
	return r < 0 ? r : bl_prefix_parse("fd00:10:96::/112", &config->service_cidrs[1]);
}

static int check(const struct bl_agent_config *config, struct bl_err *err)
{
	char text[BL_ADDR_TEXT];

	if (config->service_cidr_count > 2)
		return bl_err_set(err, -EINVAL, "at most two service CIDRs are possible");
	if (config->service_cidr_count == 2 &&
	    config->service_cidrs[0].addr.family == config->service_cidrs[1].addr.family)
		return bl_err_set(err, -EINVAL,
				  "two service CIDRs must be one of IPv4 and one of IPv6");
	if (config->node_port_first > config->node_port_last)
		return bl_err_set(err, -EINVAL, "the range of NodePorts %u-%u is empty",
				  config->node_port_first, config->node_port_last);
	if (!bl_addr_is_loopback(&config->canary))
		return bl_err_set(err, -EINVAL,
				  "the canary address must be a loopback address, or a probe could "
				  "leave the node");
	for (size_t i = 0; i < config->api_listen_count; i++)
		if (!config->api_open_to_network &&
		    !bl_addr_is_loopback(&config->api_listen[i].addr))
			return bl_err_set(err, -EINVAL,
					  "option '--api-listen': '%s' is no loopback address, and "
					  "whoever reaches the port may change everything; say "
					  "--api-open-to-network if that is meant",
					  bl_addr_format(&config->api_listen[i].addr, text));
	return 0;
}

static int check_devices(const struct bl_packet_options *packet, struct bl_err *err)
{
	for (size_t i = 0; i < packet->device_count; i++) {
		const char *name = packet->devices[i];
		size_t len = strlen(name);

		if (len == 0 || len >= IF_NAMESIZE || strpbrk(name, "/ "))
			return bl_err_set(
				err, -EINVAL,
				"option '--device': expected the name of a network device "
				"such as eth0, got '%.64s'",
				name);
		for (size_t k = 0; k < i; k++)
			if (!strcmp(packet->devices[k], name))
				return bl_err_set(err, -EINVAL,
						  "option '--device': '%s' is given twice", name);
	}
	return 0;
}

/* What no Service can have of the network's first addresses; NULL: nothing. */
static const char *special_kind(const struct bl_prefix *pool)
{
	if (bl_addr_is_loopback(&pool->addr))
		return "loopback";
	if (bl_addr_is_multicast(&pool->addr))
		return "multicast";
	if (bl_addr_is_link_local(&pool->addr))
		return "link-local";
	return bl_addr_is_unspecified(&pool->addr) ? "unspecified" : NULL;
}

static int check_pools(const struct bl_agent_config *config, struct bl_err *err)
{
	char text[BL_PREFIX_TEXT], cidr[BL_PREFIX_TEXT];

	for (size_t i = 0; i < config->packet.pool_count; i++) {
		const struct bl_prefix *pool = &config->packet.pools[i];

		if (special_kind(pool))
			return bl_err_set(err, -EINVAL,
					  "option '--load-balancer-pool': the network '%s' begins "
					  "with %s addresses, which no Service can have; choose "
					  "one that clients have a route to",
					  bl_prefix_format(pool, text), special_kind(pool));
		for (size_t k = 0; k < config->service_cidr_count; k++)
			if (bl_prefix_contains(pool, &config->service_cidrs[k].addr) ||
			    bl_prefix_contains(&config->service_cidrs[k], &pool->addr))
				return bl_err_set(
					err, -EINVAL,
					"option '--load-balancer-pool': '%s' overlaps "
					"'%s' of --service-cidr, where ClusterIPs come "
					"from; choose another network",
					bl_prefix_format(pool, text),
					bl_prefix_format(&config->service_cidrs[k], cidr));
	}
	return 0;
}

/* A port that a program of this node may be given for itself must not be a flow's. */
static int check_local_ports(const struct bl_packet_options *packet, struct bl_err *err)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int first, last;

	if (!file || fscanf(file, "%u %u", &first, &last) != 2)
		return 0; /* not this kernel's; nothing to compare with */
	if (packet->snat_last < first || packet->snat_first > last)
		return 0;
	return bl_err_set(
		err, -EINVAL,
		"the ports %u-%u of --snat-ports overlap %u-%u, which the kernel gives to "
		"programs; choose others, or narrow net.ipv4.ip_local_port_range",
		packet->snat_first, packet->snat_last, first, last);
}

static int check_packet(const struct bl_agent_config *config, struct bl_err *err)
{
	const struct bl_packet_options *packet = &config->packet;

	if (!packet->device_count)
		return 0;
	if (packet->snat_first > packet->snat_last)
		return bl_err_set(err, -EINVAL, "the range %u-%u of --snat-ports is empty",
				  packet->snat_first, packet->snat_last);
	if (packet->snat_first <= config->node_port_last &&
	    packet->snat_last >= config->node_port_first)
		return bl_err_set(err, -EINVAL,
				  "the ports %u-%u of --snat-ports overlap the NodePorts %u-%u",
				  packet->snat_first, packet->snat_last, config->node_port_first,
				  config->node_port_last);
	return config->dry_run ? 0 : check_local_ports(packet, err);
}

int bl_settings_init(struct bl_settings *settings, const struct bl_agent_config *config,
		     struct bl_err *err)
{
	struct bl_agent_config filled = *config;
	int r = default_cidrs(&filled);

	if (r < 0)
		return r;
	if (!filled.bpffs)
		filled.bpffs = BL_DEFAULT_BPFFS;
	if (!filled.state_dir)
		filled.state_dir = BL_DEFAULT_STATE;
	if (!filled.socket)
		filled.socket = BL_DEFAULT_SOCKET;
	if (!filled.node_port_first)
		filled.node_port_first = 30000;
	if (!filled.node_port_last)
		filled.node_port_last = 32767;
	if (!filled.canary.family)
		(void)bl_addr_parse("127.254.254.254", &filled.canary);
	if (!filled.canary_port)
		filled.canary_port = 9;
	if (!filled.packet.snat_first)
		filled.packet.snat_first = BL_SNAT_FIRST_DEFAULT;
	if (!filled.packet.snat_last)
		filled.packet.snat_last = BL_SNAT_LAST_DEFAULT;
	r = check(&filled, err);
	if (r == 0)
		r = check_devices(&filled.packet, err);
	if (r == 0)
		r = check_pools(&filled, err);
	if (r == 0)
		r = check_packet(&filled, err);
	if (r < 0)
		return r;
	*settings = (struct bl_settings){.config = filled};
	settings->cgroup = filled.cgroup ? strdup(filled.cgroup) : bl_settings_find_cgroup();
	settings->config.cgroup = settings->cgroup;
	return 0;
}

const char *bl_settings_idle_option(const struct bl_settings *settings)
{
	const struct bl_packet_options *packet = &settings->config.packet;
	const struct {
		bool given;
		const char *name;
	} rows[] = {
		{packet->dsr, "forwarding-mode"},
		{packet->maglev, "lb-algorithm"},
		{packet->dsr_peer_count > 0, "dsr-peer"},
		{packet->cluster_ip_from_outside, "cluster-ip-from-outside"},
		{packet->source_ranges_for_node_ports, "source-ranges-for-node-ports"},
		{packet->answer_echo, "answer-echo"},
	};

	for (size_t i = 0; packet->device_count == 0 && i < ARRAY_SIZE(rows); i++)
		if (rows[i].given)
			return rows[i].name;
	return NULL;
}

void bl_settings_done(struct bl_settings *settings)
{
	free(settings->cgroup);
	settings->cgroup = NULL;
}

struct bl_datapath_config bl_settings_datapath(const struct bl_settings *settings)
{
	struct bl_datapath_config config;

	bl_datapath_config_init(&config);
	config.cgroup = settings->config.cgroup;
	config.bpffs = settings->config.bpffs;
	config.refuse_bind = !settings->config.no_refuse_bind;
	config.remember_peer = !settings->config.no_remember_peer;
	config.packet = settings->config.packet.device_count > 0;
	if (settings->config.packet.maglev_entries > 0)
		config.limits.maglev = settings->config.packet.maglev_entries;
	config.packet_tunables.snat_first = settings->config.packet.snat_first;
	config.packet_tunables.snat_last = settings->config.packet.snat_last;
	config.packet_tunables.cluster_ip_from_outside =
		settings->config.packet.cluster_ip_from_outside;
	config.packet_tunables.answer_echo = settings->config.packet.answer_echo;
	return config;
}

struct bl_outside_policy bl_settings_outside(const struct bl_settings *settings)
{
	const struct bl_packet_options *packet = &settings->config.packet;

	return (struct bl_outside_policy){
		.maglev = packet->maglev,
		.dsr = packet->dsr,
		.cluster_ips = packet->cluster_ip_from_outside,
		.source_ranges_for_node_ports = packet->source_ranges_for_node_ports,
		.node_port_prefixes = packet->node_port_prefixes,
		.node_port_prefix_count = packet->node_port_prefix_count,
	};
}

void bl_settings_plan(const struct bl_settings *settings, struct bl_plan *plan)
{
	const struct bl_packet_options *packet = &settings->config.packet;

	if (packet->device_count)
		bl_plan_set_snat_pool(plan, packet->snat_first, packet->snat_last);
}

static uint32_t kernel_random(void *userdata)
{
	uint32_t value = 0;

	(void)userdata;
	/* Four bytes are never cut short, and the pool is ready long before an agent starts. */
	(void)!getrandom(&value, sizeof(value), 0);
	return value;
}

int bl_settings_allocator(const struct bl_settings *settings, uint32_t (*random_fn)(void *userdata),
			  void *userdata, struct bl_allocator **ret)
{
	struct bl_allocator_config config = {
		.service_cidrs = settings->config.service_cidrs,
		.service_cidr_count = settings->config.service_cidr_count,
		.node_port_first = settings->config.node_port_first,
		.node_port_last = settings->config.node_port_last,
		.random = random_fn ? random_fn : kernel_random,
		.userdata = userdata,
	};

	return bl_allocator_new(&config, ret);
}
