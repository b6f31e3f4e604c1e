# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server with many Services and EndpointSlices, as large as those of a cluster are: with the
metadata, the book-keeping of server-side apply, and endpoints that name pod, node and zone."""

import json
import os
import subprocess

import lab as laboratory
import manifests
import report

SERVER = os.path.join(report.TREE, "tools", "lib", "api_server.py")
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: bench
clusters:
- name: bench
  cluster: {{server: "http://127.0.0.1:{port}"}}
contexts:
- name: bench
  context: {{cluster: bench, user: agent}}
users:
- name: agent
  user: {{}}
"""
CREATED = "2026-11-23T03:24:32Z"


def uid(kind, number):
    return f"{kind:08x}-bbbb-4ccc-8ddd-{number:012x}"


def field_manager(manager, fields):
    return {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": CREATED,
            "fieldsType": "FieldsV1", "fieldsV1": fields}


def metadata(name, identity, labels, more):
    return {"name": name, "namespace": manifests.NAMESPACE, "uid": identity, "generation": 1,
            "creationTimestamp": CREATED, "labels": labels, **more}


def service(number):
    name = manifests.name(number)
    labels = {"app": name, "app.kubernetes.io/managed-by": "Helm", "tier": "backend"}
    ports = [{"name": "http", "protocol": "TCP", "port": manifests.PORT,
              "targetPort": manifests.BACKEND_PORT}]
    spec = {"ports": ports, "selector": {"app": name}, "clusterIP": manifests.frontend(number),
            "clusterIPs": [manifests.frontend(number)], "type": "ClusterIP",
            "sessionAffinity": "None", "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster"}
    applied = json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {
        "annotations": {}, "labels": labels, "name": name, "namespace": manifests.NAMESPACE},
        "spec": {"ports": ports, "selector": {"app": name}}})
    return {"apiVersion": "v1", "kind": "Service", "spec": spec, "status": {"loadBalancer": {}},
            "metadata": metadata(name, uid(1, number), labels, {
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied},
                "managedFields": [field_manager("kubectl-client-side-apply", {
                    "f:metadata": {"f:annotations": {".": {}}, "f:labels": {
                        ".": {}, **{f"f:{key}": {} for key in labels}}},
                    "f:spec": {"f:internalTrafficPolicy": {}, "f:ports": {
                        ".": {}, 'k:{"port":80,"protocol":"TCP"}': {
                            ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {},
                            "f:targetPort": {}}}, "f:selector": {}, "f:sessionAffinity": {},
                        "f:type": {}}})]})}


def slice_object(number, addresses):
    name = manifests.name(number)
    labels = {"app": name, "endpointslice.kubernetes.io/managed-by":
              "endpointslice-controller.k8s.io", "kubernetes.io/service-name": name}
    endpoints = [{"addresses": [address],
                  "conditions": {"ready": True, "serving": True, "terminating": False},
                  "targetRef": {"kind": "Pod", "namespace": manifests.NAMESPACE,
                                "name": f"{name}-5d9c7b6f4-{index:05x}",
                                "uid": uid(2, number * 1000 + index)},
                  "nodeName": f"node-{(number + index) % 100}",
                  "zone": f"zone-{'abc'[index % 3]}"}
                 for index, address in enumerate(addresses)]
    return {**manifests.slice_object(number, []), "endpoints": endpoints,
            "metadata": metadata(f"{name}-7x2kp", uid(3, number), labels, {
                "generateName": f"{name}-",
                "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": CREATED},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": name,
                                     "uid": uid(1, number), "controller": True,
                                     "blockOwnerDeletion": True}],
                "managedFields": [field_manager("kube-controller-manager", {
                    "f:addressType": {}, "f:endpoints": {}, "f:metadata": {
                        "f:annotations": {".": {}}, "f:generateName": {},
                        "f:labels": {".": {}, **{f"f:{key}": {} for key in labels}},
                        "f:ownerReferences": {".": {}}}, "f:ports": {}})]})}


class Cluster:
    """The server, in the agent's network namespace."""

    def __init__(self, lab, namespace, services, endpoints):
        self.services, self.endpoints = services, endpoints
        self.process = lab.start(
            ["nsenter", f"--net={namespace.path}", "--", "/usr/bin/python3", "-I", SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = json.loads(self.process.stdout.readline())["port"]
        self.kubeconfig = os.path.join(lab.folder, "kubeconfig")
        with open(self.kubeconfig, "w", encoding="ascii") as out:
            out.write(KUBECONFIG.format(port=port))
        self.bytes = self.load(os.path.join(lab.folder, "objects.jsonl"))

    def load(self, path):
        with open(path, "w", encoding="ascii") as out:
            out.write(json.dumps({"kind": "Node", "metadata": {"name": "node-0"}}) + "\n")
            for number in range(self.services):
                out.write(json.dumps(service(number)) + "\n")
                out.write(json.dumps(slice_object(number, self.addresses(number))) + "\n")
        self.tell("load", path=path)
        return os.path.getsize(path)

    def addresses(self, number, generation=0):
        return [manifests.backend(number, index, self.endpoints, generation if index == 0 else 0)
                for index in range(self.endpoints)]

    def tell(self, do, **arguments):
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "it has ended"}')
        if "error" in answer:
            raise laboratory.LabError(f"the API server cannot {do}: {answer['error']}")
        return answer

    def change(self, number, generation):
        """Moves the first endpoint of a Service; returns its new address."""
        self.tell("put", object=slice_object(number, self.addresses(number, generation)))
        return manifests.backend(number, 0, self.endpoints, generation)

    def sent_ns(self):
        return self.tell("stats")["sent_ns"]
