# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes over HTTP/2 with gRPC's own library at the other end: its health service, and ExecSync of a
container runtime."""

import os

import pytest

import container_runtime
from lab import system
from probe_parts import (pods_of, publish, publish_service, wait_answers, wait_described,
                         wait_ready)

HERE = os.path.dirname(os.path.abspath(__file__))
PORT = 50051


class Health:
    """grpc_health.py in a pod; what it says of a service is a file."""

    def __init__(self, lab, pod, *options):
        self.folder = os.path.join(lab.folder, f"{pod.name}-health")
        os.mkdir(self.folder)
        self.say("SERVING")
        pod.start("/usr/bin/python3", "-B", os.path.join(HERE, "grpc_health.py"), str(PORT),
                  self.folder, *options)
        system.wait_until(lambda: pod.run("nc", "-z", pod.addresses[0], str(PORT),
                                          check=False).returncode == 0, 20, 0.1, "gRPC server")

    def say(self, status, service="all"):
        beside = os.path.join(self.folder, ".next")
        with open(beside, "w", encoding="ascii") as out:
            out.write(status)
        os.rename(beside, os.path.join(self.folder, service))


def test_a_grpc_health_service_decides_and_traffic_follows(lab, one_node):
    node = one_node(pods=2)
    publish_service(lab)
    health = Health(lab, node.web[0])
    publish(lab, node.web[0], {"grpc": {"port": PORT}})
    publish(lab, node.web[1], {"tcpSocket": {"port": 8080}})
    wait_answers(node, "pod-1", "pod-2")
    health.say("NOT_SERVING")
    wait_answers(node, "pod-2")
    wait_described(node, "pod-1", "Readiness probe failed: NOT_SERVING")
    health.say("SERVING")
    wait_answers(node, "pod-1", "pod-2")
    assert "pod 'default/pod-1', container 'server': is not ready; Readiness probe failed: " \
        "NOT_SERVING" in node.agent.read_log()


def test_a_grpc_probe_names_its_service(lab, one_node):
    node = one_node(pods=1)
    health = Health(lab, node.web[0])
    publish(lab, node.web[0], {"grpc": {"port": PORT, "service": "shop.Cart"}})
    wait_described(node, "pod-1", "Readiness probe failed: gRPC status 5: unknown service")
    health.say("SERVING", "shop.Cart")
    wait_ready(node, pod_1="1/1")
    health.say("NOT_SERVING")
    health.say("SERVICE_UNKNOWN", "shop.Cart")
    wait_described(node, "pod-1", "Readiness probe failed: SERVICE_UNKNOWN")


def test_a_slow_grpc_server_times_out(lab, one_node):
    node = one_node(pods=1)
    health = Health(lab, node.web[0])
    health.say("SERVING 1.6")
    publish(lab, node.web[0], {"grpc": {"port": PORT}})
    wait_described(node, "pod-1", "Readiness probe failed: timed out after 1s")
    publish(lab, node.web[0], {"grpc": {"port": PORT}, "timeoutSeconds": 3, "periodSeconds": 4})
    wait_ready(node, pod_1="1/1")


def test_a_grpc_server_without_a_health_service_says_so(lab, one_node):
    node = one_node(pods=1)
    Health(lab, node.web[0], "--without-health")
    publish(lab, node.web[0], {"grpc": {"port": PORT}})
    wait_described(node, "pod-1", "Readiness probe failed: gRPC status 12: the server has no "
                                  "grpc.health.v1.Health")


def test_a_server_of_another_protocol_is_no_grpc_server(lab, one_node):
    node = one_node(pods=1)
    publish(lab, node.web[0], {"grpc": {"port": 8080}})
    wait_described(node, "pod-1", "Readiness probe failed: the peer speaks no HTTP/2")


def test_a_grpc_server_asked_over_http_1_is_no_success(lab, one_node):
    node = one_node(pods=1)
    Health(lab, node.web[0])
    publish(lab, node.web[0], {"httpGet": {"port": PORT}})
    wait_described(node, "pod-1", "Readiness probe failed: ")
    assert pods_of(node)["pod-1"][0] == "0/1"


# A container runtime

CONTAINER = "4f7c1d5a9e"


@pytest.fixture
def runtime(lab, one_node):
    """A node whose agent knows a container runtime, which knows pod-1."""
    folder = os.path.join(lab.folder, "containers-of-runtime")
    path = os.path.join(lab.folder, "cri.sock")
    os.mkdir(folder)
    node = one_node(pods=1, agent=["--cri-socket", path])
    with open(os.path.join(folder, CONTAINER), "w", encoding="ascii") as out:
        out.write(node.web[0].netns)

    def start():
        server = node.start("/usr/bin/python3", "-B", os.path.join(HERE, "cri_server.py"), path,
                            folder)
        system.wait_until(lambda: os.path.exists(path), 20, 0.05, "socket of the runtime")
        return server
    node.container_file = os.path.join(folder, CONTAINER)
    node.cri_socket = path
    node.start_runtime = start
    return node


def publish_exec(lab, pod, *command, container=CONTAINER, **probe):
    publish(lab, pod, {"exec": {"command": list(command)}, **probe}, status={
        "containerStatuses": [{
            "name": "server", "image": "example.org/server:1", "imageID": "", "restartCount": 0,
            "ready": False, "containerID": f"containerd://{container}",
            "state": {"running": {"startedAt": "2026-01-02T03:04:05Z"}}}]})


def test_commands_run_in_the_container_by_its_runtime(lab, runtime):
    runtime.start_runtime()
    pod = runtime.web[0]
    flag = os.path.join(lab.folder, "healthy")
    script = f"ip -o addr | grep -q {pod.addresses[0]}/ && cat {flag}"
    publish_exec(lab, pod, "sh", "-c", script)
    wait_described(runtime, "pod-1", "Readiness probe failed: exit status 1: cat: "
                                     f"{flag}: No such file or directory")
    open(flag, "w", encoding="ascii").close()
    wait_ready(runtime, pod_1="1/1")
    os.unlink(flag)
    wait_ready(runtime, pod_1="0/1")


def test_the_runtime_keeps_the_time_of_a_command(lab, runtime):
    runtime.start_runtime()
    publish_exec(lab, runtime.web[0], "sleep", "7")
    wait_described(runtime, "pod-1", "Readiness probe failed: timed out after 1s")


def test_a_runtime_that_does_not_answer_says_nothing_of_the_container(lab, runtime):
    server = runtime.start_runtime()
    publish_exec(lab, runtime.web[0], "true")
    wait_ready(runtime, pod_1="1/1")
    server.terminate()
    server.wait(10)
    wait_described(runtime, "pod-1", "cannot probe: container runtime: ")
    assert pods_of(runtime)["pod-1"][0] == "1/1"
    if os.path.exists(runtime.cri_socket):
        os.unlink(runtime.cri_socket)
    os.unlink(runtime.container_file)
    runtime.start_runtime()
    wait_described(runtime, "pod-1", "cannot probe: container runtime: gRPC status 5: an error "
                                     "occurred when try to find container")
    assert pods_of(runtime)["pod-1"][0] == "1/1"


def test_a_runtime_that_hangs_counts_as_a_command_that_takes_too_long(lab, runtime):
    runtime.start_runtime()
    with open(runtime.container_file, "w", encoding="ascii") as out:
        out.write("hang")
    publish_exec(lab, runtime.web[0], "true")
    wait_described(runtime, "pod-1", "Readiness probe failed: timed out after 1s")


@pytest.fixture
def containerd(lab, one_node):
    """A node with a real containerd, whose socket its agent is told."""
    if container_runtime.missing():
        pytest.skip(f"'{container_runtime.missing()}' is not installed (tools/install-packages "
                    "--tests)")
    path = os.path.join(lab.folder, "containerd", "containerd.sock")
    node = one_node(pods=1, agent=["--cri-socket", path])
    node.runtime = container_runtime.Containerd(lab, node)
    yield node
    node.runtime.stop()


def test_containerd_runs_the_commands_of_probes(lab, containerd):
    runtime = containerd.runtime
    container = runtime.run("pod-1", user=1234)
    publish_exec(lab, containerd.web[0], "sh", "-c",
                 "test $(id -u) = 1234 && ls /tmp/healthy", container=container)
    wait_described(containerd, "pod-1", "Readiness probe failed: exit status 1: ls: /tmp/healthy: "
                                        "No such file or directory")
    assert runtime.execute(container, "touch", "/tmp/healthy") == 1, "the user may not write there"
    publish_exec(lab, containerd.web[0], "sh", "-c", "test $(id -u) = 1234 && ls /bin/busybox",
                 container=container)
    wait_ready(containerd, pod_1="1/1")


def test_containerd_ends_a_command_that_takes_too_long(lab, containerd):
    container = containerd.runtime.run("pod-1")
    publish_exec(lab, containerd.web[0], "sh", "-c", "sleep 77 & sleep 77", container=container)
    wait_described(containerd, "pod-1", "Readiness probe failed: timed out after 1s")


def test_a_container_that_ended_is_no_failure_of_its_probe(lab, containerd):
    container = containerd.runtime.run("pod-1", command=("sleep", "4"))
    publish_exec(lab, containerd.web[0], "true", container=container)
    wait_ready(containerd, pod_1="1/1")
    wait_described(containerd, "pod-1", "cannot probe: container runtime: gRPC status")
    assert pods_of(containerd)["pod-1"][0] == "1/1"
