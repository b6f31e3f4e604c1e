/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/programs.h"

#include <assert.h>
#include <linux/bpf.h>

#include "base/cleanup.h"

const struct bl_program bl_programs[] = {
	{"bl_sock_release", "cgroup/sock_release", BPF_CGROUP_INET_SOCK_RELEASE, false},
	{"bl_recvmsg4", "cgroup/recvmsg4", BPF_CGROUP_UDP4_RECVMSG, false},
	{"bl_recvmsg6", "cgroup/recvmsg6", BPF_CGROUP_UDP6_RECVMSG, false},
	{"bl_getpeername4", "cgroup/getpeername4", BPF_CGROUP_INET4_GETPEERNAME, false},
	{"bl_getpeername6", "cgroup/getpeername6", BPF_CGROUP_INET6_GETPEERNAME, false},
	{"bl_post_bind4", "cgroup/post_bind4", BPF_CGROUP_INET4_POST_BIND, true},
	{"bl_post_bind6", "cgroup/post_bind6", BPF_CGROUP_INET6_POST_BIND, true},
	{"bl_sendmsg4", "cgroup/sendmsg4", BPF_CGROUP_UDP4_SENDMSG, false},
	{"bl_sendmsg6", "cgroup/sendmsg6", BPF_CGROUP_UDP6_SENDMSG, false},
	{"bl_connect4", "cgroup/connect4", BPF_CGROUP_INET4_CONNECT, false},
	{"bl_connect6", "cgroup/connect6", BPF_CGROUP_INET6_CONNECT, false},
};
const size_t bl_program_count = ARRAY_SIZE(bl_programs);
static_assert(ARRAY_SIZE(bl_programs) <= BL_PROGRAMS_MAX, "status rows hold every program");
