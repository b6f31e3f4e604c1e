# SPDX-License-Identifier: GPL-3.0-or-later
"""What kubectl changes, through the API of an agent that touches no kernel (no root needed)."""

import json
import os
import socket
import subprocess

import pytest
import test_agent_socket

from kubectl import kubectl_program

WEB = """\
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
"""
TCP = "  - {name: tcp, port: 53, protocol: TCP}\n"
UDP = "  - {name: udp, port: 53, protocol: UDP}\n"
DNS = """\
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  selector: {app: dns}
  ports:
"""


class Writer:
    """Runs one kubectl with a home of its own; what it changes must succeed."""

    def __init__(self, version, path, agent):
        self.version, self.agent = version, agent
        self.prefix = [path, "--server", f"http://127.0.0.1:{agent.port}"]

    def run(self, *argv, text=None, **environment):
        return subprocess.run(
            [*self.prefix, *argv], input=text, capture_output=True, text=True, timeout=120,
            check=False, env={"PATH": os.environ["PATH"], "HOME": self.agent.folder,
                              "KUBECONFIG": "/dev/null", **environment})

    def __call__(self, *argv, text=None, **environment):
        done = self.run(*argv, text=text, **environment)
        assert done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def fails(self, *argv, text=None):
        done = self.run(*argv, text=text)
        assert done.returncode != 0, (argv, done.stdout)
        return done.stderr


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(name="agent")
def fixture_agent():
    agent = test_agent_socket.Agent()
    agent.port = free_port()
    agent.start("--api-listen", f"127.0.0.1:{agent.port}")
    yield agent
    agent.remove()


@pytest.fixture(name="kube")
def fixture_kube(kubectl_program, agent):
    return Writer(*kubectl_program, agent)


def get(kube, name="web"):
    return json.loads(kube("get", "service", name, "-o", "json"))


def spec(kube, name="web", field="spec"):
    return get(kube, name)[field]


def ports(kube, name="web"):
    return [(port.get("name"), port["protocol"], port["port"])
            for port in spec(kube, name)["ports"]]


def managers(kube, name="web"):
    extra = ["--show-managed-fields"] if kube.version >= (1, 21) else []
    found = json.loads(kube("get", "service", name, "-o", "json", *extra))
    return {(entry["manager"], entry["operation"], entry.get("subresource"))
            for entry in found["metadata"]["managedFields"]}


def test_services_and_namespaces_are_created_by_name(kube):
    kube("create", "namespace", "shop")
    for words in [("clusterip", "a", "--tcp=80:8080"), ("nodeport", "b", "--tcp=80:http"),
                  ("loadbalancer", "c", "--tcp=80:80"), ("clusterip", "d", "--clusterip=None"),
                  ("externalname", "e", "--external-name=www.example.com")]:
        assert "created" in kube("create", "service", *words, "-n", "shop")
    types = [item["spec"]["type"] for item in
             json.loads(kube("get", "services", "-n", "shop", "-o", "json"))["items"]]
    assert types == ["ClusterIP", "NodePort", "LoadBalancer", "ClusterIP", "ExternalName"]
    first = json.loads(kube("get", "service", "b", "-n", "shop", "-o", "json"))
    assert first["spec"]["ports"][0]["targetPort"] == "http"
    assert first["spec"]["selector"] == {"app": "b"}
    assert "already exists" in kube.fails("create", "service", "clusterip", "a", "--tcp=1:1",
                                          "-n", "shop")
    assert 'namespaces "none" not found' in kube.fails(
        "create", "service", "clusterip", "a", "--tcp=1:1", "-n", "none")


def test_a_namespace_takes_what_it_holds_along(kube, agent):
    kube("create", "namespace", "shop")
    kube("create", "service", "clusterip", "web", "--tcp=80:80", "-n", "shop")
    kube("run", "p", "--image=none", "-n", "shop")
    assert json.loads(kube("get", "pod", "p", "-n", "shop", "-o", "json"))["status"]["phase"] == \
        "Pending"
    kube("delete", "namespace", "shop", "--timeout=60s")
    assert agent.names("/api/v1/services") == [] and agent.names("/api/v1/pods") == []
    assert "forbidden" in kube.fails("delete", "namespace", "default").lower()


