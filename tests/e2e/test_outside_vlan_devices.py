# SPDX-License-Identifier: GPL-3.0-or-later
"""Uplinks that are VLANs' devices, and all that goes through them.

It takes the module 8021q, which Debian's own kernel has and that of this machine may lack, so these
run in tests/vm, too:

    tests/vm/run /usr/bin/python3 -m pytest tests/e2e/test_outside_vlan_devices.py
"""

import os

import pytest

from lab import laboratory, outside, system
from objects import NODE_PORT, WEB
from outside import (REFUSED, UDP_NODE_PORT, ask, outcome, put_node_port, reasons, status, url,
                     wait_for, where)

FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
VLAN, DEVICE = 100, "eth0.100"
ROUTER = ("192.168.78.1", "fd00:78::1")
VLAN_NETWORKS = ("192.168.78.0/24", "fd00:78::/64")
PEERS = [word for network in VLAN_NETWORKS for word in ("--dsr-peer", network)]
DSR = {"metadata": {"annotations": {"beeline.dev/forwarding-mode": "dsr"}}}
VLAN_NAMES = ("near", "far")


def add_vlan(netns, addresses):
    system.ip(netns, f"link add link eth0 name {DEVICE} type vlan id {VLAN}",
              f"link set {DEVICE} up",
              *(f"addr add {address}/{bits} dev {DEVICE}{' nodad' if ':' in address else ''}"
                for address, bits in zip(addresses, (24, 64))))


def lead_through_vlan(lab):
    """Clients reach the nodes, and the nodes each other's pods, by the VLAN alone."""
    for node in lab.nodes:
        number = 10 + node.index
        node.wire_addresses = node.addresses
        node.addresses = (f"192.168.78.{number}", f"fd00:78::{number}")
        add_vlan(node.netns, node.addresses)
        system.ip(node.netns, *(f"route replace {network} via {gateway}"
                                for network, gateway in zip(outside.NETWORKS, ROUTER)))
        system.ip(node.pod.netns, *(f"route add {network} via {gateway}" for network, gateway
                                    in zip(VLAN_NETWORKS, lab.gateways(node))))
    for node, other in (lab.nodes, reversed(lab.nodes)):
        system.ip(node.netns, *(f"route replace {network} via {address}" for network, address
                                in zip(other.pod_networks, other.addresses)))
    add_vlan(lab.outside.netns, ROUTER)
    for client in lab.outside.clients:
        system.ip(client.netns, *(f"route add {network} via {gateway}" for network, gateway
                                  in zip(VLAN_NETWORKS, outside.GATEWAYS)))


def has_vlans(lab):
    try:
        system.ip(lab.wire, "link add link br0 name try.1 type vlan id 1", "link del try.1")
    except system.LabError:
        return False
    return True


@pytest.fixture(scope="module", params=["native", "tc"])
def standing_vlans(request):
    """Two nodes whose uplink is a VLAN. With XDP tags are in the packets that come in; else beside
    them."""
    with laboratory.Lab(f"bl{os.getpid()}-vlan-{request.param}") as lab:
        if not has_vlans(lab):
            pytest.skip("this kernel has no VLANs (module 8021q); tests/vm/run has one")
        for name in VLAN_NAMES:
            node = lab.add_node()
            node.pod = node.add_pod(name, publish=False)
        lab.outside = outside.Outside(lab)
        lab.client = lab.outside.add_client()
        lead_through_vlan(lab)
        lab.mode = request.param
        for node in lab.nodes:
            if lab.mode == "tc":
                system.offload(lab.wire, f"{node.uplinks['eth0']} txvlan on")
            node.start_agent("--device", "eth0", "--device", DEVICE, "--xdp-mode", lab.mode, *PEERS)
        yield lab


@pytest.fixture
def vlans(standing_vlans):
    """What a test publishes goes afterwards."""
    lab = standing_vlans
    yield lab
    for file in os.listdir(lab.manifests):
        lab.withdraw(file)
    for node in lab.nodes:
        system.wait_until(lambda node=node: not node.run("beeline", "get", "services", "-A").stdout,
                          10, 0.05, f"services of {node.name} to go")


def serve_in_vlan(lab, place, family, **spec):
    """The pod of one node behind the first node's NodePorts; the address that is dialled."""
    lab.nodes[place].pod.publish(labels=WEB)
    put_node_port(lab, **spec)
    address = lab.nodes[0].addresses[family]
    wait_for(lab.client, address, [VLAN_NAMES[place]])
    return address


def test_the_device_of_a_vlan_has_its_programs_at_tc(vlans):
    for node in vlans.nodes:
        modes = {row["name"]: row["mode"] for row in status(node)["devices"]}
        assert modes == {"eth0": vlans.mode, DEVICE: "tc"}


@FAMILIES
@pytest.mark.parametrize("place", [0, 1], ids=VLAN_NAMES)
def test_clients_in_a_vlan_reach_pods_here_and_elsewhere(vlans, place, family):
    address = serve_in_vlan(vlans, place, family)
    client = vlans.client.addresses[family]
    assert where(vlans.client, address) == (VLAN_NAMES[place], address if place else client)
    assert len(vlans.client.curl(url(address, NODE_PORT, "/body?300000"), timeout=20)) == 300000
    assert ask(vlans.client, address, UDP_NODE_PORT) == f"{VLAN_NAMES[place]} question"


@FAMILIES
def test_pods_elsewhere_in_a_vlan_answer_clients_themselves(vlans, family):
    address = serve_in_vlan(vlans, 1, family, **DSR)
    system.wait_until(lambda: where(vlans.client, address) == (
        "far", vlans.client.addresses[family]), 8, 0.1, "the client's address at the pod")
    assert len(vlans.client.curl(url(address, NODE_PORT, "/body?300000"), timeout=20)) == 300000


@FAMILIES
def test_frames_of_a_vlan_are_sent_on_by_xdp_in_it(vlans, family):
    """Out of the device below, with the tag that they came with; not by the stack."""
    if vlans.mode != "native":
        pytest.skip("there is no XDP program in this mode")
    node = vlans.nodes[0]
    address = serve_in_vlan(vlans, 1, family)
    before = reasons(node)
    for _ in range(5):
        assert where(vlans.client, address) == ("far", address)
    after = reasons(node)
    assert after["flow_remote"] >= before["flow_remote"] + 20
    assert after["next_hop_slow"] == before["next_hop_slow"]


@FAMILIES
def test_refusals_come_back_in_the_vlan(vlans, family):
    put_node_port(vlans)
    wait_for(vlans.client, vlans.nodes[0].addresses[family], [REFUSED])
    assert ask(vlans.client, vlans.nodes[0].addresses[family], UDP_NODE_PORT) == "refused"


def test_the_parent_serves_frames_without_a_tag_beside(vlans):
    """From a machine on the wire, which is in no VLAN."""
    if "plain" not in vlans.members:
        vlans.plain = vlans.add_client("plain")
    vlans.nodes[0].pod.publish(labels=WEB)
    put_node_port(vlans)
    address = vlans.nodes[0].wire_addresses[0]
    wait_for(vlans.plain, address, ["near"])
    assert where(vlans.plain, address) == ("near", vlans.plain.addresses[0])
    assert outcome(vlans.plain, vlans.nodes[0].addresses[0], timeout=1) != "near", "no route there"
