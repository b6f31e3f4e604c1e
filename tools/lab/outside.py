# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients outside: a router on the wire, and machines behind it.

    router, 192.168.77.1 and fd00:77::1 on the wire
      +- bridge out0, 198.51.100.0/24 and 2001:db8:51::/64
           +- clients, .100 and up

Nodes and clients have routes to each other by the router, and no others. Virtual addresses out of
203.0.113.0/24 and 2001:db8:113::/64 lead from the clients to the router, which has a route to a node
only where a test says so (lead()).
"""

from lab import system
from lab.laboratory import Member

NETWORKS = ("198.51.100.0/24", "2001:db8:51::/64")
VIRTUAL = ("203.0.113.0/24", "2001:db8:113::/64")
CLUSTER = ("10.96.0.0/16", "fd00:10:96::/64")
WIRE = ("192.168.77.0/24", "fd00:77::/64")
PEERS = tuple(word for network in WIRE for word in ("--dsr-peer", network))
ON_WIRE = ("192.168.77.1", "fd00:77::1")
GATEWAYS = ("198.51.100.1", "2001:db8:51::1")


class Outside:
    """The router; one of a laboratory. To be made after the nodes."""

    def __init__(self, lab):
        self.lab = lab
        self.clients = []
        self.netns = lab.make_netns("router")
        self.router = Member(lab, "router", self.netns, lab.make_cgroup(lab.cgroup, "router"))
        self.router.addresses = ON_WIRE
        lab.remember(self.router)
        lab.plug(self.netns, lab.wire, "br0", ON_WIRE, (24, 64))
        system.set_sysctls(self.netns, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1)
        system.ip(self.netns, system.add_bridge("out0"), "link set out0 up",
                  f"addr add {GATEWAYS[0]}/24 dev out0",
                  f"addr add {GATEWAYS[1]}/64 dev out0 nodad")
        for node in lab.nodes:
            self.join(node)

    def join(self, node):
        """A node's routes to the clients; pods have theirs by their node."""
        system.ip(node.netns, *(f"route add {network} via {address}" for network, address
                                in zip(NETWORKS, ON_WIRE)))

    def add_client(self, name=None):
        number = 100 + len(self.clients)
        name = name or f"outside-{len(self.clients) + 1}"
        netns = self.lab.make_netns(name)
        client = Member(self.lab, name, netns, self.lab.make_cgroup(self.lab.cgroup, name))
        client.addresses = (f"198.51.100.{number}", f"2001:db8:51::{number}")
        self.lab.plug(netns, self.netns, "out0", client.addresses, (24, 64))
        system.offload(netns, "eth0 rx off")
        system.ip(netns, *(f"route add {networks[i]} via {GATEWAYS[i]}"
                           for networks in (WIRE, VIRTUAL, CLUSTER) for i in (0, 1)))
        self.clients.append(client)
        self.lab.remember(client)
        return client

    def lead(self, address, node):
        """Packets to a virtual address go to this node from now on."""
        family = ":" in address
        system.ip(self.netns, f"route replace {address} via {node.addresses[family]}")

    def narrow(self, mtu):
        """The link from the router to the clients takes packets up to `mtu`; clients do not know."""
        system.ip(self.netns, f"link set out0 mtu {mtu}")
