/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICMP errors about translated flows, both ways, and echo. */
#include <stdlib.h>
#include <string.h>

#include "packet_fixture.h"

TestSuite(packet_icmp, .init = packet_up, .fini = packet_down);

static const enum who one_local[] = {LOCAL_POD};
static const enum who one_remote[] = {REMOTE_POD};

static struct ends ends_of(enum who from, uint16_t from_port, enum who to, uint16_t to_port)
{
	return (struct ends){address_of(from, setting->family), from_port,
			     address_of(to, setting->family), to_port};
}

struct error {
	enum hook hook;
	enum who reporter;
	enum who to;
	struct ends inner;
};

/* "Too big": the one that path MTU discovery lives on. */
static void report(const struct error *error, struct outcome *ret)
{
	bool is_ipv4 = setting->family == 4;
	uint8_t data[FRAME_MAX];
	size_t len =
		frame_make_error(data, setting->family, setting->protocol, error->reporter,
				 error->to, &error->inner, is_ipv4 ? 3 : 2, is_ipv4 ? 4 : 0, 1280);

	packet_run(error->hook, data, len, ret);
}

static void assert_error(const struct outcome *out, enum verdict verdict, enum who reporter,
			 enum who to, const struct ends *inner)
{
	struct seen quoted;

	cr_assert_eq(out->verdict, verdict, "%s: verdict %d", setting->name, out->verdict);
	assert_ends(out, reporter, 0, to, 0, "the error");
	cr_assert_eq(out->seen.mtu, 1280);
	frame_read_inner(out->data, out->len, &quoted);
	cr_assert_null(quoted.wrong, "%s: quoted: wrong %s", setting->name, quoted.wrong);
	cr_assert_str_eq(quoted.from, inner->from, "%s", setting->name);
	cr_assert_str_eq(quoted.to, inner->to, "%s", setting->name);
	cr_assert_eq(quoted.from_port, inner->from_port);
	cr_assert_eq(quoted.to_port, inner->to_port);
	cr_assert_eq(packet_reason(BL_REASON_ICMP_TRANSLATED), 1);
}

static void open_flow(const enum who *backend, struct outcome *out)
{
	packet_serve(VIP, SERVICE_PORT, 0, backend, 1, NULL);
	packet_send(&(struct frame){CLIENT, 5000, VIP, SERVICE_PORT, .flags = SYN}, out);
}

/* A router beyond the client's side: the pod's answer, as it left, was too big. */
static void about_answer_of_local(void)
{
	struct ends pod = ends_of(LOCAL_POD, POD_PORT, CLIENT, 5000);
	struct error error = {setting->hook, ROUTER, VIP, ends_of(VIP, SERVICE_PORT, CLIENT, 5000)};
	struct outcome out;

	open_flow(one_local, &out);
	report(&error, &out);
	assert_error(&out, PASSED, ROUTER, LOCAL_POD, &pod);
}

Test(packet_icmp, error_about_a_local_pods_answer_reaches_the_pod)
{
	everywhere(about_answer_of_local);
}

static void about_answer_of_remote(void)
{
	struct error error = {setting->hook, ROUTER, VIP, ends_of(VIP, SERVICE_PORT, CLIENT, 5000)};
	struct ends pod = ends_of(REMOTE_POD, POD_PORT, NODE_INNER, 0);
	struct outcome out;

	open_flow(one_remote, &out);
	pod.to_port = out.seen.from_port;
	report(&error, &out);
	assert_error(&out, SENT, NODE_INNER, REMOTE_POD, &pod);
}

Test(packet_icmp, error_about_a_remote_pods_answer_reaches_the_pod)
{
	everywhere(about_answer_of_remote);
}

static void about_request_sent_on(void)
{
	struct ends dialled = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct error error = {setting->hook, FAR_NODE, NODE_INNER,
			      ends_of(NODE_INNER, 0, REMOTE_POD, POD_PORT)};
	struct outcome out;

	open_flow(one_remote, &out);
	error.inner.from_port = out.seen.from_port;
	report(&error, &out);
	assert_error(&out, SENT, FAR_NODE, CLIENT, &dialled);
}

