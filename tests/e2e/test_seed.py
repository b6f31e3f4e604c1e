# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of a book's chapter on Services, applied as its reader would type them."""

import json
import os

import pytest

from conftest import TREE
from lab.traffic import wait_for_answers

SEED = os.path.join(TREE, "tests", "data", "seed")
LABELS = {"type": "serv"}
PORTS = [("web", 8080, "TCP"), ("http", 9190, "TCP"), ("https", 9191, "TCP"),
         ("nine", 9200, "TCP"), ("four", 9400, "TCP")]


def seed(name):
    return os.path.join(SEED, name)


def mended(name, *changes):
    with open(seed(name), encoding="utf-8") as text:
        mended_text = text.read()
    for old, new in changes:
        assert old in mended_text
        mended_text = mended_text.replace(old, new)
    return mended_text


def spec_of(node, name):
    return json.loads(node.beeline("get", "svc", name, "-o", "json").stdout)["spec"]


@pytest.fixture
def node(one_node):
    node = one_node(pods=0)
    node.serv = [node.add_pod(f"zch-{i}", labels=LABELS, ports=PORTS) for i in (1, 2, 3)]
    return node


def apply(node, name):
    return node.beeline("apply", "-f", seed(name))


def test_first_service_gets_an_address_and_is_listed_as_kubectl_does(node):
    apply(node, "01-service.yaml")
    rows = [line.split() for line in node.beeline("get", "svc").stdout.splitlines()]
    assert rows[0] == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    row = next(row for row in rows if row[0] == "zch-svc")
    address = spec_of(node, "zch-svc")["clusterIP"]
    assert row[1:5] == ["ClusterIP", address, "<none>", "80/TCP"]
    wait_for_answers(node.client, address, ["zch-1", "zch-2", "zch-3"], count=24)


@pytest.mark.parametrize("file", ["03-two-ports.yaml", "05-named-ports.yaml"])
def test_two_ports_by_number_and_by_name(node, file):
    apply(node, file)
    address = spec_of(node, "zch-svc2")["clusterIP"]
    for port in (9190, 9191):
        wait_for_answers(node.client, address, ["zch-1", "zch-2", "zch-3"], port=port, count=24)
        assert f":{port} " in node.client.curl(f"http://{address}:{port}/where")


def test_service_without_selector_leads_to_its_endpoints(lab):
    here, there = lab.add_node(), lab.add_node()
    pods = []
    for node, address in ((here, "10.244.1.45/24"), (there, "10.244.2.40/24")):
        pod = node.add_pod(f"out-{node.index}", ports=[("nine", 9000, "TCP")], publish=False)
        pod.run("ip", "addr", "add", address, "dev", "eth0")
        pods.append(pod.name)
    client = here.add_pod("client", serve=False, ports=())
    here.start_agent()
    for name in ("06-no-selector.yaml", "07-endpoints.yaml"):
        apply(here, name)
    wait_for_answers(client, spec_of(here, "zch-svc2")["clusterIP"], pods, port=9000)


def test_lower_case_kind_is_refused_with_the_way_to_mend_it(node):
    refused = node.beeline("apply", "-f", seed("08-external-name.yaml"), check=False)
    assert refused.returncode != 0
    assert "08-external-name.yaml:2" in refused.stderr
    assert "'service'" in refused.stderr and "'Service'" in refused.stderr
    text = mended("08-external-name.yaml", ("kind: service", "kind: Service"))
    node.beeline("apply", "-f", "-", text=text)
    row = node.beeline("get", "svc", "ext-svc").stdout.splitlines()[1].split()
    assert row[1:4] == ["ExternalName", "<none>", "zch.http.com"]


def test_node_port_answers_on_the_node(node):
    apply(node, "09-node-port.yaml")
    for address in ("127.0.0.1", node.addresses[0]):
        wait_for_answers(node, address, ["zch-1", "zch-2", "zch-3"], port=30000, count=24)
    wait_for_answers(node.client, spec_of(node, "zch-nodeport")["clusterIP"],
                     ["zch-1", "zch-2", "zch-3"], port=9200, count=24)


def test_misspelt_node_port_is_refused_with_the_way_to_mend_it(node):
    refused = node.beeline("apply", "-f", seed("10-load-balancer.yaml"), check=False)
    assert refused.returncode != 0
    assert "10-load-balancer.yaml:10" in refused.stderr
    assert "NodePort" in refused.stderr and "'nodePort'" in refused.stderr
    text = mended("10-load-balancer.yaml", ("NodePort:", "nodePort:"))
    node.beeline("apply", "-f", "-", text=text)
    wait_for_answers(node, "127.0.0.1", ["zch-1", "zch-2", "zch-3"], port=30001, count=24)


def test_headless_service_has_no_address(node):
    apply(node, "13-headless.yaml")
    row = node.beeline("get", "svc", "zch-headless").stdout.splitlines()[1].split()
    assert row[1:3] == ["ClusterIP", "None"]


def test_expose_makes_a_service_from_a_pod(node):
    node.beeline("expose", "pod", "zch-1", "--port", "80", "--target-port", "8080",
                 "--name", "exposed")
    wait_for_answers(node.client, spec_of(node, "exposed")["clusterIP"],
                     ["zch-1", "zch-2", "zch-3"], count=24)


@pytest.mark.parametrize("file", ["02-session-affinity-part.yaml", "11-traffic-policy-part.yaml",
                                  "12-readiness-part.yaml"])
def test_part_of_a_manifest_is_refused_with_its_place(node, file):
    refused = node.beeline("apply", "-f", seed(file), check=False)
    assert refused.returncode == 1
    assert file in refused.stderr
