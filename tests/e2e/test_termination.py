# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that end: what is served meanwhile, and by whom."""

import os
import subprocess

import pytest

from lab import system
from probe_parts import (VIP, apply_pod, pods_of, publish, publish_service, wait_answers,
                         wait_described)


def test_a_pod_that_is_deleted_drains_and_goes_after_its_grace_period(lab, one_node):
    node = one_node(pods=2)
    publish_service(lab)
    for pod in node.web:
        apply_pod(node, pod, {"tcpSocket": {"port": 8080}},
                  spec={"terminationGracePeriodSeconds": 4})
    wait_answers(node, "pod-1", "pod-2")
    node.beeline("delete", "pod", "pod-1")
    assert pods_of(node)["pod-1"] == ["1/1", "Terminating"]
    wait_answers(node, "pod-2")
    system.wait_until(lambda: "pod-1" not in pods_of(node), 8, 0.1, "the end of pod-1")
    node.beeline("delete", "pod", "pod-2", "--force")
    assert "pod-2" not in pods_of(node)


@pytest.mark.parametrize("policy", [
    pytest.param({"internalTrafficPolicy": "Cluster"}, id="case_65_internal_cluster"),
    pytest.param({"internalTrafficPolicy": "Local"}, id="case_66_internal_local"),
])
def test_terminating_pods_serve_when_no_other_is_ready(lab, one_node, policy):
    node = one_node(pods=1)
    publish_service(lab, **policy)
    apply_pod(node, node.web[0], {"tcpSocket": {"port": 8080}})
    wait_answers(node, "pod-1")
    node.beeline("delete", "pod", "pod-1", "--grace-period", "60")
    assert pods_of(node)["pod-1"][1] == "Terminating"
    wait_answers(node, "pod-1")
    node.web[0].stop()
    wait_described(node, "pod-1", "Readiness probe failed: connection refused")
    wait_answers(node)


@pytest.mark.parametrize("publish_unready,expected", [
    pytest.param(True, ["pod-1"], id="case_49_published"),
    pytest.param(False, [], id="case_50_not_published"),
])
def test_a_terminating_and_unready_pod_is_reached_only_when_it_is_published(
        lab, one_node, publish_unready, expected):
    node = one_node(pods=1)
    publish_service(lab, publishNotReadyAddresses=publish_unready)
    apply_pod(node, node.web[0], {"exec": {"command": ["false"]}},
              annotations={"beeline.dev/netns": node.web[0].netns})
    wait_described(node, "pod-1", "Readiness probe failed: exit status 1")
    node.beeline("delete", "pod", "pod-1", "--grace-period", "60")
    for _ in range(5):
        wait_answers(node, *expected)


def test_case_59_an_evicted_pod_is_no_endpoint_even_when_it_is_published(lab, one_node):
    node = one_node(pods=1)
    publish_service(lab, publishNotReadyAddresses=True)
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}})
    wait_answers(node, "pod-1")
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}},
            status={"phase": "Failed", "reason": "Evicted"})
    wait_answers(node)


HOLD = """
import http.client, sys
server = http.client.HTTPConnection(sys.argv[1], timeout=5)
def ask():
    server.request("GET", "/")
    print(server.getresponse().read().decode().strip(), flush=True)
server.connect()
server.auto_open = 0  # never another connection
ask()
for line in sys.stdin:
    ask()
"""


class Connection:
    """A connection of the client pod that stays, and goes on being used."""

    def __init__(self, node):
        self.child = node.client.start("/usr/bin/python3", "-I", "-c", HOLD, VIP,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pod = self.child.stdout.readline().strip()

    def ask(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        return self.child.stdout.readline().strip()

    def close(self):
        self.child.stdin.close()
        self.child.wait(10)


def connection_to(node, pod):
    for _ in range(40):
        held = Connection(node)
        if held.pod == pod:
            return held
        held.close()
    raise AssertionError(f"no connection reached {pod}")


def connections_of(node):
    """{pod: the column CONNECTIONS}"""
    head, *rows = node.beeline("get", "pods", "-o", "wide").stdout.splitlines()
    assert head.split()[-1] == "CONNECTIONS"
    return {row.split()[0]: row.split()[-1] for row in rows}


def wait_connections(node, **expected):
    wanted = {name.replace("_", "-"): str(count) for name, count in expected.items()}
    system.wait_until(lambda: wanted.items() <= connections_of(node).items(), 5, 0.1,
                      f"{wanted}; got {connections_of(node)}")


def test_a_pod_that_ends_keeps_its_connections_and_shows_how_many_are_left(lab, one_node):
    node = one_node(pods=2)
    publish_service(lab)
    for pod in node.web:
        apply_pod(node, pod, {"tcpSocket": {"port": 8080}},
                  spec={"terminationGracePeriodSeconds": 60})
    wait_answers(node, "pod-1", "pod-2")
    held = [Connection(node) for _ in range(12)]
    old = [one for one in held if one.pod == "pod-1"]
    others = len(held) - len(old)
    assert len(old) > 1 and others > 0
    wait_connections(node, pod_1=len(old), pod_2=others, client=0)
    node.beeline("delete", "pod", "pod-1")
    wait_answers(node, "pod-2")
    assert all(one.ask() == "pod-1" for one in old), "a connection broke off"
    fresh = [Connection(node) for _ in range(4)]
    assert {one.pod for one in fresh} == {"pod-2"}
    wait_connections(node, pod_1=len(old), pod_2=others + len(fresh))
    old.pop().close()
    wait_connections(node, pod_1=len(old))
    for one in old:
        assert one.ask() == "pod-1"
        one.close()
    wait_connections(node, pod_1=0)
    assert pods_of(node)["pod-1"][1] == "Terminating"


def test_a_failing_pod_keeps_its_connections_and_gets_no_new_ones(lab, one_node):
    node = one_node(pods=2)
    publish_service(lab)
    flag = os.path.join(lab.folder, "ready")
    open(flag, "w", encoding="ascii").close()
    publish(lab, node.web[0], {"exec": {"command": ["ls", flag]}},
            annotations={"beeline.dev/netns": node.web[0].netns})
    publish(lab, node.web[1], {"tcpSocket": {"port": 8080}})
    wait_answers(node, "pod-1", "pod-2")
    held = connection_to(node, "pod-1")
    os.unlink(flag)
    wait_answers(node, "pod-2")
    assert held.ask() == "pod-1"
    wait_connections(node, pod_1=1, pod_2=0)
    held.close()
    wait_connections(node, pod_1=0)
