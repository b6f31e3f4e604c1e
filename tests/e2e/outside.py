# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios with clients outside have in common."""

import collections
import concurrent.futures
import json

from lab import system
from lab.traffic import host_in_url
from objects import HTTP, NODE_PORT, UDP, VIP, VIP6, put_service

EXTERNAL = ("203.0.113.250", "2001:db8:113::250")
BALANCER = ("203.0.113.80", "2001:db8:113::80")
UDP_NODE_PORT = 30053
DUAL = {"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"],
        "clusterIPs": [VIP, VIP6]}
PORTS = ({**HTTP, "name": "http", "nodePort": NODE_PORT},
         {**UDP, "name": "echo", "nodePort": UDP_NODE_PORT})
LOCAL = {"externalTrafficPolicy": "Local"}
REFUSED, TIMED_OUT = 7, 28  # exit codes of curl

# One datagram from a socket of its own; what came back, or why nothing did.
ASK = """
import socket, sys
host, port, text = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
    sock.settimeout(2)
    sock.connect((host, port))
    try:
        sock.send(text.encode())
        print(sock.recv(2048).decode())
    except TimeoutError:
        print("timeout")
    except ConnectionRefusedError:
        print("refused")
"""


def put_node_port(lab, **spec):
    """A Service of TCP and UDP that every node has NodePorts of, in both families."""
    put_service(lab, ports=spec.pop("ports", PORTS), type=spec.pop("type", "NodePort"),
                **{**DUAL, **spec})


def balancer_status(*entries):
    return {"loadBalancer": {"ingress": [{"ip": address} for address in entries]}}


def url(address, port, path="/"):
    return f"http://{host_in_url(address)}:{port}{path}"


def ask(member, address, port, text="question"):
    return member.python(ASK, address, port, text)


def where(member, address, port=NODE_PORT):
    """(pod, address of the client as the pod sees it)"""
    words = member.curl(url(address, port, "/where")).split()
    client = words[2].removeprefix("client=").rpartition(":")[0]
    return words[0], client.strip("[]")


def outcome(member, address, port=NODE_PORT, timeout=2):
    """The pod that answered, or curl's exit code."""
    done = member.curl(url(address, port), timeout=timeout, check=False)
    return done.stdout.strip() if done.returncode == 0 else done.returncode


def together(calls, at_once=6):
    """What functions return that wait more than they work, above all for what never comes."""
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def outcomes(member, address, port=NODE_PORT, count=12, timeout=2, at_once=1):
    return collections.Counter(together(
        [lambda: outcome(member, address, port, timeout)] * count, at_once))


def wait_for(member, address, expected, port=NODE_PORT, timeout=8):
    """Waits until exactly `expected` (pods' names, or one exit code) comes of calls."""
    seen = [None]

    def settled():
        seen[0] = outcomes(member, address, port, 6 * len(expected), 1,
                           6 if TIMED_OUT in expected else 1)
        return set(seen[0]) == set(expected)

    try:
        system.wait_until(settled, timeout, 0.05, f"{sorted(map(str, expected))}")
    except system.LabError as error:
        raise system.LabError(f"{error} at {address} port {port}; last seen {seen[0]}") from None


def status(node):
    return json.loads(node.beeline("status", "-o", "json").stdout)


def reasons(node):
    return status(node)["reasons"]
