# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifests of a book's chapter on Services, applied as its reader would type them."""

import json
import os

import pytest

from conftest import TREE
from lab import system
from lab.traffic import answers, wait_for_answers

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


def add_serving_pods(node, **more):
    node.serv = [node.add_pod(f"zch-{i}", labels=LABELS, ports=PORTS, **more) for i in (1, 2, 3)]
    return node


@pytest.fixture
def node(one_node):
    return add_serving_pods(one_node(pods=0))


@pytest.fixture
def named(node_with_names):
    """A node whose pods have names to ask for and variables; 'zch-test' is where commands run."""
    node = node_with_names(pods=0, known=["zch.http.com", "other.http.com"], ports=[9100])
    node.test = node.add_pod("zch-test", serve=False, ports=())
    return node


def in_pod(pod, *argv):
    """kubectl exec POD -- ..."""
    return pod.run(*argv, check=False).stdout


def looked_up(pod, name):
    """Addresses that nslookup shows, those of the server left out; none: no such name."""
    lines = in_pod(pod, "nslookup", name).splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith("Name:")), len(lines))
    return sorted({line.split()[1] for line in lines[start:] if line.startswith("Address:")})


def wait_looked_up(pod, name, pods):
    system.wait_until(lambda: looked_up(pod, name) == sorted(one.addresses[0] for one in pods), 8,
                      0.1, f"'nslookup {name}' to show {[one.name for one in pods]}")


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


def test_session_affinity_leads_every_call_to_one_pod(node):
    apply(node, "01-service.yaml")
    node.beeline("apply", "-f", "-", text=mended("01-service.yaml", (
        "spec:\n", "spec:\n  sessionAffinity: ClientIP\n")))
    system.wait_until(lambda: spec_of(node, "zch-svc").get("sessionAffinity") == "ClientIP", 5, 0.1,
                      "affinity")
    counter = answers(node.client, spec_of(node, "zch-svc")["clusterIP"], 12)
    assert len(counter) == 1 and set(counter) < {"zch-1", "zch-2", "zch-3"}


def test_pods_that_come_after_the_service_know_it_by_variables(named):
    add_serving_pods(named)
    named.beeline("create", "-f", seed("01-service.yaml"))
    address = spec_of(named, "zch-svc")["clusterIP"]
    assert "ZCH_SVC" not in in_pod(named.serv[0], "env")
    for pod in named.serv:  # the chapter deletes them, and its ReplicaSet makes new ones
        pod.restart()
    variables = in_pod(named.serv[0], "env").splitlines()
    assert f"ZCH_SVC_SERVICE_HOST={address}" in variables
    assert "ZCH_SVC_SERVICE_PORT=80" in variables
    told = in_pod(named.serv[0], "sh", "-c",
                  'curl -sS -m 5 "http://$ZCH_SVC_SERVICE_HOST:$ZCH_SVC_SERVICE_PORT/"').strip()
    assert told in ("zch-1", "zch-2", "zch-3")


def test_pods_find_the_service_by_its_names(named):
    add_serving_pods(named)
    apply(named, "01-service.yaml")
    address = spec_of(named, "zch-svc")["clusterIP"]
    assert "nameserver 10.96.0.10\n" in in_pod(named.test, "cat", "/etc/resolv.conf")
    for name in ("zch-svc.default.svc.cluster.local", "zch-svc.default", "zch-svc"):
        wait_for_answers(named.test, name, ["zch-1", "zch-2", "zch-3"], count=24)
        assert in_pod(named.test, "getent", "ahostsv4", name).split()[0] == address, name
    shell = named.test.run("sh", text="hostname\ncurl -sS -m 5 http://zch-svc/\nexit\n").stdout
    assert shell.split()[0] == "zch-test" and shell.split()[1] in ("zch-1", "zch-2", "zch-3")


def test_address_of_a_service_cannot_be_pinged(named):
    add_serving_pods(named)
    apply(named, "01-service.yaml")
    wait_for_answers(named.test, "zch-svc", ["zch-1", "zch-2", "zch-3"], count=24)
    ping = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
s.settimeout(0.5)
try:
    s.sendto(b"\\x08\\0\\xf7\\xfd\\0\\1\\0\\1", (sys.argv[1], 0))
    print("answer from", s.recvfrom(100)[1][0])
except OSError:
    print("none")
