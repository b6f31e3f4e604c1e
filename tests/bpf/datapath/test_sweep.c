/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "datapath/features.h"
#include "datapath/kernel.h"
#include "datapath_fixture.h"

TestSuite(sweep, .init = place_up, .fini = place_down, .timeout = 600);

#define NAMESPACES 3u
#define SOCKETS 334u /* in each namespace */

/* What parent and children tell each other. */
struct stage {
	volatile uint32_t ready;
	volatile uint32_t swept;
	volatile uint32_t aborted; /* sockets that heard ECONNABORTED */
	volatile uint32_t kept;    /* sockets that went on */
};

/* Half of the stale ones are IPv6 sockets' where the frontend is. */
static struct web udp4 = {"10.96.0.1", 53, "127.0.0.1", 9053, IPPROTO_UDP, BL_BACKEND_READY, 1};
static struct web udp6 = {"fd00:10:96::1", 53, "::1", 9053, IPPROTO_UDP, BL_BACKEND_READY, 1};
static const struct web *dialled;

/* Connects to the frontend, and one more socket straight to the backend's address, which is none of
 * ours to destroy; then waits and asks each how it is. */
static int hold_sockets(void *userdata)
{
	struct stage *stage = userdata;
	int fds[SOCKETS];

	if (unshare(CLONE_NEWNET) < 0)
		return 1;
	lo_up();
	int direct = dial_keep(dialled->backend, dialled->backend_port, SOCK_DGRAM);
	if (direct < 0)
		return 2;
	for (uint32_t i = 0; i < SOCKETS; i++) {
		fds[i] = dial_keep(dialled->address, dialled->port, SOCK_DGRAM);
		if (fds[i] < 0)
			return 3;
	}
	(void)__atomic_add_fetch(&stage->ready, 1, __ATOMIC_SEQ_CST);
	while (!stage->swept)
		(void)usleep(1000);
	for (uint32_t i = 0; i < SOCKETS; i++) {
		int error = 0;
		socklen_t len = sizeof(error);

		if (getsockopt(fds[i], SOL_SOCKET, SO_ERROR, &error, &len) < 0)
			return 4;
		(void)__atomic_add_fetch(error == ECONNABORTED ? &stage->aborted : &stage->kept, 1,
					 __ATOMIC_SEQ_CST);
	}
	return send(direct, "x", 1, 0) == 1 ? 0 : 5;
}

/* On a kernel that can destroy nothing, the check says so, and the sweep counts what is left. */
static void expect_nothing_can_be_destroyed(const struct bl_err *err)
{
	_cleanup_free_ struct bl_feature *features = NULL;
	size_t count = 0;

	cr_expect(strstr(err->text, "1002 connected UDP sockets"), "%s", err->text);
	cr_assert_eq(bl_features_probe(&place, &(struct bl_device_wish){0}, &features, &count), 0);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(features[i].name, "INET_DIAG_DESTROY") == 0)
			cr_assert_not(features[i].found, "%s", err->text);
	}
	cr_skip_test("this kernel cannot destroy UDP sockets (modprobe udp_diag may help)");
}

static void hold_and_sweep(const char *method, bool netlink, const struct web *web)
{
	struct stage *stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	struct bl_kernel *kernel = (struct bl_kernel *)datapath;
	struct web gone = *web;
	struct bl_err err = {0};
	pid_t children[NAMESPACES];
	size_t destroyed = 99;
	double start;
	int r;

	cr_assert_neq(stage, MAP_FAILED);
	if (!netlink && kernel->destroy_udp_fd < 0)
		cr_skip_test("this kernel has no bpf_sock_destroy");
	if (netlink && kernel->destroy_udp_fd >= 0) {
		(void)close(kernel->destroy_udp_fd);
		kernel->destroy_udp_fd = -1;
	}
	dialled = web;
	cr_assert_eq(web_apply(datapath, web, NULL), 0);
	for (uint32_t i = 0; i < NAMESPACES; i++)
		children[i] = child_start(hold_sockets, stage);
	while (stage->ready < NAMESPACES)
		(void)usleep(1000);

	cr_assert_eq(bl_datapath_sweep_sockets(datapath, &destroyed, &err), 0, "%s", err.text);
	cr_expect_eq(destroyed, 0, "the backend still serves");

	gone.state = BL_BACKEND_GONE;
	cr_assert_eq(web_apply(datapath, &gone, NULL), 0);
	start = seconds_now();
	r = bl_datapath_sweep_sockets(datapath, &destroyed, &err);
	if (r == -ENOTSUP && kernel->destroy_udp_fd < 0)
		expect_nothing_can_be_destroyed(&err);
	cr_assert_eq(r, 0, "%s", err.text);
	printf("%s: destroyed %zu of %u sockets in %u namespaces in %.1f ms\n", method, destroyed,
	       SOCKETS * NAMESPACES, NAMESPACES, (seconds_now() - start) * 1e3);
	stage->swept = 1;
	for (uint32_t i = 0; i < NAMESPACES; i++)
		cr_expect_eq(child_wait(children[i]), 0);
	cr_expect_eq(destroyed, SOCKETS * NAMESPACES);
	cr_expect_eq(stage->aborted, SOCKETS * NAMESPACES);
	cr_expect_eq(stage->kept, 0);
}

Test(sweep, stale_sockets_of_every_namespace_are_destroyed_by_the_iterator)
{
	hold_and_sweep("bpf_sock_destroy, IPv4", false, &udp4);
	cr_assert_eq(bl_datapath_unload(&place, NULL), 0);
	hold_and_sweep("bpf_sock_destroy, IPv6", false, &udp6);
}

Test(sweep, stale_sockets_of_every_namespace_are_destroyed_over_netlink)
{
	hold_and_sweep("SOCK_DESTROY, IPv4", true, &udp4);
	cr_assert_eq(bl_datapath_unload(&place, NULL), 0);
	hold_and_sweep("SOCK_DESTROY, IPv6", true, &udp6);
}

Test(sweep, without_stale_sockets_nothing_happens)
{
	_cleanup_(bl_datapath_close) struct bl_datapath *datapath = place_open();
	struct bl_err err = {0};
	size_t destroyed = 99;
	double start = seconds_now();

	cr_assert_eq(bl_datapath_sweep_sockets(datapath, &destroyed, &err), 0, "%s", err.text);
	printf("nothing to sweep: %.1f ms\n", (seconds_now() - start) * 1e3);
	cr_expect_eq(destroyed, 0);
	cr_expect_eq(bl_datapath_sweep_sockets(datapath, NULL, NULL), 0);
}