Test(packet_icmp, error_about_a_request_that_was_sent_on_reaches_the_client)
{
	everywhere(about_request_sent_on);
}

static void from_remote_pod(void)
{
	struct ends dialled = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct error error = {setting->hook, REMOTE_POD, NODE_INNER,
			      ends_of(NODE_INNER, 0, REMOTE_POD, POD_PORT)};
	struct outcome out;

	open_flow(one_remote, &out);
	error.inner.from_port = out.seen.from_port;
	report(&error, &out);
	assert_error(&out, SENT, VIP, CLIENT, &dialled);
}

Test(packet_icmp, case_95_error_of_a_remote_pod_itself_comes_from_the_frontend)
{
	everywhere(from_remote_pod);
}

static void from_local_pod(void)
{
	struct ends dialled = ends_of(CLIENT, 5000, VIP, SERVICE_PORT);
	struct error error = {HOOK_TC_EGRESS, LOCAL_POD, CLIENT,
			      ends_of(CLIENT, 5000, LOCAL_POD, POD_PORT)};
	struct outcome out;

	open_flow(one_local, &out);
	report(&error, &out);
	assert_error(&out, PASSED, VIP, CLIENT, &dialled);
}

Test(packet_icmp, case_95_error_of_a_local_pod_comes_from_the_frontend)
{
	everywhere(from_local_pod);
}

static void foreign_error(void)
{
	struct ends inner = ends_of(CLIENT, 5000, FOREIGN, 22);
	uint8_t data[FRAME_MAX];
	size_t len = frame_make_error(data, setting->family, setting->protocol, ROUTER, NODE,
				      &inner, setting->family == 4 ? 3 : 1, 1, 0);
	struct outcome out;

	open_flow(one_local, &out);
	/* Also when it is cut off anywhere. */
	for (size_t cut = len; cut > 60; cut--) {
		packet_run(setting->hook, data, cut, &out);
		assert_unchanged(&out, data, cut, "a foreign error");
		packet_run(HOOK_TC_EGRESS, data, cut, &out);
		assert_unchanged(&out, data, cut, "a foreign error");
	}
	cr_assert_eq(packet_reason(BL_REASON_ICMP_TRANSLATED), 0);
}

Test(packet_icmp, error_about_no_flow_is_left_alone)
{
	everywhere(foreign_error);
}

static void up_with_echo(void)
{
	struct bl_packet_tunables tunables = packet_tunables();

	tunables.answer_echo = 1;
	packet_up_with(tunables);
}

static void echo(bool is_answered)
{
	struct bl_frontend address = {.flags = BL_FRONTEND_F_VIRTUAL};
	uint8_t data[FRAME_MAX];
	size_t len = frame_make_echo(data, setting->family, CLIENT, VIP);
	struct outcome out;

	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "echo to no virtual address");
	packet_frontend(VIP, 0, &address);
	packet_run(setting->hook, data, len, &out);
	assert_unchanged(&out, data, len, "echo to an address where nothing is ready");
	address.external.count = 1;
	packet_frontend(VIP, 0, &address);
	packet_run(setting->hook, data, len, &out);
	if (!is_answered) {
		assert_unchanged(&out, data, len, "echo that is not to be answered");
		return;
	}
	cr_assert_eq(out.verdict, SENT);
	assert_ends(&out, VIP, 0, CLIENT, 0, "echo");
	cr_assert_eq(out.seen.icmp_type, setting->family == 4 ? 0 : 129);
	cr_assert_eq(out.len, len);
	cr_assert_eq(memcmp(out.data + out.seen.payload + 4, data + out.seen.payload + 4,
			    len - out.seen.payload - 4),
		     0);
}

static void echo_answered(void)
{
	echo(true);
}

static void echo_not_answered(void)
{
	echo(false);
}

Test(packet_echo, virtual_address_with_a_ready_endpoint_answers_when_asked_for,
     .init = up_with_echo, .fini = packet_down)
{
	everywhere(echo_answered);
}

Test(packet_icmp, echo_is_left_alone_by_default)
{
	everywhere(echo_not_answered);
}
