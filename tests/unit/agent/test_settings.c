/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an agent's options may say together. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "agent/config.h"
#include "base/cleanup.h"

static const char *const devices[] = {"eth0"};

/* The agent is asked for clients outside, without touching the kernel. */
static struct bl_agent_config config_of(uint16_t snat_first, uint16_t snat_last)
{
	return (struct bl_agent_config){
		.dry_run = true,
		.cgroup = "/none",
		.packet = {.devices = devices,
			   .device_count = 1,
			   .snat_first = snat_first,
			   .snat_last = snat_last},
	};
}

Test(settings, ports_for_what_is_sent_on_are_disjoint_from_node_ports)
{
	static const struct {
		uint16_t first, last;
		uint16_t node_first, node_last;
		const char *words; /* NULL: fine */
	} rows[] = {
		{0, 0, 0, 0, NULL},
		{61000, 65535, 0, 0, NULL},
		{20000, 29999, 0, 0, NULL},
		{32768, 40000, 0, 0, NULL},
		{20000, 30000, 0, 0, "overlap the NodePorts 30000-32767"},
		{32767, 40000, 0, 0, "overlap the NodePorts 30000-32767"},
		{31000, 31000, 0, 0, "31000-31000 of --snat-ports overlap the NodePorts"},
		{20000, 40000, 0, 0, "overlap the NodePorts 30000-32767"},
		{61000, 65535, 60000, 61000, "overlap the NodePorts 60000-61000"},
		{30000, 32767, 40000, 41000, NULL},
		{50001, 50000, 0, 0, "the range 50001-50000 of --snat-ports is empty"},
		{50000, 50000, 0, 0, NULL},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_agent_config config = config_of(rows[i].first, rows[i].last);
		_cleanup_(bl_settings_done) struct bl_settings settings = {0};
		struct bl_err err = {0};
		int r;

		config.node_port_first = rows[i].node_first;
		config.node_port_last = rows[i].node_last;
		r = bl_settings_init(&settings, &config, &err);
		cr_expect_eq(r, rows[i].words ? -EINVAL : 0, "row %zu: %d, %s", i, r, err.text);
		cr_expect(!rows[i].words || strstr(err.text, rows[i].words), "row %zu: %s", i,
			  err.text);
	}
}

/* Of this machine, as the agent reads it. */
static void read_local_ports(unsigned int *ret_first, unsigned int *ret_last)
{
	_cleanup_fclose_ FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");

	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%u %u", ret_first, ret_last), 2);
}