"""
    assert named.test.python(ping, named.serv[0].addresses[0]).startswith("answer from")
    assert named.test.python(ping, spec_of(named, "zch-svc")["clusterIP"]) == "none"


def test_endpoints_are_described_and_listed(node):
    apply(node, "01-service.yaml")
    wanted = [f"{pod.addresses[0]}:8080" for pod in node.serv]
    described = node.beeline("describe", "svc", "zch-svc").stdout
    assert all(endpoint in described for endpoint in wanted), described
    for word in ("endpoints", "ep"):
        row = node.beeline("get", word, "zch-svc").stdout.splitlines()[1].split()
        assert row[:2] == ["zch-svc", ",".join(wanted)]


def test_external_name_leads_outside_and_back(named):
    add_serving_pods(named)
    refused = named.beeline("create", "-f", seed("08-external-name.yaml"), check=False)
    assert refused.returncode == 1 and "(did you mean 'Service'?)" in refused.stderr
    text = mended("08-external-name.yaml", ("kind: service", "kind: Service"))
    named.beeline("create", "-f", "-", text=text)
    for name in ("ext-svc.default.svc.cluster.local", "ext-svc"):
        wait_for_answers(named.test, name, ["outside"], port=9100, count=2)
    alias = "ext-svc.default.svc.cluster.local."
    shown = in_pod(named.test, "dig", "+search", "+noall", "+answer", "ext-svc").split()
    assert shown[0] == alias and shown[3:5] == ["CNAME", "zch.http.com."]
    named.beeline("apply", "-f", "-", text=text.replace("zch.http.com", "other.http.com"))
    system.wait_until(lambda: "CNAME\tother.http.com." in in_pod(named.test, "dig", "+noall",
                                                                 "+answer", alias), 5, 0.1, "change")
    wait_for_answers(named.test, "ext-svc", ["outside"], port=9100, count=2)
    named.beeline("apply", "-f", "-", text=mended(
        "01-service.yaml", ("zch-svc", "ext-svc"), ("port: 80\n", "port: 9100\n")))
    wait_for_answers(named.test, "ext-svc", ["zch-1", "zch-2", "zch-3"], port=9100, count=24)


def test_readiness_follows_a_file_that_goes_and_comes(named):
    probe = {"exec": {"command": ["ls", "/httpserv"]}, "periodSeconds": 1, "failureThreshold": 1}
    assert "- ls\n            - /httpserv" in mended("12-readiness-part.yaml")
    add_serving_pods(named, probe=probe)
    apply(named, "01-service.yaml")
    apply(named, "13-headless.yaml")
    assert looked_up(named.test, "zch-headless") == []
    for pod in named.serv:
        in_pod(pod, "touch", "/httpserv")
    wait_for_answers(named.test, "zch-svc", ["zch-1", "zch-2", "zch-3"], count=24)
    wait_looked_up(named.test, "zch-headless", named.serv)
    in_pod(named.serv[0], "rm", "/httpserv")
    wait_for_answers(named.test, "zch-svc", ["zch-2", "zch-3"], count=24)
    wait_looked_up(named.test, "zch-headless", named.serv[1:])
    rows = {row.split()[0]: row.split()[1]
            for row in named.beeline("get", "pods", "--no-headers").stdout.splitlines()}
    assert (rows["zch-1"], rows["zch-2"]) == ("0/1", "1/1")
    in_pod(named.serv[0], "touch", "/httpserv")
    wait_for_answers(named.test, "zch-svc", ["zch-1", "zch-2", "zch-3"], count=24)
    wait_looked_up(named.test, "zch-headless", named.serv)
    assert not os.path.exists("/httpserv")


def test_pod_leaves_with_its_label_and_comes_back(named):
    add_serving_pods(named)
    named.beeline("apply", "-f", "-", text=mended("13-headless.yaml", (
        "type: serv", "type: serv\n    enable: 'true'")))
    assert looked_up(named.test, "zch-headless") == []
    for pod in named.serv[:2]:
        pod.publish(labels={**LABELS, "enable": "true"})
    wait_looked_up(named.test, "zch-headless", named.serv[:2])
    named.serv[0].publish()
    wait_looked_up(named.test, "zch-headless", named.serv[1:2])


@pytest.mark.parametrize("published", [
    ("kind: Service\nmetadata:", "kind: Service\nmetadata:\n  annotations:\n    service.alpha."
     "kubernetes.io/tolerate-unready-endpoints: \"true\""),
    ("spec:\n", "spec:\n  publishNotReadyAddresses: true\n")])
def test_unready_pods_are_found_too_where_the_service_says_so(named, published):
    add_serving_pods(named, ready=False)
    apply(named, "13-headless.yaml")
    assert looked_up(named.test, "zch-headless") == []
    named.beeline("apply", "-f", "-", text=mended("13-headless.yaml", published))
    wait_looked_up(named.test, "zch-headless", named.serv)
