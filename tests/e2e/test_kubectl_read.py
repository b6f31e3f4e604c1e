# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubectl reads: the real one, against the port of an agent."""

import json
import time

import pytest

from kubectl import LISTEN, Kubectl, kubectl_program
from lab import system

SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: {name}, labels: {{app: {name}}}}}
spec:
  type: {kind}
  selector: {{app: {app}}}
  ports:
  - {{name: http, port: {port}, targetPort: 8080}}
"""


@pytest.fixture
def kubectl(one_node, kubectl_program):
    node = one_node(pods=2, agent=LISTEN)
    node.beeline("apply", "-f", "-", text=SERVICE.format(name="web", kind="NodePort", app="web",
                                                         port=80))
    system.wait_until(lambda: ":8080" in node.beeline("get", "ep", "web").stdout, 10, 0.05,
                      "endpoints")
    return Kubectl(*kubectl_program, node)


def cells(lines, *left_out):
    """Rows of a table by its heads, without columns that differ from call to call."""
    starts = [i for i, c in enumerate(lines[0]) if c != " " and (i == 0 or lines[0][i - 2:i] == "  "
                                                                 or lines[0][i - 3:i] == "   ")]
    ends = starts[1:] + [None]
    rows = [[line[start:end].strip() for start, end in zip(starts, ends)] for line in lines]
    keep = [i for i, head in enumerate(rows[0]) if head not in left_out]
    return [[row[i] for i in keep] for row in rows]


def row_of(kubectl, *what):
    return kubectl.lines("get", *what, "--no-headers")[0].split()


def test_resources_have_kinds_short_names_and_groups(kubectl):
    rows = {row[0]: row for row in map(str.split, kubectl.lines("api-resources"))}
    assert set(rows) == {"NAME", "endpoints", "endpointslices", "events", "leases", "namespaces", "nodes",
                         "pods", "services"}
    assert rows["services"][1:] == ["svc", "v1", "true", "Service"]
    assert rows["namespaces"][1:] == ["ns", "v1", "false", "Namespace"]
    assert rows["endpointslices"][1:] == ["discovery.k8s.io/v1", "true", "EndpointSlice"]
    assert kubectl.lines("api-versions") == ["coordination.k8s.io/v1", "discovery.k8s.io/v1",
                                             "events.k8s.io/v1", "v1"]
    assert "is running at" in kubectl("cluster-info").stdout
    assert "deploy" in kubectl.refused("get", "deploy")


def test_tables_are_those_of_beeline_get(kubectl):
    for what in (("svc",), ("pods",), ("ep",), ("endpointslices",), ("nodes",), ("ns",),
                 ("svc", "-A"), ("pods", "-A", "--show-labels"), ("svc", "web"),
                 ("pods", "-l", "app=web")):
        for wide in ((), ("-o", "wide")):
            theirs = cells(kubectl.lines("get", *what, *wide), "AGE")
            ours = cells(kubectl.node.beeline("get", *what, *wide).stdout.splitlines(), "AGE",
                         "CONNECTIONS")  # which is asked for elsewhere
            assert theirs == ours and len(theirs) > 1, what


def test_all_is_pods_and_services(kubectl):
    names = kubectl.lines("get", "all", "-o", "name")
    assert names[-1] == "service/web" and "pod/client" in names
    assert all(name.startswith(("pod/", "service/")) for name in names)


def test_other_forms_of_output_and_selectors(kubectl):
    service = kubectl.json("get", "svc", "web")
    assert service["kind"] == "Service" and service["spec"]["ports"][0]["name"] == "http"
    assert "clusterIP: " + service["spec"]["clusterIP"] in kubectl("get", "svc", "-o", "yaml").stdout
    assert kubectl("get", "svc", "web", "-o", "jsonpath={.spec.ports[0].port}").stdout == "80"
    assert kubectl.lines("get", "svc", "-o", "custom-columns=N:.metadata.name,T:.spec.type") == [
        "N     T", "web   NodePort"]
    assert kubectl.lines("get", "pods", "--sort-by=.status.podIP", "-o", "name") == [
        "pod/pod-1", "pod/pod-2", "pod/client"]
    assert kubectl.lines("get", "pods", "-l", "app in (web),app!=x", "-o", "name") == [
        "pod/pod-1", "pod/pod-2"]
    assert kubectl.lines("get", "pods", "--field-selector", "metadata.name=pod-2,"
                         "spec.nodeName=node-1", "-o", "name") == ["pod/pod-2"]
    assert 'pods "nobody" not found' in kubectl.refused("get", "pod", "nobody")
    assert "cannot be selected by" in kubectl.refused("get", "svc", "--field-selector", "a.b=c")


def test_a_long_list_comes_in_pieces(kubectl):
    kubectl.node.beeline("apply", "-f", "-", text="---\n".join(
        SERVICE.format(name=f"s-{i}", kind="ClusterIP", app="none", port=80) for i in range(7)))
    done = kubectl("get", "svc", "--chunk-size=3", "-o", "name", "-v=6")
    assert done.stdout.split() == [f"service/s-{i}" for i in range(7)] + ["service/web"]
    assert done.stderr.count("limit=3") == 3 and done.stderr.count("continue=") == 2


def test_a_watch_shows_what_there_is_and_what_changes(kubectl, tmp_path):
    for name, options in (("all", ("-w",)), ("changes", ("--watch-only",)),
                          ("events", ("-w", "--output-watch-events"))):
        with open(tmp_path / name, "wb") as output:
            kubectl.start("get", "svc", *options, stdout=output)

    def seen(name):
        text = (tmp_path / name).read_text(encoding="utf-8")
        return [line.split() for line in text.splitlines()]

    system.wait_until(lambda: len(seen("all")) == 2 and len(seen("events")) == 2, 10, 0.05,
                      "the first lines")
    time.sleep(0.5)  # the one that shows changes alone says nothing of having begun
    kubectl.node.beeline("apply", "-f", "-", text=SERVICE.format(name="new", kind="ClusterIP",
                                                                 app="web", port=81))
    kubectl.node.beeline("delete", "svc", "new")
    system.wait_until(lambda: [row[:2] for row in seen("events")[-1:]] == [["DELETED",
                      "new"]] and len(seen("changes")) > 2, 10, 0.05, "the changes")
    assert seen("all")[0][0] == "NAME" and seen("all")[1][0] == "web"
    assert seen("changes")[0][0] == "NAME" and seen("changes")[1][0] == "new"
    told = [row[:2] for row in seen("events")]
    assert told[:2] == [["EVENT", "NAME"], ["ADDED", "web"]] and ["ADDED", "new"] in told


def test_describe_shows_endpoints_ports_and_pods(kubectl):
    pods = [pod.addresses[0] for pod in kubectl.node.web]
    service = kubectl("describe", "svc", "web").stdout
    assert all(f"{address}:8080" in service for address in pods), service
    assert "NodePort" in service and "Events:" in service
    endpoints = kubectl("describe", "ep", "web").stdout
    assert ",".join(pods) in endpoints and "http" in endpoints
    slices = kubectl("describe", "endpointslice").stdout
    assert all(address in slices for address in pods) and "TargetRef:  Pod/pod-1" in slices
    assert kubectl.node.web[0].addresses[0] in kubectl("describe", "pod", "pod-1").stdout
    node = kubectl("describe", "node", "node-1").stdout
    assert "pod-1" in node and kubectl.node.addresses[0] in node and "(0%)" in node
    assert row_of(kubectl, "nodes")[:2] == ["node-1", "Ready"]
    assert "Active" in kubectl("describe", "ns", "default").stdout


def test_slices_are_read_in_the_words_of_an_old_kubectl(kubectl):
    path = "/apis/discovery.k8s.io/v1beta1/namespaces/default/endpointslices"
    listed = json.loads(kubectl("get", "--raw", path).stdout)
    assert listed["apiVersion"] == "discovery.k8s.io/v1beta1"
    endpoint = listed["items"][0]["endpoints"][0]
    assert endpoint["topology"]["kubernetes.io/hostname"] == endpoint["nodeName"]
    assert "zone" not in endpoint
    assert "v1beta1" not in kubectl("api-versions").stdout
    assert "takes GET" in kubectl.refused("delete", "--raw", path)


def test_explain_tells_the_help_of_the_fields(kubectl):
    ports = kubectl("explain", "service.spec.ports").stdout
    assert "the port that clients dial" in ports and "nodePort" in ports and "-required-" in ports
    assert "readinessProbe" in kubectl("explain", "pod", "--recursive").stdout
    for name in ("svc", "pods", "endpoints", "endpointslices", "nodes", "namespaces", "events"):
        assert "KIND:" in kubectl("explain", name).stdout, name
    assert "does not exist" in kubectl.refused("explain", "svc.spec.nothing")


@pytest.mark.parametrize("wrong, named", [
    (("targetPort", "targetport"), "targetport"),
    (("port: 80", "port: eighty"), "port"),
    (("port: 80, ", ""), "port"),
])
def test_a_mistake_in_a_manifest_is_named(kubectl, wrong, named):
    text = SERVICE.format(name="bad", kind="ClusterIP", app="web", port=80).replace(*wrong)
    assert named in kubectl.refused("create", "-f", "-", text=text)
    assert "not found" in kubectl.refused("get", "svc", "bad")


def test_a_dry_run_of_the_server_keeps_nothing(kubectl):
    text = SERVICE.format(name="tried", kind="ClusterIP", app="web", port=80)
    made = json.loads(kubectl("create", "--dry-run=server", "-o", "json", "-f", "-",
                              text=text).stdout)
    assert made["spec"]["clusterIP"]
    assert "not found" in kubectl.refused("get", "svc", "tried")


def test_probes_are_seen_as_conditions_and_events(one_node, kubectl_program, tmp_path):
    node = one_node(pods=0, agent=LISTEN)
    kubectl = Kubectl(*kubectl_program, node)
    good = node.add_pod("good", publish=False)
    bad = node.add_pod("bad", publish=False)
    with open(tmp_path / "told", "wb") as told:
        kubectl.start("get", "events", "-w", stdout=told)
    good.publish(probe={"httpGet": {"port": 8080}, "periodSeconds": 1})
    bad.publish(probe={"tcpSocket": {"port": 1}, "periodSeconds": 1})
    kubectl("wait", "--for=condition=Ready", "pod/good", "--timeout=20s")
    assert "timed out" in kubectl.refused("wait", "--for=condition=Ready", "pod/bad",
                                          "--timeout=1s")
    of_bad = ("get", "events", "--field-selector", "involvedObject.name=bad")
    system.wait_until(lambda: kubectl(*of_bad).stdout, 15, 0.2, "an event")
    rows = kubectl.lines(*of_bad)
    assert rows[0].split() == ["LAST", "SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    assert all("pod/bad" in row and "Unhealthy" in row for row in rows[1:])
    assert "Readiness probe failed" in kubectl("describe", "pod", "bad").stdout
    assert "Readiness probe failed" not in kubectl("describe", "pod", "good").stdout
    name = kubectl.json(*of_bad)["items"][0]["metadata"]["name"]
    assert kubectl.json("get", "event", name)["involvedObject"]["name"] == "bad"
    normal = kubectl("get", "events", "--field-selector", "type=Normal").stdout
    assert "pod/good" in normal and "pod/bad" not in normal

    def watched():
        return (tmp_path / "told").read_text(encoding="utf-8")

    system.wait_until(lambda: "pod/good" in watched() and "pod/bad" in watched(), 10, 0.1,
                      "the watch to show events as they come")


def test_what_needs_containers_or_users_is_refused_in_words(kubectl):
    for command in (("logs", "pod-1"), ("exec", "pod-1", "--", "ls"),
                    ("port-forward", "pod/pod-1", "8080:8080")):
        assert "beeline does not run containers" in kubectl.refused(*command), command
    assert "no users and no permissions" in kubectl.refused("auth", "can-i", "get", "pods")


def test_a_form_that_there_is_none_of_is_refused(kubectl):
    ask = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H")
    url = "http://127.0.0.1:8001/api/v1/services"
    assert kubectl.node.output(*ask, "Accept: text/html", url) == "406"
    assert kubectl.node.output(*ask, "Accept: application/vnd.kubernetes.protobuf", url) == "406"
    tag = kubectl.node.output("curl", "-sI", "-X", "GET", "http://127.0.0.1:8001/openapi/v3/api/v1")
    tag = next(line.split(": ")[1] for line in tag.splitlines() if line.startswith("ETag"))
    assert kubectl.node.output(*ask, f"If-None-Match: {tag}",
                               "http://127.0.0.1:8001/openapi/v3/api/v1") == "304"
