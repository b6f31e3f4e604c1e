/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "datapath/features.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "datapath/probe.h"

#define CONFIG_BPF "a kernel with CONFIG_BPF_SYSCALL, CONFIG_CGROUP_BPF and CONFIG_BPF_JIT"

/* To add a feature, add a row; the trial goes to a probe_*.c. */
struct row {
	const char *name;
	enum bl_feature_need need;
	const char *since;
	bl_probe_fn *probe;
	struct bl_probe_argument argument;
	const char *lost;
	const char *mend;
};

static const struct row rows[] = {
	{"kernel", BL_FEATURE_REQUIRED, "5.14", bl_probe_kernel, {0}, "everything", "Linux"},
	{"types (BTF)",
	 BL_FEATURE_REQUIRED,
	 "5.4",
	 bl_probe_file,
	 {.text = "/sys/kernel/btf/vmlinux"},
	 "programs cannot be fitted to this kernel",
	 "a kernel with CONFIG_DEBUG_INFO_BTF"},
	{"bpf file system",
	 BL_FEATURE_REQUIRED,
	 "4.4",
	 bl_probe_bpffs,
	 {0},
	 "maps and programs cannot outlive the agent",
	 "mount -t bpf bpf /sys/fs/bpf"},
	{"cgroup2",
	 BL_FEATURE_REQUIRED,
	 "4.5",
	 bl_probe_cgroup2,
	 {0},
	 "sockets cannot be told apart from those of other nodes",
	 "mount -t cgroup2 cgroup2 /sys/fs/cgroup"},
	{"cgroup links",
	 BL_FEATURE_REQUIRED,
	 "5.7",
	 bl_probe_link,
	 {0},
	 "programs cannot be attached so that they outlive the agent",
	 CONFIG_BPF},
	{"connect hooks",
	 BL_FEATURE_REQUIRED,
	 "4.17",
	 bl_probe_hooks,
	 {.text = "cgroup/connect"},
	 "no client can reach a Service; without privilege this is not known",
	 "root, or " CONFIG_BPF},
	{"sendmsg hooks",
	 BL_FEATURE_REQUIRED,
	 "4.18",
	 bl_probe_hooks,
	 {.text = "cgroup/sendmsg"},
	 "unconnected UDP sockets cannot reach a Service",
	 CONFIG_BPF},
	{"recvmsg hooks",
	 BL_FEATURE_REQUIRED,
	 "5.2",
	 bl_probe_hooks,
	 {.text = "cgroup/recvmsg"},
	 "UDP answers show the pod's address, which resolvers drop",
	 CONFIG_BPF},
	{"getpeername hooks",
	 BL_FEATURE_REQUIRED,
	 "5.8",
	 bl_probe_hooks,
	 {.text = "cgroup/getpeername"},
	 "getpeername shows the pod's address instead of the dialled one",
	 CONFIG_BPF},
	{"bind hooks",
	 BL_FEATURE_REQUIRED,
	 "4.17",
	 bl_probe_hooks,
	 {.text = "cgroup/post_bind"},
	 "a program on this node may take the port of a NodePort",
	 CONFIG_BPF},
	{"release hook",
	 BL_FEATURE_REQUIRED,
	 "5.9",
	 bl_probe_hooks,
	 {.text = "cgroup/sock_release"},
	 "live connections cannot be counted",
	 CONFIG_BPF},
	{"bpf_set_retval",
	 BL_FEATURE_REQUIRED,
	 "5.18",
	 bl_probe_helper,
	 {.number = BPF_FUNC_set_retval},
	 "a frontend without endpoints answers EPERM instead of ECONNREFUSED",
	 "Linux 5.18"},
	{"socket storage",
	 BL_FEATURE_REQUIRED,
	 "5.8",
	 bl_probe_helper,
	 {.number = BPF_FUNC_sk_storage_get},
	 "a socket cannot remember what it dialled",
	 CONFIG_BPF},
	{"namespace cookie",
	 BL_FEATURE_REQUIRED,
	 "5.14",
	 bl_probe_netns_cookie,
	 {0},
	 "127.0.0.1 of this node cannot be told from a pod's",
	 "Linux 5.14"},
	{"namespace cookie in hooks",
	 BL_FEATURE_REQUIRED,
	 "5.7",
	 bl_probe_helper,
	 {.number = BPF_FUNC_get_netns_cookie},
	 "127.0.0.1 of this node cannot be told from a pod's",
	 "Linux 5.7"},
	{"mapped arrays",
	 BL_FEATURE_REQUIRED,
	 "5.5",
	 bl_probe_mmap,
	 {0},
	 "endpoints cannot be written",
	 "Linux 5.5"},
	{"LRU hash maps",
	 BL_FEATURE_REQUIRED,
	 "4.10",
	 bl_probe_map_type,
	 {.number = BPF_MAP_TYPE_LRU_HASH},
	 "no session affinity",
	 CONFIG_BPF},
	{"batch calls",
	 BL_FEATURE_OPTIONAL,
	 "5.6",
	 bl_probe_batch,
	 {0},
	 "frontends are written one by one, which is slower",
	 "Linux 5.6"},
	{"socket storage iterator",
	 BL_FEATURE_OPTIONAL,
	 "5.9",
	 bl_probe_iterator,
	 {.text = "bpf_sk_storage_map"},
	 "connected UDP sockets whose backend is gone are not found; their programs wait",
	 "Linux 5.9"},
	{"bpf_sock_destroy",
	 BL_FEATURE_OPTIONAL,
	 "6.5",
	 bl_probe_sock_destroy,
	 {0},
	 "stale UDP sockets are destroyed over netlink, which is slower",
	 "Linux 6.5"},
	{"INET_DIAG_DESTROY",
	 BL_FEATURE_OPTIONAL,
	 "4.5",
	 bl_probe_diag_destroy,
	 {0},
	 "where bpf_sock_destroy is missing too, stale UDP sockets keep a backend that is gone",
	 "modprobe udp_diag, or a kernel with CONFIG_INET_DIAG_DESTROY and "
	 "CONFIG_INET_UDP_DIAG"},
	{"ring buffer",
	 BL_FEATURE_OPTIONAL,
	 "5.8",
	 bl_probe_map_type,
	 {.number = BPF_MAP_TYPE_RINGBUF},
	 "events cannot be watched",
	 "Linux 5.8"},
	{"memory for maps",
	 BL_FEATURE_OPTIONAL,
	 "5.11",
	 bl_probe_memory,
	 {0},
	 "RLIMIT_MEMLOCK bounds maps; the loader raises it when it may",
	 "Linux 5.11, or LimitMEMLOCK=infinity"},
	{"JIT",
	 BL_FEATURE_OPTIONAL,
	 "3.18",
	 bl_probe_jit,
	 {0},
	 "programs are interpreted and several times slower",
	 "sysctl net.core.bpf_jit_enable=1, or a kernel with CONFIG_BPF_JIT"},
	{"run statistics",
	 BL_FEATURE_OPTIONAL,
	 "5.8",
	 bl_probe_statistics,
	 {0},
	 "how often programs ran is known only with sysctl kernel.bpf_stats_enabled=1",
	 "Linux 5.8"},
	{"no unprivileged bpf",
	 BL_FEATURE_OPTIONAL,
	 "4.4",
	 bl_probe_unprivileged,
	 {0},
	 "any user of this machine may load programs",
	 "sysctl kernel.unprivileged_bpf_disabled=1"},
	{"IPv6",
	 BL_FEATURE_OPTIONAL,
	 "2.6",
	 bl_probe_ipv6,
	 {0},
	 "IPv6 frontends serve nobody",
	 "a kernel with CONFIG_IPV6, and no ipv6.disable=1"},
};

