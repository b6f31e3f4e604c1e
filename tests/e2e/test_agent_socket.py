# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent over its socket, as a dry run: no root, no namespaces, nothing reaches the kernel."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("BEELINE", os.path.join(TREE, "build", "beeline"))

SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  labels: {{app: {name}}}
spec:
  selector: {{app: {name}}}
  ports:
  - port: {port}
"""

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  labels: {{app: {app}}}
spec:
  containers: [{{name: main, image: none}}]
status:
  podIP: {ip}
"""


class Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Watch:
    """Reads the lines of one watch in a thread."""

    def __init__(self, agent, path):
        self.events = []
        self.ended = threading.Event()
        self.connection = Connection(agent.socket, timeout=30)
        self.connection.request("GET", path)
        self.raw = self.connection.sock
        self.response = self.connection.getresponse()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        try:
            for line in self.response:
                self.events.append(json.loads(line))
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self.ended.set()

    def seen(self):
        return [(event["type"], event["object"].get("metadata", {}).get("name"))
                for event in list(self.events)]

    def wait(self, count):
        wait_until(lambda: len(self.events) >= count, lambda: f"watch has {self.seen()}")
        return self.seen()


def wait_until(condition, text=lambda: "condition"):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError(f"not in time: {text()}")


class Agent:
    """One agent process with folders of its own."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix=f"beeline-{os.getpid()}-")
        self.manifests = os.path.join(self.folder, "manifests")
        self.state = os.path.join(self.folder, "state")
        self.socket = os.path.join(self.folder, "sock")
        self.log = os.path.join(self.folder, "log")
        self.process = None
        os.mkdir(self.manifests)

    def argv(self, *options):
        return [BINARY, "agent", "--dry-run", "--node-name", "node-a", "--manifests",
                self.manifests, "--state-dir", self.state, "--socket", self.socket, *options]

    def start(self, *options, ready=True):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self.argv(*options), stderr=log, stdout=log)
        if ready:
            wait_until(self.is_ready, self.read_log)
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.read_log()
        try:
            return self.get("/readyz")[0] == 200
        except OSError:
            return False

    def read_log(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)
        return self.process and self.process.returncode

    def remove(self):
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder)

    def call(self, method, path, body=None, content_type="application/json"):
        connection = Connection(self.socket)
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        headers = {"Content-Type": content_type} if body is not None else {}
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        if response.headers.get_content_type() == "application/json":
            return response.status, json.loads(text)
        return response.status, text

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body, **options):
        return self.call("POST", path, body, **options)

    def names(self, path):
        status, answer = self.get(path)
        assert status == 200, answer
        return [item["metadata"]["name"] for item in answer["items"]]

    def status(self):
        return self.get("/beeline/v1/status")[1]

    def problems(self):
        return [problem["message"] for problem in self.status()["problems"]]

    def manifest(self, name, text):
        """Writes beside the folder and moves into it, as careful tools do."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path, os.path.join(self.manifests, name))


@pytest.fixture
def agent():
    one = Agent()
    yield one
    one.remove()


SERVICES = "/api/v1/namespaces/default/services"


def service(name, port=80, **meta):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **meta},
            "spec": {"selector": {"app": name}, "ports": [{"port": port}]}}


