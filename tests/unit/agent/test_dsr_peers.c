/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whose encapsulated packets are taken: other Nodes, as they come and go, and networks of an
 * option. */
#include <criterion/criterion.h>
#include <string.h>

#include "agent/dsr_peers.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "datapath/fake.h"
#include "fixture.h"

struct following {
	struct fixture fixture;
	sd_event *loop;
	struct bl_datapath *datapath;
	struct bl_prefix networks[2];
	struct bl_dsr_peers *peers;
	struct bl_buf text;
};

static void setup(struct following *following, size_t network_count)
{
	struct bl_datapath_config config;

	*following = (struct following){0};
	fixture_setup(&following->fixture);
	bl_datapath_config_init(&config);
	config.packet = true;
	cr_assert_geq(sd_event_new(&following->loop), 0);
	cr_assert_eq(bl_datapath_open_fake(&config, &following->datapath), 0);
	cr_assert_eq(bl_prefix_parse("192.0.2.0/24", &following->networks[0]), 0);
	cr_assert_eq(bl_prefix_parse("2001:db8::/32", &following->networks[1]), 0);

	const struct bl_dsr_peers_config peers = {
		.loop = following->loop,
		.store = following->fixture.store,
		.datapath = following->datapath,
		.problems = following->fixture.problems,
		.node_name = "node-a",
		.networks = following->networks,
		.network_count = network_count,
	};
	cr_assert_eq(bl_dsr_peers_new(&peers, &following->peers), 0);
}

static void done(struct following *following)
{
	bl_dsr_peers_free(following->peers);
	bl_datapath_close(following->datapath);
	fixture_done(&following->fixture);
	sd_event_unref(following->loop);
	bl_buf_done(&following->text);
}

/* "PREFIX PREFIX ..." */
static const char *in_force(struct following *following)
{
	const struct bl_prefix *peers;
	size_t count = bl_fake_dsr_peers(following->datapath, &peers);
	char text[BL_PREFIX_TEXT];

	following->text.len = 0;
	for (size_t i = 0; i < count; i++)
		bl_buf_addf(&following->text, "%s%s", i > 0 ? " " : "",
			    bl_prefix_format(&peers[i], text));
	return count > 0 ? following->text.data : "";
}

/* Until the timer that a change sets has run. */
static void settle(struct following *following, const char *expected)
{
	for (int i = 0; i < 40 && strcmp(in_force(following), expected) != 0; i++)
		cr_assert_geq(sd_event_run(following->loop, 50000), 0);
	cr_assert_str_eq(in_force(following), expected);
}

static void put_node(struct following *following, const char *name, const char *rows)
{
	_cleanup_(bl_buf_done) struct bl_buf text = {0};

	bl_buf_addf(&text,
		    "apiVersion: v1\nkind: Node\nmetadata: {name: %s}\n"
		    "status: {addresses: [%s]}\n",
		    name, rows);
	deliver(&following->fixture, "nodes.yaml", text.data);
}

#define NODE_B                                                                                     \
	"{type: InternalIP, address: 10.0.0.2}, {type: InternalIP, address: 'fd00::2'}, "          \
	"{type: ExternalIP, address: 203.0.113.2}, {type: Hostname, address: 10.0.0.99}"
#define NODE_B_PEERS "10.0.0.2/32 fd00::2/128 203.0.113.2/32"

Test(dsr_peers, other_nodes_are_peers_by_all_their_addresses_and_this_one_is_none)
{
	struct following following;

	setup(&following, 0);
	put_node(&following, "node-a", "{type: InternalIP, address: 10.0.0.1}");
	put_node(&following, "node-b", NODE_B);
	cr_assert_str_eq(in_force(&following), "", "before all sources have delivered");
	bl_dsr_peers_start(following.peers);
	cr_assert_str_eq(in_force(&following), NODE_B_PEERS);
	done(&following);
}

Test(dsr_peers, nodes_that_come_change_and_go_are_followed)
{
	struct following following;

	setup(&following, 1);
	bl_dsr_peers_start(following.peers);
	cr_assert_str_eq(in_force(&following), "192.0.2.0/24");
	put_node(&following, "node-b", NODE_B);
	settle(&following, "192.0.2.0/24 " NODE_B_PEERS);
	put_node(&following, "node-b", "{type: InternalIP, address: 10.0.0.3}");
	settle(&following, "192.0.2.0/24 10.0.0.3/32");
	withdraw(&following.fixture, BL_KIND_NODE, NULL, "node-b");
	settle(&following, "192.0.2.0/24");
	done(&following);
}

Test(dsr_peers, networks_of_the_option_stand_without_any_node)
{
	struct following following;

	setup(&following, 2);
	bl_dsr_peers_start(following.peers);
	cr_assert_str_eq(in_force(&following), "192.0.2.0/24 2001:db8::/32");
	cr_assert_str_eq(problems(&following.fixture), "");
	done(&following);
}
