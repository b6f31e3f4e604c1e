# SPDX-License-Identifier: GPL-3.0-or-later
"""Readiness: containers that are asked, statuses and endpoints that follow."""

import json
import os
import re

import pytest

from lab import manifest, system
from probe_parts import (VIP, describe, endpoints_of, pod_text, pods_of, publish, publish_service,
                         wait_answers, wait_described, wait_ready)


def test_a_pod_that_says_nothing_of_itself_runs_and_is_ready(lab, one_node):
    node = one_node(pods=1)
    publish(lab, node.web[0])
    system.wait_until(lambda: pods_of(node).get("pod-1") == ["1/1", "Running"], 5, 0.1, "pod-1")


@pytest.mark.parametrize("probe", [
    {"tcpSocket": {"port": 8080}},
    {"tcpSocket": {"port": "http"}},
    {"httpGet": {"port": "http", "path": "/where"}},
    {"httpGet": {"port": 8080, "path": "/body?100000"}},
])
def test_a_pod_whose_probe_succeeds_is_ready(lab, one_node, probe):
    node = one_node(pods=1)
    publish(lab, node.web[0], probe)
    wait_ready(node, pod_1="1/1")


@pytest.mark.parametrize("probe,reason", [
    ({"tcpSocket": {"port": 8081}}, "connection refused"),
    ({"httpGet": {"port": 8080, "path": "/none"}}, "HTTP 404"),
    ({"httpGet": {"port": 8081}}, "connection refused"),
    ({"httpGet": {"port": 8080, "scheme": "HTTPS"}}, "the TLS handshake failed"),
    ({"grpc": {"port": 8081}}, "connection refused"),
])
def test_a_failing_probe_says_why(lab, one_node, probe, reason):
    node = one_node(pods=1)
    publish(lab, node.web[0], probe)
    wait_described(node, "pod-1", f"Readiness probe failed: {reason}")
    assert pods_of(node)["pod-1"] == ["0/1", "Running"]
    assert f"is not ready; Readiness probe failed: {reason}" in node.agent.read_log()


def test_a_server_that_does_not_answer_times_out(lab, one_node):
    node = one_node(pods=1)
    pod = node.web[0]
    silent = "import socket,time; s=socket.create_server(('', 7000)); time.sleep(60)"
    pod.start("/usr/bin/python3", "-I", "-c", silent)
    publish(lab, pod, {"httpGet": {"port": 7000}})
    wait_described(node, "pod-1", "Readiness probe failed: timed out after 1s")


def test_endpoints_and_traffic_follow_the_probe(lab, one_node):
    node = one_node(pods=2)
    publish_service(lab)
    folder = os.path.join(lab.folder, "httpserv")
    os.mkdir(folder)
    publish(lab, node.web[0], {"exec": {"command": ["ls", folder]}},
            annotations={"beeline.dev/netns": node.web[0].netns})
    publish(lab, node.web[1], {"httpGet": {"port": "http"}})
    wait_answers(node, "pod-1", "pod-2")
    os.rmdir(folder)
    wait_answers(node, "pod-2")
    wait_described(node, "pod-1", "Readiness probe failed: exit status 2: ls: cannot access")
    assert node.web[0].addresses[0] in json.loads(endpoints_of(node))["subsets"][0][
        "notReadyAddresses"][0]["ip"]
    os.mkdir(folder)
    wait_answers(node, "pod-1", "pod-2")
    log = node.agent.read_log()
    assert log.count("pod 'default/pod-1', container 'server': is not ready;") == 1
    assert log.count("pod 'default/pod-1', container 'server': is ready;") == 2


def test_a_startup_probe_holds_readiness_back(lab, one_node):
    node = one_node(pods=1)
    flag = os.path.join(lab.folder, "started")
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}},
            startup={"exec": {"command": ["test", "-e", flag]}},
            annotations={"beeline.dev/netns": node.web[0].netns})
    wait_described(node, "pod-1", "Startup probe failed: exit status 1")
    assert pods_of(node)["pod-1"][0] == "0/1"
    assert "Readiness probe" not in describe(node, "pod-1")
    open(flag, "w", encoding="ascii").close()
    wait_ready(node, pod_1="1/1")


def test_a_readiness_gate_must_be_opened_too(lab, one_node):
    node = one_node(pods=1)
    gates = {"readinessGates": [{"conditionType": "example.org/gate"}]}
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}}, spec=gates)
    wait_described(node, "pod-1", "Readiness probe succeeded")
    ready = json.loads(node.beeline("get", "pod", "pod-1", "-o", "json").stdout)["status"]
    row = {condition["type"]: condition["status"] for condition in ready["conditions"]}
    assert row == {"ContainersReady": "True", "Ready": "False"}
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}}, spec=gates,
            status={"conditions": [{"type": "example.org/gate", "status": "True"}]})
    system.wait_until(lambda: "Ready             True" in describe(node, "pod-1") or
                      '"type":"Ready","status":"True"' in node.beeline(
                          "get", "pod", "pod-1", "-o", "json").stdout.replace(" ", "").replace(
                              "\n", ""), 5, 0.1, "a ready pod")


def test_what_was_ready_stays_so_over_a_restart_of_the_agent(lab, one_node):
    node = one_node(pods=1)
    publish_service(lab)
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}, "failureThreshold": 1000})
    wait_ready(node, pod_1="1/1")
    system.wait_until(lambda: os.path.exists(os.path.join(node.state, "probes")), 5, 0.1, "file")
    node.web[0].stop()
    node.agent.kill()
    node.start_agent()
    wait_described(node, "pod-1", "last said 'connection refused'")
    assert pods_of(node)["pod-1"][0] == "1/1"
    lab.publish("moved.yaml", pod_text(node.web[0], {"tcpSocket": {"port": 8080}}).replace(
        "pod-1", "pod-9"))
    wait_described(node, "pod-9", "Readiness probe failed: connection refused")


