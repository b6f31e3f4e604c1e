# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that come and go while clients outside are served, and several of them."""

import json

import pytest

from held import Held, start_nginx
from lab import system
from lab.traffic import RemoteSocket, fetch
from objects import NODE_PORT, WEB
from outside import outcomes, put_node_port, status, wait_for, where

SECOND = ("192.168.77.51", "fd00:77::51")  # of the first node's second uplink
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
HELD = 100


def modes(node):
    return {row["name"]: row["mode"] for row in status(node)["devices"]}


def two_uplinks(lab, outside_nodes, count=2):
    """Nodes, the first of which has a second uplink, that its agent serves, too."""
    nodes = outside_nodes(count)
    nodes[0].agent.stop()
    lab.add_uplink(nodes[0], "eth1", SECOND)
    nodes[0].start_agent("--device", "eth0", "--device", "eth1")
    assert modes(nodes[0]) == {"eth0": "native", "eth1": "native"}
    return nodes


@FAMILIES
def test_a_second_uplink_serves_pods_here_and_elsewhere(outside_nodes, lab, family):
    """What comes in by the second may leave by the first, which the routes lead through."""
    near, far = two_uplinks(lab, outside_nodes)
    near.add_pod("near", labels=WEB)
    far.add_pod("far", labels=WEB)
    put_node_port(lab)
    for address in (near.addresses[family], SECOND[family]):
        wait_for(lab.client, address, ["near", "far"])
        assert set(outcomes(lab.client, address, count=30)) == {"near", "far"}
    seen = dict(where(lab.client, SECOND[family]) for _ in range(20))
    assert seen["near"] == lab.client.addresses[family]
    assert seen["far"] in (near.addresses[family], SECOND[family])


def test_devices_come_and_go_while_connections_through_another_are_held(outside_nodes, lab):
    (node,) = two_uplinks(lab, outside_nodes, 1)
    start_nginx(node.add_pod("web", labels=WEB, serve=False))
    put_node_port(lab)
    wait_for(lab.client, node.addresses[0], ["web"])
    held = Held(lab.client, node.addresses[0], NODE_PORT, HELD)
    assert held.alive() == HELD
    for _ in range(2):
        system.ip(node.netns, "link del eth1")
        system.wait_until(lambda: modes(node)["eth1"] == "none", 5, 0.05, "the device to be missed")
        assert held.alive() == HELD, "without the second"
        lab.add_uplink(node, "eth1", SECOND)
        system.wait_until(lambda: modes(node)["eth1"] == "native", 5, 0.05, "the device")
        wait_for(lab.client, SECOND[0], ["web"])
        assert held.alive() == HELD, "with the second"
    held.close()


def test_a_device_that_is_no_longer_asked_for_is_let_go(outside_nodes, lab):
    (node,) = two_uplinks(lab, outside_nodes, 1)
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    wait_for(lab.client, node.addresses[0], ["web"])
    node.agent.stop()
    node.start_agent("--device", "eth0")
    assert "xdp" not in node.output("ip", "link", "show", "eth1")
    assert "clsact" not in node.output("tc", "qdisc", "show", "dev", "eth1")
    wait_for(lab.client, node.addresses[0], ["web"])


def test_connections_outlive_a_cable_that_is_pulled_and_put_back(outside_nodes, lab):
    near, far = outside_nodes(2)
    start_nginx(near.add_pod("web", labels=WEB, serve=False))
    put_node_port(lab)
    addresses = [node.addresses[0] for node in (near, far)]
    for address in addresses:
        wait_for(lab.client, address, ["web"])
    held = [Held(lab.client, address, NODE_PORT, HELD) for address in addresses]
    assert [some.alive() for some in held] == [HELD, HELD]
    for node in (near, far):
        system.ip(lab.wire, f"link set {node.uplinks['eth0']} down")
        system.ip(lab.wire, f"link set {node.uplinks['eth0']} up")
    assert [some.alive() for some in held] == [HELD, HELD]
    for some in held:
        some.close()


@FAMILIES
def test_an_uplink_that_is_taken_out_and_put_back_serves_again(outside_nodes, lab, family):
    """Its routes are gone with it, and are put back as a network's manager does."""
    (node,) = outside_nodes(1)
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    address = node.addresses[family]
    wait_for(lab.client, address, ["web"])
    with RemoteSocket(lab.client, "ipv6" if family else "ipv4", "tcp") as sock:
        sock.connect((address, NODE_PORT))
        assert fetch(sock) == "web"
        system.ip(node.netns, "link del eth0")
        system.wait_until(lambda: modes(node)["eth0"] == "none", 5, 0.05, "the device to be missed")
        problems = json.dumps(status(node)["problems"])
        assert "there is no device 'eth0'" in problems
        lab.replug(node)
        lab.outside.join(node)
        wait_for(lab.client, address, ["web"], timeout=5)
        assert fetch(sock) == "web", "a connection from before"
    assert modes(node)["eth0"] == "native"
