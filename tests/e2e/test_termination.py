# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods that end: what is served meanwhile, and by whom."""

import pytest

from lab import system
from probe_parts import (apply_pod, pods_of, publish, publish_service, wait_answers, wait_described)


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
