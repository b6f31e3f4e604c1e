/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "packet_fixture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "packet_programs.h"

static const struct setting settings[] = {
	{"XDP, IPv4, TCP", HOOK_XDP, 4, IPPROTO_TCP},
	{"XDP, IPv4, UDP", HOOK_XDP, 4, IPPROTO_UDP},
	{"XDP, IPv6, TCP", HOOK_XDP, 6, IPPROTO_TCP},
	{"XDP, IPv6, UDP", HOOK_XDP, 6, IPPROTO_UDP},
	{"tc, IPv4, TCP", HOOK_TC_INGRESS, 4, IPPROTO_TCP},
	{"tc, IPv4, UDP", HOOK_TC_INGRESS, 4, IPPROTO_UDP},
	{"tc, IPv6, TCP", HOOK_TC_INGRESS, 6, IPPROTO_TCP},
	{"tc, IPv6, UDP", HOOK_TC_INGRESS, 6, IPPROTO_UDP},
};

const struct setting *setting = &settings[0];
uint32_t uplink;
uint32_t uplink_inner;

static uint32_t last_service, last_backend, last_slot, last_maglev;

/* By one program: starting one takes long in an emulated guest. */
static const char network[] = "echo 1 > /proc/sys/net/ipv4/ip_forward && "
			      "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding && "
			      "ip -batch - <<'END'\n"
			      "link set lo up\n"
			      "link add up0 address 02:00:00:00:00:01 type veth peer far0\n"
			      "link add up1 address 02:00:00:00:01:01 type veth peer far1\n"
			      "link set up0 up\n"
			      "link set up1 up\n"
			      "link set far0 up\n"
			      "link set far1 up\n"
			      "address add 192.0.2.1/24 dev up0\n"
			      "address add 2001:db8:2::1/64 dev up0 nodad\n"
			      "address add 172.16.0.1/24 dev up1\n"
			      "address add fd00:16::1/64 dev up1 nodad\n"
			      "neighbour add 192.0.2.254 lladdr 02:00:00:00:00:fe dev up0\n"
			      "neighbour add 2001:db8:2::fe lladdr 02:00:00:00:00:fe dev up0\n"
			      "neighbour add 172.16.0.2 lladdr 02:00:00:00:01:02 dev up1\n"
			      "neighbour add fd00:16::2 lladdr 02:00:00:00:01:02 dev up1\n"
			      "route add default via 192.0.2.254\n"
			      "route add default via 2001:db8:2::fe dev up0\n"
			      "route add 10.244.2.0/24 via 172.16.0.2\n"
			      "route add fd00:244:2::/64 via fd00:16::2\n"
			      "route add 10.244.3.0/24 via 172.16.0.2 mtu lock 1300\n"
			      "route add fd00:244:3::/64 via fd00:16::2 mtu lock 1300\n"
			      "route add unreachable 10.99.0.0/16\n"
			      "route add unreachable fd00:99::/64\n"
			      "END\n";

static void command(const char *text)
{
	cr_assert_eq(system(text), 0, "'%s' failed", text);
}

static void make_network(void)
{
	cr_assert_eq(unshare(CLONE_NEWNET), 0);
	command(network);
	uplink = if_nametoindex("up0");
	uplink_inner = if_nametoindex("up1");
	cr_assert(uplink && uplink_inner);
}

static void put(const char *map, const void *key, const void *value)
{
	cr_assert_eq(bpf_map_update_elem(map_fd(map), key, value, BPF_ANY), 0, "map '%s': %s", map,
		     strerror(errno));
}

static void get(const char *map, const void *key, void *ret)
{
	cr_assert_eq(bpf_map_lookup_elem(map_fd(map), key, ret), 0, "map '%s': %s", map,
		     strerror(errno));
}

struct bl_packet_tunables packet_tunables(void)
{
	return (struct bl_packet_tunables)BL_PACKET_TUNABLES_DEFAULT;
}