def test_apply_creates_and_changes_and_leaves_alone(kube):
    assert "created" in kube("apply", "-f", "-", text=WEB)
    before = kube("get", "service", "web", "-o", "json")
    assert "unchanged" in kube("apply", "-f", "-", text=WEB)
    assert kube("get", "service", "web", "-o", "json") == before
    changed = WEB.replace("port: 80,", "port: 81,").replace("{app: web}}\nspec", "{q: z}}\nspec")
    assert "dry run" in kube("apply", "--dry-run=server", "-f", "-", text=changed)
    assert kube("get", "service", "web", "-o", "json") == before
    diff = kube.run("diff", "-f", "-", text=changed)
    assert diff.returncode == 1 and "+    port: 81" in diff.stdout, (diff.stdout, diff.stderr)
    assert "configured" in kube("apply", "-f", "-", text=changed)
    assert ports(kube) == [("http", "TCP", 81)]
    assert spec(kube, field="metadata")["labels"] == {"q": "z"}
    assert spec(kube)["clusterIP"] == json.loads(before)["spec"]["clusterIP"]


def test_apply_adds_a_second_port_of_one_number(kube):
    kube("apply", "-f", "-", text=DNS + TCP)
    kube("apply", "-f", "-", text=DNS + TCP + UDP)
    assert sorted(ports(kube, "dns")) == [("tcp", "TCP", 53), ("udp", "UDP", 53)]


def test_ports_of_one_number_go_together_unless_the_server_applies(kube):
    """As at an API server (kubernetes/kubernetes#105610): a patch knows ports by their number."""
    kube("apply", "-f", "-", text=DNS + TCP + UDP)
    assert "spec.ports: Required value" in kube.fails("apply", "-f", "-", text=DNS + TCP)
    assert len(ports(kube, "dns")) == 2
    kube("replace", "-f", "-", text=DNS + TCP)
    assert ports(kube, "dns") == [("tcp", "TCP", 53)]
    kube("delete", "service", "dns")
    kube("apply", "--server-side", "-f", "-", text=DNS + TCP + UDP)
    kube("apply", "--server-side", "-f", "-", text=DNS + UDP)
    assert ports(kube, "dns") == [("udp", "UDP", 53)]


def test_three_kinds_of_patches(kube):
    kube("create", "-f", "-", text=WEB)
    kube("patch", "service", "web", "-p", '{"spec":{"ports":[{"name":"more","port":81}]}}')
    assert ports(kube) == [("http", "TCP", 80), ("more", "TCP", 81)]
    kube("patch", "service", "web", "-p", '{"spec":{"ports":[{"$patch":"delete","port":80}]}}')
    assert ports(kube) == [("more", "TCP", 81)]
    kube("patch", "service", "web", "--type=merge", "-p", '{"spec":{"ports":[{"port":82}]}}')
    assert ports(kube) == [(None, "TCP", 82)]
    kube("patch", "service", "web", "--type=json", "-p",
         '[{"op":"test","path":"/spec/ports/0/port","value":82},'
         '{"op":"replace","path":"/spec/ports/0/port","value":83},'
         '{"op":"add","path":"/metadata/labels/x~1y","value":"z"}]')
    assert ports(kube) == [(None, "TCP", 83)]
    assert spec(kube, field="metadata")["labels"] == {"app": "web", "x/y": "z"}
    text = kube.fails("patch", "service", "web", "--type=json", "-p",
                      '[{"op":"remove","path":"/spec/nothing"}]')
    assert "The request is invalid" in text
    if kube.version >= (1, 27):
        assert "operation 0 (remove '/spec/nothing')" in text


def test_the_server_applies_and_tells_of_conflicts(kube):
    kube("apply", "--server-side", "-f", "-", text=WEB)
    assert managers(kube) == {("kubectl", "Apply", None)}
    more = WEB + "  - {name: more, port: 81, targetPort: 8081}\n"
    kube("apply", "--server-side", "--field-manager=other", "-f", "-", text=more)
    assert ports(kube) == [("http", "TCP", 80), ("more", "TCP", 81)]
    mine = more.replace("8081", "8082")
    text = kube.fails("apply", "--server-side", "-f", "-", text=mine)
    assert 'conflict with "other"' in text and "--force-conflicts" in text
    assert '.spec.ports[port=81,protocol="TCP"].targetPort' in text
    kube("apply", "--server-side", "--force-conflicts", "-f", "-", text=mine)
    assert spec(kube)["ports"][1]["targetPort"] == 8082
    # Who gives it no longer leaves to the other one what that one still gives.
    kube("apply", "--server-side", "-f", "-", text=WEB)
    assert ports(kube) == [("http", "TCP", 80), ("more", "TCP", 81)]
    assert spec(kube)["ports"][1]["targetPort"] == 81 # the default: nobody gives it now
    assert managers(kube) == {("kubectl", "Apply", None), ("other", "Apply", None)}


