# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of probes share: pods that are asked, and what the node says of them."""

import json

from lab import manifest, system
from lab.traffic import wait_for_answers

VIP = "10.96.0.80"
QUICK = {"periodSeconds": 1, "failureThreshold": 1}


def pod_text(pod, probe=None, startup=None, annotations=None, labels=None, status=None, spec=None):
    container = {"name": "server", "image": "example.org/server:1",
                 "ports": [{"name": name, "containerPort": number, "protocol": protocol}
                           for name, number, protocol in pod.ports]}
    if probe:
        container["readinessProbe"] = {**QUICK, **probe}
    if startup:
        container["startupProbe"] = {**QUICK, **startup}
    return json.dumps({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod.name, "labels": labels or {"app": "web"},
                     "annotations": annotations or {}},
        "spec": {"nodeName": pod.node.name, "containers": [container], **(spec or {})},
        "status": {"podIP": pod.addresses[0], **(status or {})}})


def publish(lab, pod, probe=None, **options):
    lab.publish(pod.manifest_file, pod_text(pod, probe, **options))


def publish_service(lab, **spec):
    lab.publish("service.yaml", manifest.service(
        "web", selector={"app": "web"}, clusterIP=VIP,
        ports=[{"port": 80, "targetPort": 8080}], **spec))


def pods_of(node):
    rows = node.beeline("get", "pods", "--no-headers").stdout.split("\n")
    return {row.split()[0]: row.split()[1:3] for row in rows if row}


def wait_ready(node, **expected):
    """`expected`: pod_1="1/1" and so on."""
    wanted = {name.replace("_", "-"): state for name, state in expected.items()}
    system.wait_until(
        lambda: {name: pods_of(node).get(name, [""])[0] for name in wanted} == wanted, 8, 0.1,
        f"{wanted}; got {pods_of(node)}")


def describe(node, pod):
    return node.beeline("describe", "pod", pod).stdout


def wait_described(node, pod, text):
    system.wait_until(lambda: text in describe(node, pod), 8, 0.1,
                      f"'{text}' in the description of {pod}:\n{describe(node, pod)}")


def endpoints_of(node):
    return node.beeline("get", "endpoints", "web", "-o", "json", check=False).stdout


def wait_answers(node, *pods):
    wait_for_answers(node.client, VIP, pods, timeout=10)


def apply_pod(node, pod, probe=None, **options):
    """Through the API, whose pods can be deleted there."""
    pod.withdraw()
    system.wait_until(lambda: pod.name not in pods_of(node), 5, 0.05, f"no {pod.name}")
    node.beeline("apply", "-f", "-", text=pod_text(pod, probe, **options))
