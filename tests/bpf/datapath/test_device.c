/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet programs on devices: modes, what stands in the way, new programs, and no trace. */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "datapath/kernel.h"
#include "datapath_fixture.h"

static void run(const char *command)
{
	cr_assert_eq(system(command), 0, "%s", command);
}

/* Does the command print this? */
static bool prints(const char *command, const char *text)
{
	char output[8192];
	FILE *pipe = popen(command, "re");
	size_t len;

	cr_assert_not_null(pipe);
	len = fread(output, 1, sizeof(output) - 1, pipe);
	output[len] = '\0';
	(void)pclose(pipe);
	return strstr(output, text) != NULL;
}

static void devices_up(void)
{
	place_up();
	place.packet = true;
	place.limits.maglev = 4096;
	place.limits.sources = 64;
	place.limits.dsr_backends = 64;
	run("ip link add up0 type veth peer name peer0 && ip link set up0 up && "
	    "ip link set peer0 up && ip addr add 192.0.2.1/24 dev up0 && "
	    "ip addr add fd00:2::1/64 dev up0 nodad && ip link add br0 type bridge && "
	    "ip link set br0 up");
}

static int load_stranger(enum bpf_prog_type type, int verdict)
{
	const struct bpf_insn answer[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = verdict},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(type, "stranger", "GPL", answer, ARRAY_SIZE(answer), NULL);

	cr_assert_geq(fd, 0);
	return fd;
}

static void attach_tc_stranger(const char *device)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(device),
		    .attach_point = BPF_TC_EGRESS);
	_cleanup_close_ int fd = load_stranger(BPF_PROG_TYPE_SCHED_CLS, 0);
	LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = fd, .handle = 1, .priority = 7);

	cr_assert_eq(bpf_tc_attach(&hook, &options), 0);
}

static int attach_xdp_stranger(const char *device)
{
	int fd = load_stranger(BPF_PROG_TYPE_XDP, XDP_PASS);

	cr_assert_eq(bpf_xdp_attach((int)if_nametoindex(device), fd, 0, NULL), 0);
	return fd;
}

static uint32_t xdp_on(const char *device)
{
	uint32_t id = 0;

	(void)bpf_xdp_query_id((int)if_nametoindex(device), 0, &id);
	return id;
}

static enum bl_device_mode attach(struct bl_datapath *datapath, const char *device,
				  enum bl_xdp_mode wanted)
{
	struct bl_device_status status;
	struct bl_err err = {0};

	cr_assert_eq(
		bl_datapath_attach_device(datapath, if_nametoindex(device), wanted, &status, &err),
		0, "%s: %s", device, err.text);
	cr_expect_eq(status.mode == BL_DEVICE_TC, status.reason[0] != '\0', "%s", status.reason);
	return status.mode;
}

static void expect_clean(const char *device)
{
	char command[128];

	cr_expect_eq(xdp_on(device), 0);
	(void)snprintf(command, sizeof(command), "tc qdisc show dev %s", device);
	cr_expect_not(prints(command, "clsact"), "%s has a qdisc left", device);
}

Test(device, one_without_ethernet_headers_is_refused, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	struct bl_device_status status;
	struct bl_err err = {0};

	if (system("ip tuntap add dev tun0 mode tun 2>/dev/null && ip link set tun0 up") != 0)
		cr_skip_test("this kernel has no tun devices");
	cr_expect_eq(bl_datapath_attach_device(datapath, if_nametoindex("tun0"), BL_XDP_NATIVE,
					       &status, &err),
		     -EOPNOTSUPP);
	cr_expect(strstr(err.text, "device 'tun0' carries packets without Ethernet headers"), "%s",
		  err.text);
	expect_clean("tun0");
	cr_expect_eq(attach(datapath, "lo", BL_XDP_TC), BL_DEVICE_TC);
}

