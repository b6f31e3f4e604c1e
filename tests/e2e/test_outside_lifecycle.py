# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients outside while agents die and devices change."""

import json
import signal
import subprocess

import pytest

from lab import system
from objects import NODE_PORT, WEB
from outside import outcome, put_node_port, status, wait_for, where

HELD = 500
CHECK_FAILED = 3  # of beeline check

# Connections that stay open; a line of input each has every one of them ask again.
HOLD = """
import socket, sys
host, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
def ask(sock):
    sock.sendall(b"GET / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n")
    answer = b""
    while not answer.partition(b"\\r\\n\\r\\n")[2].endswith(b"\\n"):
        block = sock.recv(4096)
        if not block:
            raise OSError("closed")
        answer += block
    return answer
socks = [socket.create_connection((host, port), timeout=5) for _ in range(count)]
for _ in sys.stdin:
    good = 0
    for sock in socks:
        try:
            good += ask(sock).startswith(b"HTTP/1.1 200")
        except OSError:
            pass
    print(good, flush=True)
"""


class Held:
    """Connections of a client outside that all answer, or are lost."""

    def __init__(self, client, address, count):
        self.child = client.start("/usr/bin/python3", "-I", "-c", HOLD, address, str(NODE_PORT),
                                  str(count), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  text=True)

    def alive(self):
        self.child.stdin.write("again\n")
        self.child.stdin.flush()
        return int(self.child.stdout.readline())

    def close(self):
        self.child.stdin.close()
        self.child.wait(timeout=10)


@pytest.mark.parametrize("mode", ["native", "tc"])
def test_held_connections_outlive_kills_and_restarts_of_the_agents(outside_nodes, lab, mode):
    """A restart also puts new programs in place of the old ones, as an upgrade does."""
    near, far = outside_nodes(2, "--xdp-mode", mode)
    near.add_pod("web", labels=WEB)
    put_node_port(lab)
    held = []
    for node in (near, far):
        wait_for(lab.client, node.addresses[0], ["web"])
        held.append(Held(lab.client, node.addresses[0], HELD // 2))
    assert [some.alive() for some in held] == [HELD // 2] * 2
    for number in (signal.SIGKILL, signal.SIGTERM):
        for node in (near, far):
            node.agent.signal(number)
        assert [some.alive() for some in held] == [HELD // 2] * 2, "while no agent runs"
        for node in (near, far):
            node.start_agent("--device", "eth0", "--xdp-mode", mode)
        assert [some.alive() for some in held] == [HELD // 2] * 2, "after the restart"
    for some in held:
        some.close()


@pytest.mark.parametrize("family", [0, 1], ids=["ipv4", "ipv6"])
def test_mode_tc_serves_pods_here_and_elsewhere(outside_nodes, lab, family):
    near, far = outside_nodes(2, "--xdp-mode", "tc")
    near.add_pod("web", labels=WEB)
    put_node_port(lab)
    for node in (near, far):
        wait_for(lab.client, node.addresses[family], ["web"])
    assert where(lab.client, near.addresses[family]) == ("web", lab.client.addresses[family])
    assert where(lab.client, far.addresses[family]) == ("web", far.addresses[family])


def test_case_92_node_ports_are_at_the_addresses_that_are_asked_for(outside_nodes, lab):
    (node,) = outside_nodes(1, "--node-port-addresses", "192.168.77.0/24")
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    wait_for(lab.client, node.addresses[0], ["web"])
    assert outcome(lab.client, node.addresses[1]) != "web"


def test_cluster_ips_answer_outside_only_when_asked_for(outside_nodes, lab):
    (node,) = outside_nodes(1)
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    lab.outside.lead("10.96.0.0/16", node)
    wait_for(lab.client, node.addresses[0], ["web"])
    assert outcome(lab.client, "10.96.0.80", 80, 1) != "web"
    node.agent.stop()
    node.start_agent("--device", "eth0", "--cluster-ip-from-outside")
    wait_for(lab.client, "10.96.0.80", ["web"], 80)


def test_another_xdp_program_on_the_device_is_named_and_tc_is_offered(outside_nodes, lab):
    (node,) = outside_nodes(1)
    node.agent.stop()
    node.beeline("unload", *node.place())
    system.offload(node.netns, "eth0 pass on")
    log_before = len(node.agent.read_log())
    node.start_agent("--device", "eth0")
    system.wait_until(lambda: "lab_pass" in node.agent.read_log()[log_before:], 10, 0.1,
                      "a message that names the program")
    assert "--xdp-mode tc" in node.agent.read_log()[log_before:]
    check = node.beeline("check", "--device", "eth0", check=False)
    assert check.returncode == CHECK_FAILED
    row = next(line for line in check.stdout.splitlines() if "eth0: free for XDP" in line)
    assert "MISSING" in row and "XDP program 'lab_pass'" in row
    assert "--xdp-mode tc" in check.stdout
    assert node.beeline("check", "--device", "eth0", "--xdp-mode", "tc").returncode == 0
    node.agent.stop()
    node.add_pod("web", labels=WEB)
    put_node_port(lab)
    node.start_agent("--device", "eth0", "--xdp-mode", "tc")
    wait_for(lab.client, node.addresses[0], ["web"])


def test_unload_takes_everything_off_the_devices(outside_nodes, lab):
    (node,) = outside_nodes(1)
    node.agent.stop()
    assert "xdp" in node.output("ip", "link", "show", "eth0")
    node.beeline("unload", *node.place())
    assert "xdp" not in node.output("ip", "link", "show", "eth0")
    assert "clsact" not in node.output("tc", "qdisc", "show", "dev", "eth0")


def test_status_and_check_say_the_mode_of_each_device(outside_nodes):
    (node,) = outside_nodes(1)
    devices = {row["name"]: row for row in status(node)["devices"]}
    assert devices["eth0"]["mode"] == "native", json.dumps(devices)
    assert "eth0: native" in node.beeline("status").stdout
    rows = {(row["device"], row["name"]): row for row in json.loads(
        node.beeline("check", "--device", "eth0", "-o", "json").stdout)}
    assert rows["eth0", "native XDP"]["detail"] == "in use"
    assert "'bl_xdp'" in rows["eth0", "free for XDP"]["detail"]
    assert rows[None, "packet programs"]["found"]
    missing = node.beeline("check", "--device", "nowhere0", check=False)
    assert missing.returncode == CHECK_FAILED and "nowhere0: there" in missing.stdout