struct bl_uplink packet_addresses(enum who who)
{
	struct bl_uplink value = {0};

	cr_assert_eq(inet_pton(AF_INET, address_of(who, 4), value.ipv4.ipv4), 1);
	cr_assert_eq(inet_pton(AF_INET6, address_of(who, 6), value.ipv6.ipv6), 1);
	return value;
}

void packet_uplink(uint32_t ifindex, const struct bl_uplink *value)
{
	put("uplinks", &ifindex, value);
}

void packet_peer(const char *text, uint32_t bits)
{
	struct bl_dsr_peer_key key = {.prefixlen = 32 + bits};
	const struct bl_dsr_peer value = {.admitted = 1};
	bool is_ipv6 = strchr(text, ':') != NULL;

	key.family = is_ipv6 ? BL_FAMILY_IPV6 : BL_FAMILY_IPV4;
	cr_assert_eq(inet_pton(is_ipv6 ? AF_INET6 : AF_INET, text, &key.address), 1);
	put("dsr_peers", &key, &value);
}

void packet_put_all(const char *map, uint32_t count, const void *values)
{
	LIBBPF_OPTS(bpf_map_batch_opts, opts);
	uint32_t *keys = calloc(count, sizeof(*keys));
	uint32_t done = count;

	cr_assert_not_null(keys);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = i;
	cr_assert_eq(bpf_map_update_batch(map_fd(map), keys, values, &done, &opts), 0,
		     "map '%s': %s", map, strerror(errno));
	cr_assert_eq(done, count);
	free(keys);
}

static void open_ports(uint8_t protocol, uint16_t port, bool is_reply)
{
	uint32_t bit = bl_packet_port_bit(protocol, port), index = bit / 64;
	struct bl_packet_port_word word;

	get("packet_ports", &index, &word);
	if (is_reply)
		word.reply |= 1ull << bit % 64;
	else
		word.destination |= 1ull << bit % 64;
	put("packet_ports", &index, &word);
}

/* And no others. */
static void open_snat_ports(const struct bl_packet_tunables *tunables)
{
	struct bl_packet_port_word *words = calloc(BL_PACKET_PORT_WORDS, sizeof(*words));

	cr_assert_not_null(words);
	for (uint32_t port = tunables->snat_first; port <= tunables->snat_last; port++) {
		uint32_t tcp = bl_packet_port_bit(IPPROTO_TCP, (uint16_t)port);
		uint32_t udp = bl_packet_port_bit(IPPROTO_UDP, (uint16_t)port);

		words[tcp / 64].destination |= 1ull << tcp % 64;
		words[udp / 64].destination |= 1ull << udp % 64;
	}
	packet_put_all("packet_ports", BL_PACKET_PORT_WORDS, words);
	free(words);
}

static void fill_node(const struct bl_packet_tunables *tunables)
{
	struct bl_uplink outer = packet_addresses(NODE), inner = packet_addresses(NODE_INNER);

	outer.flags = BL_UPLINK_F_XDP_REDIRECT;
	inner.flags = BL_UPLINK_F_XDP_REDIRECT;
	packet_peer(address_of(FAR_NODE, 4), 32);
	packet_peer(address_of(FAR_NODE, 6), 128);
	packet_uplink(uplink, &outer);
	packet_uplink(uplink_inner, &inner);
	packet_next_hops_changed();
	open_snat_ports(tunables);
}

static size_t clear(const char *map)
{
	uint8_t key[64];
	size_t count = 0;

	while (bpf_map_get_next_key(map_fd(map), NULL, key) == 0) {
		cr_assert_eq(bpf_map_delete_elem(map_fd(map), key), 0);
		count++;
	}
	return count;
}