Test(device, packets_are_sent_on_from_an_address_that_stays, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = NULL;
	uint32_t ifindexes[] = {0, if_nametoindex("up0")};

	run("ip addr flush dev up0 && ip addr add 203.0.113.7/32 dev up0 && "
	    "ip addr add 192.0.2.1/24 dev up0 && ip addr add fd00:2::1/64 dev up0 nodad && "
	    "ip addr add 203.0.113.8/24 dev lo && ip addr add 10.244.0.1/24 dev br0 && "
	    "ip addr add fd00:2::7/64 dev up0 nodad preferred_lft 0 && "
	    "ip addr add fd00:2::8/128 dev up0 nodad");
	datapath = place_open();
	cr_expect_eq(attach(datapath, "up0", BL_XDP_NATIVE), BL_DEVICE_NATIVE);
	_cleanup_close_ int fd = bpf_obj_get(PLACE_BPFFS "/" BL_MAP_UPLINKS);
	for (size_t i = 0; i < ARRAY_SIZE(ifindexes); i++) {
		struct bl_uplink uplink;

		cr_assert_eq(bpf_map_lookup_elem(fd, &ifindexes[i], &uplink), 0);
		cr_expect_eq(memcmp(uplink.ipv4.ipv4, (__u8[]){192, 0, 2, 1}, 4), 0, "entry %zu",
			     i);
		cr_expect_eq(uplink.ipv6.ipv6[15], 1, "entry %zu", i);
	}
}

Test(device, native_where_the_driver_can_and_tc_where_it_cannot, .init = devices_up,
     .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	struct bl_uplink uplink;
	uint32_t ifindex = if_nametoindex("up0");

	cr_assert(bl_datapath_has_packet(datapath));
	cr_expect_eq(attach(datapath, "up0", BL_XDP_NATIVE), BL_DEVICE_NATIVE);
	cr_expect_eq(attach(datapath, "br0", BL_XDP_NATIVE), BL_DEVICE_TC);
	cr_expect(prints("ip link show dev up0", " xdp "));
	cr_expect(prints("tc filter show dev up0 egress", "bl_tc_egress"));
	cr_expect(prints("tc filter show dev up0 ingress", "bl_tc_ingress"),
		  "what XDP cannot send is left to nobody");
	cr_expect(prints("tc filter show dev br0 ingress", "bl_tc_ingress"));
	cr_expect(prints("tc filter show dev br0 egress", "bl_tc_egress"));
	_cleanup_close_ int fd = bpf_obj_get(PLACE_BPFFS "/" BL_MAP_UPLINKS);
	cr_assert_geq(fd, 0);
	cr_assert_eq(bpf_map_lookup_elem(fd, &ifindex, &uplink), 0);
	cr_expect_eq(memcmp(uplink.ipv4.ipv4, (__u8[]){192, 0, 2, 1}, 4), 0);
	cr_expect_eq(uplink.ipv6.ipv6[15], 1);
	cr_assert_eq(bl_datapath_keep_devices(datapath, NULL, 0, NULL), 0);
	expect_clean("up0");
	expect_clean("br0");
	cr_expect_neq(bpf_map_lookup_elem(fd, &ifindex, &uplink), 0);
}

Test(device, the_mode_of_a_device_may_change, .init = devices_up, .fini = place_down)
{
	static const struct {
		enum bl_xdp_mode wanted;
		enum bl_device_mode mode;
		const char *link;
		bool has_xdp;
	} rows[] = {
		{BL_XDP_NATIVE, BL_DEVICE_NATIVE, " xdp ", true},
		{BL_XDP_TC, BL_DEVICE_TC, "up0", false},
		{BL_XDP_GENERIC, BL_DEVICE_GENERIC, "xdpgeneric", true},
		{BL_XDP_NATIVE, BL_DEVICE_NATIVE, " xdp ", true},
		{BL_XDP_NATIVE, BL_DEVICE_NATIVE, " xdp ", true},
	};
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cr_expect_eq(attach(datapath, "up0", rows[i].wanted), rows[i].mode, "row %zu", i);
		cr_expect(prints("ip link show dev up0", rows[i].link), "row %zu", i);
		cr_expect_eq(xdp_on("up0") != 0, rows[i].has_xdp, "row %zu", i);
		cr_expect(prints("tc filter show dev up0 ingress", "bl_tc_ingress"), "row %zu", i);
		cr_expect(prints("tc filter show dev up0 egress", "bl_tc_egress"), "row %zu", i);
	}
}

