/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of commands and of their options: help, man page and completion follow from it. */
#include <stdint.h>
#include <string.h>

#include "cli/cli.h"

const struct bl_option bl_client_options[] = {
	{"socket", 's', BL_OPTION_STRING, "PATH",
	 "socket of the agent (BEELINE_SOCKET, /run/beeline.sock)"},
	{NULL},
};

const struct bl_option bl_agent_options[] = {
	{"config", 'c', BL_OPTION_STRING, "FILE",
	 "YAML file with options by their long names; those of the command line come first"},
	{"node-name", 0, BL_OPTION_STRING, "NAME", "name of this node (the host name)"},
	{"cgroup", 0, BL_OPTION_STRING, "DIR",
	 "cgroup whose sockets are served (root of the cgroup2 mount)"},
	{"bpffs", 0, BL_OPTION_STRING, "DIR", "where to pin (/sys/fs/bpf/beeline)"},
	{"state-dir", 0, BL_OPTION_STRING, "DIR", "what is kept over restarts (/var/lib/beeline)"},
	{"service-cidr", 0, BL_OPTION_LIST, "NETWORK",
	 "where ClusterIPs come from, one of each family, the first leads (10.96.0.0/16 and "
	 "fd00:10:96::/112)"},
	{"node-port-range", 0, BL_OPTION_STRING, "FIRST-LAST",
	 "where NodePorts come from (30000-32767)"},
	{"canary-address", 0, BL_OPTION_STRING, "ADDRESS",
	 "loopback address that proves the hooks (127.254.254.254)"},
	{"canary-port", 0, BL_OPTION_INT, "PORT", "and its port (9)", 1, 65535},
	{"allow-bind-node-ports", 0, BL_OPTION_FLAG, NULL,
	 "let programs bind ports that are NodePorts"},
	{"no-peer-names", 0, BL_OPTION_FLAG, NULL,
	 "let getpeername() of TCP sockets show the pod, not the address that was dialled"},
	{"device", 0, BL_OPTION_LIST, "NAME",
	 "serve clients outside the node whose packets come in by this network device; it may come "
	 "and go"},
	{"xdp-mode", 0, BL_OPTION_ENUM, "native|generic|tc",
	 "where the devices' programs run: in the driver (tc where the driver cannot), behind it, "
	 "or "
	 "at tc (native)"},
	{"snat-ports", 0, BL_OPTION_STRING, "FIRST-LAST",
	 "ports of this node for what is sent on to other nodes (61000-65535)"},
	{"forwarding-mode", 0, BL_OPTION_ENUM, "snat|dsr",
	 "how packets get to pods on other nodes: under this node's address, or encapsulated so "
	 "that "
	 "the pod answers the client itself; Services may choose with the annotation "
	 "beeline.dev/forwarding-mode (snat)"},
	{"dsr-peer", 0, BL_OPTION_LIST, "NETWORK",
	 "take encapsulated packets from nodes in this network, too; else only from the addresses "
	 "of Nodes that are known"},
	{"lb-algorithm", 0, BL_OPTION_ENUM, "random|maglev",
	 "how a pod is chosen for a client outside; Services may choose with the annotation "
	 "beeline.dev/lb-algorithm (random)"},
	{"maglev-entries", 0, BL_OPTION_INT, "NUMBER",
	 "room for Maglev tables when the maps are made: 251 entries a Service port of up to 5 "
	 "pods, 1021 up to 20, 8191 up to 163, else 65521 (2097152)",
	 1024, 1 << 28},
	{"node-port-addresses", 0, BL_OPTION_LIST, "NETWORK",
	 "have NodePorts only at addresses in these networks, and at loopback ones"},
	{"cluster-ip-from-outside", 0, BL_OPTION_FLAG, NULL,
	 "let clients outside reach ClusterIPs"},
	{"source-ranges-for-node-ports", 0, BL_OPTION_FLAG, NULL,
	 "hold loadBalancerSourceRanges against clients of NodePorts, too"},
	{"load-balancer-pool", 0, BL_OPTION_LIST, "NETWORK",
	 "give Services of type LoadBalancer addresses of these networks, and answer ARP and "
	 "neighbour discovery for them on the devices; of several nodes on a link one does"},
	{"load-balancer-pool-shared", 0, BL_OPTION_FLAG, NULL,
	 "other agents read the same manifests: give addresses by the names of all Services alone, "
	 "so that every agent gives the same"},
	{"no-announce", 0, BL_OPTION_FLAG, NULL,
	 "leave ARP and neighbour discovery for the pool alone: routes lead here"},
	{"answer-echo", 0, BL_OPTION_FLAG, NULL,
	 "answer pings to virtual addresses with a ready endpoint"},
	{NULL},
};