static void clear_all(void)
{
	static const char *const names[] = {"frontends4", "frontends6", "affinity", "fragments4",
					    "fragments6", "sources4",   "sources6", "dsr_backends"};
	uint64_t *zeros = calloc((size_t)libbpf_num_possible_cpus(), sizeof(*zeros));

	cr_assert_not_null(zeros);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)clear(names[i]);
	for (uint32_t reason = 0; reason < BL_REASON_COUNT; reason++)
		put("reasons", &reason, zeros);
	packet_flows_clear();
	free(zeros);
}

/* What a test before left of its node. */
static void clear_node(void)
{
	(void)clear("uplinks");
	(void)clear("dsr_peers");
	packet_forget_guard();
}

void packet_up_with(struct bl_packet_tunables tunables)
{
	if (geteuid() != 0)
		cr_skip_test("needs root");
	make_network();
	if (programs_up(&tunables)) {
		clear_all();
		clear_node();
	}
	fill_node(&tunables);
}

void packet_up(void)
{
	packet_up_with(packet_tunables());
}

void packet_down(void)
{
	programs_down();
}

void everywhere(void (*body)(void))
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		setting = &settings[i];
		body();
		clear_all();
	}
}

uint32_t packet_service(void)
{
	return ++last_service;
}

uint32_t packet_backend(uint32_t service_id, enum who who, uint16_t port)
{
	struct bl_backend backend = {
		.port = htons(port),
		.family = setting->family == 4 ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6,
		.state = BL_BACKEND_READY,
		.generation = 1,
		.service_id = service_id,
		.weight = 100,
	};
	uint32_t id = ++last_backend;

	if (who == LOCAL_POD || who == OTHER_POD || who == NODE)
		backend.flags = BL_BACKEND_F_LOCAL;
	cr_assert_eq(inet_pton(setting->family == 4 ? AF_INET : AF_INET6,
			       address_of(who, setting->family), &backend.address),
		     1);
	put("backends", &id, &backend);
	open_ports((uint8_t)setting->protocol, port, true);
	return id;
}

void packet_backend_state(uint32_t backend_id, enum bl_backend_state state)
{
	struct bl_backend backend;

	get("backends", &backend_id, &backend);
	backend.state = (uint8_t)state;
	put("backends", &backend_id, &backend);
}

struct bl_slot_range packet_slots(const uint32_t *backend_ids, uint32_t count)
{
	struct bl_slot_range range = {.first = last_slot, .count = count};

	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = last_slot / BL_SLOT_BLOCK;
		struct bl_slot_block block;

		get("slots", &at, &block);
		block.slots[last_slot++ % BL_SLOT_BLOCK].backend_id = backend_ids[i];
		put("slots", &at, &block);
	}
	return range;
}

struct bl_slot_range packet_maglev(const uint32_t *backend_ids, uint32_t count, uint32_t size)
{
	struct bl_slot_range range = {.first = last_maglev, .count = size};

	for (uint32_t i = 0; i < size; i++) {
		uint32_t at = last_maglev / BL_MAGLEV_BLOCK;
		struct bl_maglev_block block;

		get("maglev", &at, &block);
		block.entries[last_maglev++ % BL_MAGLEV_BLOCK].backend_id = backend_ids[i % count];
		put("maglev", &at, &block);
	}
	return range;
}

void packet_frontend(enum who who, uint16_t port, const struct bl_frontend *frontend)
{
	bool is_address = port == 0;
	uint8_t protocol = is_address ? 0 : (uint8_t)setting->protocol;
	struct bl_frontend4_key key4 = {.port = htons(port), .protocol = protocol};
	struct bl_frontend6_key key6 = {.port = htons(port), .protocol = protocol};
	const char *text = address_of(who, setting->family);

	if (setting->family == 4) {
		cr_assert_eq(inet_pton(AF_INET, text, key4.address), 1);
		put("frontends4", &key4, frontend);
	} else {
		cr_assert_eq(inet_pton(AF_INET6, text, key6.address), 1);
		put("frontends6", &key6, frontend);
	}
	if (!is_address)
		open_ports(protocol, port, false);
}