def test_what_kubectl_applied_moves_to_the_server(kube):
    kube("apply", "-f", "-", text=WEB)
    kube("apply", "--server-side", "-f", "-", text=WEB.replace("8080", "8081"))
    assert spec(kube)["ports"][0]["targetPort"] == 8081
    kube("apply", "-f", "-", text=WEB)
    assert spec(kube)["ports"][0]["targetPort"] == 8080


def test_labels_annotations_and_selectors(kube):
    kube("create", "-f", "-", text=WEB)
    kube("label", "service", "web", "tier=front", "app-")
    kube("annotate", "service", "web", "note=long words")
    kube("set", "selector", "service", "web", "app=other")
    meta = spec(kube, field="metadata")
    assert meta["labels"] == {"tier": "front"} and meta["annotations"] == {"note": "long words"}
    assert spec(kube)["selector"] == {"app": "other"}
    assert "already has a value" in kube.fails("label", "service", "web", "tier=back")
    kube("label", "service", "web", "tier=back", "--overwrite")
    assert spec(kube, field="metadata")["generation"] == 2 # for the selector alone


def test_edit_and_replace(kube):
    kube("create", "-f", "-", text=WEB)
    address = spec(kube)["clusterIP"]
    assert "edited" in kube("edit", "service", "web", EDITOR="sed -i s/8080/8081/")
    assert spec(kube)["ports"][0]["targetPort"] == 8081
    assert "replaced" in kube("replace", "-f", "-", text=WEB)
    assert spec(kube)["ports"][0]["targetPort"] == 8080 and spec(kube)["clusterIP"] == address
    old = json.loads(kube("get", "service", "web", "-o", "json"))
    kube("label", "service", "web", "a=b")
    assert "the object has been modified" in kube.fails("replace", "-f", "-", text=json.dumps(old))


def test_expose_run_and_delete(kube, agent):
    kube("run", "p", "--image=none", "--labels=app=p", "--port=8080")
    assert "exposed" in kube("expose", "pod", "p", "--port=80", "--target-port=8080")
    assert spec(kube, "p")["selector"] == {"app": "p"}
    assert "dry run" in kube("delete", "service", "p", "--dry-run=server")
    kube("delete", "pod,service", "-l", "app=p")
    assert agent.names("/api/v1/services") == [] and agent.names("/api/v1/pods") == []
    kube("create", "-f", "-", text=WEB)
    kube("delete", "-f", "-", text=WEB)
    assert "not found" in kube.fails("delete", "service", "web")
    kube("delete", "service", "web", "--ignore-not-found")


def test_problems_are_told_as_by_a_server(kube):
    bad = WEB.replace("port: 80,", "port: 99999, nodePort: 30001,").replace("web, l", "b_b, l")
    text = kube.fails("create", "--validate=false", "-f", "-", text=bad)
    assert 'The Service "b_b" is invalid:' in text
    assert "* spec.ports[0].port: Invalid value: 99999: expected 1-65535" in text
    assert "* spec.ports[0].nodePort: Forbidden: only for type NodePort and LoadBalancer" in text
    kube("create", "service", "nodeport", "n", "--tcp=80:80", "--node-port=30001")
    text = kube.fails("create", "service", "nodeport", "m", "--tcp=80:80", "--node-port=30001")
    assert "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated" in \
        text
    kube("apply", "-f", "-", text=WEB)
    text = kube.fails("patch", "service", "web", "-p", '{"spec":{"clusterIP":"10.96.7.7"}}')
    assert 'The Service "web" is invalid: ' in text and "spec.clusterIP" in text


def test_unknown_fields_are_refused_or_warned_of(kube):
    text = WEB.replace("selector:", "selecter: {a: b}\n  selector:")
    assert 'unknown field "' in kube.fails("create", "-f", "-", text=text)
    if kube.version < (1, 27):
        return
    done = kube.run("create", "--validate=warn", "-f", "-", text=text)
    assert done.returncode == 0 and 'Warning: unknown field "spec.selecter"' in done.stderr