static const struct row packet_rows[] = {
	{"XDP programs",
	 BL_FEATURE_REQUIRED,
	 "5.9",
	 bl_probe_xdp,
	 {0},
	 "clients outside are not served: the programs of XDP and tc are loaded together",
	 CONFIG_BPF},
	{"tc programs",
	 BL_FEATURE_REQUIRED,
	 "4.5",
	 bl_probe_tc,
	 {0},
	 "answers of local pods leave under the pod's address",
	 "modprobe sch_ingress cls_bpf, or a kernel with CONFIG_NET_SCH_INGRESS and "
	 "CONFIG_NET_CLS_BPF"},
	{"bpf_fib_lookup",
	 BL_FEATURE_REQUIRED,
	 "4.18",
	 bl_probe_packet_helper,
	 {.text = "xt", .number = BPF_FUNC_fib_lookup},
	 "the way to pods of other nodes is not known",
	 "Linux 4.18"},
	{"bpf_redirect",
	 BL_FEATURE_REQUIRED,
	 "4.8",
	 bl_probe_packet_helper,
	 {.text = "xt", .number = BPF_FUNC_redirect},
	 "packets cannot leave by another device",
	 "Linux 4.8"},
	{"bpf_xdp_load_bytes",
	 BL_FEATURE_REQUIRED,
	 "5.18",
	 bl_probe_packet_helper,
	 {.text = "x", .number = BPF_FUNC_xdp_load_bytes},
	 "headers of long packets cannot be read",
	 "Linux 5.18"},
	{"bpf_xdp_adjust_tail",
	 BL_FEATURE_REQUIRED,
	 "4.18",
	 bl_probe_packet_helper,
	 {.text = "x", .number = BPF_FUNC_xdp_adjust_tail},
	 "nobody can be refused by RST or ICMP",
	 "Linux 4.18"},
	{"bpf_skb_adjust_room",
	 BL_FEATURE_REQUIRED,
	 "4.13",
	 bl_probe_packet_helper,
	 {.text = "t", .number = BPF_FUNC_skb_adjust_room},
	 "direct server return cannot wrap packets",
	 "Linux 4.13"},
	{"bpf_ktime_get_coarse_ns",
	 BL_FEATURE_REQUIRED,
	 "5.11",
	 bl_probe_packet_helper,
	 {.text = "xt", .number = BPF_FUNC_ktime_get_coarse_ns},
	 "flows do not age",
	 "Linux 5.11"},
	{"LPM tries",
	 BL_FEATURE_REQUIRED,
	 "4.11",
	 bl_probe_map_type,
	 {.number = BPF_MAP_TYPE_LPM_TRIE},
	 "no loadBalancerSourceRanges",
	 CONFIG_BPF},
	{"per-CPU arrays",
	 BL_FEATURE_REQUIRED,
	 "4.6",
	 bl_probe_map_type,
	 {.number = BPF_MAP_TYPE_PERCPU_ARRAY},
	 "nothing is counted",
	 CONFIG_BPF},
	{"packet programs",
	 BL_FEATURE_REQUIRED,
	 "5.18",
	 bl_probe_packet_programs,
	 {0},
	 "clients outside are not served",
	 "Linux 6.1; report the verifier's words"},
	{"drivers' features",
	 BL_FEATURE_OPTIONAL,
	 "6.3",
	 bl_probe_netdev_family,
	 {0},
	 "packets never go from one device to another in XDP, but through the stack",
	 "Linux 6.3"},
};