static const struct bl_option dns_options[] = {
	{"dns", 0, BL_OPTION_FLAG, NULL,
	 "answer for the cluster's names, also as Service kube-system/kube-dns"},
	{"cluster-domain", 0, BL_OPTION_STRING, "NAME",
	 "domain of the cluster's names (cluster.local)"},
	{"dns-listen", 0, BL_OPTION_LIST, "ADDRESS[:PORT]",
	 "where DNS is answered (port 10053 of 127.0.0.1 and of the node's first address)"},
	{"dns-upstream", 0, BL_OPTION_LIST, "ADDRESS[:PORT]",
	 "whom to ask for other names (the servers of /etc/resolv.conf)"},
	{"dns-allow", 0, BL_OPTION_LIST, "NETWORK", "who may ask, besides this node and its pods"},
	{NULL},
};

static const struct bl_option run_options[] = {
	{"manifests", 'm', BL_OPTION_STRING, "DIR", "folder of manifests to follow"},
	{"kubeconfig", 0, BL_OPTION_STRING, "FILE",
	 "follow the cluster of this kubeconfig's current context instead of manifests"},
	{"context", 0, BL_OPTION_STRING, "NAME", "or of this context"},
	{"in-cluster", 0, BL_OPTION_FLAG, NULL,
	 "follow the cluster that this pod runs in, as its service account"},
	{"api-server", 0, BL_OPTION_STRING, "URL",
	 "address of the cluster's API server, so that its Service is not needed to reach it"},
	{"lease-namespace", 0, BL_OPTION_STRING, "NAMESPACE",
	 "where the Leases of a cluster's load-balancer addresses are (kube-system)"},
	{"lease-duration", 0, BL_OPTION_INT, "SECONDS",
	 "how long a node of the cluster may be silent before others take its addresses over (10)",
	 5, 3600},
	{"announce-interval", 0, BL_OPTION_INT, "SECONDS",
	 "how often a node tells its links of the load-balancer addresses that it answers for; "
	 "after "
	 "three times without a word another takes over (2)",
	 1, 60},
	{"on-stop", 0, BL_OPTION_ENUM, "release|keep",
	 "what a clean stop does with load-balancer addresses that this node answers for: release "
	 "them for another node to take at once, or keep them for an agent that starts here soon "
	 "(release)"},
	{"dry-run", 0, BL_OPTION_FLAG, NULL, "do everything but touch the kernel; needs no root"},
	{"no-probes", 0, BL_OPTION_FLAG, NULL,
	 "do not probe the pods of this node: somebody else writes their conditions"},
	{"api-listen", 0, BL_OPTION_LIST, "ADDRESS:PORT",
	 "serve the API there, too, as plain HTTP: for kubectl; whoever reaches the port may "
	 "change "
	 "everything, so the address is a loopback one"},
	{"health-listen", 0, BL_OPTION_LIST, "ADDRESS:PORT",
	 "serve /healthz, /livez, /readyz and /metrics there to everybody, as kube-proxy does at "
	 "port 10256"},
	{"api-open-to-network", 0, BL_OPTION_FLAG, NULL, "let --api-listen take other addresses"},
	{"cri-socket", 0, BL_OPTION_STRING, "PATH",
	 "socket of containerd or CRI-O, which runs the exec probes of its containers"},
	{NULL},
};

static const struct bl_option dry_run_options[] = {
	{"dry-run", 0, BL_OPTION_FLAG, NULL, "do everything but touch the kernel; needs no root"},
	{NULL},
};

static const struct bl_option files_options[] = {
	{"filename", 'f', BL_OPTION_FILE, "FILE", "manifests: file, folder or '-'"},
	{NULL},
};

static const struct bl_option check_options[] = {
	{"output", 'o', BL_OPTION_ENUM, "json", "form of the output"},
	{NULL},
};

/* Of all that name objects. */
static const struct bl_option namespace_options[] = {
	{"namespace", 'n', BL_OPTION_STRING, "NAMESPACE", "namespace of the objects (default)"},
	{NULL},
};

