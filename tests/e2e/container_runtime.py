# SPDX-License-Identifier: GPL-3.0-or-later
"""A real containerd for tests: its own folders and socket, an image made here of busybox alone, and
as much of the CRI's client as running one container in the network of a member needs."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile

import grpc

import grpc_parts
from lab import system

IMAGE = "localhost/beeline-busybox:1"
NETWORK_OF_NODE = 2  # of NamespaceMode
RUN = "/run/containerd"  # of its shims, whatever the configuration says
SLEEP = ("sleep", "3600")


def missing():
    """What must be installed first; None: nothing."""
    for name in ("containerd", "runc", "ctr", "busybox"):
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return name
    return None


def add_file(tar, name, data, mode=0o644):
    row = tarfile.TarInfo(name)
    row.size, row.mode = len(data), mode
    tar.addfile(row, io.BytesIO(data))


def make_layer():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for folder in ("bin", "tmp", "etc", "proc", "dev", "sys"):
            row = tarfile.TarInfo(folder)
            row.type, row.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(row)
        with open(shutil.which("busybox"), "rb") as busybox:
            add_file(tar, "bin/busybox", busybox.read(), 0o755)
        for name in ("sh", "sleep", "cat", "ls", "true", "id", "setsid", "touch", "rm", "ip", "grep"):
            row = tarfile.TarInfo(f"bin/{name}")
            row.type, row.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(row)
    return out.getvalue()


def write_image(path):
    """An OCI layout of one layer, in one file."""
    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        add_file(tar, f"blobs/sha256/{digest}", data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    layer = make_layer()
    with tarfile.open(path, "w") as tar:
        kind = "application/vnd.oci.image."
        add_file(tar, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        layers = [blob(layer, kind + "layer.v1.tar")]
        config = blob(json.dumps({
            "architecture": "amd64", "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": list(SLEEP)},
            "rootfs": {"type": "layers", "diff_ids": [
                "sha256:" + hashlib.sha256(layer).hexdigest()]}}).encode(), kind + "config.v1+json")
        manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": kind + "manifest.v1+json",
                                    "config": config, "layers": layers}).encode(),
                        kind + "manifest.v1+json")
        manifest["annotations"] = {"io.containerd.image.name": IMAGE,
                                   "org.opencontainers.image.ref.name": IMAGE}
        add_file(tar, "index.json", json.dumps(
            {"schemaVersion": 2, "manifests": [manifest]}).encode())


CONFIG = """version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{folder}/none"
    conf_dir = "{folder}/none"
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
"""


def message(*rows):
    """Of (field, number, text, or message)."""
    out = b""
    for field, value in rows:
        if isinstance(value, int):
            out += grpc_parts.field_number(field, value)
        else:
            out += grpc_parts.field_bytes(field, value.encode() if isinstance(value, str) else value)
    return out


class Containerd:
    """Runs in the network and below the cgroup of `member`; its mounts are its own and go with it."""

    def __init__(self, lab, member):
        self.cgroup_parent = os.path.join(
            "/", os.path.relpath(member.cgroup, system.cgroup2_mount()), "containers")
        self.folder = os.path.join(lab.folder, "containerd")
        self.socket = os.path.join(self.folder, "containerd.sock")
        self.sandboxes = []
        os.mkdir(self.folder)
        os.makedirs(RUN, exist_ok=True)
        with open(self.path("config.toml"), "w", encoding="ascii") as out:
            out.write(CONFIG.format(folder=self.folder, socket=self.socket, image=IMAGE))
        write_image(self.path("image.tar"))
        with open(self.path("log"), "ab") as log:
            self.child = member.start(
                "unshare", "--mount", "--propagation", "private", "--", "sh", "-c",
                f"mount -t tmpfs shims {RUN} && exec containerd --config \"$1\"", "sh",
                self.path("config.toml"), stdout=log, stderr=log)
        self.wait_serving()
        system.run(["ctr", "--address", self.socket, "--namespace", "k8s.io", "images", "import",
                    "--snapshotter", "native", self.path("image.tar")])
        self.channel = grpc.insecure_channel(f"unix:{self.socket}")

    def path(self, name):
        return os.path.join(self.folder, name)

    def read_log(self):
        with open(self.path("log"), encoding="utf-8") as log:
            return log.read()[-4000:]

    def wait_serving(self):
        def serves():
            if self.child.poll() is not None:
                raise system.LabError(f"containerd ended: {self.read_log()}")
            return subprocess.run(["ctr", "--address", self.socket, "version"], check=False,
                                  capture_output=True).returncode == 0
        system.wait_until(serves, 20, 0.1, "containerd")

    def call(self, method, request):
        ask = self.channel.unary_unary(f"/runtime.v1.RuntimeService/{method}")
        try:
            return dict(grpc_parts.fields(ask(request, timeout=30)))
        except grpc.RpcError as error:
            raise system.LabError(f"{method}: {error.details()}\n{self.read_log()}") from None

    def run(self, name, command=SLEEP, user=None):
        """Starts a container in a sandbox of its own; returns its identity."""
        namespaces = message((1, NETWORK_OF_NODE))
        sandbox = message((1, message((1, name), (2, f"uid-{name}"), (3, "default"))),
                          (3, self.path("logs")),
                          (8, message((1, self.cgroup_parent),
                                      (2, message((1, namespaces))))))
        sandbox_id = self.call("RunPodSandbox", message((1, sandbox)))[1].decode()
        self.sandboxes.append(sandbox_id)
        security = message((3, namespaces), *([(5, message((1, user)))] if user else []))
        container = message((1, message((1, name))), (2, message((1, IMAGE))),
                            *((3, word) for word in command), (11, f"{name}.log"),
                            (15, message((2, security))))
        container_id = self.call("CreateContainer", message(
            (1, sandbox_id), (2, container), (3, sandbox)))[1].decode()
        self.call("StartContainer", message((1, container_id)))
        return container_id

    def execute(self, container, *command):
        """What the command came to, as ExecSync tells it."""
        told = self.call("ExecSync", message((1, container), *((2, word) for word in command),
                                             (3, 10)))
        return told.get(3, 0)

    def stop(self):
        """Containers first; those that do not go that way are ended with the member's cgroup."""
        try:
            for sandbox in self.sandboxes:
                self.call("StopPodSandbox", message((1, sandbox)))
                self.call("RemovePodSandbox", message((1, sandbox)))
        finally:
            self.channel.close()
            self.child.terminate()
            self.child.wait(20)
            self.remove_cgroups()
            if not os.listdir(RUN):
                os.rmdir(RUN)

    def remove_cgroups(self):
        """runc makes the parents in every hierarchy there is, and leaves them."""
        for point, kind in system.mounts():
            if kind in ("cgroup", "cgroup2"):
                remove_below(point, self.cgroup_parent)


def remove_below(root, path):
    """The empty folders of `path` below `root`, the last first; a member's own stay."""
    while path != "/":
        try:
            os.rmdir(root + path)
        except OSError:
            return
        path = os.path.dirname(path)
