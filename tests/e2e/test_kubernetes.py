# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent follows a cluster at an API server, through all that can happen to one; connections go
on meanwhile."""

import ipaddress
import json
import socket
import time

import pytest

from lab import cluster, manifest, system
from lab.traffic import FAILED, Loop, answers, wait_for_answers
from objects import (GONE_TERMINATING, HTTP, NODE_PORT, OTHER_VIP, READY, SERVING_TERMINATING,
                     UNREADY, VIP, VIP6, names)

ZONE = "topology.kubernetes.io/zone"
PORTS = [{"port": 8080, "protocol": "TCP"}]
TAINT = {"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}


def put_service(server, name="web", address=VIP, labels=None, **spec):
    server.put(object=json.loads(manifest.service(name, **{
        "ports": [HTTP], "clusterIP": address, "clusterIPs": [address],
        "metadata": {"labels": labels or {}}, **spec})))


def put_slice(server, rows, name="web-1", service="web", family="IPv4", labels=None):
    server.put(object=json.loads(manifest.endpoint_slice(
        service, name, [(pod.addresses[family == "IPv6"], pod.node.name, conditions)
                        for pod, conditions in rows], PORTS, family, labels=labels)))


def ready(pods):
    return [(pod, READY) for pod in pods]


@pytest.fixture
def followed(lab):
    """Builds a node with pods that no manifest names, an API server, and the agent that follows it.
    """
    def build(*options, pods=2, agent=()):
        node = lab.add_node()
        node.web = [node.add_pod(labels={"app": "web"}, publish=False) for _ in range(pods)]
        node.client = node.add_pod("client", serve=False, ports=(), publish=False)
        node.server = cluster.ApiServer(node, *options)
        node.server.put_node(node.name, {ZONE: "zone-a"})
        put_service(node.server)
        put_slice(node.server, ready(node.web))
        node.start_agent("--kubeconfig", node.server.kubeconfig, *agent)
        return node
    return build


def add_other(node):
    """A second Service, which a test can miss."""
    put_service(node.server, "other", OTHER_VIP)
    put_slice(node.server, ready(node.web), "other-1", "other")
    wait_for_answers(node.client, OTHER_VIP, names(node.web))


def source(node):
    status = json.loads(node.output("curl", "-sS", "--unix-socket", node.socket,
                                    "http://localhost/beeline/v1/status"))
    return status["sources"][0], status["problems"]


def problems(node):
    return " ".join(row["message"] for row in source(node)[1])


def wait_for_problem(node, words, timeout=10):
    system.wait_until(lambda: words in problems(node), timeout, 0.1, f"a problem with '{words}'")


def wait_for_peace(node, timeout=40):
    system.wait_until(lambda: not source(node)[1], timeout, 0.1, "all problems to be over")


def finish(loop):
    good, bad, samples = loop.finish()
    assert good > 20 and bad == 0, f"{bad} of {good + bad} failed: {samples}"


def test_services_lead_to_what_the_slices_say(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    told, found = source(node)
    assert told["name"] == "kubernetes" and told["synced"] and not found
    assert {row["kind"]: row["state"] for row in told["kinds"]} == {
        "services": "watching", "endpointslices": "watching", "nodes": "watching"}
    put_slice(node.server, ready(node.web[:1]))
    wait_for_answers(node.client, VIP, names(node.web[:1]))
    put_slice(node.server, [(node.web[0], UNREADY), (node.web[1], READY)])
    wait_for_answers(node.client, VIP, names(node.web[1:]))
    put_slice(node.server, [(node.web[0], SERVING_TERMINATING), (node.web[1], GONE_TERMINATING)])
    wait_for_answers(node.client, VIP, names(node.web[:1]))
    add_other(node)
    node.server.delete(kind="Service", name="other", namespace="default")
    wait_for_answers(node.client, OTHER_VIP, [])


def test_pods_and_endpoints_objects_of_a_cluster_are_not_looked_at(followed):
    node = followed()
    put_service(node.server, selector={"app": "web"})
    node.server.put(object=json.loads(manifest.pod("stray", node.name, ["10.244.99.99"],
                                                   {"app": "web"})))
    wait_for_answers(node.client, VIP, names(node.web))
    node.server.delete(kind="EndpointSlice", name="web-1", namespace="default")
    wait_for_answers(node.client, VIP, [])
    assert "No resources" in node.beeline("get", "endpoints").stderr


def test_a_server_that_is_down_leaves_everything_as_it_is(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    node.server.stop()
    wait_for_problem(node, "stays so until that works")
    time.sleep(1)
    assert not node.agent.child.poll()
    assert "ok" in node.curl("http://localhost/healthz", "--unix-socket", node.socket)
    node.server.start()
    wait_for_peace(node)
    finish(loop)
    put_slice(node.server, ready(node.web[:1]))
    wait_for_answers(node.client, VIP, names(node.web[:1]))


def test_changes_while_the_server_was_away_are_made_up_for(followed):
    node = followed()
    add_other(node)
    loop = Loop(node.client, VIP)
    node.server.stop()
    node.server.delete(kind="Service", name="other", namespace="default")
    put_slice(node.server, ready(node.web[:1]))
    node.server.start()
    wait_for_answers(node.client, OTHER_VIP, [], timeout=10)
    wait_for_answers(node.client, VIP, names(node.web[:1]), timeout=10)
    finish(loop)


def test_history_that_the_server_no_longer_has_leads_to_a_new_list(followed):
    node = followed()
    add_other(node)
    loop = Loop(node.client, VIP)
    node.server.stop()
    node.server.delete(kind="Service", name="other", namespace="default")
    node.server.compact()
    node.server.start()
    wait_for_answers(node.client, OTHER_VIP, [], timeout=10)
    finish(loop)
    wait_for_peace(node)
    lists = {row["kind"]: row["lists"] for row in source(node)[0]["kinds"]}
    assert lists["services"] == 2, lists


def test_a_cluster_out_of_a_backup_with_smaller_versions_is_listed_anew(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    node.server.stop()
    node.server.renumber(version=7)
    put_slice(node.server, ready(node.web[:1]))
    node.server.start()
    wait_for_answers(node.client, VIP, names(node.web[:1]), timeout=15)
    finish(loop)


def test_connections_that_are_cut_again_and_again_do_no_harm(followed):
    node = followed("--bookmarks", "0.2")
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    for number in range(4):
        node.server.cut()
        put_slice(node.server, ready(node.web[number % 2:number % 2 + 1]))
        wait_for_answers(node.client, VIP, names(node.web[number % 2:number % 2 + 1]), timeout=15)
    finish(loop)


@pytest.mark.parametrize("status, words", [(403, "a ClusterRole must give the agent"),
                                           (429, "answered 429"), (500, "answered 500"),
                                           (404, "Kubernetes 1.21")])
def test_an_error_is_said_in_words_and_nothing_changes(followed, status, words):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    node.server.fail(status=status, message="not now")
    node.server.cut()
    wait_for_problem(node, words)
    wait_for_problem(node, "not now")
    node.server.fail()
    put_slice(node.server, ready(node.web[:1]))
    wait_for_answers(node.client, VIP, names(node.web[:1]), timeout=15)
    wait_for_peace(node)
    finish(loop)


def test_a_token_that_has_expired_is_read_again(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    node.server.tokens(tokens=["second"])
    node.server.cut()
    wait_for_problem(node, "does not accept the agent's credentials (401)")
    node.server.write_token("second")
    put_slice(node.server, ready(node.web[:1]))
    wait_for_answers(node.client, VIP, names(node.web[:1]), timeout=20)
    wait_for_peace(node)
    finish(loop)


def test_a_start_without_a_server_leaves_the_maps_of_the_last_run(followed):
    node = followed()
    add_other(node)
    loop = Loop(node.client, VIP)
    node.agent.kill()
    node.server.stop()
    node.server.delete(kind="Service", name="other", namespace="default")
    with pytest.raises(system.LabError, match="did not get ready"):
        node.agent.start(timeout=3)
    assert FAILED not in answers(node.client, OTHER_VIP, 4)
    system.wait_until(lambda: "cannot watch services" in node.agent.read_log(), 10, 0.1, "the log")
    node.server.start()
    wait_for_answers(node.client, OTHER_VIP, [], timeout=15)
    finish(loop)
    assert FAILED not in answers(node.client, VIP, 4)


def test_half_a_list_takes_nothing_away(followed):
    node = followed("--no-streaming-lists")
    wait_for_answers(node.client, VIP, names(node.web))
    node.agent.kill()
    # More than a page, and the web Service stands on none of the first.
    for number in range(600):
        put_service(node.server, f"a-{number}", f"10.96.{1 + number // 200}.{number % 200}")
    node.agent.start()
    assert FAILED not in answers(node.client, VIP, 4)
    assert source(node)[0]["objects"] == 603
    assert node.beeline("verify").returncode == 0


def test_case_56_a_service_of_another_proxy_is_left_alone_and_taken_again(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    put_service(node.server, labels={"service.kubernetes.io/service-proxy-name": "other"})
    wait_for_answers(node.client, VIP, [])
    put_service(node.server)
    wait_for_answers(node.client, VIP, names(node.web))


def test_case_57_a_service_marked_headless_goes_down_and_comes_back(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    put_service(node.server, labels={"service.kubernetes.io/headless": ""})
    wait_for_answers(node.client, VIP, [])
    put_service(node.server)
    wait_for_answers(node.client, VIP, names(node.web))
    put_slice(node.server, ready(node.web), labels={"service.kubernetes.io/headless": ""})
    wait_for_answers(node.client, VIP, [])
    put_slice(node.server, ready(node.web))
    wait_for_answers(node.client, VIP, names(node.web))


def test_endpoints_move_between_slices_without_a_failed_call(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    first, second = node.web
    for _ in range(10):
        put_slice(node.server, ready([first, second]), "web-2")  # both are in two slices now
        put_slice(node.server, ready([first]))
        put_slice(node.server, ready([second]), "web-2")
        put_slice(node.server, ready([first, second]))
        node.server.delete(kind="EndpointSlice", name="web-2", namespace="default")
        time.sleep(0.05)
    finish(loop)
    wait_for_answers(node.client, VIP, names(node.web))
    put_slice(node.server, ready(node.web), "web-2")
    wait_for_answers(node.client, VIP, names(node.web))
    plan = node.beeline("plan").stdout
    assert plan.count(f"{first.addresses[0]}:8080") == 1, plan


def test_dual_stack_services_have_slices_of_both_families(followed):
    node = followed()
    put_service(node.server, clusterIPs=[VIP, VIP6], ipFamilies=["IPv4", "IPv6"],
                ipFamilyPolicy="RequireDualStack")
    put_slice(node.server, ready(node.web[:1]), "web-6", family="IPv6")
    wait_for_answers(node.client, VIP, names(node.web))
    wait_for_answers(node.client, VIP6, names(node.web[:1]))


def test_node_ports_and_addresses_are_those_of_the_objects(followed):
    node = followed()
    put_service(node.server, type="NodePort", ports=[{**HTTP, "nodePort": NODE_PORT}])
    wait_for_answers(node, node.addresses[0], names(node.web), port=NODE_PORT)
    put_service(node.server, "far", "172.30.4.4")  # in none of the agent's service ranges
    put_slice(node.server, ready(node.web), "far-1", "far")
    wait_for_answers(node.client, "172.30.4.4", names(node.web))


def test_zone_and_taints_come_from_the_own_node(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    assert "zone-a" in node.beeline("status").stdout
    here, there = node.web
    rows = json.loads(manifest.endpoint_slice("web", "web-1", [
        (here.addresses[0], node.name, READY), (there.addresses[0], node.name, READY)], PORTS))
    for row, zone in zip(rows["endpoints"], ("zone-a", "zone-b")):
        row["hints"] = {"forZones": [{"name": zone}]}
    node.server.put(object=rows)
    wait_for_answers(node.client, VIP, [here.name])
    node.server.put_node(node.name, {ZONE: "zone-b"})
    wait_for_answers(node.client, VIP, [there.name])
    healthz = ["-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", node.socket]
    assert node.curl("http://localhost/healthz", *healthz) == "200"
    node.server.put_node(node.name, {ZONE: "zone-b"}, [TAINT])
    system.wait_until(lambda: node.curl("http://localhost/healthz", *healthz) == "503", 5, 0.05,
                      "healthz of a node that is about to go")
    assert node.curl("http://localhost/livez", *healthz) == "200"
    node.server.delete(kind="Node", name=node.name)
    wait_for_problem(node, f"the cluster has no Node '{node.name}'")
    node.server.put_node(node.name)
    wait_for_peace(node)


def test_pods_of_this_node_are_asked_for_while_a_service_has_affinity(followed):
    node = followed()
    wait_for_answers(node.client, VIP, names(node.web))
    assert "pods" not in [row["kind"] for row in source(node)[0]["kinds"]]
    for pod in (*node.web, node.client):
        node.server.put(object=json.loads(manifest.pod(pod.name, node.name, pod.addresses)))
    node.server.put(object=json.loads(manifest.pod("elsewhere", "node-9", ["10.244.9.9"])))
    put_service(node.server, sessionAffinity="ClientIP")
    node.client.wait_until_known()
    assert "elsewhere" not in node.beeline("get", "pods").stdout
    assert len(answers(node.client, VIP, 12)) == 1


def dig(node, name, kind="A"):
    return set(node.output("dig", "+short", "+time=2", "@127.0.0.1", "-p", "10053", name, kind)
               .split())


def test_names_are_answered_for_headless_services_too_and_only_the_others_are_proxied(followed):
    node = followed(agent=("--dns", "--dns-upstream", "127.0.0.1:9"))
    wait_for_answers(node.client, VIP, names(node.web))
    assert dig(node, "web.default.svc.cluster.local") == {VIP}
    put_service(node.server, "names", "None")
    put_slice(node.server, ready(node.web), "names-1", "names",
              labels={"service.kubernetes.io/headless": ""})
    addresses = {pod.addresses[0] for pod in node.web}
    system.wait_until(lambda: dig(node, "names.default.svc.cluster.local") == addresses, 5, 0.1,
                      "the addresses of a headless Service")
    for label in ("service-proxy-name", "headless"):
        put_service(node.server, labels={f"service.kubernetes.io/{label}": "x"})
        wait_for_answers(node.client, VIP, [])
        assert dig(node, "web.default.svc.cluster.local") == {VIP}
        put_service(node.server)
        wait_for_answers(node.client, VIP, names(node.web))
    # No kube-dns is made up: addresses are the cluster's to give.
    assert "kube-dns" not in node.beeline("get", "services", "-A").stdout


def test_objects_of_a_cluster_are_changed_there(followed):
    node = followed()
    refused = node.beeline("delete", "service", "web", check=False)
    assert refused.returncode and "change objects at its API server" in refused.stderr
    refused = node.beeline("apply", "-f", "-", check=False,
                           text=manifest.service("new", ports=[HTTP]))
    assert refused.returncode and "change objects at its API server" in refused.stderr
    assert FAILED not in answers(node.client, VIP, 4)


def test_manifests_and_a_cluster_exclude_each_other(lab):
    node = lab.add_node()
    done = node.beeline("agent", "--manifests", lab.manifests, "--in-cluster", check=False)
    assert done.returncode == 2 and "follow the cluster, or manifests" in done.stderr


def put_probed_service(server, **annotations):
    server.put(object=json.loads(manifest.service(
        "web", ports=[HTTP], clusterIP=VIP, clusterIPs=[VIP], metadata={"annotations": {
            f"beeline.dev/{name.replace('_', '-')}": value for name, value in annotations.items()}})))


def probe_count(node):
    return json.loads(node.beeline("status", "-o", "json").stdout)["probes"]["count"]


def test_kubelets_own_readiness_and_only_a_service_that_asks_is_probed(followed):
    node = followed()
    first, second = names(node.web)
    node.server.put(object={
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "other", "namespace": "default"},
        "spec": {"nodeName": node.name, "containers": [{
            "name": "main", "image": "app", "readinessProbe": {
                "periodSeconds": 1, "tcpSocket": {"port": 9}}}]},
        "status": {"phase": "Running", "podIP": node.web[0].addresses[0],
                   "conditions": [{"type": "Ready", "status": "True"}]}})
    wait_for_answers(node.client, VIP, [first, second])
    assert probe_count(node) == 0
    node.web[1].stop()
    wait_for_answers(node.client, VIP, [first, FAILED])
    put_probed_service(node.server, probe="tcp", probe_period="1", probe_failures="1")
    wait_for_answers(node.client, VIP, [first], timeout=8)
    assert probe_count(node) == 2
    # What the server says anew does not undo what the probe has found.
    put_slice(node.server, ready(node.web), labels={"again": "yes"})
    wait_for_answers(node.client, VIP, [first], timeout=8)
    node.web[1].serve(http=[8080])
    wait_for_answers(node.client, VIP, [first, second], timeout=8)
    put_service(node.server)
    system.wait_until(lambda: probe_count(node) == 0, 5, 0.1, "the end of probing")


def dsr_peers(node):
    rows = json.loads(node.output("bpftool", "-j", "map", "dump", "pinned",
                                  f"{node.bpffs}/dsr_peers"))
    keys = [bytes(int(byte, 16) for byte in row["key"]) for row in rows]
    return {str(ipaddress.ip_address(key[8:12] if key[4] == socket.AF_INET else key[8:]))
            for key in keys}


def test_an_agent_with_devices_knows_all_nodes_of_the_cluster(followed):
    """Whose encapsulated packets it takes. A Node of another name is not this one."""
    node = followed(agent=("--device", "eth0"))
    assert dsr_peers(node) == set()
    node.server.put_node("other", addresses=("192.168.77.99", "fd00:77::99"))
    system.wait_until(lambda: dsr_peers(node) == {"192.168.77.99", "fd00:77::99"}, 10, 0.1,
                      "the other Node's addresses")
    node.server.put_node(node.name, {ZONE: "zone-a"}, addresses=node.addresses)
    node.server.put_node("other", addresses=("192.168.77.98",))
    system.wait_until(lambda: dsr_peers(node) == {"192.168.77.98"}, 10, 0.1, "its new address")
    node.server.delete(kind="Node", name="other")
    system.wait_until(lambda: dsr_peers(node) == set(), 10, 0.1, "nobody")
    assert not source(node)[1], "no word of a missing Node"
    node.server.delete(kind="Node", name=node.name)
    wait_for_problem(node, f"the cluster has no Node '{node.name}'")
