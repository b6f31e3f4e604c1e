# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames with a VLAN's tag, from a raw socket: what they are answered, and in which VLAN.

A tag of VLAN 0 has a priority alone, and the kernel takes it for no VLAN: such frames reach pods. For
others it takes a device of that VLAN (test_outside_vlan_devices.py); what the XDP program answers by
itself is seen without."""

import pytest

from objects import NODE_PORT, WEB
from outside import UDP_NODE_PORT, put_node_port, wait_for

# Sends one tagged SYN or datagram, and prints what comes back to its port: KIND VLAN FLAGS-OR-CODE.
TAGGED = """
import socket, struct, sys
source, target, port, protocol, vlan, mac = sys.argv[1:7]
port, vlan = int(port), int(vlan)
six = ":" in target
family = socket.AF_INET6 if six else socket.AF_INET
def checksum(data):
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + b"\\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff
ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
number = 6 if protocol == "tcp" else 17
if number == 6:
    data = struct.pack("!HHIIBBHHH", 45000, port, 1000, 0, 0x50, 2, 64240, 0, 0)
    at = 16
else:
    data = struct.pack("!HHHH", 45000, port, 16, 0) + b"question"
    at = 6
pseudo = ends + (struct.pack("!I3xB", len(data), number) if six
                 else struct.pack("!xBH", number, len(data)))
data = data[:at] + struct.pack("!H", checksum(pseudo + data)) + data[at + 2:]
if six:
    head = struct.pack("!IHBB", 6 << 28, len(data), number, 64) + ends
else:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 7, 0x4000, 64, number, 0) + ends
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
ethertype = 0x86dd if six else 0x0800
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
    sock.bind(("eth0", 3))
    sock.setsockopt(263, 8, 1)  # PACKET_AUXDATA: a tag is taken off what comes in, and told here
    own = sock.getsockname()[4]
    sock.settimeout(2)
    sock.send(bytes.fromhex(mac.replace(":", "")) + own
              + struct.pack("!HHH", 0x8100, 5 << 13 | vlan, ethertype) + head + data)
    answer = "nothing"
    try:
        while answer == "nothing":
            frame, extra, _, sender = sock.recvmsg(2048, 256)
            tag = next(struct.unpack("=IIIHHHH", value[:20]) for level, kind, value in extra
                       if level == 263)
            in_vlan = f"vlan {tag[5] & 0xfff}" if tag[0] & 16 else "no vlan"
            packet = frame[14:]
            if sender[2] == 4 or struct.unpack("!H", frame[12:14])[0] != ethertype:
                continue
            what, rest = (packet[6], packet[40:]) if six else (packet[9], packet[20:])
            if what == 6 and rest[2:4] == struct.pack("!H", 45000):
                answer = f"tcp {in_vlan} {rest[13]:#x}"
            elif what == 17 and rest[2:4] == struct.pack("!H", 45000):
                answer = f"udp {in_vlan} {rest[8:].decode()}"
            elif what in (1, 58) and rest[0] in (1, 3):
                answer = f"icmp {in_vlan} {rest[1]}"
    except TimeoutError:
        pass
    print(answer)
"""
SYN_ACK, RST_ACK = "0x12", "0x14"
PORT_UNREACHABLE = ("3", "4")
FAMILIES = pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])


@pytest.fixture
def segment(cluster):
    """A client on the nodes' wire, with offloads as a network's: its checksums are whole."""
    if "tagger" not in cluster.members:
        cluster.tagger = cluster.add_client("tagger")
    return cluster


def tagged(cluster, node, port, protocol, vlan, family):
    return cluster.tagger.python(TAGGED, cluster.tagger.addresses[family],
                                 node.addresses[family], port, protocol, vlan, node.mac)


@pytest.fixture
def node(segment):
    """The first node; the router would know its hardware's address by ARP."""
    first = segment.nodes[0]
    output = first.output("ip", "-o", "link", "show", "eth0").split()
    first.mac = output[output.index("link/ether") + 1]
    return first


@FAMILIES
@pytest.mark.parametrize("vlan", [5, 4094])
def test_refusals_go_back_in_the_vlan_that_the_packet_came_in(segment, node, vlan, family):
    put_node_port(segment)
    wait_for(segment.client, node.addresses[family], [7])
    assert tagged(segment, node, NODE_PORT, "tcp", vlan, family) == f"tcp vlan {vlan} {RST_ACK}"
    expected = f"icmp vlan {vlan} {PORT_UNREACHABLE[family]}"
    assert tagged(segment, node, UDP_NODE_PORT, "udp", vlan, family) == expected


@FAMILIES
def test_frames_with_a_priority_alone_reach_pods_of_the_node(segment, node, family):
    node.pod.publish(labels=WEB)
    put_node_port(segment)
    wait_for(segment.client, node.addresses[family], ["first"])
    assert tagged(segment, node, NODE_PORT, "tcp", 0, family) == f"tcp no vlan {SYN_ACK}"
    answer = tagged(segment, node, UDP_NODE_PORT, "udp", 0, family)
    assert answer == "udp no vlan first question"


@FAMILIES
def test_frames_of_a_vlan_without_a_device_reach_no_pod(segment, node, family):
    node.pod.publish(labels=WEB)
    put_node_port(segment)
    wait_for(segment.client, node.addresses[family], ["first"])
    assert tagged(segment, node, UDP_NODE_PORT, "udp", 5, family) == "nothing"


@FAMILIES
def test_frames_with_a_priority_alone_reach_pods_in_mode_tc(outside_nodes, lab, family):
    """There the tag stands beside the packet."""
    (node,) = outside_nodes(1, "--xdp-mode", "tc")
    lab.tagger = lab.add_client("tagger")
    output = node.output("ip", "-o", "link", "show", "eth0").split()
    node.mac = output[output.index("link/ether") + 1]
    pod = node.add_pod("web", labels=WEB)
    put_node_port(lab)
    wait_for(lab.client, node.addresses[family], ["web"])
    assert tagged(lab, node, NODE_PORT, "tcp", 0, family) == f"tcp no vlan {SYN_ACK}"
    answer = tagged(lab, node, UDP_NODE_PORT, "udp", 0, family)
    assert answer == f"udp no vlan {pod.name} question"
