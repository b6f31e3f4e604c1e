# SPDX-License-Identifier: GPL-3.0-or-later
"""Every example does what its first line says, in a node like the testbed's."""

import os
import subprocess

import pytest

from conftest import TREE
from lab import laboratory, system
from lab.traffic import FAILED, RemoteSocket, answers, wait_for_answers

EXAMPLES = os.path.join(TREE, "examples")
PODS = ["pod-1", "pod-2", "pod-3"]


@pytest.fixture
def node(lab):
    node = lab.add_node("node")
    for _ in PODS:
        node.add_pod(labels={"app": "web"})
    node.client = node.add_pod("client", serve=False, ports=())
    node.start_agent()
    return node


def apply(node, name):
    node.beeline("apply", "-f", os.path.join(EXAMPLES, name + ".yaml"))


def test_web(node):
    apply(node, "web")
    wait_for_answers(node.client, "10.96.0.80", PODS, count=24)


def test_multi_port(node):
    apply(node, "multi-port")
    wait_for_answers(node.client, "10.96.0.81", PODS, count=24)
    assert ":9090 " in node.client.curl("http://10.96.0.81:9100/where")


def test_nodeport(node):
    apply(node, "nodeport")
    for address in ("127.0.0.1", "::1", *node.addresses):
        wait_for_answers(node, address, PODS, port=30080, count=24)


def test_affinity(node):
    apply(node, "affinity")
    system.wait_until(lambda: FAILED not in answers(node.client, "10.96.0.83"), 8, 0.05, "a pod")
    counter = answers(node.client, "10.96.0.83", 12)
    assert len(counter) == 1 and set(counter) < set(PODS)


def test_dual_stack(node):
    apply(node, "dual-stack")
    for address in ("10.96.0.84", "fd00:10:96::84"):
        wait_for_answers(node.client, address, PODS, count=24)


def test_dns(node):
    apply(node, "dns")
    wait_for_answers(node.client, "10.96.0.53", PODS, port=53, count=24)
    with RemoteSocket(node.client) as sock:
        sock.sendto(b"question", ("10.96.0.53", 53))
        data, peer = sock.recvfrom(100)
    assert data.endswith(b" question") and peer == ("10.96.0.53", 53)


def test_headless_and_external_name_have_no_address(node):
    for name in ("headless", "external-name"):
        apply(node, name)
    rows = {row[0]: row for row in (
        line.split() for line in node.beeline("get", "svc").stdout.splitlines())}
    assert rows["headless"][1:3] == ["ClusterIP", "None"]
    assert rows["elsewhere"][1:4] == ["ExternalName", "<none>", "www.example.org"]


def test_manual_endpoints(node):
    apply(node, "manual-endpoints")
    wait_for_answers(node.client, "10.96.0.85", ["pod-1"])
    assert ":9090 " in node.client.curl("http://10.96.0.85/where")


def test_no_endpoints(node):
    apply(node, "no-endpoints")
    wait_for_answers(node.client, "10.96.0.86", [])
    with RemoteSocket(node.client, "ipv4", "tcp") as sock:
        with pytest.raises(ConnectionRefusedError):
            sock.connect(("10.96.0.86", 80))


def test_all_examples_together_make_a_plan_without_root_or_agent():
    command = [laboratory.beeline_binary(), "plan", "-f", EXAMPLES]
    plan = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", *command],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert plan.returncode == 0, plan.stderr
    for words in ("10.96.0.80", "10.96.0.86", "fd00:10:96::84", "30080", "10.244.1.13"):
        assert words in plan.stdout
    again = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert again.stdout == plan.stdout


def test_every_mistake_is_told_with_its_place():
    file = os.path.join(EXAMPLES, "bad", "mistakes.yaml")
    done = subprocess.run([laboratory.beeline_binary(), "plan", "-f", file],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    with open(file, encoding="utf-8") as text:
        lines = text.read().splitlines()
    for words, hint in (("kind: service", "Service"), ("name: Web_1", "Web_1"),
                        ("- port: 70000", "70000"), ("NodePort: 30001", "nodePort"),
                        ("protocol: HTTP", "TCP"), ("clusterIP: 10.96.0.080", "10.96.0.080"),
                        ("timeoutSeconds: 90000", "86400")):
        number = next(i for i, line in enumerate(lines, 1) if words in line)
        told = [line for line in done.stderr.splitlines() if f"mistakes.yaml:{number}:" in line]
        assert told and any(hint in line for line in told), (words, done.stderr)
