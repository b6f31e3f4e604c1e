# SPDX-License-Identifier: GPL-3.0-or-later
"""One agent serves the API, another one follows it as if it were a cluster: what is made at the first
is served on the second, over restarts of either and gaps between them."""

import json
import os

import pytest

from lab import manifest, system
from lab.traffic import Loop, wait_for_answers
from objects import HTTP, VIP, names

PORT = 8001
SERVICES = "/api/v1/namespaces/default/services"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: one
clusters: [{{name: one, cluster: {{server: "http://{server}:{port}"}}}}]
contexts: [{{name: one, context: {{cluster: one, user: agent}}}}]
users: [{{name: agent, user: {{}}}}]
"""


def ask(node, method, path, body=None, kind="application/json"):
    """One request to the node's own socket: (code, answer)."""
    extra = ["-H", f"Content-Type: {kind}", "--data-binary", "@-"] if body is not None else []
    done = node.run("curl", "-sS", "-w", "\n%{http_code}", "-X", method, *extra, "--unix-socket",
                    node.socket, f"http://localhost{path}",
                    text=None if body is None else json.dumps(body))
    text, _, code = done.stdout.rpartition("\n")
    return int(code), json.loads(text)


def make(node, path, body):
    code, answer = ask(node, "POST", path, body)
    assert code == 201, answer
    return answer


def service(name="web", address=VIP):
    spec = {"clusterIP": address} if address else {}
    made = json.loads(manifest.service(name, ports=[HTTP], selector={"app": "web"}, **spec))
    made["metadata"].pop("namespace", None) # the path says it
    return made


def problems(node):
    return [row["message"] for row in ask(node, "GET", "/beeline/v1/status")[1]["problems"]]


@pytest.fixture
def pair(lab):
    """The first node has the API, with a pod on each; both pods are in the first one's manifests."""
    first, second = lab.add_node(), lab.add_node()
    for node in (first, second):
        node.web = [node.add_pod(labels={"app": "web"})]
        node.client = node.add_pod(f"client-{node.index}", serve=False, ports=())
    first.api = ("--api-listen", f"{first.addresses[0]}:{PORT}", "--api-open-to-network")
    first.start_agent(*first.api)
    make(first, "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node",
                                  "metadata": {"name": second.name}})
    config = os.path.join(second.folder, "kubeconfig")
    with open(config, "w", encoding="ascii") as out:
        out.write(KUBECONFIG.format(server=first.addresses[0], port=PORT))
    second.start_agent("--kubeconfig", config)
    first.all = names(first.web + second.web)
    return first, second


def test_what_is_made_at_the_first_is_served_by_the_second(pair):
    first, second = pair
    make(first, SERVICES, service())
    for node in pair:
        wait_for_answers(node.client, VIP, first.all)
    code, answer = ask(first, "PATCH", SERVICES + "/web", {"spec": {"selector": {"app": "none"}}},
                       "application/strategic-merge-patch+json")
    assert code == 200, answer
    for node in pair:
        wait_for_answers(node.client, VIP, [])
    assert ask(first, "DELETE", SERVICES + "/web")[0] == 200
    system.wait_until(lambda: not second.run("beeline", "get", "services", "-A").stdout, 10, 0.05,
                      "the service to go")
    assert not problems(second)


def test_labels_of_nodes_and_services_count_on_the_second(pair):
    first, second = pair
    labelled = service("other", "10.96.0.81")
    labelled["metadata"]["labels"] = {"service.kubernetes.io/service-proxy-name": "another"}
    make(first, SERVICES, labelled)
    make(first, SERVICES, service())
    wait_for_answers(second.client, VIP, first.all)
    wait_for_answers(second.client, "10.96.0.81", [])
    code, answer = ask(first, "PATCH", f"/api/v1/nodes/{second.name}",
                       {"metadata": {"labels": {"topology.kubernetes.io/zone": "zone-b"}}},
                       "application/merge-patch+json")
    assert code == 200, answer
    system.wait_until(lambda: ask(second, "GET", "/beeline/v1/status")[1]["zone"] == "zone-b", 10,
                      0.05, "the zone")


