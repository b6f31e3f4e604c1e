/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Flows over time: choice, states, age, lost entries, backends that go, floods. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "packet_fixture.h"

TestSuite(packet_flow, .init = packet_up, .fini = packet_down);

static const enum who one_local[] = {LOCAL_POD};
static const enum who two_local[] = {LOCAL_POD, OTHER_POD};
static const enum who one_remote[] = {REMOTE_POD};

static const struct frame hello = {CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN};

static struct ends ends_of(enum who from, uint16_t from_port, enum who to, uint16_t to_port)
{
	return (struct ends){address_of(from, setting->family), from_port,
			     address_of(to, setting->family), to_port};
}

static struct bl_flow flow_of(const struct ends *ends)
{
	struct flow found = {0};

	cr_assert(packet_flow(ends, &found), "%s: no flow from %s to %s", setting->name, ends->from,
		  ends->to);
	return found.flow;
}

/* Which of LOCAL_POD and OTHER_POD a packet was given. */
static enum who given(const struct outcome *out)
{
	return strcmp(out->seen.to, address_of(LOCAL_POD, setting->family)) == 0 ? LOCAL_POD
										 : OTHER_POD;
}

static uint32_t serve_two(uint16_t flags, bool maglev, uint32_t *ids)
{
	struct bl_frontend frontend = {.service_id = packet_service(), .flags = flags};

	for (int i = 0; i < 2; i++)
		ids[i] = packet_backend(frontend.service_id, two_local[i], POD_PORT);
	frontend.external = packet_slots(ids, 2);
	frontend.affinity_timeout_s = 100;
	if (maglev) {
		frontend.algorithm = BL_ALGORITHM_MAGLEV;
		frontend.maglev = packet_maglev(ids, 2, 251);
	}
	packet_frontend(VIP, SERVICE_PORT, &frontend);
	return frontend.service_id;
}

static void random_choice(void)
{
	uint32_t ids[2], count[WHO_COUNT] = {0};

	serve_two(0, false, ids);
	for (uint16_t i = 0; i < 200; i++) {
		struct frame frame = hello;
		struct outcome out;

		frame.from_port = (uint16_t)(2000 + i);
		packet_send(&frame, &out);
		count[given(&out)]++;
		/* The flow stays where it is. */
		enum who first = given(&out);
		packet_send(&frame, &out);
		cr_assert_eq(given(&out), first);
	}
	/* Seven deviations from the half. */
	cr_assert_gt(count[LOCAL_POD], 50);
	cr_assert_gt(count[OTHER_POD], 50);
}

Test(packet_flow, flows_spread_over_backends_and_stay_where_they_are)
{
	everywhere(random_choice);
}

static void maglev_choice(void)
{
	uint32_t ids[2], count[WHO_COUNT] = {0};

	serve_two(0, true, ids);
	for (uint16_t i = 0; i < 200; i++) {
		struct ends ends = ends_of(CLIENT, (uint16_t)(2000 + i), VIP, SERVICE_PORT);
		struct frame frame = hello;
		struct outcome out;
		enum who first;

		frame.from_port = ends.from_port;
		packet_send(&frame, &out);
		first = given(&out);
		count[first]++;
		/* The flow is lost: it is as if another node received it. */
		packet_flow_delete(&ends);
		frame.flags = ACK;
		packet_send(&frame, &out);
		cr_assert_eq(given(&out), first, "%s: a lost flow moved", setting->name);
	}
	cr_assert_gt(count[LOCAL_POD], 50);
	cr_assert_gt(count[OTHER_POD], 50);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 400);
}

Test(packet_flow, maglev_finds_the_backend_of_a_lost_flow_again)
{
	everywhere(maglev_choice);
}

static void affinity(bool maglev)
{
	uint32_t ids[2];
	struct outcome out;
	enum who had;

	serve_two(BL_FRONTEND_F_AFFINITY, maglev, ids);
	packet_send(&hello, &out);
	had = given(&out);
	for (uint16_t i = 1; i < 40; i++) {
		struct frame frame = hello;

		frame.from_port = (uint16_t)(5000 + i);
		packet_send(&frame, &out);
		cr_assert_eq(given(&out), had, "%s: connection %u", setting->name, i);
	}
	cr_assert_eq(packet_reason(BL_REASON_AFFINITY_HIT), 39);
	packet_backend_state(ids[had == OTHER_POD], BL_BACKEND_GONE);
}

