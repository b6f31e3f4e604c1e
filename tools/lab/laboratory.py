# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes, pods and clients.

    wire namespace: a bridge, 192.168.77.0/24 and fd00:77::/64
      +- node namespaces: agent, bridge for pods, 10.244.N.0/24 and fd00:10:244:N::/64
      |    +- pod namespaces
      +- client namespaces, outside of every node

No link leads to the namespace of the machine itself, and no namespace has a default route: what is
not rewritten fails at once with 'network is unreachable'. Every process of a member runs in the member's cgroup; those of a
node's pods are below the node's.
"""

import os
import re
import signal
import socket
import sys
import threading
import time

from lab import journal, system
from lab.container import Container
from lab.member import Member, Pod

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

HTTP_PORT = 8080
METRICS_PORT = 9090
UDP_PORT = 5353
POD_PORTS = (("http", HTTP_PORT, "TCP"), ("metrics", METRICS_PORT, "TCP"),
             ("echo", UDP_PORT, "UDP"))

# What pods reach through their node: other nodes' pods, the wire, and clients outside.
REACHABLE = ("10.244.0.0/16", "192.168.77.0/24", "198.51.100.0/24", "fd00:10:244::/48",
             "fd00:77::/64", "2001:db8:51::/64")

# Quick starts of links, and an answer for every packet that leads nowhere.
SETTINGS = {"ipv4__icmp_ratelimit": 0, "ipv6__icmp__ratelimit": 0,
            "ipv6__conf__default__accept_dad": 0, "ipv6__conf__default__router_solicitations": 0,
            "ipv6__conf__all__disable_ipv6": 0}


def port_of(text):
    """'[NAME:]NUMBER[/udp]' as a row of a pod's ports."""
    words = re.fullmatch(r"(?:([a-z][a-z0-9-]*):)?(\d{1,5})(?:/(tcp|udp))?", text)
    if not words:
        raise system.LabError(f"bad port '{text}': expected [NAME:]NUMBER[/udp]")
    return (words[1] or f"port-{words[2]}", int(words[2]), (words[3] or "tcp").upper())


def beeline_binary():
    return os.environ.get("BEELINE_BINARY") or os.path.join(TREE, "build", "user", "cli", "beeline")


class Agent:
    """The agent of a node as a child process."""

    def __init__(self, node, options, under=()):
        self.node = node
        self.options = options
        self.under = under  # a command that runs it, with its arguments
        self.log = os.path.join(node.folder, "agent.log")
        self.child = None

    def argv(self):
        follows = "--kubeconfig" in self.options
        source = [] if follows else ["--manifests", self.node.lab.manifests]
        return [*self.under, beeline_binary(), "agent", *source, "--node-name", self.node.name,
                *self.node.place(), "--state-dir", self.node.state, "--socket", self.node.socket,
                *self.options]

    def launch(self):
        """Returns at once; who wants it to be ready calls start()."""
        with open(self.log, "ab") as log:
            self.child = self.node.start(*self.argv(), stdout=log, stderr=log,
                                         cgroup=os.path.join(self.node.cgroup, "agent"))

    def start(self, timeout=30 * system.PATIENCE):
        """Returns once the agent says that it is ready (sd_notify)."""
        path = os.path.join(self.node.folder, "notify")
        if os.path.exists(path):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.bind(path)
            notify.settimeout(0.1)
            self.node.env["NOTIFY_SOCKET"] = path
            try:
                self.launch()
            finally:
                del self.node.env["NOTIFY_SOCKET"]
            deadline = time.monotonic() + timeout
            while not self.heard_ready(notify):
                if self.child.poll() is not None or time.monotonic() > deadline:
                    raise system.LabError(f"agent of '{self.node.name}' did not get ready:\n"
                                          f"{self.read_log()}")
        return self

    @staticmethod
    def heard_ready(notify):
        try:
            return b"READY=1" in notify.recv(4096)
        except TimeoutError:
            return False

    def read_log(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-8000:]

    def signal(self, number):
        """Sends a signal and waits for the end; returns the exit status."""
        self.child.send_signal(number)
        return self.child.wait(timeout=20 * system.PATIENCE)

    def kill(self):
        return self.signal(signal.SIGKILL)

    def stop(self):
        return self.signal(signal.SIGTERM)