DEEP = """\
apiVersion: v1
kind: Pod
metadata: {name: deep}
spec:
  containers: [{name: c, image: x, env: [{name: A, vaule: b}]}]
  volumes: [{name: v, emptydir: {}}]
"""


def test_a_slip_deep_in_what_is_only_kept_is_told(kube):
    if kube.version < (1, 25):  # it checks by itself, by what the server says there is
        error = kube.fails("apply", "-f", "-", text=DEEP)
        assert 'unknown field "vaule" in io.k8s.api.core.v1.EnvVar' in error
        return
    error = kube.fails("apply", "--validate=strict", "-f", "-", text=DEEP)
    assert 'unknown field "spec.containers[0].env[0].vaule" (did you mean \'value\'?)' in error
    assert "spec.volumes[0].emptydir" in error
    done = kube.run("apply", "--validate=warn", "-f", "-", text=DEEP)
    assert done.returncode == 0 and "Warning: unknown field" in done.stderr, done.stderr
    pod = json.loads(kube("get", "pod", "deep", "-o", "json"))
    assert pod["spec"]["containers"][0]["env"] == [{"name": "A"}]
    assert pod["spec"]["volumes"] == [{"name": "v"}]
    wrong = DEEP.replace("vaule: b", "value: 5").replace("emptydir", "emptyDir")
    error = kube.fails("apply", "--validate=ignore", "-f", "-", text=wrong)
    assert "spec.containers[0].env[0].value: Invalid value" in error
    assert "expected a string, got integer 5 (write it in quotes)" in error


