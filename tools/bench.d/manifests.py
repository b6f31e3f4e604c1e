# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests of many Services with many endpoints each, as EndpointSlices or as Pods."""

import ipaddress
import os

NAMESPACE = "bench"
PORT = 80
BACKEND_PORT = 8080
FIRST_FRONTEND = ipaddress.ip_address("10.96.0.10")
FIRST_BACKEND = ipaddress.ip_address("10.128.0.1")


def name(number):
    return f"app-{number}"


def frontend(number):
    return str(FIRST_FRONTEND + number)


def backend(number, index, endpoints, generation=0):
    """`generation` moves the endpoint to an address that no other has."""
    return str(FIRST_BACKEND + (number + generation * 20000) * endpoints + index)


def service(number, selector):
    text = f"""apiVersion: v1
kind: Service
metadata:
  name: {name(number)}
  namespace: {NAMESPACE}
spec:
  clusterIP: {frontend(number)}
  ports:
  - name: http
    port: {PORT}
    protocol: TCP
    targetPort: {BACKEND_PORT}
"""
    return text + f"  selector:\n    app: {name(number)}\n" if selector else text


def slice_object(number, addresses):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name(number)}-1", "namespace": NAMESPACE,
                     "labels": {"kubernetes.io/service-name": name(number)}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": BACKEND_PORT, "protocol": "TCP"}],
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}
                      for address in addresses],
    }


def slice_text(number, addresses):
    endpoints = "".join(f"- addresses:\n  - {address}\n  conditions:\n    ready: true\n"
                        for address in addresses)
    return f"""apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: {name(number)}-1
  namespace: {NAMESPACE}
  labels:
    kubernetes.io/service-name: {name(number)}
addressType: IPv4
ports:
- name: http
  port: {BACKEND_PORT}
  protocol: TCP
endpoints:
{endpoints}"""


def pod_text(number, index, address):
    return f"""apiVersion: v1
kind: Pod
metadata:
  name: {name(number)}-{index}
  namespace: {NAMESPACE}
  labels:
    app: {name(number)}
spec:
  nodeName: node-{index % 100}
  containers:
  - name: main
    image: app
    ports:
    - containerPort: {BACKEND_PORT}
status:
  phase: Running
  podIP: {address}
  conditions:
  - type: Ready
    status: "True"
"""


class Folder:
    """A folder of manifests: one file for a Service and its endpoints."""

    def __init__(self, path, services, endpoints, shape):
        self.path = path
        self.services = services
        self.endpoints = endpoints
        self.shape = shape
        os.mkdir(path)
        for number in range(services):
            self.write(number)

    def text(self, number, generation):
        addresses = [backend(number, index, self.endpoints, generation if index == 0 else 0)
                     for index in range(self.endpoints)]
        if self.shape == "slices":
            endpoints = [slice_text(number, addresses)]
        else:
            endpoints = [pod_text(number, *item) for item in enumerate(addresses)]
        return "---\n".join([service(number, self.shape == "pods"), *endpoints])

    def write(self, number, generation=0):
        """Returns what puts the file in force in one step."""
        target = os.path.join(self.path, f"{name(number)}.yaml")
        beside = os.path.join(os.path.dirname(self.path), "next.yaml")
        with open(beside, "w", encoding="ascii") as out:
            out.write(self.text(number, generation))
        if generation == 0:
            os.rename(beside, target)
        return lambda: os.rename(beside, target)

    def first_backend(self, number, generation):
        return backend(number, 0, self.endpoints, generation)