def test_manual_endpoints_are_probed_for_a_service_that_asks(lab, one_node):
    node = one_node(pods=2)
    addresses = [pod.addresses[0] for pod in node.web]
    lab.publish("manual.yaml", manifest.service(
        "web", clusterIP=VIP, ports=[{"port": 80, "targetPort": 8080}],
        metadata={"annotations": {"beeline.dev/probe": "http:/", "beeline.dev/probe-period": "1",
                                  "beeline.dev/probe-failures": "1"}}))
    lab.publish("endpoints.yaml", json.dumps({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web"},
        "subsets": [{"addresses": [{"ip": address} for address in addresses],
                     "ports": [{"port": 8080}]}]}))
    for pod in node.web:
        pod.withdraw()
    wait_answers(node, "pod-1", "pod-2")
    node.web[0].stop()
    wait_answers(node, "pod-2")
    assert "endpoint '10.244.1.11' of service 'default/web': does not serve" in \
        node.agent.read_log()
    node.web[0].serve(http=[8080])
    wait_answers(node, "pod-1", "pod-2")


def conditions_of(node):
    slices = json.loads(node.beeline("get", "endpointslice", "web-1", "-o", "json").stdout)
    return {row["addresses"][0]: (row["conditions"].get("ready"), row["conditions"].get("serving"))
            for row in slices["endpoints"]}, slices["metadata"].get("annotations", {})


def test_manual_slices_are_probed_for_a_service_that_asks(lab, one_node):
    node = one_node(pods=3)
    good, bad, off = [pod.addresses[0] for pod in node.web]
    service = {"clusterIP": VIP, "ports": [{"port": 80, "targetPort": 8080}]}
    wish = {"annotations": {"beeline.dev/probe": "tcp", "beeline.dev/probe-period": "1",
                            "beeline.dev/probe-failures": "1"}}
    lab.publish("manual.yaml", manifest.service("web", metadata=wish, **service))
    lab.publish("slice.yaml", manifest.endpoint_slice("web", "web-1", [
        (good, None, {}), (bad, None, {"ready": True}), (off, None, {"ready": False})],
        [{"port": 8080, "protocol": "TCP"}]))
    for pod in node.web:
        pod.withdraw()
    wait_answers(node, "pod-1", "pod-2")
    node.web[1].stop()
    wait_answers(node, "pod-1")
    conditions, annotations = conditions_of(node)
    assert conditions[bad] == (False, False) and conditions[off][0] is False
    assert annotations == {"beeline.dev/probe-failed": bad}
    assert f"endpoint '{bad}' of service 'default/web': does not serve: " in node.agent.read_log()
    node.web[1].serve(http=[8080])
    wait_answers(node, "pod-1", "pod-2")
    conditions, annotations = conditions_of(node)
    assert conditions[bad][0] is True and not annotations
    node.web[1].stop()
    wait_answers(node, "pod-1")
    # Without the wish, all is as it was written.
    lab.publish("manual.yaml", manifest.service("web", **service))
    system.wait_until(lambda: conditions_of(node)[0][bad][0] is True, 5, 0.1, "a ready endpoint")
    assert conditions_of(node)[0][off][0] is False


def test_case_48_a_failing_pod_is_reached_when_not_ready_addresses_are_published(lab, one_node):
    node = one_node(pods=1)
    publish_service(lab, publishNotReadyAddresses=True)
    publish(lab, node.web[0], {"exec": {"command": ["false"]}},
            annotations={"beeline.dev/netns": node.web[0].netns})
    wait_described(node, "pod-1", "Readiness probe failed: exit status 1")
    wait_answers(node, "pod-1")
    publish_service(lab)
    wait_answers(node)
    publish_service(lab, publishNotReadyAddresses=True)
    wait_answers(node, "pod-1")


def test_a_label_that_goes_takes_the_endpoint_along_at_once(lab, one_node):
    node = one_node(pods=2)
    publish_service(lab)
    for pod in node.web:
        publish(lab, pod, {"tcpSocket": {"port": 8080}})
    wait_answers(node, "pod-1", "pod-2")
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}}, labels={"app": "other"})
    wait_answers(node, "pod-2")


def test_without_probes_others_say_whether_pods_are_ready(lab, one_node):
    node = one_node(pods=1, agent=["--no-probes"])
    publish(lab, node.web[0], {"tcpSocket": {"port": 8081}})
    wait_ready(node, pod_1="1/1")


def test_status_says_how_probes_do(lab, one_node):
    node = one_node(pods=2)
    publish(lab, node.web[0], {"tcpSocket": {"port": 8080}})
    publish(lab, node.web[1], {"exec": {"command": ["true"]}})  # nobody says where
    wait_ready(node, pod_1="1/1", pod_2="0/1")
    line = re.search(r"^Probes: +2; (\d+) tries, 0 failed, [0-9.]+ ms late at most; (\d+) COULD NOT "
                     r"BE MADE \(see 'beeline describe pod'\)$",
                     system.wait_until(lambda: (lambda text: "COULD NOT BE MADE" in text and text)(
                         node.beeline("status").stdout), 5, 0.1, "probes in the status"), re.M)
    assert line and int(line[1]) > 0
    wait_described(node, "pod-2", "cannot probe: nobody says where the container runs")