Test(device, another_xdp_program_is_named_and_tc_works_beside_it, .init = devices_up,
     .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_close_ int stranger = attach_xdp_stranger("up0");
	uint32_t id = xdp_on("up0");
	struct bl_device_status status = {.mode = BL_DEVICE_GENERIC};
	struct bl_err err = {0};
	char words[64];

	cr_assert_eq(bl_datapath_attach_device(datapath, if_nametoindex("up0"), BL_XDP_NATIVE,
					       &status, &err),
		     -EBUSY);
	(void)snprintf(words, sizeof(words), "'stranger' (id %u)", id);
	cr_expect(strstr(err.text, words), "%s", err.text);
	cr_expect(strstr(err.text, "--xdp-mode tc"), "%s", err.text);
	cr_expect_eq(status.mode, BL_DEVICE_GENERIC, "the output was touched");
	cr_expect_eq(attach(datapath, "up0", BL_XDP_TC), BL_DEVICE_TC);
	cr_assert_eq(bl_datapath_keep_devices(datapath, NULL, 0, NULL), 0);
	cr_expect_eq(xdp_on("up0"), id, "the other program was taken off");
}

Test(device, a_new_agent_puts_new_programs_behind_the_same_link, .init = devices_up,
     .fini = place_down)
{
	struct bl_datapath *datapath = place_open();
	char link[32];
	uint32_t before;
	uint32_t program;
	uint32_t map = pinned_map_id(BL_MAP_FLOWS4);

	(void)snprintf(link, sizeof(link), "xdp_%u", if_nametoindex("up0"));
	cr_expect_eq(attach(datapath, "up0", BL_XDP_NATIVE), BL_DEVICE_NATIVE);
	cr_expect_eq(attach(datapath, "br0", BL_XDP_NATIVE), BL_DEVICE_TC);
	before = pinned_link_id(link);
	program = xdp_on("up0");
	(void)bl_datapath_close(datapath);
	cr_expect_eq(xdp_on("up0"), program, "the program did not outlive the agent");
	datapath = place_open();
	cr_expect(bl_datapath_was_adopted(datapath));
	cr_expect_eq(attach(datapath, "up0", BL_XDP_NATIVE), BL_DEVICE_NATIVE);
	cr_expect_eq(attach(datapath, "br0", BL_XDP_NATIVE), BL_DEVICE_TC);
	cr_expect_eq(pinned_link_id(link), before);
	cr_expect_neq(xdp_on("up0"), program);
	cr_expect_not(program_exists(program), "the old program is still there");
	cr_expect_eq(pinned_map_id(BL_MAP_FLOWS4), map);
	(void)bl_datapath_close(datapath);
	/* Without the packet path the agent leaves it alone, but knows its maps. */
	place.packet = false;
	program = xdp_on("up0");
	datapath = place_open();
	cr_expect(bl_datapath_has_packet(datapath));
	cr_expect_eq(xdp_on("up0"), program);
	(void)bl_datapath_close(datapath);
	cr_assert_eq(bl_datapath_unload(&place, NULL), 0);
	expect_clean("up0");
	expect_clean("br0");
	cr_expect_eq(access(PLACE_BPFFS, F_OK), -1);
}

Test(device, what_others_have_at_tc_stays, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();

	/* A qdisc of another's before ours, and a filter of another's in a qdisc of ours. */
	run("tc qdisc add dev up0 clsact");
	cr_expect_eq(attach(datapath, "up0", BL_XDP_TC), BL_DEVICE_TC);
	cr_expect_eq(attach(datapath, "br0", BL_XDP_TC), BL_DEVICE_TC);
	attach_tc_stranger("br0");
	cr_assert_eq(bl_datapath_keep_devices(datapath, NULL, 0, NULL), 0);
	cr_expect(prints("tc qdisc show dev up0", "clsact"));
	cr_expect(prints("tc filter show dev br0 egress", "stranger"));
	cr_expect_not(prints("tc filter show dev up0 ingress", "bl_tc"));
	cr_expect_not(prints("tc filter show dev br0 egress", "bl_tc"));
}

