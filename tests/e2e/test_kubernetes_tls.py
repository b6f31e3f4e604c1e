# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's command with a kubeconfig against a server with TLS that plays recordings of a real
kube-apiserver: certificates, tokens that expire, credential plugins. A dry run, without a namespace.
"""

import base64
import json
import os
import subprocess
import sys

import pytest

from lab import system
from lab.laboratory import beeline_binary

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "kube"))
from fault_server import FaultServer  # noqa: E402

SERVICES = 20  # of the recording, as kube-proxy's selectors have them

PLUGIN = """#!/bin/sh
echo run >>"$RUNS"
cat <<END
{"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1",
 "status": {"token": "$(cat "$TOKEN")"}}
END
"""


def lists(server):
    """Lists of the recording for who pages; watches stay open and say nothing."""
    server.rules([
        {"query": {"sendInitialEvents": "true"},
         "answer": {"recording": "errors/422-sendInitialEvents-without-match.http"}},
        *({"path": path, "query": {"watch": None}, "answer": {"file": file, "pieces": 3000}}
          for path, file in (
              ("/api/v1/services", "list/services.kubeproxy-selector.json"),
              ("/apis/discovery.k8s.io/v1/endpointslices",
               "list/endpointslices.kubeproxy-selector.json"),
              ("/api/v1/nodes", "list/nodes.field-selector.json"),
              ("/api/v1/pods", "list/pods.field-selector.json"))),
        {"answer": {"stream": "watch"}}])


class Followed:
    """A server, and an agent that follows it in a dry run."""

    def __init__(self, folder, server, user, cluster=None):
        self.folder, self.server = folder, server
        self.socket, self.log = f"{folder}/socket", f"{folder}/agent.log"
        with open(f"{server.folder}/ca.pem", "rb") as file:
            ca = base64.b64encode(file.read()).decode()
        with open(f"{folder}/kubeconfig", "w", encoding="ascii") as file:
            json.dump({"kind": "Config", "current-context": "c", "contexts": [
                {"name": "c", "context": {"cluster": "c", "user": "u"}}], "clusters": [
                {"name": "c", "cluster": cluster or {
                    "server": server.url, "certificate-authority-data": ca}}],
                "users": [{"name": "u", "user": user}]}, file)
        with open(self.log, "w", encoding="ascii") as log:
            self.child = subprocess.Popen(
                [beeline_binary(), "agent", "--dry-run", "--kubeconfig", f"{folder}/kubeconfig",
                 "--node-name", "node-a", "--state-dir", f"{folder}/state", "--socket",
                 self.socket], stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()

    def beeline(self, *arguments):
        return subprocess.run([beeline_binary(), *arguments], text=True, check=False, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "BEELINE_SOCKET": self.socket}).stdout

    def services(self):
        return len([line for line in self.beeline("get", "services", "-A", "--no-headers")
                    .splitlines() if " 10.96." in line or " fd00:" in line or " None " in line])

    def problems(self):
        done = self.beeline("status", "-o", "json")
        return " ".join(row["message"] for row in json.loads(done)["problems"])

    def wait_for_services(self, timeout=15):
        system.wait_until(lambda: os.path.exists(self.socket) and self.services() >= SERVICES,
                          timeout, 0.1, f"the cluster's Services: {self.read_log()}")

    def wait_for_problem(self, words, timeout=15):
        system.wait_until(lambda: os.path.exists(self.socket) and words in self.problems(), timeout,
                          0.1, f"a problem with '{words}'")

    def read_log(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "server"
    folder.mkdir()
    with FaultServer(folder, tls=True) as running:
        lists(running)
        yield running


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "state").mkdir()
    return str(tmp_path)


def test_everything_goes_over_one_connection_of_http2(folder, server):
    server.tokens(["good"])
    with Followed(folder, server, {"token": "good"}) as agent:
        agent.wait_for_services()
        assert {request["version"] for request in server.requests()} == {"2"}
        assert server.stats() == {"opened": 1, "open": 1}
        assert not agent.problems()


def test_a_credential_plugin_is_asked_again_when_the_server_refuses_its_token(folder, server):
    token, runs = f"{folder}/token", f"{folder}/runs"
    with open(f"{folder}/plugin", "w", encoding="ascii") as file:
        file.write(PLUGIN)
    os.chmod(f"{folder}/plugin", 0o700)
    with open(token, "w", encoding="ascii") as file:
        file.write("first")
    server.tokens(["first"])
    user = {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin",
                     "interactiveMode": "Never",
                     "env": [{"name": "TOKEN", "value": token}, {"name": "RUNS", "value": runs}]}}
    with Followed(folder, server, user) as agent:
        agent.wait_for_services()
        with open(runs, encoding="ascii") as file:
            assert file.read() == "run\n"
        server.tokens(["second"])
        with open(token, "w", encoding="ascii") as file:
            file.write("second")
        server.requests(forget=True)
        server.cut_all()
        system.wait_until(lambda: any(
            request["headers"].get("authorization") == "Bearer second" and "watch"
            in request["query"] for request in server.requests()), 30, 0.1, "another token")
        with open(runs, encoding="ascii") as file:
            assert file.read().count("run") == 2
        agent.wait_for_services()
        system.wait_until(lambda: not agent.problems(), 60, 0.2, "all watches to go on")


def test_a_server_with_another_ca_is_not_believed_and_said_so(folder, server):
    server.certificate("other")
    with Followed(folder, server, {"token": "secret"}) as agent:
        agent.wait_for_problem("certificate")
        assert server.requests() == []
        server.certificate("server")
        agent.wait_for_services(40)


def test_a_kubeconfig_that_cannot_be_used_ends_the_command_with_its_place(folder, server):
    with Followed(folder, server, {"username": "u", "password": "p"},
                  {"server": "10.0.0.1:6443"}) as agent:
        assert agent.child.wait(timeout=10) == 1
        log = agent.read_log()
    assert f"{folder}/kubeconfig:1:" in log
    assert "cluster 'c': field 'server': expected a URL such as https://10.0.0.1:6443" in log
    assert "user 'u': field 'username': a user name and password are not supported" in log
    assert "cannot use the kubeconfig" in log