Test(settings, ports_for_what_is_sent_on_are_disjoint_from_those_the_kernel_gives_to_programs)
{
	unsigned int first, last;

	read_local_ports(&first, &last);
	if (first < 3 || last > 65534)
		cr_skip_test("net.ipv4.ip_local_port_range leaves no ports on one side");

	const struct {
		unsigned int first, last;
		bool refused;
	} rows[] = {
		{first, first, true},        {last, last, true},
		{first - 1, first, true},    {last, last + 1, true},
		{first - 1, last + 1, true}, {first - 2, first - 1, false},
		{last + 1, last + 1, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_agent_config config =
			config_of((uint16_t)rows[i].first, (uint16_t)rows[i].last);
		_cleanup_(bl_settings_done) struct bl_settings settings = {0};
		struct bl_err err = {0};
		char words[64];
		int r;

		/* Of the two ranges only one is in question here. */
		config.node_port_first = config.node_port_last = 1;
		config.dry_run = false;
		r = bl_settings_init(&settings, &config, &err);
		cr_expect_eq(r, rows[i].refused ? -EINVAL : 0, "row %zu: %d, %s", i, r, err.text);
		(void)snprintf(words, sizeof(words), "overlap %u-%u, which the kernel gives", first,
			       last);
		cr_expect(!rows[i].refused || (strstr(err.text, words) &&
					       strstr(err.text, "ip_local_port_range")),
			  "row %zu: %s", i, err.text);
	}
}

Test(settings, without_devices_the_pool_is_nobodys_business)
{
	struct bl_agent_config config = config_of(30000, 30001);
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	struct bl_err err = {0};

	config.packet.device_count = 0;
	cr_assert_eq(bl_settings_init(&settings, &config, &err), 0, "%s", err.text);
}

Test(settings, the_pool_and_the_room_for_tables_reach_the_datapath)
{
	struct bl_agent_config config = config_of(50000, 50999);
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	struct bl_datapath_config datapath;
	struct bl_err err = {0};

	config.packet.maglev_entries = 4096;
	cr_assert_eq(bl_settings_init(&settings, &config, &err), 0, "%s", err.text);
	datapath = bl_settings_datapath(&settings);
	cr_expect(datapath.packet);
	cr_expect_eq(datapath.packet_tunables.snat_first, 50000);
	cr_expect_eq(datapath.packet_tunables.snat_last, 50999);
	cr_expect_eq(datapath.limits.maglev, 4096);
}

Test(settings, devices_are_names_that_devices_can_have_and_each_is_given_once)
{
	static const struct {
		const char *names[2];
		const char *words; /* NULL: fine */
	} rows[] = {
		{{"eth0", "eth0.100"}, NULL},
		{{"fifteen-letters", "eth1"}, NULL},
		{{"eth0", ""}, "expected the name of a network device such as eth0, got ''"},
		{{"a/b", "eth0"}, "got 'a/b'"},
		{{"eth0", "sixteen-letters-"}, "got 'sixteen-letters-'"},
		{{"eth0", "eth0"}, "option '--device': 'eth0' is given twice"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_agent_config config = config_of(0, 0);
		_cleanup_(bl_settings_done) struct bl_settings settings = {0};
		struct bl_err err = {0};

		config.packet.devices = rows[i].names;
		config.packet.device_count = 2;
		cr_expect_eq(bl_settings_init(&settings, &config, &err),
			     rows[i].words ? -EINVAL : 0, "row %zu: %s", i, err.text);
		cr_expect(!rows[i].words || strstr(err.text, rows[i].words), "row %zu: %s", i,
			  err.text);
	}
}

Test(settings, load_balancer_pools_are_networks_that_services_can_have_addresses_of)
{
	static const struct {
		const char *pool;
		const char *words; /* NULL: fine */
	} rows[] = {
		{"192.0.2.0/24", NULL},
		{"2001:db8::/64", NULL},
		{"10.97.0.0/16", NULL},
		{"10.96.3.0/24", "'10.96.3.0/24' overlaps '10.96.0.0/16' of --service-cidr"},
		{"10.0.0.0/8", "'10.0.0.0/8' overlaps '10.96.0.0/16' of --service-cidr"},
		{"fd00:10:96::/120", "overlaps 'fd00:10:96::/112' of --service-cidr"},
		{"127.0.1.0/24", "begins with loopback addresses"},
		{"224.1.0.0/24", "begins with multicast addresses"},
		{"fe80::/64", "begins with link-local addresses"},
		{"0.0.0.0/0", "begins with unspecified addresses"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bl_agent_config config = config_of(0, 0);
		_cleanup_(bl_settings_done) struct bl_settings settings = {0};
		struct bl_err err = {0};

		cr_assert_eq(bl_prefix_parse(rows[i].pool, &config.packet.pools[0]), 0);
		config.packet.pool_count = 1;
		cr_expect_eq(bl_settings_init(&settings, &config, &err),
			     rows[i].words ? -EINVAL : 0, "row %zu: %s", i, err.text);
		cr_expect(!rows[i].words || strstr(err.text, rows[i].words), "row %zu: %s", i,
			  err.text);
	}
}

Test(settings, options_for_clients_outside_are_idle_without_a_device)
{
	struct bl_agent_config config = config_of(0, 0);
	_cleanup_(bl_settings_done) struct bl_settings settings = {0};
	struct bl_err err = {0};

	config.packet.answer_echo = true;
	cr_assert_eq(bl_settings_init(&settings, &config, &err), 0, "%s", err.text);
	cr_expect_null(bl_settings_idle_option(&settings));
	settings.config.packet.device_count = 0;
	cr_expect_str_eq(bl_settings_idle_option(&settings), "answer-echo");
	settings.config.packet.dsr = true;
	cr_expect_str_eq(bl_settings_idle_option(&settings), "forwarding-mode");
	settings.config.packet.dsr = settings.config.packet.answer_echo = false;
	cr_expect_null(bl_settings_idle_option(&settings));
}