static const struct bl_option get_options[] = {
	{"all-namespaces", 'A', BL_OPTION_FLAG, NULL, "objects of all namespaces"},
	{"selector", 'l', BL_OPTION_STRING, "SELECTOR",
	 "only objects with these labels: a=b, a!=b, 'a in (b,c)', a, '!a', joined by commas"},
	{"field-selector", 0, BL_OPTION_STRING, "SELECTOR",
	 "only objects with these fields: metadata.name=NAME, spec.nodeName!=NAME"},
	{"output", 'o', BL_OPTION_ENUM, "wide|name|json|yaml", "form of the output"},
	{"watch", 'w', BL_OPTION_FLAG, NULL, "go on and print every change"},
	{"watch-only", 0, BL_OPTION_FLAG, NULL, "print changes only, not what there is"},
	{"show-labels", 0, BL_OPTION_FLAG, NULL, "print the labels as the last column"},
	{"no-headers", 0, BL_OPTION_FLAG, NULL, "print no line of heads"},
	{"ignore-not-found", 0, BL_OPTION_FLAG, NULL, "a name that does not exist is no error"},
	{NULL},
};

static const struct bl_option describe_options[] = {
	{"all-namespaces", 'A', BL_OPTION_FLAG, NULL, "objects of all namespaces"},
	{"selector", 'l', BL_OPTION_STRING, "SELECTOR", "only objects with these labels"},
	{NULL},
};

static const struct bl_option apply_options[] = {
	{"filename", 'f', BL_OPTION_FILE, "FILE", "file, folder or '-' for standard input"},
	{"recursive", 'R', BL_OPTION_FLAG, NULL, "also folders in folders"},
	{"dry-run", 0, BL_OPTION_ENUM, "client", "say what would be done and do not do it"},
	{NULL},
};

static const struct bl_option delete_options[] = {
	{"filename", 'f', BL_OPTION_FILE, "FILE", "the objects of this file, folder or '-'"},
	{"recursive", 'R', BL_OPTION_FLAG, NULL, "also folders in folders"},
	{"all", 0, BL_OPTION_FLAG, NULL, "all objects of the type in the namespace"},
	{"all-namespaces", 'A', BL_OPTION_FLAG, NULL,
	 "with --all or --selector: of all namespaces"},
	{"selector", 'l', BL_OPTION_STRING, "SELECTOR", "all objects with these labels"},
	{"ignore-not-found", 0, BL_OPTION_FLAG, NULL, "a name that does not exist is no error"},
	{"grace-period", 0, BL_OPTION_INT, "SECONDS",
	 "how long a pod goes on with the connections that it has (its own period)", 0, 86400},
	{"force", 0, BL_OPTION_FLAG, NULL, "the same as --grace-period 0"},
	{"dry-run", 0, BL_OPTION_ENUM, "client", "say what would be done and do not do it"},
	{NULL},
};

static const struct bl_option expose_options[] = {
	{"port", 0, BL_OPTION_INT, "PORT", "port of the service (those that the object names)", 1,
	 65535},
	{"target-port", 0, BL_OPTION_STRING, "PORT", "port of the pods, number or name (--port)"},
	{"name", 0, BL_OPTION_STRING, "NAME", "name of the service (that of the object)"},
	{"type", 0, BL_OPTION_ENUM, "ClusterIP|NodePort|LoadBalancer", "type of the service"},
	{"protocol", 0, BL_OPTION_ENUM, "TCP|UDP|SCTP", "protocol of the port"},
	{"selector", 'l', BL_OPTION_STRING, "SELECTOR", "labels of the pods: a=b,c=d"},
	{"cluster-ip", 0, BL_OPTION_STRING, "ADDRESS", "address of the service, or None"},
	{"external-ip", 0, BL_OPTION_LIST, "ADDRESS", "a further address of the service"},
	{"session-affinity", 0, BL_OPTION_ENUM, "None|ClientIP",
	 "keep a client with the pod that it got"},
	{"dry-run", 0, BL_OPTION_ENUM, "client", "make the service and do not send it"},
	{"output", 'o', BL_OPTION_ENUM, "json|yaml", "print the service"},
	{NULL},
};

static const struct bl_option label_options[] = {
	{"all-namespaces", 'A', BL_OPTION_FLAG, NULL,
	 "with --all or --selector: of all namespaces"},
	{"all", 0, BL_OPTION_FLAG, NULL, "all objects of the type in the namespace"},
	{"selector", 'l', BL_OPTION_STRING, "SELECTOR", "all objects with these labels"},
	{"overwrite", 0, BL_OPTION_FLAG, NULL, "change values that are there already"},
	{NULL},
};