static void affinity_random(void)
{
	affinity(false);
}

static void affinity_maglev(void)
{
	affinity(true);
}

Test(packet_flow, client_with_affinity_gets_the_same_backend_for_every_connection)
{
	everywhere(affinity_random);
}

Test(packet_flow, client_with_affinity_gets_the_same_backend_with_maglev_too)
{
	everywhere(affinity_maglev);
}

static void states(void)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct ends back = ends_of(LOCAL_POD, POD_PORT, CLIENT, 5000);
	bool is_tcp = setting->protocol == IPPROTO_TCP;
	struct frame frame = hello,
		     answer = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = SYN | ACK};
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&frame, &out);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_NEW);
	cr_assert_eq(flow_of(&back).state, BL_FLOW_NEW);
	packet_leave(&answer, &out);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_ESTABLISHED);
	cr_assert_eq(flow_of(&back).state, BL_FLOW_ESTABLISHED);
	cr_assert_eq(flow_of(&there).packets, 1);
	cr_assert_eq(flow_of(&there).bytes,
		     (setting->family == 4 ? 20u : 40u) + (is_tcp ? 20u : 8u));
	if (!is_tcp)
		return;
	frame.flags = FIN | ACK;
	packet_send(&frame, &out);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_CLOSING);
	cr_assert_eq(flow_of(&back).state, BL_FLOW_ESTABLISHED);
	answer.flags = FIN | ACK;
	packet_leave(&answer, &out);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_CLOSED);
	cr_assert_eq(flow_of(&back).state, BL_FLOW_CLOSED);
	/* The last acknowledgement still goes through; a SYN begins anew. */
	frame.flags = ACK;
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "the last acknowledgement");
	frame.flags = SYN;
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "a new connection");
	cr_assert_eq(flow_of(&there).state, BL_FLOW_NEW);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 2);
}

Test(packet_flow, states_follow_answers_and_ends)
{
	everywhere(states);
}

static void counts(void)
{
	const struct ends client = {address_of(CLIENT, setting->family), 5000,
				    address_of(VIP, setting->family), SERVICE_PORT};
	const uint32_t size =
		(setting->family == 4 ? 20 : 40) + (setting->protocol == IPPROTO_TCP ? 20 : 8);
	struct ends answers;
	struct flow flow;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	answers = packet_establish(&hello, LOCAL_POD);
	cr_assert(packet_flow(&client, &flow));
	cr_assert_eq(flow.flow.packets, 2);
	cr_assert_eq(flow.flow.bytes, 2 * size);
	cr_assert(packet_flow(&answers, &flow));
	cr_assert_eq(flow.flow.packets, 1);
	cr_assert_eq(flow.flow.bytes, size);
}

Test(packet_flow, packets_are_counted_from_the_first_on)
{
	everywhere(counts);
}

static void reset(void)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	const struct frame refusal = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = RST | ACK};
	struct outcome out;

	if (setting->protocol != IPPROTO_TCP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	(void)packet_establish(&hello, LOCAL_POD);
	packet_leave(&refusal, &out);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "the reset itself");
	cr_assert_eq(flow_of(&there).state, BL_FLOW_CLOSED);
}

Test(packet_flow, reset_closes_both_directions)
{
	everywhere(reset);
}

static void refused(void)
{
	const struct frame refusal = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = RST | ACK};
	struct outcome out;

	if (setting->protocol != IPPROTO_TCP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&hello, &out);
	cr_assert_eq(packet_flow_count(), 2);
	packet_leave(&refusal, &out);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "the reset itself");
	cr_assert_eq(packet_flow_count(), 0);
}

Test(packet_flow, reset_instead_of_a_handshake_leaves_nothing)
{
	everywhere(refused);
}

