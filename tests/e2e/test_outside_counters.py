# SPDX-License-Identifier: GPL-3.0-or-later
"""What is counted of clients outside and inside: of each Service, backend and reason."""

import collections
import re

from objects import WEB
from outside import LOCAL, REFUSED, ask, outcomes, put_node_port, status, wait_for

UDP_NODE_PORT = 30053


def service(node, port=80):
    (row,) = [row for row in status(node)["services"]
              if (row["service"], row["port"]) == ("web", port)]
    return row


def backends(node, port=80):
    """Connections by pod, over both of its addresses."""
    sums = collections.Counter()
    for row in service(node, port)["backends"]:
        sums[row["pod"]] += row["connections"]
    return sums


def test_connections_are_counted_of_each_service_and_backend(cluster):
    for node in cluster.nodes[:2]:
        node.pod.publish(labels=WEB)
    put_node_port(cluster)
    node = cluster.nodes[0]
    wait_for(cluster.client, node.addresses[0], ["first", "second"])
    before, backends_before = status(node), backends(node)
    seen = outcomes(cluster.client, node.addresses[0], count=20)
    for _ in range(5):
        node.curl("http://10.96.0.80/")
    assert ask(cluster.client, node.addresses[0], UDP_NODE_PORT) != "timeout"
    after, backends_after = status(node), backends(node)
    grown = {label: after["reasons"][label] - before["reasons"][label]
             for label in ("flow_new", "translated")}
    assert grown == {"flow_new": 21, "translated": 5}
    by_port = [{row["port"]: row["connections"] for row in state["services"]}
               for state in (before, after)]
    assert by_port[1][80] - by_port[0][80] == 25
    assert by_port[1][53] - by_port[0][53] == 1
    of_pods = {pod: backends_after[pod] - backends_before[pod] for pod in backends_after}
    assert sum(of_pods.values()) == 25
    assert all(of_pods[pod] >= count for pod, count in seen.items())
    assert not any(row["live"] for row in service(node)["backends"]), "nothing is held"


def test_backends_that_went_hide_none_of_those_that_are_there(cluster):
    first, second = (node.pod for node in cluster.nodes[:2])
    first.publish(labels=WEB)
    put_node_port(cluster)
    node = cluster.nodes[0]
    for _ in range(3):
        second.publish(labels=WEB)
        wait_for(cluster.client, node.addresses[0], ["first", "second"])
        second.withdraw()
        wait_for(cluster.client, node.addresses[0], ["first"])
    first.withdraw()
    wait_for(cluster.client, node.addresses[0], [REFUSED])
    first.publish(labels=WEB)
    wait_for(cluster.client, node.addresses[0], ["first"])
    rows = service(node)["backends"]
    ready = {row["address"] for row in rows if row["state"] == "ready"}
    assert ready == set(first.addresses), rows
    assert len(rows) > len(ready), "those that went are shown until their ids are used again"


def test_refusals_are_counted_and_status_is_readable(cluster):
    put_node_port(cluster)
    node = cluster.nodes[0]
    wait_for(cluster.client, node.addresses[0], [REFUSED])
    before = service(node)["refused"]
    assert outcomes(cluster.client, node.addresses[0], count=7) == {REFUSED: 7}
    assert service(node)["refused"] - before == 7
    text = node.beeline("status").stdout
    assert re.search(r"\n  default/web:http +TCP +\d+ connections +\d+ refused\n", text), text
    assert re.search(r"\n  no_endpoints +\d+\n", text), text
    metrics = node.curl("http://unix/metrics", "--unix-socket", node.socket)
    assert re.search(r'beeline_service_refused_total{namespace="default",service="web",'
                     r'port="80",protocol="TCP"} [1-9]', metrics)


def without_local(node):
    metrics = node.curl("http://unix/metrics", "--unix-socket", node.socket)
    return tuple(int(re.search(r'beeline_services_without_local_endpoints{traffic_policy="'
                               + policy + r'"} (\d+)', metrics)[1])
                 for policy in ("internal", "external"))


def test_case_94_services_without_local_endpoints_are_counted_by_policy(cluster):
    both = {**LOCAL, "internalTrafficPolicy": "Local"}
    first, second = cluster.nodes[:2]
    rows = [({}, True, (0, 0)), (LOCAL, True, (0, 1)),
            ({"internalTrafficPolicy": "Local"}, True, (1, 0)), (both, True, (1, 1)),
            (both, False, (0, 0))]
    for policies, has_endpoint, expected in rows:
        put_node_port(cluster, **policies)
        if has_endpoint:
            second.pod.publish(labels=WEB)
            wait_for(cluster.client, second.addresses[0], ["second"])
        else:
            second.pod.withdraw()
            wait_for(cluster.client, second.addresses[0], [REFUSED])
        assert without_local(first) == expected, policies
        assert without_local(second) == (0, 0), policies
