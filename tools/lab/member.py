# SPDX-License-Identifier: GPL-3.0-or-later
"""Members of a laboratory that commands run in, and pods among them."""

import json
import os
import select
import subprocess

from lab import manifest, system
from lab.container import Container

HERE = os.path.dirname(os.path.abspath(__file__))


class Member:
    """A namespace with a cgroup: something that commands run in."""

    def __init__(self, lab, name, netns, cgroup, container=None):
        self.lab = lab
        self.name = name
        self.netns = netns
        self.cgroup = cgroup
        self.container = container
        self.env = {}

    def describe(self):
        return {"member": self.name, "netns": self.netns, "cgroup": self.cgroup, "env": self.env,
                **({"container": self.container.folder} if self.container else {})}

    def command_outside(self, argv, cgroup=None, *entry):
        """The command line that runs `argv` in this cgroup and network, and in no container."""
        procs = os.path.join(cgroup or self.cgroup, "cgroup.procs")
        return ["/bin/sh", "-c", system.ENTER_CGROUP, "sh", procs, "nsenter",
                f"--net={system.netns_path(self.netns)}", *entry, "--", *argv]

    def command(self, argv, cgroup=None):
        """The command line that runs `argv` in here."""
        if self.container is None:
            return self.command_outside(argv, cgroup)
        if self.container.pid is None:
            self.start_container()
        return self.command_outside(argv, cgroup, *self.container.enter())

    def start_container(self):
        child = self.container.start(self.command_outside, self.environment())
        if self.lab is not None:
            self.lab.children.append(child)

    def environment(self):
        if self.container is None:
            return {**os.environ, **self.env}
        return {**{name: os.environ[name] for name in ("PATH", "HOME", "TERM", "LANG")
                   if name in os.environ}, **self.env, **self.container.environment()}

    def run(self, *argv, check=True, text=None, timeout=20):
        return system.run(self.command(argv), text=text, check=check, timeout=timeout,
                          env=self.environment())

    def output(self, *argv, **options):
        return self.run(*argv, **options).stdout.strip()

    def start(self, *argv, cgroup=None, **options):
        """A process that goes on; the laboratory ends it with the member."""
        options.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(self.command(argv, cgroup), env=self.environment(),
                                 start_new_session=True, **options)
        self.lab.children.append(child)
        return child

    def python(self, source, *arguments, **options):
        """Runs a small Python program; what it prints comes back."""
        return self.output("/usr/bin/python3", "-I", "-S", "-c", source, *map(str, arguments),
                           **options)

    def curl(self, url, *options, timeout=5, check=True):
        """Body of an answer; with check=False the completed process."""
        argv = ["curl", "-sS", "-g", "--noproxy", "*", "--max-time", str(timeout), *options, url]
        done = self.run(*argv, check=check, timeout=timeout + 10)
        return done.stdout.strip() if check else done

    def serve(self, name=None, http=(), udp=(), address="::"):
        """The pod server; returns once its ports are open."""
        ready, signal_fd = os.pipe()
        argv = ["/usr/bin/python3", "-I", "-S", os.path.join(HERE, "server.py"), "--name",
                name or self.name, "--address", address, "--ready-fd", str(signal_fd)]
        for port in http:
            argv += ["--http", str(port)]
        for port in udp:
            argv += ["--udp", str(port)]
        log_path = os.path.join(self.lab.folder, f"{self.name}-server.log")
        try:
            with open(log_path, "ab") as log:
                child = self.start(*argv, stdout=log, stderr=log, pass_fds=[signal_fd])
        finally:
            os.close(signal_fd)
        with os.fdopen(ready, "rb") as pipe:
            readable, _, _ = select.select([pipe], [], [], 20)
            if not readable or not pipe.read(1):
                with open(log_path, encoding="utf-8", errors="replace") as log:
                    raise system.LabError(f"server in '{self.name}' did not start: {log.read()}")
        return child

    def stop(self):
        """Ends every process in here."""
        system.kill_cgroup(self.cgroup)
        self.lab.reap()