static void confirmation(void)
{
	struct frame frame = hello, answer = {LOCAL_POD, POD_PORT,           CLIENT,
					      5000,      .flags = SYN | ACK, .sequence = 77000};
	bool is_tcp = setting->protocol == IPPROTO_TCP;
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&frame, &out);
	frame.flags = ACK;
	frame.acknowledged = 77001;
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "before any answer");
	cr_assert_eq(packet_established_count(), 0);
	packet_leave(&answer, &out);
	cr_assert_eq(packet_established_count(), 0);
	if (is_tcp) {
		/* One that guesses; and the first packet again. */
		frame.acknowledged = 77000;
		packet_send(&frame, &out);
		assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "a wrong number");
		cr_assert_eq(packet_established_count(), 0);
		packet_send(&hello, &out);
		cr_assert_eq(packet_established_count(), 0);
		/* The number where it says nothing. */
		frame.acknowledged = 77001;
		frame.flags = PSH;
		packet_send(&frame, &out);
		cr_assert_eq(packet_established_count(), 0);
		frame.flags = ACK;
	}
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "the confirmation");
	cr_assert_eq(packet_established_count(), 2);
	cr_assert_eq(packet_flow_count(), 2);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_CONFIRMED), 1);
	packet_leave(&answer, &out);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "an answer after it");
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 1);
}

Test(packet_flow, flow_is_established_once_its_client_acknowledged_an_answer)
{
	everywhere(confirmation);
}

/* What invented clients can send, with a backend that answers all of them. */
static void send_invented(uint32_t count)
{
	struct frame frame = hello, answer = {LOCAL_POD, POD_PORT, CLIENT, 0, .flags = SYN | ACK};
	struct outcome out;

	for (uint32_t i = 0; i < count; i++) {
		frame.from = i & 0x10000 ? NEIGHBOUR : STRANGER;
		frame.from_port = (uint16_t)i;
		frame.flags = SYN;
		packet_send(&frame, &out);
		if (i % 4)
			continue;
		answer.to = frame.from;
		answer.to_port = frame.from_port;
		packet_leave(&answer, &out);
		if (setting->protocol != IPPROTO_TCP)
			continue;
		frame.flags = ACK;
		frame.acknowledged = 0x80000000;
		packet_send(&frame, &out);
	}
}

static void flood_beyond(void)
{
	const uint16_t held = 64;
	const bool is_emulated = getenv("BEELINE_IN_VM");
	/* Both maps hold about 16,000 flows. */
	uint32_t count = is_emulated ? 18000 : 100000;
	struct outcome out;

	/* Emulated processors are slow: one setting of each hook and family. */
	if (is_emulated && (setting->hook == HOOK_XDP) != (setting->family == 4))
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	for (uint16_t i = 0; i < held; i++) {
		struct frame frame = hello;

		frame.from_port = (uint16_t)(20000 + i);
		(void)packet_establish(&frame, LOCAL_POD);
	}
	cr_assert_eq(packet_established_count(), 2 * held);
	send_invented(count);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_CONFIRMED), held, "%s", setting->name);
	cr_assert_eq(packet_established_count(), 2 * held, "%s: evicted", setting->name);
	for (uint16_t i = 0; i < held; i++) {
		packet_send(&(struct frame){CLIENT, (uint16_t)(20000 + i), VIP, SERVICE_PORT,
					    .flags = ACK},
			    &out);
		assert_ends(&out, CLIENT, 20000u + i, LOCAL_POD, POD_PORT, "after the flood");
	}
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW) >= count, true);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_LIMIT), 0);
}

static void up_without_guard(void)
{
	struct bl_packet_tunables tunables = packet_tunables();

	tunables.new_flows_per_s = 0;
	packet_up_with(tunables);
}

Test(packet_flood, idle_established_flows_outlive_a_flood_of_many_times_the_maps_size,
     .init = up_without_guard, .fini = packet_down)
{
	everywhere(flood_beyond);
}

static void lost_pair(bool remote)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct flow flow, kept;
	struct outcome out;
	struct ends back;

	packet_serve(VIP, SERVICE_PORT, 0, remote ? one_remote : one_local, 1, NULL);
	back = packet_establish(&hello, remote ? REMOTE_POD : LOCAL_POD);
	cr_assert(packet_flow(&back, &kept) && kept.is_established);
	/* As if it was evicted; the other one is looked after once a second. */
	packet_flow_delete(&back);
	packet_flow_age(&there, 2);
	packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = ACK}, &out);
	cr_assert(packet_flow(&back, &flow));
	cr_assert_eq(memcmp(&flow.source, &kept.source, sizeof(flow.source)), 0);
	cr_assert_eq(memcmp(&flow.destination, &kept.destination, sizeof(flow.destination)), 0);
	cr_assert_eq(flow.flow.source_port, kept.flow.source_port);
	cr_assert_eq(flow.flow.destination_port, kept.flow.destination_port);
	cr_assert_eq(flow.flow.kind, kept.flow.kind);
	cr_assert_eq(flow.flow.backend_id, kept.flow.backend_id);
}