static const struct {
	const char *name;
	enum bl_feature_need need;
	const char *since;
	bl_probe_device_fn *probe;
	const char *lost;
	const char *mend;
} device_rows[] = {
	{"there", BL_FEATURE_REQUIRED, "2.6", bl_probe_device_there,
	 "its packets are served as soon as it is there",
	 "ip link; a name that is right, or the device"},
	{"Ethernet", BL_FEATURE_REQUIRED, "2.6", bl_probe_device_ethernet,
	 "the agent leaves the device alone",
	 "another device: tunnels without Ethernet headers, as WireGuard's, are not served"},
	{"free for XDP", BL_FEATURE_REQUIRED, "4.8", bl_probe_device_free,
	 "the agent leaves the device alone",
	 "ip link set dev NAME xdp off, when no link holds the program; or --xdp-mode tc"},
	{"native XDP", BL_FEATURE_OPTIONAL, "4.8", bl_probe_device_native,
	 "if the driver refuses, the device is served at tc, which is slower", "a driver with XDP"},
	{"sends for XDP", BL_FEATURE_OPTIONAL, "6.3", bl_probe_device_transmit,
	 "packets that come in by other devices leave by this one through the stack",
	 "a driver that does"},
	{"leaves VLAN tags", BL_FEATURE_OPTIONAL, "2.6", bl_probe_device_tags,
	 "XDP takes frames of VLANs for frames without, and answers them so",
	 "ethtool -K NAME rxvlan off, where VLANs come in by the device"},
	{"room at tc", BL_FEATURE_REQUIRED, "4.5", bl_probe_device_tc,
	 "the agent leaves the device alone", "tc filter show dev NAME ingress, and egress"},
};

static void say_why(int r, struct bl_feature *ret)
{
	ret->found = r == 0;
	if (r == 0 || ret->detail[0])
		return;
	errno = -r;
	(void)snprintf(ret->detail, sizeof(ret->detail), "%m");
}

static void probe_row(const struct bl_datapath_config *config, const struct row *row,
		      struct bl_feature *ret)
{
	*ret = (struct bl_feature){
		.name = row->name,
		.need = row->need,
		.since = row->since,
		.lost = row->lost,
		.mend = row->mend,
	};
	say_why(row->probe(config, &row->argument, ret->detail), ret);
}

static bool probe_device(const struct bl_device_wish *wish, const char *name, size_t i,
			 struct bl_feature *ret)
{
	*ret = (struct bl_feature){
		.name = device_rows[i].name,
		.need = device_rows[i].need,
		.since = device_rows[i].since,
		.lost = device_rows[i].lost,
		.mend = device_rows[i].mend,
	};
	(void)snprintf(ret->device, sizeof(ret->device), "%s", name);
	say_why(device_rows[i].probe(wish, name, ret->detail), ret);
	return ret->found;
}

/* Of a device that is not there nothing else is asked. */
static size_t probe_rows(const struct bl_device_wish *wish, const char *name,
			 struct bl_feature *ret)
{
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_SIZE(device_rows); i++)
		if (!probe_device(wish, name, i, &ret[count++]) && i == 0)
			break;
	return count;
}

static int stay_silent(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

int bl_features_probe(const struct bl_datapath_config *config, const struct bl_device_wish *wish,
		      struct bl_feature **ret_items, size_t *ret_count)
{
	size_t packet_count = wish->count ? ARRAY_SIZE(packet_rows) : 0;
	struct bl_feature *items =
		calloc(ARRAY_SIZE(rows) + packet_count + wish->count * ARRAY_SIZE(device_rows),
		       sizeof(*items));
	libbpf_print_fn_t print_before;
	size_t count = 0;

	if (!items)
		return -ENOMEM;
	print_before = libbpf_set_print(stay_silent);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		probe_row(config, &rows[i], &items[count++]);
	for (size_t i = 0; i < packet_count; i++)
		probe_row(config, &packet_rows[i], &items[count++]);
	for (size_t k = 0; k < wish->count; k++)
		count += probe_rows(wish, wish->names[k], &items[count]);
	(void)libbpf_set_print(print_before);
	*ret_items = items;
	*ret_count = count;
	return 0;
}