Test(device, a_device_that_vanished_leaves_no_pins, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	struct bl_device_status status;
	struct bl_err err = {0};
	uint32_t ifindex = if_nametoindex("up0");
	char link[32];

	(void)snprintf(link, sizeof(link), "xdp_%u", ifindex);
	cr_expect_eq(attach(datapath, "up0", BL_XDP_NATIVE), BL_DEVICE_NATIVE);
	run("ip link del up0");
	cr_expect_eq(bl_datapath_attach_device(datapath, ifindex, BL_XDP_NATIVE, &status, &err),
		     -ENODEV);
	cr_assert_eq(bl_datapath_keep_devices(datapath, NULL, 0, &err), 0, "%s", err.text);
	cr_expect_eq(pinned_link_id(link), 0);
	run("ip link add up0 type veth peer name peer0 && ip link set up0 up");
	cr_expect_eq(attach(datapath, "up0", BL_XDP_NATIVE), BL_DEVICE_NATIVE);
}

Test(device, next_hops_get_a_new_generation, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_close_ int fd = bpf_obj_get(PLACE_BPFFS "/" BL_MAP_PACKET_STATE);
	struct bl_packet_state before;
	struct bl_packet_state after;
	uint32_t zero = 0;

	cr_assert_eq(bpf_map_lookup_elem(fd, &zero, &before), 0);
	cr_expect_neq(before.next_hop_generation, 0);
	cr_assert_eq(bl_datapath_renew_next_hops(datapath), 0);
	cr_assert_eq(bpf_map_lookup_elem(fd, &zero, &after), 0);
	cr_expect_eq(after.next_hop_generation, before.next_hop_generation + 2);
	before.next_hop_generation = UINT32_MAX - 1;
	cr_assert_eq(bpf_map_update_elem(fd, &zero, &before, BPF_ANY), 0);
	cr_assert_eq(bl_datapath_renew_next_hops(datapath), 0);
	cr_assert_eq(bpf_map_lookup_elem(fd, &zero, &after), 0);
	cr_expect_eq(after.next_hop_generation, 2);
}

static void put_entry(const char *map, uint32_t index, const void *value)
{
	char path[64];
	_cleanup_close_ int fd = -1;

	(void)snprintf(path, sizeof(path), PLACE_BPFFS "/%s", map);
	fd = bpf_obj_get(path);
	cr_assert_eq(bpf_map_update_elem(fd, &index, value, BPF_ANY), 0, "%s", map);
}

static void add_flow(uint8_t last)
{
	const struct bl_flow4 flow = {.key = {.source = {198, 51, 100, last},
					      .source_port = htons(4000),
					      .destination_port = htons(80),
					      .protocol = IPPROTO_TCP},
				      .flow = {.kind = BL_FLOW_LOCAL, .backend_id = last},
				      .source = {198, 51, 100, last},
				      .destination = {10, 244, 1, last}};
	struct bl_flow_tags tags = {.tags = {[3] = 1, [4] = 6}};

	put_entry(BL_MAP_FLOW_TAGS4, last * 1000u, &tags);
	put_entry(BL_MAP_FLOWS4, bl_flow_index(BL_FLOWS4_BUCKETS, last * 1000u, 3), &flow);
}

Test(device, flows_that_wait_to_be_confirmed_are_read_too, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_free_ struct bl_flow_row *rows = NULL;
	const uint32_t way = BL_FLOW_ESTABLISHED_WAYS + 1, bucket = BL_FLOWS6_BUCKETS - 1;
	struct bl_flow_tags tags = {.tags = {[BL_FLOW_ESTABLISHED_WAYS + 1] = 9}};
	struct bl_flow6 flow = {.key = {.family = BL_FAMILY_IPV6, .source_port = htons(4000)},
				.flow = {.source_port = htons(61000), .packets = 3}};
	size_t count = 0;

	put_entry(BL_MAP_FLOW_TAGS6, bucket, &tags);
	put_entry(BL_MAP_FLOWS6, bl_flow_index(BL_FLOWS6_BUCKETS, bucket, way), &flow);
	cr_assert_eq(bl_datapath_read_flows(datapath, 10, &rows, &count, NULL), 0);
	cr_assert_eq(count, 1);
	cr_expect_eq(rows[0].from.family, BL_FAMILY_IPV6);
	cr_expect_eq(rows[0].from.source_port, htons(4000));
	cr_expect_eq(rows[0].to.source_port, htons(61000));
	cr_expect_eq(rows[0].flow.packets, 3);
}

