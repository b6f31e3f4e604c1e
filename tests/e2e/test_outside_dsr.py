# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose encapsulated packets a node takes."""

import json

import pytest

from lab import system
from objects import NODE_PORT, WEB
from outside import outcome, put_node_port, reasons, wait_for, where

DSR = {"annotations": {"beeline.dev/forwarding-mode": "dsr"}}
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])


def node_manifest(node):
    """As a kubelet writes it."""
    return json.dumps({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": node.name},
        "status": {"addresses": [{"type": "InternalIP", "address": address}
                                 for address in node.addresses]}})


@pytest.fixture
def strangers(lab, outside_nodes):
    """Two nodes whose agents do not know of each other; the first has the pod."""
    near, far = outside_nodes(2)
    for node in (near, far):
        node.agent.stop()
        node.start_agent("--device", "eth0")
    near.add_pod("web", labels=WEB)
    put_node_port(lab, metadata=DSR)
    return near, far


@FAMILIES
def test_encapsulated_packets_are_taken_from_known_nodes_only(strangers, lab, family):
    near, far = strangers
    address = far.addresses[family]
    wait_for(lab.client, near.addresses[family], ["web"])
    system.wait_until(lambda: outcome(lab.client, address, NODE_PORT, 1) != "web"
                      and reasons(near)["dsr_stranger"] > 0, 8, 0.1, "packets of a stranger")
    assert reasons(near)["dsr_taken"] == 0
    assert outcome(lab.client, address, NODE_PORT, 1) != "web"
    # A Node that comes is known at once, and one that goes is so no more.
    lab.publish("far.yaml", node_manifest(far))
    wait_for(lab.client, address, ["web"])
    assert where(lab.client, address) == ("web", lab.client.addresses[family])
    lab.withdraw("far.yaml")
    system.wait_until(lambda: outcome(lab.client, address, NODE_PORT, 1) != "web", 8, 0.1,
                      "the Node to be forgotten")


def test_networks_of_nodes_may_be_named_instead(strangers, lab):
    near, far = strangers
    near.agent.stop()
    near.start_agent("--device", "eth0", "--dsr-peer", "192.168.77.0/24")
    wait_for(lab.client, far.addresses[0], ["web"])
    assert outcome(lab.client, far.addresses[1], NODE_PORT, 1) != "web", "no network of IPv6"
