# SPDX-License-Identifier: GPL-3.0-or-later
"""A book's chapter on Services with the real kubectl, command by command, against one agent. What
traffic, names and variables do then is tested with beeline's own commands in test_seed.py."""

import pytest

from kubectl import LISTEN, Kubectl, kubectl_program
from lab import system
from lab.traffic import answers, wait_for_answers
from test_kubectl_read import row_of
from test_seed import add_serving_pods, in_pod, mended, seed

PODS = ["zch-1", "zch-2", "zch-3"]


@pytest.fixture
def kubectl(one_node, kubectl_program):
    node = add_serving_pods(one_node(pods=0, agent=LISTEN))
    return Kubectl(*kubectl_program, node)


def create(kubectl, name, *changes):
    kubectl("create", "-f", "-", text=mended(name, *changes))


def address_of(kubectl, name):
    return kubectl("get", "svc", name, "-o", "jsonpath={.spec.clusterIP}").stdout


def test_a_service_is_created_listed_described_and_sticks_to_a_pod(kubectl):
    node = kubectl.node
    assert kubectl("create", "-f", seed("01-service.yaml")).stdout == "service/zch-svc created\n"
    address = address_of(kubectl, "zch-svc")
    assert kubectl.lines("get", "svc")[0].split() == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP",
                                                      "PORT(S)", "AGE"]
    assert row_of(kubectl, "svc", "zch-svc")[:5] == ["zch-svc", "ClusterIP", address, "<none>",
                                                     "80/TCP"]
    wait_for_answers(node.client, address, PODS, count=24)
    wanted = [f"{pod.addresses[0]}:8080" for pod in node.serv]
    described = kubectl("describe", "svc", "zch-svc").stdout
    assert all(endpoint in described for endpoint in wanted), described
    for word in ("endpoints", "ep"):
        assert row_of(kubectl, word, "zch-svc")[:2] == ["zch-svc", ",".join(wanted)]
    assert "does not run containers" in kubectl.refused("exec", "zch-1", "--", "env")
    explained = kubectl("explain", "svc.spec.sessionAffinity").stdout
    assert "a client stays with its pod" in explained
    kubectl("patch", "svc", "zch-svc", "-p", '{"spec":{"sessionAffinity":"ClientIP"}}')
    system.wait_until(lambda: len(answers(node.client, address, 12)) == 1, 5, 0.1, "affinity")
    kubectl("delete", "svc", "zch-svc")
    assert "not found" in kubectl.refused("get", "svc", "zch-svc")


def test_expose_makes_a_service_from_a_pod(kubectl):
    kubectl("expose", "pod", "zch-1", "--port", "80", "--target-port", "8080", "--name", "exposed")
    wait_for_answers(kubectl.node.client, address_of(kubectl, "exposed"), PODS, count=24)


def test_two_ports_by_number_and_by_name(kubectl):
    create(kubectl, "03-two-ports.yaml")
    assert row_of(kubectl, "svc", "zch-svc2")[4] == "9190/TCP,9191/TCP"
    for file in ("03-two-ports.yaml", "05-named-ports.yaml"):
        kubectl("apply", "-f", seed(file))
        for port in (9190, 9191):
            wait_for_answers(kubectl.node.client, address_of(kubectl, "zch-svc2"), PODS, port=port,
                             count=24)
    assert kubectl("get", "svc", "zch-svc2", "-o",
                   "jsonpath={.spec.ports[*].targetPort}").stdout == "http https"


def test_endpoints_by_hand_outside_names_and_no_address(kubectl):
    create(kubectl, "06-no-selector.yaml")
    assert "not found" in kubectl.refused("get", "ep", "zch-svc2")
    assert kubectl("create", "-f", seed("07-endpoints.yaml")).returncode == 0
    wanted = "10.244.1.45:9000,10.244.2.40:9000"
    assert row_of(kubectl, "ep", "zch-svc2")[1] == wanted
    system.wait_until(lambda: wanted in kubectl("describe", "svc", "zch-svc2").stdout, 5, 0.1,
                      "endpoints")
    refused = kubectl.refused("create", "-f", seed("08-external-name.yaml"))
    assert "'service', expected 'Service'" in refused
    create(kubectl, "08-external-name.yaml", ("kind: service", "kind: Service"))
    assert row_of(kubectl, "svc", "ext-svc")[1:4] == ["ExternalName", "<none>", "zch.http.com"]
    create(kubectl, "13-headless.yaml")
    assert row_of(kubectl, "svc", "zch-headless")[1:3] == ["ClusterIP", "None"]
    kubectl("annotate", "svc", "zch-headless",
            "service.alpha.kubernetes.io/tolerate-unready-endpoints=true")
    assert "tolerate-unready" in kubectl("describe", "svc", "zch-headless").stdout


def test_node_ports_and_the_way_to_mend_a_misspelt_one(kubectl):
    node = kubectl.node
    create(kubectl, "09-node-port.yaml")
    assert row_of(kubectl, "svc", "zch-nodeport")[4] == "9200:30000/TCP"
    wait_for_answers(node, node.addresses[0], PODS, port=30000, count=24)
    assert "NodePort" in kubectl.refused("create", "-f", seed("10-load-balancer.yaml"))
    create(kubectl, "10-load-balancer.yaml", ("NodePort:", "nodePort:"))
    assert row_of(kubectl, "svc", "zch-loadbalancer")[3:5] == ["<pending>", "9300:30001/TCP"]
    wait_for_answers(node, "127.0.0.1", PODS, port=30001, count=24)
    kubectl("patch", "svc", "zch-nodeport", "-p", '{"spec":{"externalTrafficPolicy":"Local"}}')
    assert "External Traffic Policy:  Local" in kubectl("describe", "svc", "zch-nodeport").stdout


def test_part_of_a_manifest_is_refused(kubectl):
    for file in ("02-session-affinity-part.yaml", "04-pod-part.yaml", "11-traffic-policy-part.yaml",
                 "12-readiness-part.yaml", "14-tolerate-unready-part.yaml"):
        assert file in kubectl.refused("create", "-f", seed(file))


def test_a_pod_leaves_with_its_label_and_its_readiness(one_node, kubectl_program):
    probe = {"exec": {"command": ["ls", "/httpserv"]}, "periodSeconds": 1, "failureThreshold": 1}
    node = add_serving_pods(one_node(pods=0, agent=LISTEN), probe=probe)
    kubectl = Kubectl(*kubectl_program, node)
    assert "resource type \"rc\"" in kubectl.refused("edit", "rc", "zch-rc")
    kubectl("create", "-f", seed("01-service.yaml"))
    assert [row.split()[1] for row in kubectl.lines("get", "pods", "-l", "type=serv",
                                                    "--no-headers")] == ["0/1"] * 3
    for pod in node.serv[:2]:
        in_pod(pod, "touch", "/httpserv")
        kubectl("wait", "--for=condition=Ready", f"pod/{pod.name}", "--timeout=20s")
    wait_for_answers(node.client, address_of(kubectl, "zch-svc"), PODS[:2], count=24)
    assert "Readiness probe failed" in kubectl("describe", "pod", "zch-3").stdout
