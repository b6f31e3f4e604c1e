# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands against the real agent, without the kernel: --dry-run."""

import os
import subprocess
import time

import pytest

from conftest import TREE

BEELINE = os.path.join(TREE, "build", "beeline")

SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: NodePort
  clusterIP: 10.96.0.50
  selector: {app: web}
  ports:
  - {port: 80, targetPort: 8080, nodePort: 30001}
"""

POD = """apiVersion: v1
kind: Pod
metadata:
  name: web-1
  labels: {app: web}
spec:
  containers:
  - {name: c, image: web, ports: [{containerPort: 8080}]}
status:
  phase: Running
  podIP: 10.244.0.5
  conditions:
  - {type: Ready, status: "True"}
"""


class Agent:
    def __init__(self, folder):
        self.folder = folder
        self.socket = str(folder / "socket")
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        self.process = subprocess.Popen(
            [BEELINE, "agent", "--dry-run", "--node-name", "node-a", "--manifests", self.manifests,
             "--state-dir", folder / "state", "--bpffs", folder / "bpffs", "--socket", self.socket],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self):
        end = time.monotonic() + 20
        while self.run("status").returncode != 0:
            assert self.process.poll() is None, "the agent ended"
            assert time.monotonic() < end, self.run("status").stdout
            time.sleep(0.05)

    def run(self, *words, given=""):
        return subprocess.run([BEELINE, "--socket", self.socket, *words], input=given, text=True,
                              capture_output=True, timeout=20)

    def say(self, *words, given=""):
        """What a command that must succeed prints."""
        done = self.run(*words, given=given)
        assert (done.returncode, done.stderr) == (0, ""), (words, done)
        return done.stdout

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def agent(tmp_path):
    running = Agent(tmp_path)
    try:
        running.wait()
        yield running
    finally:
        running.stop()


def rows(text):
    return [line.split() for line in text.splitlines()]


def test_apply_get_change_and_delete(agent):
    assert agent.say("apply", "-f", "-", given=SERVICE) == "service/web created\n"
    assert agent.say("apply", "-f", "-", given=SERVICE) == "service/web unchanged\n"
    heads, web = rows(agent.say("get", "svc", "web"))
    assert heads == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    assert web[:5] == ["web", "NodePort", "10.96.0.50", "<none>", "80:30001/TCP"]
    changed = SERVICE.replace("port: 80,", "port: 81,")
    assert agent.say("apply", "-f", "-", given=changed) == "service/web configured\n"
    assert rows(agent.say("get", "svc", "--no-headers"))[0][4] == "81:30001/TCP"
    assert agent.say("delete", "-f", "-", given=changed) == 'service "web" deleted\n'
    assert agent.run("get", "svc").stderr == "No resources found in default namespace.\n"


def test_a_pod_becomes_an_endpoint_and_a_label_takes_it_away(agent):
    agent.say("apply", "-f", "-", given=SERVICE + "---\n" + POD)
    assert rows(agent.say("get", "po", "--no-headers"))[0][:3] == ["web-1", "1/1", "Running"]
    assert "Endpoints:                10.244.0.5:8080\n" in agent.say("describe", "svc", "web")
    assert "10.244.0.5:8080 ready" in agent.say("plan")
    assert agent.say("label", "pod", "web-1", "app-") == "pod/web-1 unlabeled\n"
    assert "10.244.0.5:8080 ready" not in agent.say("plan")
    assert agent.say("verify") == "the maps equal the plan\n"


def test_what_is_printed_as_yaml_can_be_applied_again(agent):
    agent.say("apply", "-f", "-", given=SERVICE + "---\n" + POD)
    text = agent.say("get", "svc/web", "-o", "yaml")
    agent.say("delete", "svc/web")
    assert agent.say("create", "-f", "-", given=text) == "service/web created\n"
    assert rows(agent.say("get", "svc", "--no-headers"))[0][2] == "10.96.0.50"


def test_expose_and_env_tell_of_a_service_for_a_pod(agent):
    agent.say("apply", "-f", "-", given=POD)
    assert agent.say("expose", "pod", "web-1", "--port", "80", "--target-port", "8080", "--name",
                     "front", "--cluster-ip", "10.96.0.60") == "service/front exposed\n"
    assert "FRONT_SERVICE_HOST=10.96.0.60\n" in agent.say("env")


def test_an_object_of_a_manifest_is_changed_there_only(agent):
    (agent.manifests / "web.yaml").write_text(SERVICE)
    end = time.monotonic() + 10
    while "10.96.0.50" not in agent.run("get", "svc", "web").stdout:
        assert time.monotonic() < end
        time.sleep(0.05)
    done = agent.run("delete", "svc", "web")
    assert done.returncode == 1 and "Error from server (Forbidden)" in done.stderr
    assert "web.yaml" in done.stderr


def test_watch_prints_changes_as_they_come(agent):
    watching = subprocess.Popen([BEELINE, "--socket", agent.socket, "get", "svc", "-w", "-o",
                                 "name"], stdout=subprocess.PIPE, text=True)
    try:
        agent.say("apply", "-f", "-", given=SERVICE)
        assert watching.stdout.readline() == "service/web\n"
    finally:
        watching.terminate()
        watching.wait(10)
        watching.stdout.close()


def test_plan_needs_no_agent(tmp_path):
    (tmp_path / "a.yaml").write_text(SERVICE + "---\n" + POD)
    done = subprocess.run([BEELINE, "plan", "-f", tmp_path, "--state-dir", tmp_path / "state"],
                          text=True, capture_output=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "10.96.0.50:80/tcp" in done.stdout and "10.244.0.5:8080" in done.stdout


@pytest.mark.parametrize("words, text", [
    (["agent", "--service-cidr", "10.96.0.0"], "expected a network such as 10.96.0.0/16"),
    (["agent", "--service-cidr", "10.96.0.0/16", "--service-cidr", "10.97.0.0/16"],
     "of the same family"),
    (["agent", "--node-port-range", "30000"], "expected FIRST-LAST"),
    (["agent", "--node-port-range", "32767-30000"], "expected FIRST-LAST"),
    (["agent", "--canary-address", "192.0.2.1"], "expected a loopback address"),
])
def test_wrong_settings_are_refused_before_anything_starts(words, text):
    done = subprocess.run([BEELINE, *words, "--dry-run"], text=True, capture_output=True,
                          timeout=20)
    assert done.returncode == 2 and text in done.stderr


def test_namespace_of_a_manifest_and_of_the_option_must_not_differ(agent):
    for ns in ("shop", "default"):
        explicit = SERVICE.replace("name: web", f"name: web\n  namespace: {ns}")
        refused = agent.run("apply", "-n", "other", "-f", "-", given=explicit)
        assert refused.returncode == 1
        assert f"'{ns}'" in refused.stderr and "'other'" in refused.stderr
    agent.say("apply", "-f", "-", given="apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")
    assert agent.say("apply", "-n", "other", "-f", "-", given=SERVICE) == "service/web created\n"
    assert "web" in agent.say("get", "svc", "-n", "other")