def test_manifests_are_followed(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.start()
    assert agent.names(SERVICES) == ["web"]
    agent.manifest("pod.yaml", POD.format(name="web-1", app="web", ip="10.244.0.5"))
    wait_until(lambda: "10.244.0.5:80 ready" in agent.get("/beeline/v1/plan")[1])
    agent.manifest("web.yaml", SERVICE.format(name="web", port=81))
    wait_until(lambda: "10.244.0.5:81 ready" in agent.get("/beeline/v1/plan")[1])
    os.unlink(os.path.join(agent.manifests, "web.yaml"))
    wait_until(lambda: agent.names(SERVICES) == [])
    wait_until(lambda: "frontend" not in agent.get("/beeline/v1/plan")[1].split("filter")[0])
    assert agent.get("/beeline/v1/verify")[1] == {"equal": True, "differences": []}


def test_a_broken_manifest_leaves_the_good_one_in_force_and_is_named(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.start()
    agent.manifest("web.yaml", SERVICE.format(name="web", port=70000))
    wait_until(agent.problems)
    assert "web.yaml:9:11: service 'default/web'" in agent.problems()[0]
    assert "70000" in agent.problems()[0]
    assert agent.get(SERVICES + "/web")[1]["spec"]["ports"][0]["port"] == 80
    agent.manifest("web.yaml", SERVICE.format(name="web", port=90))
    wait_until(lambda: not agent.problems())
    assert agent.get(SERVICES + "/web")[1]["spec"]["ports"][0]["port"] == 90


def test_an_object_in_two_files_belongs_to_the_first(agent):
    agent.manifest("a.yaml", SERVICE.format(name="web", port=1))
    agent.manifest("b.yaml", SERVICE.format(name="web", port=2))
    agent.start()
    assert agent.get(SERVICES + "/web")[1]["spec"]["ports"][0]["port"] == 1
    assert any("b.yaml" in text and "a.yaml" in text for text in agent.problems())
    os.unlink(os.path.join(agent.manifests, "a.yaml"))
    wait_until(lambda: agent.get(SERVICES + "/web")[1]["spec"]["ports"][0]["port"] == 2)
    wait_until(lambda: not agent.problems())


def test_objects_of_manifests_cannot_be_changed_over_the_api(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.start()
    for method, body in [("DELETE", None), ("PUT", service("web"))]:
        code, answer = agent.call(method, SERVICES + "/web", body)
        assert code == 403 and answer["reason"] == "Forbidden", answer
        assert answer["message"].startswith("service 'default/web' comes from '")
        assert "web.yaml': change it there" in answer["message"]
    code, answer = agent.post(SERVICES, service("web"))
    assert code in (403, 409), answer


def test_create_get_replace_patch_and_delete(agent):
    agent.start()
    code, made = agent.post(SERVICES, service("web"))
    assert code == 201, made
    assert made["spec"]["clusterIP"].startswith("10.96.")
    assert made["metadata"]["uid"] and made["metadata"]["creationTimestamp"]
    code, again = agent.post(SERVICES, service("web"))
    assert code == 409 and again["reason"] == "AlreadyExists"

    old = made["metadata"]["resourceVersion"]
    made["spec"]["ports"][0]["port"] = 81
    code, answer = agent.call("PUT", SERVICES + "/web", made)
    assert code == 200 and answer["spec"]["ports"][0]["port"] == 81, answer
    assert answer["spec"]["clusterIP"] == made["spec"]["clusterIP"]
    assert answer["metadata"]["uid"] == made["metadata"]["uid"]
    made["metadata"]["resourceVersion"] = old
    code, conflict = agent.call("PUT", SERVICES + "/web", made)
    assert code == 409 and conflict["reason"] == "Conflict", conflict

    code, answer = agent.call("PATCH", SERVICES + "/web",
                              {"metadata": {"labels": {"tier": "front"}},
                               "spec": {"type": "NodePort"}},
                              content_type="application/merge-patch+json")
    assert code == 200, answer
    assert answer["metadata"]["labels"] == {"tier": "front"}
    assert 30000 <= answer["spec"]["ports"][0]["nodePort"] <= 32767
    code, answer = agent.call("PATCH", SERVICES + "/web", {"metadata": {"labels": {"tier": None}}},
                              content_type="application/strategic-merge-patch+json")
    assert code == 200 and "labels" not in answer["metadata"], answer
    code, answer = agent.call("PATCH", SERVICES + "/web", {"spec": {"ports": []}},
                              content_type="application/apply+json")
    assert code == 415, answer

    code, answer = agent.call("DELETE", SERVICES + "/web")
    assert code == 200 and answer["status"] == "Success", answer
    assert agent.get(SERVICES + "/web")[0] == 404
    assert agent.call("DELETE", SERVICES + "/web")[0] == 404


def test_yaml_bodies_and_namespaces(agent):
    agent.start()
    code, answer = agent.post("/api/v1/namespaces/shop/services", service("web"))
    assert code == 404 and answer["message"] == 'namespaces "shop" not found', answer
    code, answer = agent.post("/api/v1/namespaces",
                              "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
                              content_type="application/yaml")
    assert code == 201, answer
    code, answer = agent.post("/api/v1/namespaces/shop/services",
                              SERVICE.format(name="web", port=80), content_type="application/yaml")
    assert code == 201 and answer["metadata"]["namespace"] == "shop", answer
    code, answer = agent.call("DELETE", "/api/v1/namespaces/shop")
    assert code == 200 and answer["status"]["phase"] == "Terminating", answer
    assert agent.get("/api/v1/namespaces/shop")[0] == 404
    assert agent.names("/api/v1/services") == []
    wait_until(lambda: agent.names("/api/v1/endpoints") == [])
    assert agent.call("DELETE", "/api/v1/namespaces/shop")[0] == 404
    assert agent.call("DELETE", "/api/v1/namespaces/default")[0] == 403


@pytest.mark.parametrize("body,code,text", [
    ("{", 400, "ends too early"),
    ("[]", 400, "one JSON object"),
    ("{} {}", 400, ""),
    ({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}, 400, "is 'Pod', expected 'Service'"),
    ({**service("web"), "metadata": {"name": "web", "namespace": "shop"}}, 400, "namespace"),
    ({**service("web"), "metadata": {}}, 422, "name"),
    ({**service("web"), "metadata": []}, 400, "metadata"),
    (service("../x"), 422, "metadata.name"),
    ({**service("web"), "spec": {"ports": [{"port": 80, "nodePort": 30000}]}}, 422, "nodePort"),
    ({**service("web"), "spec": {"ports": [{"port": 80}], "clusterIP": "x"}}, 422, "clusterIP"),
    ({**service("web"), "spec": {"ports": [{"port": 80}], "clusterIP": "192.0.2.1"}}, 422, ""),
])
def test_bad_bodies_are_refused_with_causes(agent, body, code, text):
    agent.start()
    got, answer = agent.post(SERVICES, body)
    assert got == code, answer
    assert answer["kind"] == "Status" and answer["status"] == "Failure"
    assert text in json.dumps(answer), answer
    if code == 422:
        assert answer["details"]["causes"][0]["message"]
    assert agent.names(SERVICES) == []


def test_limits_and_unknown_paths(agent):
    agent.start()
    code, answer = agent.post(SERVICES, "x" * ((3 << 20) + 1))
    assert code == 413 and answer["reason"] == "RequestEntityTooLarge"
    code, answer = agent.post(SERVICES, "x", content_type="text/html")
    assert code == 415, answer
    assert agent.get("/api/v1/nothing")[0] == 404
    assert agent.get("/api/v1/namespaces/default/nodes")[0] == 404
    assert agent.get("/api/v1/namespaces/default/services/a/b")[0] == 404
    assert agent.call("POST", "/version", "{}")[0] == 405
    assert agent.get("/api/v1/namespaces/default/events")[1]["items"] == []
    assert agent.call("POST", "/api/v1/events", "{}")[0] == 405
    code, answer = agent.get("/api/v1/namespaces/default/pods/web/log?container=a")
    assert code == 501 and "does not run containers" in answer["message"]
    code, answer = agent.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {})
    assert code == 404 and "no permissions" in answer["message"]
    assert agent.call("DELETE", "/api/v1/services")[0] == 405
    assert agent.call("DELETE", "/api/v1/namespaces")[0] == 405
    assert agent.get(SERVICES + "?labelSelector=a%20in%20b")[0] == 400
    assert agent.get(SERVICES + "?fieldSelector=spec.externalName%3Dx")[0] == 400
    assert agent.get(SERVICES + "?watch=1&resourceVersion=x")[0] == 400
    code, answer = agent.post(SERVICES + "?dryRun=All", service("web"))
    assert code == 201 and agent.names(SERVICES) == []


def test_discovery_is_what_kubectl_asks_for(agent):
    agent.start()
    assert agent.get("/version")[1]["major"] == "1"
    assert agent.get("/api")[1]["versions"] == ["v1"]
    assert [group["name"] for group in agent.get("/apis")[1]["groups"]] == [
        "events.k8s.io", "discovery.k8s.io", "coordination.k8s.io"]
    core = {row["name"]: row for row in agent.get("/api/v1")[1]["resources"]}
    with_status = {"services", "pods", "nodes", "namespaces"}
    assert set(core) == with_status | {name + "/status" for name in with_status} | {
        "endpoints", "events"}
    assert core["services"]["shortNames"] == ["svc"] and core["services"]["namespaced"]
    slices = agent.get("/apis/discovery.k8s.io/v1")[1]["resources"]
    assert [row["name"] for row in slices] == ["endpointslices"]


def test_selectors(agent):
    agent.start()
    for name, tier in [("a", "front"), ("b", "back"), ("c", None)]:
        labels = {"tier": tier} if tier else {}
        assert agent.post(SERVICES, service(name, labels=labels))[0] == 201
    for query, names in [
            ("labelSelector=tier%3Dfront", ["a"]), ("labelSelector=tier", ["a", "b"]),
            ("labelSelector=!tier", ["c"]), ("labelSelector=tier!%3Dfront", ["b", "c"]),
            ("labelSelector=tier%20in%20(front,back)", ["a", "b"]),
            ("labelSelector=tier%20notin%20(front)", ["b", "c"]),
            ("fieldSelector=metadata.name%3Dc", ["c"]),
            ("labelSelector=tier&fieldSelector=metadata.name!%3Da", ["b"])]:
        assert agent.names(f"{SERVICES}?{query}") == names, query


def test_watch_shows_what_is_there_and_what_happens(agent):
    agent.start()
    assert agent.post(SERVICES, service("a"))[0] == 201
    watch = Watch(agent, SERVICES + "?watch=1")
    assert watch.wait(1) == [("ADDED", "a")]
    version = agent.get(SERVICES)[1]["metadata"]["resourceVersion"]
    late = Watch(agent, f"{SERVICES}?watch=1&resourceVersion={version}")
    assert agent.post(SERVICES, service("b"))[0] == 201
    agent.call("PATCH", SERVICES + "/b", {"metadata": {"labels": {"x": "y"}}},
               content_type="application/merge-patch+json")
    labelled = Watch(agent, f"{SERVICES}?watch=true&labelSelector=x%3Dy")
    assert agent.call("DELETE", SERVICES + "/b")[0] == 200
    changes = [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]
    assert watch.wait(4) == [("ADDED", "a"), *changes]
    assert late.wait(3) == changes
    assert labelled.wait(2) == [("ADDED", "b"), ("DELETED", "b")]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in late.events]
    assert versions == sorted(set(versions))


def test_watch_of_an_old_version_is_told_to_list_again(agent):
    agent.start()
    watch = Watch(agent, SERVICES + "?watch=1&resourceVersion=5")
    wait_until(watch.ended.is_set)
    assert watch.events[0]["type"] == "ERROR" and watch.events[0]["object"]["code"] == 410


def test_watch_ends_after_its_time_and_at_the_end_of_the_agent(agent):
    agent.start()
    short = Watch(agent, SERVICES + "?watch=1&timeoutSeconds=1")
    long = Watch(agent, SERVICES + "?watch=1")
    wait_until(short.ended.is_set)
    assert not long.ended.is_set()
    assert agent.stop() == 0, agent.read_log()
    wait_until(long.ended.is_set)
    assert not os.path.exists(agent.socket)


def test_a_patch_makes_no_other_kind_of_an_object(agent):
    agent.start()
    by_hand = service("web")
    del by_hand["spec"]["selector"]
    agent.post(SERVICES, by_hand)
    endpoints = SERVICES.replace("services", "endpoints")
    subsets = [{"addresses": [{"ip": "10.1.0.1"}], "ports": [{"port": 80}]}]
    assert agent.post(endpoints, {"apiVersion": "v1", "kind": "Endpoints", "subsets": subsets,
                                  "metadata": {"name": "web"}})[0] == 201
    before = agent.get(endpoints + "/web")
    patch = {"kind": "Endpoints", "metadata": {"uid": None, "resourceVersion": None}}
    for kind in ("merge", "strategic-merge"):
        status, answer = agent.call("PATCH", SERVICES + "/web", patch,
                                    f"application/{kind}-patch+json")
        assert status == 400 and "expected 'Service'" in answer["message"]
    assert agent.get(endpoints + "/web") == before


def test_too_many_watches_are_refused_and_a_closed_one_makes_room(agent):
    agent.start()
    watches = [Watch(agent, SERVICES + "?watch=1") for _ in range(64)]
    assert agent.get(SERVICES + "?watch=1")[0] == 429
    watches[0].raw.shutdown(socket.SHUT_RDWR)

    def room():
        probe = Connection(agent.socket)
        probe.request("GET", SERVICES + "?watch=1&timeoutSeconds=1")
        return probe.getresponse().status == 200
    wait_until(room)


def test_endpoints_follow_the_pods_of_a_service(agent):
    agent.start()
    assert agent.post(SERVICES, service("web"))[0] == 201
    agent.manifest("pod.yaml", POD.format(name="web-1", app="web", ip="10.244.0.5"))

    def addresses():
        code, answer = agent.get("/api/v1/namespaces/default/endpoints/web")
        return code == 200 and [address["ip"] for subset in answer.get("subsets", [])
                                for address in subset.get("addresses", [])]
    wait_until(lambda: addresses() == ["10.244.0.5"])
    code, answer = agent.call("DELETE", "/api/v1/namespaces/default/endpoints/web")
    assert code == 403 and "pods that the Service selects" in answer["message"], answer
    # Without a selector the Endpoints stay, are the user's, and survive a restart.
    code, answer = agent.call("PATCH", SERVICES + "/web", {"spec": {"selector": None}},
                              content_type="application/merge-patch+json")
    assert code == 200, answer
    assert addresses() == ["10.244.0.5"]
    wait_until(lambda: os.path.exists(
        os.path.join(agent.state, "objects", "endpoints", "default", "web.yaml")))
    agent.stop()
    agent.start()
    assert addresses() == ["10.244.0.5"]
    assert agent.call("DELETE", "/api/v1/namespaces/default/endpoints/web")[0] == 200


def test_a_restart_keeps_addresses_and_objects(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.start()
    assert agent.post(SERVICES, service("api"))[0] == 201
    before = {item["metadata"]["name"]: item for item in agent.get(SERVICES)[1]["items"]}
    agent.stop(signal.SIGKILL)
    agent.start()
    after = {item["metadata"]["name"]: item for item in agent.get(SERVICES)[1]["items"]}
    assert set(after) == {"web", "api"}
    for name, item in before.items():
        assert after[name]["spec"]["clusterIP"] == item["spec"]["clusterIP"]
    assert after["api"]["metadata"]["uid"] == before["api"]["metadata"]["uid"]
    assert (after["api"]["metadata"]["creationTimestamp"]
            == before["api"]["metadata"]["creationTimestamp"])


def test_sigkill_while_writing_loses_nothing_that_was_answered(agent):
    agent.start()
    answered = {}
    done = threading.Event()

    def create():
        for i in range(2000):
            if done.is_set():
                return
            try:
                code, answer = agent.post(SERVICES, service(f"s{i}"))
            except (OSError, http.client.HTTPException):
                return
            assert code == 201, answer
            answered[f"s{i}"] = answer["spec"]["clusterIP"]
    writer = threading.Thread(target=create)
    writer.start()
    wait_until(lambda: len(answered) >= 20)
    agent.stop(signal.SIGKILL)
    done.set()
    writer.join()
    agent.start()
    found = {item["metadata"]["name"]: item["spec"]["clusterIP"]
             for item in agent.get(SERVICES)[1]["items"]}
    assert answered.items() <= found.items()
    assert len(set(found.values())) == len(found)


def test_a_second_agent_is_refused(agent):
    agent.start()
    second = subprocess.run(agent.argv("--socket", agent.socket + "2"), capture_output=True,
                            text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert "another agent uses the state folder" in second.stderr
    other = subprocess.run([*agent.argv(), "--state-dir", agent.state + "2"], capture_output=True,
                           text=True, timeout=60, check=False)
    assert other.returncode == 1
    assert "another agent answers" in other.stderr
    assert agent.get("/readyz")[0] == 200


def test_a_stale_socket_is_replaced_and_a_file_is_not(agent):
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(agent.socket)
    stale.close()
    agent.start()
    assert oct(os.stat(agent.socket).st_mode & 0o777) == "0o600"
    agent.stop()
    with open(agent.socket, "w", encoding="utf-8") as file:
        file.write("mine")
    agent.start(ready=False)
    assert agent.process.wait(10) == 1
    assert "is no socket" in agent.read_log()
    with open(agent.socket, encoding="utf-8") as file:
        assert file.read() == "mine"


def test_a_damaged_state_file_stops_the_agent_with_advice(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.start()
    agent.stop()
    path = os.path.join(agent.state, "allocations.json")
    with open(path, "r+", encoding="utf-8") as file:
        file.truncate(20)
    agent.start(ready=False)
    assert agent.process.wait(10) == 1
    assert "is damaged" in agent.read_log() and "move it away" in agent.read_log()
    os.rename(path, path + ".bad")
    agent.start()
    assert agent.names(SERVICES) == ["web"]


def test_a_damaged_object_file_is_named_and_the_others_serve(agent):
    agent.start()
    for name in ("a", "b"):
        assert agent.post(SERVICES, service(name))[0] == 201
    agent.stop()
    with open(os.path.join(agent.state, "objects/services/default/a.yaml"), "w",
              encoding="utf-8") as file:
        file.write("kind: [")
    agent.start()
    assert agent.names(SERVICES) == ["b"]
    assert any("a.yaml" in text for text in agent.problems())


def test_case_45_nodeport_collision_is_refused_until_the_other_leaves(agent):
    taken = SERVICE.format(name="one", port=80).replace(
        "spec:\n", "spec:\n  type: NodePort\n") + "    nodePort: 30080\n"
    agent.manifest("a.yaml", taken)
    agent.manifest("b.yaml", taken.replace("one", "two"))
    agent.start()
    assert agent.names(SERVICES) == ["one"]
    assert any("default/two" in text and "already allocated" in text and "default/one" in text
               for text in agent.problems()), agent.problems()
    code, answer = agent.post(SERVICES, {**service("three"), "spec": {
        "type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}})
    assert code == 422 and "already allocated" in answer["message"], answer
    code, answer = agent.post(SERVICES, {**service("three"), "spec": {
        "type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}})
    assert code == 422 and "not in the valid range" in answer["message"], answer
    os.unlink(os.path.join(agent.manifests, "a.yaml"))
    wait_until(lambda: agent.names(SERVICES) == ["two"])
    wait_until(lambda: not agent.problems())


def test_a_manifest_hides_an_object_of_the_api_until_it_goes(agent):
    agent.start()
    code, made = agent.post(SERVICES, service("web", 1))
    assert code == 201
    agent.manifest("web.yaml", SERVICE.format(name="web", port=2))
    wait_until(lambda: agent.get(SERVICES + "/web")[1]["spec"]["ports"][0]["port"] == 2)
    os.unlink(os.path.join(agent.manifests, "web.yaml"))
    wait_until(lambda: agent.get(SERVICES + "/web")[1]["spec"]["ports"][0]["port"] == 1)
    assert agent.get(SERVICES + "/web")[1]["metadata"]["uid"] == made["metadata"]["uid"]


def test_own_node_and_namespaces_are_there_and_the_zone_is_followed(agent):
    agent.start()
    assert agent.names("/api/v1/namespaces") == ["default", "kube-system"]
    assert agent.names("/api/v1/nodes") == ["node-a"]
    code, answer = agent.call("PATCH", "/api/v1/nodes/node-a",
                              {"metadata": {"labels": {"topology.kubernetes.io/zone": "z1"}}},
                              content_type="application/merge-patch+json")
    assert code == 200, answer
    assert agent.status()["zone"] == "z1"
    assert agent.call("DELETE", "/api/v1/nodes/node-a")[0] == 200
    assert agent.names("/api/v1/nodes") == ["node-a"]
    assert agent.status()["zone"] is None


def test_env_of_a_pod(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.manifest("pod.yaml", POD.format(name="p", app="x", ip="10.244.0.9"))
    agent.start()
    code, answer = agent.get("/beeline/v1/env?namespace=default&pod=p")
    ip = agent.get(SERVICES + "/web")[1]["spec"]["clusterIP"]
    assert code == 200 and {"name": "WEB_SERVICE_HOST", "value": ip} in answer, answer
    assert agent.get("/beeline/v1/env?pod=nobody")[0] == 404
    assert {"name": "WEB_SERVICE_PORT", "value": "80"} in agent.get("/beeline/v1/env")[1]


def test_status_and_metrics_name_what_they_should(agent):
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    agent.start()
    status = agent.status()
    assert status["node"] == "node-a" and status["state"] == "ready" and status["dryRun"]
    assert status["hooks"]["state"] == "unknown" and status["hooks"]["reason"]
    assert status["counts"]["objects"]["services"] == 1
    assert status["counts"]["services"]["used"] == 1
    assert status["allocations"]["clusterIPs"] == 1
    assert status["lastApply"]["ok"] and status["lastApply"]["ops"] > 0
    assert [source["synced"] for source in status["sources"]] == [True, True]
    code, text = agent.get("/metrics")
    assert code == 200
    assert 'beeline_objects{kind="services"} 1\n' in text
    assert 'beeline_map_entries{map="services"} 1\n' in text
    for line in text.splitlines():
        assert line.startswith(("# HELP beeline_", "# TYPE beeline_", "beeline_")), line


def test_a_missing_folder_keeps_the_agent_waiting(agent):
    os.rmdir(agent.manifests)
    agent.start(ready=False)
    wait_until(lambda: os.path.exists(agent.socket), agent.read_log)
    wait_until(agent.problems)
    assert agent.get("/readyz")[0] == 503
    assert agent.status()["state"] == "starting"
    os.mkdir(agent.manifests)
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    wait_until(agent.is_ready, agent.read_log)


def test_sighup_reads_everything_again(agent):
    agent.start()
    path = os.path.join(agent.folder, "web.yaml")
    os.symlink(path, os.path.join(agent.manifests, "web.yaml"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(SERVICE.format(name="web", port=80))
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: agent.names(SERVICES) == ["web"])


def test_an_unwritable_state_folder_is_a_problem_and_new_objects_wait(agent):
    agent.start()
    # A folder in the place of the file cannot be replaced by it, not even by root.
    blocker = os.path.join(agent.state, "allocations.json")
    if os.path.exists(blocker):
        os.unlink(blocker)
    os.mkdir(blocker)
    open(os.path.join(blocker, "x"), "w", encoding="utf-8").close()
    code, answer = agent.post(SERVICES, service("api"))
    assert code == 500 and "allocations.json" in answer["message"], answer
    agent.manifest("web.yaml", SERVICE.format(name="web", port=80))
    wait_until(agent.problems)
    assert agent.names(SERVICES) == []
    shutil.rmtree(blocker)
    wait_until(lambda: agent.names(SERVICES) == ["web"])
    wait_until(lambda: not agent.problems())
