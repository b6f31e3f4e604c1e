# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic policies over two nodes, and what serves while nothing is ready."""

import pytest

from lab.traffic import FAILED, answers, wait_for_answers
from objects import (GONE_TERMINATING, READY, SERVING_TERMINATING, UNREADY, VIP, WEB, put_service,
                     put_slice)

LOCAL = {"internalTrafficPolicy": "Local"}


def assert_near_only(near_clients, far_clients, pod):
    for client in near_clients:
        wait_for_answers(client, VIP, [pod])
        assert answers(client, VIP, 5) == {pod: 5}
    for client in far_clients:
        wait_for_answers(client, VIP, [])
        assert answers(client, VIP, 5) == {FAILED: 5}


def test_case_60_internal_policy_local_from_pod_to_pod(two_nodes, lab):
    near, far = two_nodes
    near.add_pod("web", labels=WEB)
    put_service(lab, **LOCAL)
    assert_near_only([near.client], [far.client], "web")


def test_case_61_internal_policy_local_from_host_network_pod_to_pod(two_nodes, lab):
    near, far = two_nodes
    near.add_pod("web", labels=WEB)
    clients = [node.add_host_pod(f"host-{node.index}", ports=()) for node in two_nodes]
    put_service(lab, **LOCAL)
    assert_near_only(clients[:1], clients[1:], "web")
    assert far.client.netns != clients[1].netns


def test_case_62_internal_policy_local_to_host_network_pod(two_nodes, lab):
    near, far = two_nodes
    near.add_host_pod("web", labels=WEB)
    put_service(lab, **LOCAL)
    assert_near_only([near.client, near], [far.client, far], "web")


def test_internal_policy_cluster_reaches_pods_of_other_nodes(two_nodes, lab):
    near, far = two_nodes
    near.add_pod("here", labels=WEB)
    far.add_pod("there", labels=WEB)
    put_service(lab)
    for node in two_nodes:
        wait_for_answers(node.client, VIP, ["here", "there"])


def test_case_65_terminating_endpoints_serve_while_none_is_ready(two_nodes, lab):
    near, far = two_nodes
    pods = near.add_pod("here"), far.add_pod("there")
    put_service(lab, selector=None)
    put_slice(lab, [(pod, SERVING_TERMINATING) for pod in pods])
    for node in two_nodes:
        wait_for_answers(node.client, VIP, ["here", "there"])
    put_slice(lab, [(pods[0], SERVING_TERMINATING), (pods[1], READY)])
    for node in two_nodes:
        wait_for_answers(node.client, VIP, ["there"])


def test_case_66_local_terminating_endpoints_serve_under_policy_local(two_nodes, lab):
    near, far = two_nodes
    pods = near.add_pod("here"), far.add_pod("there")
    put_service(lab, selector=None, **LOCAL)
    put_slice(lab, [(pods[0], SERVING_TERMINATING), (pods[1], READY)])
    wait_for_answers(near.client, VIP, ["here"])
    wait_for_answers(far.client, VIP, ["there"])


@pytest.mark.parametrize("conditions", [UNREADY, GONE_TERMINATING])
def test_endpoint_that_does_not_serve_never_answers(one_node, lab, conditions):
    node = one_node(pods=2)
    put_service(lab, selector=None)
    put_slice(lab, [(node.web[0], READY), (node.web[1], conditions)])
    wait_for_answers(node.client, VIP, ["pod-1"])
    put_slice(lab, [(node.web[1], conditions)])
    wait_for_answers(node.client, VIP, [])