class Pod(Member):
    """A pod of a node; `addresses` are its IPv4 and IPv6 address. Its commands run in a
    container; one that was stopped is started anew by the next command."""

    def __init__(self, node, name, netns, cgroup, addresses, labels, ports):
        super().__init__(node.lab, name, netns, cgroup,
                         Container(os.path.join(node.lab.folder, "containers", name)))
        self.node = node
        self.addresses = addresses
        self.labels = labels
        self.ports = ports
        self.namespace = "default"
        self.host_network = False
        self.serves = False
        self.published = None  # what the manifest was written with; None: there is none

    def describe(self):
        return {**super().describe(), "pod": {
            "node": self.node.name, "addresses": self.addresses, "labels": self.labels,
            "ports": self.ports, "host_network": self.host_network, "serves": self.serves,
            "published": self.published}}

    @classmethod
    def recall(cls, node, row):
        """From its row of the journal."""
        told = row["pod"]
        pod = cls(node, row["member"], row["netns"], row["cgroup"], told["addresses"],
                  told["labels"], told["ports"])
        for name in ("host_network", "serves", "published"):
            setattr(pod, name, told[name])
        return pod

    def begin(self):
        """What a kubelet does with a pod that is new: tells it of its Services, starts it, and says
        that it runs."""
        self.container.prepare(self.name, self.addresses, own_name=not self.host_network)
        if self.published is not None and self.node.has_dns:
            manifest_changes = self.published
            self.publish(**{**manifest_changes, "phase": "Pending", "ready": False})
            self.published = manifest_changes
            self.take_settings()
        self.start_container()
        if self.serves:
            self.serve_ports()
        if self.published is not None:
            self.publish(**self.published)

    def serve_ports(self):
        numbers = {kind: [number for _, number, protocol in self.ports if protocol == kind]
                   for kind in ("TCP", "UDP")}
        self.serve(http=numbers["TCP"], udp=numbers["UDP"])

    def ask(self, command):
        return self.node.beeline(command, "-n", self.namespace, "--pod", self.name, check=False)

    def ask_node(self, command):
        """What the node's agent says of this pod, once it knows it."""
        system.wait_until(lambda: self.ask(command).returncode == 0, 10, 0.02,
                          f"'beeline {command} --pod {self.name}'")
        return self.ask(command).stdout

    def take_resolv_conf(self):
        if self.published is not None:
            self.container.write("resolv.conf", self.ask_node("resolv-conf"))

    def take_settings(self):
        self.take_resolv_conf()
        self.container.write("environment", self.ask_node("env"))

    def restart(self):
        """Ends what runs in here, and begins anew as another pod of the same name and address, which
        knows the Services that there are now."""
        self.stop()
        manifest_changes = self.published
        if manifest_changes is not None:
            self.withdraw()
            self.published = manifest_changes
            if self.node.has_dns:
                system.wait_until(lambda: self.ask("env").returncode != 0, 10, 0.02,
                                  f"pod '{self.name}' to go")
        self.begin()

    @property
    def manifest_file(self):
        return f"pod-{self.namespace}-{self.name}.yaml"

    def publish(self, **changes):
        """Writes the pod's manifest; `changes` are arguments of manifest.pod()."""
        self.published = changes
        pid = self.container.pid
        values = {"labels": self.labels, "ports": self.ports, "namespace": self.namespace,
                  "host_network": self.host_network,
                  "annotations": {"beeline.dev/pid": str(pid)} if pid else {}, **changes}
        self.lab.publish(self.manifest_file, manifest.pod(
            self.name, self.node.name, self.addresses, **values))

    def withdraw(self):
        self.published = None
        self.lab.withdraw(self.manifest_file)

    def wait_until_known(self):
        """Waits until the agent has found this pod's namespace, after which its address is the key
        of session affinity; at that moment a client that came earlier may change its pod once."""
        path = os.path.join(self.node.bpffs, "netns_pods")
        octets = [int(part) for part in self.addresses[0].split(".")]

        def known():
            rows = json.loads(self.node.output("bpftool", "-j", "map", "dump", "pinned", path))
            return any(row["formatted"]["value"]["ipv4"]["ipv4"] == octets for row in rows)

        system.wait_until(known, 5, 0.05, f"the agent to find '{self.name}'")
