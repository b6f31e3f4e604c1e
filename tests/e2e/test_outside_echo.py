# SPDX-License-Identifier: GPL-3.0-or-later
"""Pings to virtual addresses: answered only where that was asked for, and only while somebody could
take a connection."""

import json

from lab import system
from objects import WEB, put_service
from outside import EXTERNAL, put_node_port

# One echo request of each family's own ICMP; the kernel fills in what IPv6 needs.
PING = """
import os, socket, struct, sys
host = sys.argv[1]
six = ":" in host
family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, 1)
asked, answered = (128, 129) if six else (8, 0)

def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff

text = b"is anybody there"
head = struct.pack("!BBHHH", asked, 0, 0, os.getpid() & 0xffff, 7)
head = struct.pack("!BBHHH", asked, 0, checksum(head + text), os.getpid() & 0xffff, 7)
with socket.socket(family, socket.SOCK_RAW, protocol) as sock:
    sock.settimeout(1)
    sock.connect((host, 0))
    sock.send(head + text)
    try:
        while True:
            got = sock.recv(2048)
            got = got if six else got[20:]
            if got[0] == answered and got[4:8] == head[4:8]:
                print("answer" if got[8:] == text else "damaged")
                break
    except OSError:
        print("silence")
"""


def ping(client, address):
    return client.python(PING, address)


def counted(node):
    return json.loads(node.beeline("status", "-o", "json").stdout)["reasons"]["echo_answered"]


def test_a_virtual_address_answers_pings_while_an_endpoint_is_ready(outside_nodes, lab):
    node, = outside_nodes(1, "--answer-echo")
    pod = node.add_pod(labels=WEB)
    for address in EXTERNAL:
        lab.outside.lead(address, node)
    put_node_port(lab, type="ClusterIP", externalIPs=list(EXTERNAL), ports=[
        {"name": "http", "port": 80, "targetPort": 8080}])
    for address in EXTERNAL:
        system.wait_until(lambda address=address: ping(lab.client, address) == "answer", 8, 0.1,
                          f"an answer from {address}")
    assert counted(node) >= 2
    lab.withdraw(pod.manifest_file)
    for address in EXTERNAL:
        system.wait_until(lambda address=address: ping(lab.client, address) == "silence", 8, 0.1,
                          f"{address} to fall silent")


def test_without_the_option_no_virtual_address_answers_pings(cluster):
    put_service(cluster, address=None, externalIPs=[EXTERNAL[0]], selector=None)
    cluster.outside.lead(EXTERNAL[0], cluster.nodes[0])
    system.wait_until(lambda: EXTERNAL[0] in cluster.nodes[0].beeline("plan").stdout, 8, 0.1,
                      "the frontend")
    assert ping(cluster.client, EXTERNAL[0]) == "silence"
    assert counted(cluster.nodes[0]) == 0
    assert ping(cluster.client, cluster.nodes[0].addresses[0]) == "answer", "the node's own address"