def test_traffic_goes_on_while_the_first_is_away_and_changes_come_after(pair):
    first, second = pair
    make(first, SERVICES, service())
    wait_for_answers(second.client, VIP, first.all)
    loop = Loop(second.client, VIP)
    first.agent.kill()
    system.wait_until(lambda: problems(second), 30, 0.1, "the second to notice")
    first.start_agent(*first.api)
    make(first, SERVICES, service("late", "10.96.0.81"))
    wait_for_answers(second.client, "10.96.0.81", first.all, timeout=40)
    system.wait_until(lambda: not problems(second), 40, 0.1, "peace")
    good, bad, samples = loop.finish()
    assert good > 20 and bad == 0, f"{bad} of {good + bad} failed: {samples}"


def test_what_went_while_the_second_was_away_is_gone_when_it_comes_back(pair):
    first, second = pair
    make(first, SERVICES, service())
    make(first, SERVICES, service("other", "10.96.0.81"))
    wait_for_answers(second.client, "10.96.0.81", first.all)
    second.agent.kill()
    assert ask(first, "DELETE", SERVICES + "/other")[0] == 200
    second.start_agent(*second.agent.options)
    wait_for_answers(second.client, VIP, first.all)
    wait_for_answers(second.client, "10.96.0.81", [])


def test_a_lease_has_one_holder(pair):
    first, second = pair
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
             "metadata": {"name": "pool"}, "spec": {"holderIdentity": first.name}}
    made = make(first, LEASES, lease)
    there = f"http://{first.addresses[0]}:{PORT}{LEASES}/pool"
    read = json.loads(second.output("curl", "-sS", there))
    assert read["spec"] == made["spec"]
    for who, code in ((second.name, "200"), (first.name, "409")):
        read["spec"]["holderIdentity"] = who
        got = second.run("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-H",
                         "Content-Type: application/json", "--data-binary", "@-", there,
                         text=json.dumps(read)).stdout
        assert got == code, who
    assert ask(first, "GET", LEASES + "/pool")[1]["spec"]["holderIdentity"] == second.name


def test_the_second_tells_events_at_the_first(pair):
    first, second = pair
    second.agent.kill()
    second.start_agent(*second.agent.options, "--load-balancer-pool", "192.0.2.16/28")
    front = service("front", None)
    front["spec"]["type"] = "LoadBalancer"
    uid = make(first, SERVICES, front)["metadata"]["uid"]
    told = "/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid%3D" + uid

    def events():
        return [(event["reason"], event["reportingComponent"], event["involvedObject"]["name"])
                for event in ask(first, "GET", told)[1]["items"]]

    system.wait_until(events, 30, 0.1, "an event of the second at the first")
    assert events()[0] == ("LoadBalancerAddress", "beeline.dev/agent", "front")
    assert "cannot write Events" not in second.agent.read_log()


def test_a_namespace_ends_after_its_pods_and_over_a_restart(one_node):
    node = one_node(pods=1)
    make(node, "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace",
                                      "metadata": {"name": "shop"}})
    pods = "/api/v1/namespaces/shop/pods"
    make(node, pods, {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "image": "none"}], "nodeName": "elsewhere",
                 "terminationGracePeriodSeconds": 4},
        "status": {"podIP": "10.244.9.9"}})
    make(node, "/api/v1/namespaces/shop/services", service("web", address=None))
    code, answer = ask(node, "DELETE", "/api/v1/namespaces/shop")
    assert code == 200 and answer["status"]["phase"] == "Terminating", answer
    code, answer = ask(node, "POST", "/api/v1/namespaces/shop/services", service("late", None))
    assert code == 403 and "being terminated" in answer["message"], answer
    assert ask(node, "GET", "/api/v1/namespaces/shop/services")[1]["items"] == []
    assert ask(node, "GET", pods + "/p")[1]["metadata"]["deletionTimestamp"]
    node.agent.kill()
    node.start_agent()
    assert ask(node, "GET", "/api/v1/namespaces/shop")[0] == 200
    system.wait_until(lambda: ask(node, "GET", "/api/v1/namespaces/shop")[0] == 404, 15, 0.1,
                      "the namespace to end")
    assert ask(node, "GET", pods + "/p")[0] == 404