uint32_t packet_serve(enum who who, uint16_t port, uint16_t flags, const enum who *backends,
		      uint32_t count, uint32_t *ret_backend_ids)
{
	struct bl_frontend frontend = {.service_id = packet_service(), .flags = flags};
	uint32_t ids[16];

	cr_assert_leq(count, 16);
	for (uint32_t i = 0; i < count; i++) {
		ids[i] = packet_backend(frontend.service_id, backends[i], POD_PORT);
		if (ret_backend_ids)
			ret_backend_ids[i] = ids[i];
	}
	frontend.external = packet_slots(ids, count);
	frontend.affinity_timeout_s = flags & BL_FRONTEND_F_AFFINITY ? 3600 : 0;
	packet_frontend(who, port, &frontend);
	return frontend.service_id;
}

void packet_admit(uint32_t service_id, const char *text, uint32_t bits)
{
	struct bl_source4_key key4 = {.prefixlen = 32 + bits, .service_id = service_id};
	struct bl_source6_key key6 = {.prefixlen = 32 + bits, .service_id = service_id};
	struct bl_source_range value = {.admitted = 1};

	if (inet_pton(AF_INET, text, key4.address) == 1) {
		put("sources4", &key4, &value);
		return;
	}
	cr_assert_eq(inet_pton(AF_INET6, text, key6.address), 1);
	put("sources6", &key6, &value);
}

void packet_next_hops_changed(void)
{
	struct bl_packet_state state;
	uint32_t zero = 0;

	get("packet_state", &zero, &state);
	state.next_hop_generation += 2;
	put("packet_state", &zero, &state);
}

void packet_dsr_backend(enum who who, uint32_t service_id, uint32_t backend_id)
{
	struct bl_dsr_key key = {.service_id = service_id,
				 .family = setting->family == 4 ? BL_FAMILY_IPV4 : BL_FAMILY_IPV6};
	struct bl_dsr_backend value = {.backend_id = backend_id};

	cr_assert_eq(inet_pton(setting->family == 4 ? AF_INET : AF_INET6,
			       address_of(who, setting->family), &key.address),
		     1);
	put("dsr_backends", &key, &value);
}

static enum verdict verdict_of(enum hook hook, uint32_t retval)
{
	if (hook == HOOK_XDP) {
		cr_assert(retval == XDP_PASS || retval == XDP_DROP || retval == XDP_TX ||
				  retval == XDP_REDIRECT,
			  "verdict %u", retval);
		if (retval == XDP_PASS || retval == XDP_DROP)
			return retval == XDP_PASS ? PASSED : DROPPED;
		return SENT;
	}
	cr_assert(retval == (uint32_t)-1 || retval == 2 || retval == 7, "verdict %u", retval);
	if (retval == 7)
		return SENT;
	return retval == 2 ? DROPPED : PASSED;
}

static uint32_t segment_size; /* 0: one packet is one */

void packet_run(enum hook hook, const uint8_t *data, size_t len, struct outcome *ret)
{
	struct xdp_md md = {.data_end = (uint32_t)len, .ingress_ifindex = uplink};
	struct __sk_buff skb = {.ifindex = uplink, .gso_size = segment_size};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = data, .data_size_in = (uint32_t)len,
		    .data_out = ret->data, .data_size_out = sizeof(ret->data));
	int fd = program_fd(hook);

	if (hook == HOOK_XDP) {
		opts.ctx_in = &md;
		opts.ctx_size_in = sizeof(md);
	} else {
		opts.ctx_in = &skb;
		opts.ctx_size_in = sizeof(skb);
	}
	cr_assert_eq(bpf_prog_test_run_opts(fd, &opts), 0, "%s: test run of %zu bytes: %s",
		     setting->name, len, strerror(errno));
	ret->verdict = verdict_of(hook, opts.retval);
	ret->len = opts.data_size_out;
	memset(&ret->seen, 0, sizeof(ret->seen));
	if (ret->verdict != DROPPED)
		frame_read(ret->data, ret->len, &ret->seen);
}

