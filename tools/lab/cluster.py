# SPDX-License-Identifier: GPL-3.0-or-later
"""An API server (tools/lib/api_server.py) that runs in a node, and the objects that it holds."""

import json
import os
import subprocess

from lab import system

SERVER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib",
                      "api_server.py")

KUBECONFIG = """apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster:
    server: http://127.0.0.1:{port}
contexts:
- name: lab
  context:
    cluster: lab
    user: agent
users:
- name: agent
  user:
    tokenFile: {token}
"""


class ApiServer:
    """Methods without a row here are the server's commands: put, delete, fail, stop ..."""

    def __init__(self, node, *options):
        self.node = node
        self.token = os.path.join(node.folder, "token")
        self.write_token("first")
        self.child = node.start("/usr/bin/python3", "-I", SERVER, *options,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.child.stdout.readline())["port"]
        self.kubeconfig = os.path.join(node.folder, "kubeconfig")
        with open(self.kubeconfig, "w", encoding="ascii") as out:
            out.write(KUBECONFIG.format(port=self.port, token=self.token))

    def kubeconfig_of(self, node, address):
        """For a node that reaches the server at this address, without a token: it has no TLS."""
        text = KUBECONFIG.format(port=self.port, token="").replace("127.0.0.1", address)
        path = os.path.join(node.folder, "kubeconfig-of-others")
        with open(path, "w", encoding="ascii") as out:
            out.write(text.replace("    user: agent\n", "").partition("users:")[0])
        return path

    def write_token(self, text):
        with open(self.token + ".new", "w", encoding="ascii") as out:
            out.write(text)
        os.rename(self.token + ".new", self.token)

    def call(self, do, **arguments):
        self.child.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline() or '{"error": "the server is gone"}')
        if "error" in answer:
            raise system.LabError(f"{do}: {answer['error']}")
        return answer

    def __getattr__(self, do):
        return lambda **arguments: self.call(do, **arguments)

    def put_node(self, name, labels=None, taints=(), addresses=()):
        self.put(object={
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {"taints": list(taints)} if taints else {},
            "status": {"conditions": [{"type": "Ready", "status": "True"}],
                       "addresses": [{"type": "InternalIP", "address": address}
                                     for address in addresses]}})
