# SPDX-License-Identifier: GPL-3.0-or-later
"""The API, and health alone, at TCP ports: who may use them."""

import http.client
import json
import socket
import subprocess

import pytest

from test_agent_socket import SERVICES, Agent, service, wait_until


@pytest.fixture
def agent():
    one = Agent()
    yield one
    one.remove()


def run(agent, *options):
    return subprocess.run(agent.argv(*options), timeout=10, capture_output=True, text=True,
                          check=False)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def call_port(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    answer = response.status, json.load(response)
    connection.close()
    return answer


def test_a_loopback_port_serves_the_same_but_not_to_web_pages(agent):
    port = free_port()
    agent.start("--api-listen", f"127.0.0.1:{port}")
    agent.post(SERVICES, service("web"))
    status, answer = call_port(port, SERVICES)
    assert status == 200 and [item["metadata"]["name"] for item in answer["items"]] == ["web"]
    assert call_port(port, SERVICES, Host="[::1]:80")[0] == 200
    assert call_port(port, SERVICES, Host="localhost")[0] == 200
    for headers in ({"Host": "example.org"}, {"Host": "127.0.0.1.example.org"},
                    {"Origin": "http://127.0.0.1"}):
        status, answer = call_port(port, SERVICES, **headers)
        assert status == 403 and answer["reason"] == "Forbidden", headers


def test_a_port_that_others_could_reach_has_to_be_meant(agent):
    refused = run(agent, "--api-listen", "192.0.2.1:8001")
    assert refused.returncode == 2
    assert "'192.0.2.1' is no loopback address" in refused.stderr
    port = free_port()
    agent.start("--api-listen", f"0.0.0.0:{port}", "--api-open-to-network")
    assert call_port(port, "/api")[0] == 200


def test_a_port_that_is_taken_is_named(agent):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run(agent, "--api-listen", f"127.0.0.1:{port}")
    assert refused.returncode == 1
    assert f"cannot listen on port {port} of '127.0.0.1'" in refused.stderr


def ask_health(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers=headers)
    response = connection.getresponse()
    answer = response.status, response.read().decode()
    connection.close()
    return answer


def test_a_port_for_health_serves_everybody_and_nothing_else(agent):
    port = free_port()
    agent.start("--health-listen", f"127.0.0.1:{port}")
    assert ask_health(port, "/livez") == (200, "ok\n")
    assert ask_health(port, "/healthz", Host="node-a.example.org:10256")[0] == 200
    assert ask_health(port, "/readyz")[0] == 200
    assert "beeline_ready 1" in ask_health(port, "/metrics")[1]
    for path in (SERVICES, "/beeline/v1/status", "/api", "/"):
        status, answer = ask_health(port, path)
        assert status == 404 and "this port serves /livez" in answer, path
    nameless = run(agent, "--health-listen", "127.0.0.1")
    assert nameless.returncode == 2 and "names no port" in nameless.stderr


def test_a_watch_of_a_connection_that_was_closed_makes_room(agent):
    port = free_port()
    agent.start("--api-listen", f"127.0.0.1:{port}")
    version = agent.get(SERVICES)[1]["metadata"]["resourceVersion"]

    def watch():
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            raw.sendall(f"GET {SERVICES}?watch=1&resourceVersion={version} HTTP/1.1\r\n"
                        "Host: localhost\r\n\r\n".encode())
            return raw.recv(64).split()[1] == b"200"
    for _ in range(200):  # more than there may be at a time
        wait_until(watch)