def test_status_is_a_resource_of_its_own(kube):
    if kube.version < (1, 27):
        pytest.skip("this kubectl knows no --subresource")
    kube("create", "-f", "-", text=WEB.replace("spec:", "spec:\n  type: LoadBalancer"))
    kube("patch", "service", "web", "--subresource=status", "--type=merge", "-p",
         '{"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}},"spec":{"type":"ClusterIP"}}')
    found = get(kube)
    assert found["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.9"
    assert found["spec"]["type"] == "LoadBalancer"
    assert ("kubectl-patch", "Update", "status") in managers(kube)


def test_names_are_generated(kube, agent):
    text = WEB.replace("name: web,", "generateName: web-,")
    kube("create", "-f", "-", text=text)
    kube("create", "-f", "-", text=text)
    names = agent.names("/api/v1/services")
    assert len(names) == 2 and all(len(name) == 9 and name.startswith("web-") for name in names)


def test_commands_about_other_kinds_answer_cleanly(kube):
    for words in [("scale", "deployment", "web", "--replicas=2"), ("autoscale", "rs", "x", "--max=2"),
                  ("rollout", "status", "deployment/web")]:
        assert "the server doesn't have a resource type" in kube.fails(*words)
    for words in [("deployment", "d", "--image=x"), ("configmap", "c"), ("serviceaccount", "s")]:
        error = kube.fails("create", *words)
        assert f"there are no {words[0]}s at" in error and "services, endpointslices" in error
    kube("apply", "-f", "-", text=WEB)
    assert "beeline has no deployments" in kube.fails("scale", "service/web", "--replicas=2")


def test_prune_deletes_what_is_no_longer_applied(kube, agent):
    if kube.version < (1, 27):
        pytest.skip("this kubectl prunes kinds that only a cluster has")
    other = WEB.replace("name: web,", "name: old,")
    kube("apply", "-f", "-", text=WEB + "---\n" + other)
    kube("apply", "--prune", "-l", "app=web", "--prune-allowlist=core/v1/Service", "-f", "-",
         text=WEB)
    assert agent.names("/api/v1/services") == ["web"]


def test_nodes_are_cordoned_and_tainted(kube):
    kube("cordon", "node-a")
    kube("taint", "node", "node-a", "a=b:NoSchedule")
    found = json.loads(kube("get", "node", "node-a", "-o", "json"))["spec"]
    assert found["unschedulable"] and {"key": "a", "value": "b", "effect": "NoSchedule"} in \
        found["taints"]
    kube("uncordon", "node-a")
    kube("taint", "node", "node-a", "a-")
    assert "unschedulable" not in json.loads(
        kube("get", "node", "node-a", "-o", "json")).get("spec", {})


def test_what_was_written_survives_a_restart(kube, agent):
    kube("apply", "--server-side", "-f", "-", text=WEB)
    kube("label", "service", "web", "a=b")
    before = managers(kube), spec(kube)
    agent.stop()
    agent.start("--api-listen", f"127.0.0.1:{agent.port}")
    assert (managers(kube), spec(kube)) == before
    assert os.path.exists(os.path.join(agent.state, "objects/services/default/web.yaml"))


EVENT = {
    "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "web.1"},
    "eventTime": "2026-01-31T12:00:00.123456Z", "reportingController": "example.com/tester",
    "reportingInstance": "tester-1", "action": "Try", "reason": "Tried", "type": "Warning",
    "note": "it was tried", "regarding": {"apiVersion": "v1", "kind": "Service", "name": "web",
                                          "namespace": "default"},
}


def test_events_are_written_in_both_forms_and_seen_in_both(kube):
    kube("apply", "-f", "-", text=WEB)
    event = json.loads(json.dumps(EVENT))
    event["regarding"]["uid"] = get(kube)["metadata"]["uid"]
    assert "created" in kube("create", "-f", "-", text=json.dumps(event))
    assert "already exists" in kube.fails("create", "-f", "-", text=json.dumps(event))
    core = json.loads(kube("get", "events", "web.1", "-o", "json"))
    assert core["apiVersion"] == "v1" and core["message"] == "it was tried"
    assert core["involvedObject"]["name"] == "web" and core["metadata"]["uid"]
    assert "Tried" in kube("describe", "service", "web")
    row = kube("get", "events", "--field-selector", "reason=Tried").splitlines()[1]
    assert "service/web" in row and "it was tried" in row
    assert "patched" in kube("patch", "event", "web.1", "-p", '{"count": 3}')
    group = json.loads(kube("get", "events.v1.events.k8s.io", "web.1", "-o", "json"))
    assert group["deprecatedCount"] == 3 and group["note"] == "it was tried"
    assert "(x3 over" in kube("get", "events")
    assert "deleted" in kube("delete", "event", "web.1")
    assert 'events "web.1" not found' in kube.fails("get", "event", "web.1")


@pytest.mark.parametrize("change, problem", [
    ({"note": "x" * 1025}, "note: Too long"),
    ({"type": "Odd"}, "type: Invalid value"),
    ({"action": ""}, "action: Required value"),
    ({"regarding": {"kind": "Pod", "name": "a", "namespace": "other"}},
     "regarding.namespace: Invalid value"),
    ({"deprecatedCount": "3"}, "deprecatedCount"),
    ({"metadata": {"name": "A b"}}, "metadata.name: Invalid value"),
    ({"metadata": {}}, "metadata.name: Required value"),
])
def test_events_that_a_server_would_refuse_are_refused(agent, change, problem):
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    code, answer = agent.call("POST", path, {**EVENT, **change})
    assert code == 422 and problem in answer["message"], answer
    assert problem.startswith(answer["details"]["causes"][0]["field"])
    assert agent.call("POST", path.replace("default", "none"), EVENT)[0] == 404
    code, answer = agent.call("POST", path + "?fieldValidation=Strict", {**EVENT, "mesage": "a"})
    assert code == 400 and 'unknown field "mesage"' in answer["message"]


def test_a_watch_of_events_goes_on_where_a_list_ended(agent):
    path = "/apis/events.k8s.io/v1/namespaces/default/events"
    assert agent.call("POST", path, EVENT)[0] == 201
    version = agent.call("GET", path)[1]["metadata"]["resourceVersion"]
    for name in ("b", "c"):
        assert agent.call("POST", path, {**EVENT, "metadata": {"name": name}})[0] == 201
    watch = test_agent_socket.Watch(agent, f"/api/v1/events?watch=1&resourceVersion={version}")
    assert watch.wait(2) == [("ADDED", "b"), ("ADDED", "c")]
    assert watch.events[0]["object"]["apiVersion"] == "v1"
    streamed = test_agent_socket.Watch(
        agent, path + "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
        "&allowWatchBookmarks=true")
    assert streamed.wait(4)[:3] == [("ADDED", "web.1"), ("ADDED", "b"), ("ADDED", "c")]
    assert streamed.events[3]["type"] == "BOOKMARK"
    assert streamed.events[0]["object"]["note"] == "it was tried"
    assert agent.call("DELETE", path + "/b")[0] == 200
    assert watch.wait(3)[2] == ("DELETED", "b")
    assert agent.call("GET", f"/api/v1/events?watch=1&resourceVersion={version}")[0] == 410