static void lost_local(void)
{
	lost_pair(false);
}

static void lost_remote(void)
{
	lost_pair(true);
}

Test(packet_flow, lost_entry_is_made_again_from_the_other_direction)
{
	everywhere(lost_local);
	everywhere(lost_remote);
}

static void gone(void)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct frame frame = hello;
	uint32_t ids[2];
	struct outcome out;
	enum who had, now;

	serve_two(0, false, ids);
	packet_send(&frame, &out);
	had = given(&out);
	frame.flags = ACK;
	/* Terminating: the flow goes on. */
	packet_backend_state(ids[had == OTHER_POD], BL_BACKEND_TERMINATING);
	packet_flow_age(&there, 2);
	packet_send(&frame, &out);
	cr_assert_eq(given(&out), had);
	packet_backend_state(ids[had == OTHER_POD], BL_BACKEND_GONE);
	packet_flow_age(&there, 2);
	packet_serve(VIP, SERVICE_PORT, 0, had == LOCAL_POD ? &two_local[1] : &two_local[0], 1,
		     NULL);
	packet_send(&frame, &out);
	cr_assert_eq(packet_reason(BL_REASON_BACKEND_GONE), 1, "%s", setting->name);
	if (setting->protocol == IPPROTO_UDP) {
		now = given(&out);
		cr_assert_neq(now, had);
		return;
	}
	cr_assert_eq(out.verdict, SENT);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "the reset");
	cr_assert_eq(out.seen.flags, RST);
	cr_assert_eq(packet_flow_count(), 0);
}

Test(packet_flow, flow_of_a_terminating_backend_goes_on_and_of_a_gone_one_ends)
{
	everywhere(gone);
}

static void gone_established(void)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct frame frame = hello;
	uint32_t backend;
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_remote, 1, &backend);
	(void)packet_establish(&hello, REMOTE_POD);
	packet_backend_state(backend, BL_BACKEND_GONE);
	packet_flow_age(&there, 2);
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	frame.flags = ACK;
	packet_send(&frame, &out);
	cr_assert_eq(packet_reason(BL_REASON_BACKEND_GONE), 1, "%s", setting->name);
	cr_assert_eq(packet_established_count(), 0);
	if (setting->protocol == IPPROTO_UDP) {
		assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "another backend");
		return;
	}
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "the reset");
	cr_assert_eq(out.seen.flags, RST);
}

Test(packet_flow, established_flow_of_a_gone_backend_ends_in_both_directions)
{
	everywhere(gone_established);
}

static void end_of_connection(void)
{
	struct frame frame = hello,
		     answer = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = FIN | ACK};
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT), back;
	struct outcome out;

	if (setting->protocol != IPPROTO_TCP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	back = packet_establish(&hello, LOCAL_POD);
	frame.flags = FIN | ACK;
	packet_send(&frame, &out);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_CLOSING);
	cr_assert_eq(flow_of(&back).state, BL_FLOW_ESTABLISHED);
	packet_leave(&answer, &out);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_CLOSED);
	cr_assert_eq(flow_of(&back).state, BL_FLOW_CLOSED);
	/* A SYN begins anew, apart from established flows. */
	packet_send(&hello, &out);
	assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "a new connection");
	cr_assert_eq(packet_established_count(), 0);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_NEW);
}

Test(packet_flow, established_flow_that_ended_makes_room_for_the_next)
{
	everywhere(end_of_connection);
}

/* The entry of its answers is still there, and is its own. */
static void lost_entry(void)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&hello, &out);
	for (int again = 0; again < 3; again++) {
		packet_flow_delete(&there);
		packet_send(&hello, &out);
		assert_ends(&out, CLIENT, 5000, LOCAL_POD, POD_PORT, "with the port that it had");
	}
	cr_assert_eq(packet_flow_count(), 2);
}

Test(packet_flow, client_whose_entry_was_lost_keeps_its_port)
{
	everywhere(lost_entry);
}