class Node(Member):
    """A machine of the cluster: namespace, cgroup, folder in bpffs, agent."""

    def __init__(self, lab, name, netns, cgroup, index):
        super().__init__(lab, name, netns, cgroup)
        self.index = index
        self.addresses = (f"192.168.77.{10 + index}", f"fd00:77::{10 + index}")
        self.pod_networks = (f"10.244.{index}.0/24", f"fd00:10:244:{index}::/64")
        self.bpffs = os.path.join(lab.bpffs, name)
        self.folder = os.path.join(lab.folder, name)
        self.state = os.path.join(self.folder, "state")
        self.socket = os.path.join(self.folder, "socket")
        self.pods = []
        self.uplinks = {}  # device: its other end on the wire
        self.agent = None
        self.env = {
            "BEELINE_SOCKET": self.socket,
            "BEELINE_CGROUP": self.cgroup,
            "BEELINE_BPFFS": self.bpffs,
            "BEELINE_STATE_DIR": self.state,
            "PATH": os.path.dirname(beeline_binary()) + ":" + os.environ.get("PATH", "/usr/bin:/bin")
                    + ":/usr/sbin:/sbin",
        }

    def describe(self):
        return {**super().describe(), "index": self.index}

    def place(self):
        """Options that say which node this is to commands that work without an agent."""
        return ["--cgroup", self.cgroup, "--bpffs", self.bpffs]

    def start_agent(self, *options, under=()):
        self.agent = Agent(self, options, under)
        self.agent.start()
        self.lab.journal.write(agent=self.name, options=options)
        if self.has_dns:
            for pod in self.pods:
                pod.take_resolv_conf()
        return self.agent

    @property
    def has_dns(self):
        """Pods get resolv.conf and variables, as a kubelet gives them."""
        return self.agent is not None and "--dns" in self.agent.options

    def beeline(self, *arguments, check=True, text=None, timeout=30):
        return self.run(beeline_binary(), *arguments, check=check, text=text, timeout=timeout)

    def pod_address(self, number):
        return (f"10.244.{self.index}.{10 + number}", f"fd00:10:244:{self.index}::{10 + number}")

    def add_pod(self, name=None, labels=None, ports=POD_PORTS, serve=True, publish=True, **more):
        """`more` goes into the pod's manifest: arguments of manifest.pod()."""
        return self.lab.add_pod(self, name, labels, ports, serve, publish, more)

    def add_host_pod(self, name, labels=None, ports=POD_PORTS, publish=True):
        return self.lab.add_host_pod(self, name, labels, ports, publish)


