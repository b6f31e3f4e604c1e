# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server that says nothing holds nothing up: neither the agent's other work nor its end."""

import os
import time

import pytest

from lab import laboratory
from probe_parts import publish, wait_described

NOBODY = "api.example.test"
PATIENCE = 5.0  # the resolver's own is more than a minute
# The agent in a mount namespace of its own, where the resolver asks the node's loopback.
UNDER = ("unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"')
MUTE = """
import socket, time
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
held.bind(("127.0.0.1", 53))
print("ready", flush=True)
while held.recv(4096):
    print("asked", flush=True)
"""


@pytest.fixture
def node(lab):
    """A node with a name server that reads questions; `asked` waits for one."""
    node = lab.add_node()
    path = os.path.join(node.folder, "resolv.conf")
    with open(path, "w", encoding="ascii") as out:
        out.write("nameserver 127.0.0.1\noptions timeout:20 attempts:5\n")
    node.under = (*UNDER, path)
    server = node.start("/usr/bin/python3", "-I", "-c", MUTE, stdout=-1, text=True)
    assert server.stdout.readline() == "ready\n"
    node.asked = server.stdout.readline
    return node


def stop_quickly(node):
    begin = time.monotonic()
    node.agent.stop()
    assert time.monotonic() - begin < PATIENCE


def test_probes_of_a_name_hold_up_nothing_while_it_is_looked_up(lab, node):
    node.start_agent(under=node.under)
    pod = node.add_pod("named", labels={"app": "web"}, publish=False)
    publish(lab, pod, {"httpGet": {"host": NOBODY, "port": 8080}})
    assert node.asked() == "asked\n"
    wait_described(node, "named", "timed out")
    for _ in range(30):
        begin = time.monotonic()
        node.beeline("status")
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.1)
    stop_quickly(node)


def test_an_agent_ends_while_the_name_of_its_server_is_looked_up(node):
    path = os.path.join(node.folder, "kubeconfig")
    with open(path, "w", encoding="ascii") as out:
        out.write("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                  "contexts: [{name: c, context: {cluster: c}}]\n"
                  f"clusters: [{{name: c, cluster: {{server: 'http://{NOBODY}:6443'}}}}]\n")
    node.agent = laboratory.Agent(node, ["--kubeconfig", path], node.under)
    node.agent.launch()
    assert node.asked() == "asked\n"
    stop_quickly(node)