void packet_send(const struct frame *frame, struct outcome *ret)
{
	uint8_t data[FRAME_MAX];
	size_t len = frame_make(data, setting->family, setting->protocol, frame);

	packet_run(setting->hook, data, len, ret);
}

void packet_send_segments(const struct frame *frame, uint32_t size, struct outcome *ret)
{
	segment_size = size;
	packet_send(frame, ret);
	segment_size = 0;
}

void packet_leave(const struct frame *frame, struct outcome *ret)
{
	uint8_t data[FRAME_MAX];
	size_t len = frame_make(data, setting->family, setting->protocol, frame);

	packet_run(HOOK_TC_EGRESS, data, len, ret);
}

void packet_forget_guard(void)
{
	int cpus = libbpf_num_possible_cpus();
	struct bl_packet_guard *zeros = calloc((size_t)cpus, sizeof(*zeros));

	cr_assert_not_null(zeros);
	for (uint32_t i = 0; i < BL_PACKET_GUARD_COUNT; i++)
		put("packet_guard", &i, zeros);
	free(zeros);
}

struct ends packet_establish(const struct frame *first, enum who backend)
{
	bool is_local = backend == LOCAL_POD || backend == OTHER_POD;
	struct frame answer = {.from = backend, .from_port = POD_PORT, .flags = SYN | ACK};
	struct frame next = *first;
	struct outcome out;

	packet_send(first, &out);
	cr_assert_neq(out.verdict, DROPPED, "%s", setting->name);
	answer.to = is_local ? first->from : NODE_INNER;
	answer.to_port = out.seen.from_port;
	if (is_local)
		packet_leave(&answer, &out);
	else
		packet_send(&answer, &out);
	assert_ends(&out, first->to, first->to_port, first->from, first->from_port, "the answer");
	next.flags = ACK;
	packet_send(&next, &out);
	assert_ends(&out, answer.to, answer.to_port, backend, POD_PORT, "the confirmation");
	return (struct ends){address_of(backend, setting->family), POD_PORT,
			     address_of(answer.to, setting->family), answer.to_port};
}

uint64_t packet_reason(enum bl_reason reason)
{
	uint32_t key = reason;
	int cpus = libbpf_num_possible_cpus();
	uint64_t *values = calloc((size_t)cpus, sizeof(*values)), sum = 0;

	cr_assert_not_null(values);
	get("reasons", &key, values);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	free(values);
	return sum;
}

void assert_ends(const struct outcome *outcome, enum who from, uint32_t from_port, enum who to,
		 uint32_t to_port, const char *what)
{
	const struct seen *seen = &outcome->seen;

	cr_assert_null(seen->wrong, "%s, %s: wrong %s", setting->name, what, seen->wrong);
	cr_assert_str_eq(seen->from, address_of(from, setting->family), "%s, %s: source %s",
			 setting->name, what, seen->from);
	cr_assert_str_eq(seen->to, address_of(to, setting->family), "%s, %s: destination %s",
			 setting->name, what, seen->to);
	cr_assert_eq(seen->from_port, from_port, "%s, %s: source port %u, not %u", setting->name,
		     what, seen->from_port, from_port);
	cr_assert_eq(seen->to_port, to_port, "%s, %s: destination port %u, not %u", setting->name,
		     what, seen->to_port, to_port);
}

void assert_unchanged(const struct outcome *outcome, const uint8_t *data, size_t len,
		      const char *what)
{
	cr_assert_eq(outcome->verdict, PASSED, "%s, %s: not passed", setting->name, what);
	cr_assert_eq(outcome->len, len, "%s, %s: %zu bytes, not %zu", setting->name, what,
		     outcome->len, len);
	cr_assert_eq(memcmp(outcome->data, data, len), 0, "%s, %s: changed", setting->name, what);
}