class Lab:
    """Everything of one laboratory. Use as a context manager, or call close()."""

    def __init__(self, name, owned=True):
        self.remember_nothing(journal.Journal(name, create=True))
        try:
            self.build(owned)
        except BaseException:
            self.close()
            raise

    def remember_nothing(self, opened):
        if os.geteuid() != 0:
            raise system.LabError("the laboratory makes namespaces and cgroups: run as root")
        self.name = opened.name
        self.journal = opened
        self.folder = opened.folder
        self.bpffs = os.path.join(self.folder, "bpf")
        self.manifests = os.path.join(self.folder, "manifests")
        self.drafts = os.path.join(self.folder, "drafts")
        self.cgroup = os.path.join(system.cgroup2_mount(), self.name)
        self.wire = f"{self.name}-wire"
        self.children = []
        self.nodes = []
        self.clients = []
        self.members = {}
        self.links = 0

    @classmethod
    def reopen(cls, name):
        """One that was left standing, with its nodes and pods; leave_standing() ends it again."""
        lab = cls.__new__(cls)
        lab.remember_nothing(journal.Journal(name, create=False))
        for row in journal.read(name):
            lab.recall(row)
        return lab

    def recall(self, row):
        self.links = row.get("links", self.links)
        if "agent" in row:
            self.members[row["agent"]].agent = Agent(self.members[row["agent"]], row["options"])
        if "index" in row:
            node = Node(self, row["member"], row["netns"], row["cgroup"], row["index"])
            self.nodes.append(node)
            self.members[node.name] = node
        if "pod" in row:
            node = self.members[row["pod"]["node"]]
            pod = Pod.recall(node, row)
            node.pods.append(pod)
            self.members[pod.name] = pod

    def build(self, owned):
        if owned:
            self.journal.write(owner=os.getpid(), start=system.pid_start(os.getpid()))
        os.mkdir(self.manifests)
        os.mkdir(self.drafts)
        self.journal.will_make("cgroup", self.cgroup)
        os.mkdir(self.cgroup)
        self.journal.will_make("bpffs", self.bpffs)
        system.make_bpffs(self.bpffs)
        self.make_netns("wire")
        system.ip(self.wire, system.add_bridge("br0"), "link set br0 up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def make_netns(self, name):
        netns = f"{self.name}-{name}"
        self.journal.will_make("netns", netns)
        # With the journal's lock: should this process be killed, whoever removes what it made
        # waits until that is made.
        system.run(["ip", "netns", "add", netns], pass_fds=[self.journal.file.fileno()])
        system.set_sysctls(netns, **SETTINGS)
        system.ip(netns, "link set lo up")
        return netns

    def make_cgroup(self, parent, *names):
        path = os.path.join(parent, *names)
        os.mkdir(path)
        return path

    def remember(self, member):
        if member.name in self.members:
            raise system.LabError(f"two members named '{member.name}'")
        self.members[member.name] = member
        self.journal.write(**member.describe())

    def plug(self, netns, bridge_netns, bridge, addresses, bits, device="eth0", mac=None):
        """Joins a namespace to a bridge in another by a pair of links; its end is `device`. Returns
        the name of the other end."""
        self.links += 1
        self.journal.write(links=self.links)
        port = f"port{self.links}"
        system.ip(bridge_netns, f"link add {port} type veth peer name {device} netns {netns}",
                  f"link set {port} master {bridge} up")
        system.ip(netns, f"link set {device} {f'address {mac}' if mac else ''} up", *(
            f"addr add {address}/{length} dev {device}{' nodad' if ':' in address else ''}"
            for address, length in zip(addresses, bits)))
        return port

    def replug(self, node):
        """Links a node that has no uplink to the wire."""
        self.add_uplink(node, "eth0", node.addresses)

    def add_uplink(self, node, device, addresses):
        """The address of the hardware stays when a device is taken out and put back, as a card's
        does: neighbours would go on for half a minute with one that nobody has any more."""
        mac = f"02:62:6c:01:{int(device.removeprefix('eth')):02x}:{node.index:02x}"
        port = self.plug(node.netns, self.wire, "br0", addresses, (24, 64), device, mac)
        self.ready_for_xdp(node, device, port)
        node.uplinks[device] = port
        # Each answers for its own addresses alone, as administrators of two uplinks set it.
        system.set_sysctls(node.netns, ipv4__conf__all__arp_ignore=1,
                           ipv4__conf__all__arp_announce=2)

    def ready_for_xdp(self, node, device, port):
        """Frames to the node's uplink are whole, as a network would bring them, and those that XDP
        sends from there are taken. Checksums are verified, and not believed."""
        system.offload(self.wire, f"{port} tx off", f"{port} rx off", f"{port} txvlan off",
                       f"{port} pass on")
        system.offload(node.netns, f"{device} rx off")

    def add_node(self, name=None):
        index = len(self.nodes) + 1
        name = name or f"node-{index}"
        netns = self.make_netns(name)
        node = Node(self, name, netns, self.make_cgroup(self.cgroup, name), index)
        self.make_cgroup(node.cgroup, "agent")
        os.mkdir(node.folder)
        os.mkdir(node.state)
        self.replug(node)
        system.set_sysctls(netns, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        gateways = self.gateways(node)
        system.ip(netns, system.add_bridge("pods0", index), "link set pods0 up",
                  f"addr add {gateways[0]}/24 dev pods0",
                  f"addr add {gateways[1]}/64 dev pods0 nodad")
        for other in self.nodes:
            self.route(node, other)
            self.route(other, node)
        self.nodes.append(node)
        self.remember(node)
        return node

    @staticmethod
    def gateways(node):
        return (f"10.244.{node.index}.1", f"fd00:10:244:{node.index}::1")

    @staticmethod
    def route(node, other):
        system.ip(node.netns, *(f"route add {network} via {address}" for network, address
                                in zip(other.pod_networks, other.addresses)))

    def add_pod(self, node, name, labels, ports, serve, publish, more):
        number = len(node.pods) + 1
        name = name or f"pod-{1 + sum(len(other.pods) for other in self.nodes)}"
        netns = self.make_netns(name)
        pod = Pod(node, name, netns, self.make_cgroup(node.cgroup, name), node.pod_address(number),
                  labels or {}, ports)
        self.plug(netns, node.netns, "pods0", pod.addresses, (24, 64))
        system.offload(netns, "eth0 rx off")
        gateways = self.gateways(node)
        system.ip(netns, *(f"route add {network} via {gateways[':' in network]}"
                           for network in REACHABLE))
        return self.finish_pod(node, pod, serve, publish, more)

    def add_host_pod(self, node, name, labels, ports, publish):
        """A pod in its node's own namespace (hostNetwork)."""
        pod = Pod(node, name, node.netns, self.make_cgroup(node.cgroup, name), node.addresses,
                  labels or {}, ports)
        pod.host_network = True
        return self.finish_pod(node, pod, True, publish, {})

    def finish_pod(self, node, pod, serve, publish, more):
        pod.serves = serve and bool(pod.ports)
        pod.published = more if publish else None
        node.pods.append(pod)
        self.remember(pod)
        pod.begin()
        return pod

    def add_client(self, name):
        """A machine on the wire that is no node."""
        number = 100 + len(self.clients)
        netns = self.make_netns(name)
        client = Member(self, name, netns, self.make_cgroup(self.cgroup, name))
        client.addresses = (f"192.168.77.{number}", f"fd00:77::{number}")
        self.plug(netns, self.wire, "br0", client.addresses, (24, 64))
        self.clients.append(client)
        self.remember(client)
        return client

    def publish(self, file, text):
        """Puts a manifest before the agents in one step, so that none reads half of it."""
        draft = os.path.join(self.drafts, file)
        with open(draft, "w", encoding="utf-8") as out:
            out.write(text)
        os.rename(draft, os.path.join(self.manifests, file))

    def withdraw(self, file):
        os.unlink(os.path.join(self.manifests, file))

    def reap(self):
        self.children = [child for child in self.children if child.poll() is None]

    def close(self):
        # A second Ctrl-C must not stop the clean-up half-way.
        main = threading.current_thread() is threading.main_thread()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if main else None
        try:
            self.journal.undo()
            for child in self.children:
                child.wait(timeout=10)
        finally:
            if main:
                signal.signal(signal.SIGINT, before)

    def leave_standing(self):
        """Ends this object and keeps the laboratory; journal.Journal(name).undo() removes it."""
        self.journal.close()


def exec_in(lab_name, member_name, argv):
    """Becomes a command inside a member of a standing laboratory."""
    rows = {entry["member"]: entry for entry in journal.read(lab_name) if "member" in entry}
    if member_name not in rows:
        raise system.LabError(f"no '{member_name}' in laboratory '{lab_name}', expected one of "
                              f"{', '.join(rows)}")
    row = rows[member_name]
    member = Member(None, member_name, row["netns"], row["cgroup"],
                    Container(row["container"]) if "container" in row else None)
    command = member.command(argv)
    sys.stdout.flush()
    os.execvpe(command[0], command, {**member.environment(), **row["env"]})