static void handshake_that_ends(void)
{
	struct frame frame = hello,
		     answer = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = SYN | ACK};
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct outcome out;

	if (setting->protocol != IPPROTO_TCP)
		return;
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&frame, &out);
	packet_leave(&answer, &out);
	/* The acknowledgement was lost; the FIN has it too. */
	frame.flags = FIN | ACK;
	packet_send(&frame, &out);
	cr_assert_eq(packet_established_count(), 2);
	cr_assert_eq(flow_of(&there).state, BL_FLOW_CLOSING);
}

Test(packet_flow, fin_that_confirms_a_flow_begins_its_end)
{
	everywhere(handshake_that_ends);
}

static void expired(void)
{
	struct ends there = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	bool is_tcp = setting->protocol == IPPROTO_TCP;
	struct outcome out;

	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&hello, &out);
	packet_flow_age(&there, is_tcp ? 59 : 29);
	packet_send(&hello, &out);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 1);
	packet_flow_age(&there, is_tcp ? 61 : 31);
	packet_send(&hello, &out);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 2);
	packet_leave(&(struct frame){LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = SYN | ACK}, &out);
	packet_flow_age(&there, is_tcp ? 21000 : 170);
	packet_send(&hello, &out);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_NEW), 2);
}

Test(packet_flow, flow_counts_as_long_as_its_state_allows)
{
	everywhere(expired);
}

static void up_with_guard(void)
{
	struct bl_packet_tunables tunables = packet_tunables();

	tunables.new_flows_per_s = 1;
	tunables.new_flows_burst = 10;
	packet_up_with(tunables);
}

static void flood(void)
{
	struct outcome out;
	uint32_t served = 0;

	packet_forget_guard();
	packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, NULL);
	packet_send(&hello, &out);
	for (uint16_t i = 0; i < 100; i++) {
		struct frame frame = hello;

		frame.from_port = (uint16_t)(10000 + i);
		packet_send(&frame, &out);
		served += out.verdict == PASSED;
		/* What is known goes on. */
		packet_send(&hello, &out);
		cr_assert_eq(out.verdict, PASSED);
	}
	/* A test run may move between processors, of which each has its own. */
	cr_assert_lt(served, 100);
	cr_assert_geq(served, 9);
	cr_assert_eq(packet_reason(BL_REASON_FLOW_LIMIT), 100 - served);
}

Test(packet_guard, flood_of_new_flows_is_cut_off_and_known_flows_go_on, .init = up_with_guard,
     .fini = packet_down)
{
	everywhere(flood);
}

/* One client port reaches one backend by two addresses: the backend could not tell them apart. */
static void two_frontends(void)
{
	struct frame frame = hello, answer = {LOCAL_POD, POD_PORT, CLIENT, 5000, .flags = ACK};
	struct outcome out;
	uint32_t backend;
	uint16_t port;
	struct bl_frontend same = {0};

	same.service_id = packet_serve(VIP, SERVICE_PORT, 0, one_local, 1, &backend);
	same.external = packet_slots(&backend, 1);
	packet_frontend(OTHER_VIP, SERVICE_PORT, &same);
	(void)packet_establish(&hello, LOCAL_POD);
	frame.to = OTHER_VIP;
	packet_send(&frame, &out);
	cr_assert_eq(out.verdict, PASSED, "%s", setting->name);
	port = out.seen.from_port;
	cr_assert_neq(port, 5000);
	assert_ends(&out, CLIENT, port, LOCAL_POD, POD_PORT, "the second connection");
	answer.to_port = port;
	answer.flags = SYN | ACK;
	packet_leave(&answer, &out);
	assert_ends(&out, OTHER_VIP, SERVICE_PORT, CLIENT, 5000, "its answer");
	frame.flags = ACK;
	packet_send(&frame, &out);
	assert_ends(&out, CLIENT, port, LOCAL_POD, POD_PORT, "the second goes on");
	answer.to_port = 5000;
	answer.flags = ACK;
	packet_leave(&answer, &out);
	assert_ends(&out, VIP, SERVICE_PORT, CLIENT, 5000, "the first connection's answer");
	cr_assert_eq(packet_established_count(), 4);
}

Test(packet_flow, case_95_two_connections_of_one_client_port_to_one_backend_are_told_apart)
{
	everywhere(two_frontends);
}
