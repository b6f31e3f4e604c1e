# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients outside, and pods that other nodes reach by a tunnel, as most network plugins have it: the
next hop is a device that XDP cannot send by."""

import pytest

from conftest import add_outside, start_agents
from lab import system
from objects import WEB
from outside import outcomes, put_node_port, status, wait_for, where

NAME, PORT, MTU = "vx0", 8472, 1450


def mac(node):
    return f"02:62:6c:02:00:{node.index:02x}"


def add_tunnel(node, other):
    """IPv4 to the other's pods goes by VXLAN, with addresses and neighbours as flannel writes them."""
    system.ip(node.netns,
              f"link add {NAME} address {mac(node)} mtu {MTU} type vxlan id 1 dstport {PORT} "
              f"local {node.addresses[0]} nolearning",
              f"link set {NAME} up", f"addr add 10.244.{node.index}.0/32 dev {NAME}",
              f"neigh add 10.244.{other.index}.0 lladdr {mac(other)} dev {NAME} nud permanent",
              f"route replace {other.pod_networks[0]} via 10.244.{other.index}.0 dev {NAME} onlink")
    node.run("bridge", "fdb", "add", mac(other), "dev", NAME, "dst", other.addresses[0])


@pytest.fixture
def overlay(lab):
    near, far = lab.add_node(), lab.add_node()
    try:
        add_tunnel(near, far)
        add_tunnel(far, near)
    except system.LabError as error:
        pytest.skip(f"no VXLAN here: {error}")
    add_outside(lab)
    return near, far


@pytest.mark.parametrize("mode, devices", [("snat", ()), ("dsr", ("--device", NAME))])
def test_pods_behind_a_tunnel_are_reached(overlay, lab, mode, devices):
    near, far = overlay
    far.add_pod("far", labels=WEB)
    put_node_port(lab, metadata={"annotations": {"beeline.dev/forwarding-mode": mode}})
    start_agents(overlay, *devices, "--dsr-peer", "10.244.0.0/16")
    address = near.addresses[0]
    wait_for(lab.client, address, ["far"])
    assert outcomes(lab.client, address, count=12) == {"far": 12}
    source = lab.client.addresses[0] if mode == "dsr" else address
    assert where(lab.client, address) == ("far", source)
    modes = {row["name"]: row["mode"] for row in status(near)["devices"]}
    assert modes == {"eth0": "native", **({NAME: "tc"} if devices else {})}