Test(device, flows_are_read_up_to_a_limit, .init = devices_up, .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	static const size_t limits[][2] = {{100, 5}, {3, 3}, {0, 0}};

	for (uint8_t i = 1; i <= 5; i++)
		add_flow(i);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		_cleanup_free_ struct bl_flow_row *rows = NULL;
		size_t count = 0;

		cr_assert_eq(bl_datapath_read_flows(datapath, limits[i][0], &rows, &count, NULL),
			     0);
		cr_expect_eq(count, limits[i][1]);
		for (size_t k = 0; k < count; k++) {
			cr_expect_eq(rows[k].from.family, BL_FAMILY_IPV4);
			cr_expect_eq(rows[k].from.source.ipv4[3], rows[k].flow.backend_id);
			cr_expect_eq(rows[k].from.destination_port, htons(80));
			cr_expect_eq(rows[k].to.destination.ipv4[3], rows[k].flow.backend_id);
		}
	}
}

/* Rows of the packet path go to the kernel's maps and come back. */
Test(device, rows_of_the_packet_path_are_written_and_read_back, .init = devices_up,
     .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_(bl_plan_rows_done) struct bl_plan_rows rows = {0};
	struct bl_maglev_entry entries[] = {{1}, {2}, {1}};
	struct bl_op ops[] = {
		{.kind = BL_OP_SET_MAGLEV, .index = 5, .count = 3, .maglev = entries},
		{.kind = BL_OP_SET_PACKET_PORTS, .index = 1, .ports = {.destination = 1 << 16}},
		{.kind = BL_OP_SET_PACKET_ROW,
		 .packet_row = {.table = BL_PACKET_SOURCES4,
				.value = 1,
				.key.source4 = {40, 7, {10, 0, 0, 0}}}},
		{.kind = BL_OP_SET_PACKET_ROW,
		 .packet_row = {.table = BL_PACKET_SOURCES6,
				.value = 1,
				.key.source6 = {40, 7, {0xfd}}}},
		{.kind = BL_OP_SET_PACKET_ROW,
		 .packet_row = {.table = BL_PACKET_DSR_BACKENDS,
				.value = 9,
				.key.dsr = {.address.ipv6 = {10, 244, 0, 1},
					    .service_id = 7,
					    .family = BL_FAMILY_IPV4}}},
		{.kind = BL_OP_DELETE_PACKET_ROW,
		 .packet_row = {.table = BL_PACKET_SOURCES6, .key.source6 = {40, 7, {0xfd}}}},
		{.kind = BL_OP_DELETE_PACKET_ROW,
		 .packet_row = {.table = BL_PACKET_SOURCES6, .key.source6 = {40, 8, {0xfd}}}},
	};
	const struct bl_delta delta = {.ops = ops, .count = ARRAY_SIZE(ops)};
	struct bl_err err = {0};

	cr_assert_eq(bl_datapath_apply(datapath, &delta, &err), 0, "%s", err.text);
	cr_assert_eq(bl_datapath_read(datapath, &rows, &err), 0, "%s", err.text);
	cr_expect(rows.has_packet);
	cr_assert_eq(rows.maglev_count, 8);
	cr_expect_eq(rows.maglev[6].backend_id, 2);
	cr_assert_eq(rows.port_count, 2);
	cr_expect_eq(rows.ports[1].destination, 1 << 16);
	cr_assert_eq(rows.packet_row_count, 2);
	cr_expect_eq(rows.packet_rows[0].table, BL_PACKET_SOURCES4);
	cr_expect_eq(rows.packet_rows[0].key.source4.service_id, 7);
	cr_expect_eq(rows.packet_rows[1].value, 9);
	cr_expect_eq(bl_datapath_limits(datapath).maglev, 4096);
}