static const struct bl_option env_options[] = {
	{"pod", 0, BL_OPTION_STRING, "NAME", "a pod that exists (else: one made now)"},
	{"output", 'o', BL_OPTION_ENUM, "json|yaml", "form of the output"},
	{NULL},
};

static const struct bl_option resolv_conf_options[] = {
	{"pod", 0, BL_OPTION_STRING, "NAME", "a pod that exists"},
	{NULL},
};

static const struct bl_option status_options[] = {
	{"output", 'o', BL_OPTION_ENUM, "json|yaml", "all that the agent says"},
	{NULL},
};

static const struct bl_option version_options[] = {
	{"client", 0, BL_OPTION_FLAG, NULL, "do not ask the agent for its version"},
	{NULL},
};

const struct bl_command bl_commands[] = {
	{
		.name = "agent",
		.args = "",
		.help = "run the node agent",
		.details = "Follows the manifests, or a cluster, keeps the maps up to date and "
			   "serves the socket\n"
			   "until it is told to end; connections go on without it.\n",
		.group = BL_GROUP_NODE,
		.needs = BL_NEEDS_ROOT,
		.tables = {run_options, bl_agent_options, dns_options, bl_client_options},
		.run = bl_cmd_agent,
	},
	{
		.name = "load",
		.args = "",
		.help = "load and attach the programs, fill the maps from -f, and end",
		.group = BL_GROUP_NODE,
		.needs = BL_NEEDS_ROOT,
		.tables = {files_options, bl_agent_options, dry_run_options, bl_client_options},
		.run = bl_cmd_load,
	},
	{
		.name = "unload",
		.args = "",
		.help = "detach the programs and remove everything that was pinned",
		.group = BL_GROUP_NODE,
		.needs = BL_NEEDS_ROOT,
		.tables = {bl_agent_options, dry_run_options, bl_client_options},
		.run = bl_cmd_unload,
	},
	{
		.name = "status",
		.args = "",
		.help = "tell how the agent and its hooks are",
		.details = "Exits with 3 when something is not as it should be.\n",
		.group = BL_GROUP_NODE,
		.needs = BL_NEEDS_AGENT,
		.tables = {status_options, bl_client_options},
		.run = bl_cmd_status,
	},
	{
		.name = "check",
		.args = "",
		.help = "say what this kernel and machine offer, and what is lost without",
		.group = BL_GROUP_NODE,
		.tables = {check_options, bl_agent_options, bl_client_options},
		.run = bl_cmd_check,
	},
	{
		.name = "apply",
		.args = "-f FILE...",
		.help = "create the objects of manifests, or change them to what is written there",
		.details =
			"Fields that a manifest does not name stay as they are; fields that it "
			"named\n"
			"when it was applied last and names no more are removed. What is wrong is\n"
			"said with its line, and the rest is applied all the same (exit status "
			"1).\n",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.tables = {namespace_options, apply_options, bl_client_options},
		.run = bl_cmd_apply,
	},
	{
		.name = "create",
		.args = "-f FILE...",
		.help = "create the objects of manifests; what exists is an error",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.tables = {namespace_options, apply_options, bl_client_options},
		.run = bl_cmd_create,
	},
	{
		.name = "delete",
		.args = "TYPE NAME... | TYPE/NAME... | -f FILE...",
		.help = "delete objects",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.words = BL_WORDS_RESOURCES,
		.words_max = SIZE_MAX,
		.tables = {namespace_options, delete_options, bl_client_options},
		.run = bl_cmd_delete,
	},
	{
		.name = "get",
		.args = "TYPE[,TYPE]... [NAME]... | TYPE/NAME... | flows | maglev SERVICE",
		.help = "list objects, or some of them",
		.details = "beeline get svc                 services of namespace default\n"
			   "beeline get svc,ep -A           services and endpoints of all\n"
			   "beeline get pods -o wide -w     pods, and then every change\n"
			   "beeline get svc/web -o yaml     one service as a manifest\n"
			   "beeline get flows [-n NS]       connections of clients outside\n"
			   "beeline get maglev web          the shares of a service's pods\n\n"
			   "Types: services (svc), pods (po), endpoints (ep), endpointslices,\n"
			   "nodes (no), namespaces (ns); 'all' is pods and services.\n"
			   "Not here: -o jsonpath and custom-columns, --sort-by (use -o json and "
			   "jq).\n",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.words = BL_WORDS_RESOURCES,
		.words_min = 1,
		.words_max = SIZE_MAX,
		.tables = {namespace_options, get_options, bl_client_options},
		.run = bl_cmd_get,
	},
	{
		.name = "describe",
		.args = "TYPE [NAME]... | TYPE/NAME...",
		.help = "explain objects, with endpoints and connections of a service",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.words = BL_WORDS_RESOURCES,
		.words_min = 1,
		.words_max = SIZE_MAX,
		.tables = {namespace_options, describe_options, bl_client_options},
		.run = bl_cmd_describe,
	},
	{
		.name = "expose",
		.args = "TYPE NAME | TYPE/NAME",
		.help = "make a service for a pod, or for the pods of another service",
		.details = "beeline expose pod web-1 --port 80 --target-port 8080 --name web\n",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.words = BL_WORDS_RESOURCES,
		.words_min = 1,
		.words_max = 2,
		.tables = {namespace_options, expose_options, bl_client_options},
		.run = bl_cmd_expose,
	},
	{
		.name = "label",
		.args = "TYPE NAME... KEY=VALUE... KEY-...",
		.help = "add, change and remove labels",
		.details = "beeline label pod web-1 app=web      add\n"
			   "beeline label pod/web-1 app-         remove\n"
			   "beeline label pods --all tier=front --overwrite\n",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.words = BL_WORDS_RESOURCES,
		.words_min = 2,
		.words_max = SIZE_MAX,
		.tables = {namespace_options, label_options, bl_client_options},
		.run = bl_cmd_label,
	},
	{
		.name = "annotate",
		.args = "TYPE NAME... KEY=VALUE... KEY-...",
		.help = "add, change and remove annotations",
		.group = BL_GROUP_OBJECTS,
		.needs = BL_NEEDS_AGENT,
		.words = BL_WORDS_RESOURCES,
		.words_min = 2,
		.words_max = SIZE_MAX,
		.tables = {namespace_options, label_options, bl_client_options},
		.run = bl_cmd_annotate,
	},
	{
		.name = "plan",
		.args = "",
		.help = "print exact map contents for -f, or those of the agent",
		.details = "With -f it needs neither root nor an agent.\n",
		.group = BL_GROUP_LOOK,
		.tables = {files_options, bl_agent_options, bl_client_options},
		.run = bl_cmd_plan,
	},
	{
		.name = "verify",
		.args = "",
		.help = "compare the maps with the plan of -f, or with that of the agent",
		.details = "Exits with 3 and prints the difference when they are not equal.\n",
		.group = BL_GROUP_LOOK,
		.tables = {files_options, bl_agent_options, bl_client_options},
		.run = bl_cmd_verify,
	},
	{
		.name = "env",
		.args = "",
		.help = "print the environment variables about services that a pod would get",
		.group = BL_GROUP_LOOK,
		.needs = BL_NEEDS_AGENT,
		.tables = {namespace_options, env_options, bl_client_options},
		.run = bl_cmd_env,
	},
	{
		.name = "resolv-conf",
		.args = "--pod NAME",
		.help = "print the resolv.conf that a pod gets for its dnsPolicy and dnsConfig",
		.group = BL_GROUP_LOOK,
		.needs = BL_NEEDS_AGENT,
		.tables = {namespace_options, resolv_conf_options, bl_client_options},
		.run = bl_cmd_resolv_conf,
	},
	{
		.name = "version",
		.args = "",
		.help = "print the version of this program and of the agent",
		.group = BL_GROUP_OTHER,
		.tables = {version_options, bl_client_options},
		.run = bl_cmd_version,
	},
	{
		.name = "completion",
		.args = "bash",
		.help = "print what makes the shell complete beeline's command lines",
		.details = "Put this into ~/.bashrc:\n"
			   "    source <(beeline completion bash)\n",
		.group = BL_GROUP_OTHER,
		.words = BL_WORDS_SHELLS,
		.words_min = 1,
		.words_max = 1,
		.run = bl_cmd_completion,
	},
	{
		.name = "help",
		.args = "[COMMAND]",
		.help = "list the commands, or explain one",
		.group = BL_GROUP_OTHER,
		.words = BL_WORDS_COMMANDS,
		.words_max = 1,
		.run = bl_cmd_help,
	},
	{NULL},
};

const struct bl_command *bl_command_find(const char *name)
{
	for (const struct bl_command *command = bl_commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}
