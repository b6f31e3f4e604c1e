# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of pods and endpoints as text. JSON is YAML, so one writer serves both."""

import json


def pod(name, node, addresses, labels=None, ports=(), ready=True, terminating=False,
        namespace="default", host_network=False, phase="Running", reason=None, annotations=None,
        probe=None, spec=None):
    """`ports` are rows (name, number, protocol), `probe` is a readinessProbe; then who probes says
    whether the pod is ready. `spec` has more fields of the pod."""
    metadata = {"name": name, "namespace": namespace, "labels": labels or {},
                **({"annotations": annotations} if annotations else {})}
    if terminating:
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        metadata["deletionGracePeriodSeconds"] = 3600
    spec = {"nodeName": node, "containers": [{
        "name": "server", "image": "example.org/server:1",
        "ports": [{"name": port_name, "containerPort": number, "protocol": protocol}
                  for port_name, number, protocol in ports],
        **({"readinessProbe": probe} if probe else {})}], **(spec or {})}
    if host_network:
        spec["hostNetwork"] = True
    status = {"phase": phase, "podIP": addresses[0],
              "podIPs": [{"ip": address} for address in addresses]}
    if not probe:
        status["conditions"] = [{"type": "Ready", "status": "True" if ready else "False"}]
    if reason:
        status["reason"] = reason
    return text({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec,
                 "status": status})


def service(name, namespace="default", ports=None, selector=None, **spec):
    """`ports` are dictionaries as in a manifest."""
    return text({"apiVersion": "v1", "kind": "Service",
                 "metadata": {"name": name, "namespace": namespace, **spec.pop("metadata", {})},
                 **({"status": spec.pop("status")} if "status" in spec else {}),
                 "spec": {**({"selector": selector} if selector else {}),
                          **({"ports": ports} if ports else {}), **spec}})


def endpoint_slice(service_name, name, rows, ports, family="IPv4", namespace="default",
                   labels=None):
    """`rows` are (address, node, conditions); `ports` dictionaries as in a manifest."""
    return text({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {"name": name, "namespace": namespace,
                     "labels": {"kubernetes.io/service-name": service_name, **(labels or {})}},
        "addressType": family, "ports": ports,
        "endpoints": [{"addresses": [address], "conditions": conditions,
                       **({"nodeName": node} if node else {})}
                      for address, node, conditions in rows]})


def text(value):
    return json.dumps(value, indent=2) + "\n"