/* A machine may have hundreds of CPUs, and each has a copy of such a map. */
Test(device, no_map_that_grows_with_services_has_a_copy_a_cpu, .init = devices_up,
     .fini = place_down)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	const struct bl_map_set *maps = &((const struct bl_kernel *)datapath)->maps;

	for (enum bl_map_id id = 0; id < BL_MAP_ID_COUNT; id++) {
		struct bpf_map_info info = {0};
		uint32_t len = sizeof(info);

		cr_assert_eq(bpf_obj_get_info_by_fd(maps->fds[id], &info, &len), 0);
		if (info.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
		    info.type == BPF_MAP_TYPE_PERCPU_HASH ||
		    info.type == BPF_MAP_TYPE_LRU_PERCPU_HASH)
			cr_expect_leq(info.max_entries * info.value_size, 4096, "map '%s'",
				      bl_map_names[id]);
	}
}

static size_t count_keys(const char *pin)
{
	struct bl_dsr_peer_key key;
	const void *last = NULL;
	_cleanup_close_ int fd = bpf_obj_get(pin);
	size_t count = 0;

	cr_assert_geq(fd, 0);
	while (bpf_map_get_next_key(fd, last, &key) == 0) {
		last = &key;
		count++;
	}
	return count;
}

static bool has_peer(const char *text)
{
	struct bl_dsr_peer_key key = {0};
	struct bl_dsr_peer value;
	struct bl_addr addr;
	_cleanup_close_ int fd = bpf_obj_get(PLACE_BPFFS "/" BL_MAP_DSR_PEERS);

	cr_assert_geq(fd, 0);
	cr_assert_eq(bl_addr_parse(text, &addr), 0);
	key.prefixlen = 32 + bl_addr_bits(&addr);
	key.family = addr.family;
	key.address = addr.ip;
	return bpf_map_lookup_elem(fd, &key, &value) == 0;
}

Test(device, peers_are_replaced_as_a_whole_and_a_full_map_is_said, .init = devices_up,
     .fini = place_down)
{
	static const char *const texts[] = {"10.0.0.2/32", "172.16.0.0/12", "fd00:7::/64"};
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	_cleanup_free_ struct bl_prefix *many =
		calloc(BL_DSR_PEERS_MAX + 1, sizeof(struct bl_prefix));
	struct bl_prefix peers[ARRAY_SIZE(texts)];
	struct bl_err err = {0};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		cr_assert_eq(bl_prefix_parse(texts[i], &peers[i]), 0);
	cr_assert_eq(bl_datapath_set_dsr_peers(datapath, peers, ARRAY_SIZE(peers), &err), 0, "%s",
		     err.text);
	cr_expect(has_peer("10.0.0.2") && has_peer("172.31.255.1") && has_peer("fd00:7::1"));
	cr_expect_not(has_peer("10.0.0.3") || has_peer("172.32.0.1") || has_peer("fd00:8::1"));
	cr_assert_eq(bl_datapath_set_dsr_peers(datapath, &peers[2], 1, &err), 0, "%s", err.text);
	cr_expect(has_peer("fd00:7::1"));
	cr_expect_not(has_peer("10.0.0.2") || has_peer("172.31.255.1"));
	cr_assert_not_null(many);
	for (uint32_t i = 0; i <= BL_DSR_PEERS_MAX; i++)
		many[i] = (struct bl_prefix){.addr = {.family = BL_FAMILY_IPV4,
						      .ip = {.words = {htonl(0x0a000000u + i)}}},
					     .bits = 32};
	cr_expect_eq(bl_datapath_set_dsr_peers(datapath, many, BL_DSR_PEERS_MAX + 1, &err),
		     -ENOSPC);
	cr_expect(strstr(err.text, "'dsr_peers' of 16384 entries is full"), "%s", err.text);
	cr_expect(has_peer("fd00:7::1"), "what was there before goes on");
	cr_assert_eq(bl_datapath_set_dsr_peers(datapath, NULL, 0, &err), 0, "%s", err.text);
	cr_expect_eq(count_keys(PLACE_BPFFS "/" BL_MAP_DSR_PEERS), 0);
}
