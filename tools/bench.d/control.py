# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bench control: what the agent takes: time from exec to ready, time from one change to its
effect in the maps, memory."""

import http.client
import json
import os
import select
import shutil
import socket
import subprocess
import threading
import time

import cluster as api_cluster
import lab as laboratory
import manifests
import report

READY_WAIT_S = 300
MEMORY_FIELDS = ("VmRSS", "VmHWM", "RssAnon", "RssFile", "RssShmem")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Agent:
    """One run of the agent, in a network namespace and folders of its own."""

    def __init__(self, lab, namespace, binary, folder, name, options=()):
        self.lab = lab
        self.name = name
        self.pins = lab.pins(name)
        self.state = os.path.join(lab.folder, f"{name}-state")
        self.socket = os.path.join(lab.folder, f"{name}.sock")
        self.lines = []
        self.cgroup = lab.cgroup(name)
        self.command = ["nsenter", f"--net={namespace.path}", "--", binary, "agent",
                        *(["--manifests", folder] if folder else []), "--node-name", "node-0", "--cgroup", self.cgroup,
                        "--bpffs", self.pins, "--state-dir", self.state, "--socket", self.socket,
                        "--service-cidr", "10.96.0.0/12", *options]
        self.binary = binary

    def start(self):
        path = os.path.join(self.lab.folder, f"{self.name}.notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(path)
        self.started = time.monotonic_ns()
        self.process = self.lab.start(self.command, env=dict(os.environ, NOTIFY_SOCKET=path),
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE)
        reader = threading.Thread(target=self.read_lines, daemon=True)
        reader.start()
        with notify:
            self.wait_ready(notify)

    def read_lines(self):
        for line in self.process.stderr:
            self.lines.append(((time.monotonic_ns() - self.started) / 1e6,
                               line.decode(errors="replace").strip()))

    def wait_ready(self, notify):
        deadline = time.monotonic() + READY_WAIT_S
        while time.monotonic() < deadline:
            if select.select([notify], [], [], 0.2)[0]:
                if b"READY=1" in notify.recv(4096):
                    self.ready_ms = (time.monotonic_ns() - self.started) / 1e6
                    self.cpu_ms = self.cpu_time_ms()
                    self.memory_at_ready = self.memory()
                    return
            elif self.process.poll() is not None:
                break
        said = "; ".join(line for _, line in self.lines[-5:])
        raise laboratory.LabError(f"the agent did not become ready: {said}")

    def cpu_time_ms(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        ticks = os.sysconf("SC_CLK_TCK")
        return (int(fields[11]) + int(fields[12])) * 1000 / ticks

    def memory(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            rows = dict(line.split(":", 1) for line in status)
        return {field: int(rows[field].split()[0]) for field in MEMORY_FIELDS}

    def map_memory(self):
        sizes = {}
        for name in sorted(os.listdir(self.pins)):
            shown = subprocess.run(["bpftool", "-j", "map", "show", "pinned",
                                    os.path.join(self.pins, name)],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            if shown.returncode == 0:
                sizes[name] = int(json.loads(shown.stdout)["bytes_memlock"]) // 1024
        return sizes

    def stop(self):
        # As a person would: the agent ends, then everything it pinned is taken out.
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        self.lab.stop(self.process)
        subprocess.run([self.binary, "unload", "--cgroup", self.cgroup, "--bpffs", self.pins],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.pins, ignore_errors=True)


class Watcher:
    def __init__(self, lab, binary, pins):
        self.process = lab.start([binary, pins], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)
        if self.process.stdout.readline() != "watching\n":
            raise laboratory.LabError("bench_watch ended at once; see its message above")

    def ask(self, frontend, backend):
        self.process.stdin.write(f"{frontend} {manifests.PORT} {backend} "
                                 f"{manifests.BACKEND_PORT}\n")
        self.process.stdin.flush()

    def answer(self):
        seen = int(self.process.stdout.readline() or 0)
        if seen == 0:
            raise laboratory.LabError("a change did not come into effect within 20 s")
        return seen


def time_file_changes(folder, watcher, count):
    """Milliseconds from before the rename to the new backend being chosen from."""
    times = []
    for change in range(count):
        number = change * 7919 % folder.services
        put_in_force = folder.write(number, generation=1 + change // folder.services)
        watcher.ask(manifests.frontend(number),
                    folder.first_backend(number, 1 + change // folder.services))
        time.sleep(0.01)
        start = time.monotonic_ns()
        put_in_force()
        times.append((watcher.answer() - start) / 1e6)
    return times


def request(connection, method, path, body):
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    if answer.status not in (200, 201):
        raise laboratory.LabError(f"{method} {path}: {answer.status} {text[:300]!r}")


def time_api_changes(agent, folder, watcher, count):
    """The same for PUT of an EndpointSlice, of a Service beside those of the manifests."""
    number = folder.services
    base = f"/namespaces/{manifests.NAMESPACE}"
    connection = UnixConnection(agent.socket)
    request(connection, "POST", f"/api/v1{base}/services", {
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": manifests.name(number), "namespace": manifests.NAMESPACE},
        "spec": {"clusterIP": manifests.frontend(number),
                 "ports": [{"name": "http", "port": manifests.PORT,
                            "targetPort": manifests.BACKEND_PORT}]}})
    slices = f"/apis/discovery.k8s.io/v1{base}/endpointslices"
    rest = [manifests.backend(number, index, folder.endpoints)
            for index in range(1, folder.endpoints)]
    request(connection, "POST", slices, manifests.slice_object(number, rest))
    times = []
    for change in range(count):
        moved = manifests.backend(number, 0, folder.endpoints, change + 1)
        body = manifests.slice_object(number, [moved, *rest])
        watcher.ask(manifests.frontend(number), moved)
        time.sleep(0.01)
        start = time.monotonic_ns()
        request(connection, "PUT", f"{slices}/{manifests.name(number)}-1", body)
        times.append((watcher.answer() - start) / 1e6)
    connection.close()
    return times


def time_cluster_changes(cluster, watcher, count):
    """Milliseconds from when the server begins to send an event to the new backend being chosen
    from."""
    times = []
    for change in range(count):
        number = change * 7919 % cluster.services
        generation = 1 + change // cluster.services
        watcher.ask(manifests.frontend(number),
                    manifests.backend(number, 0, cluster.endpoints, generation))
        time.sleep(0.01)
        cluster.change(number, generation)
        seen = watcher.answer()
        times.append((seen - cluster.sent_ns()) / 1e6)
    return times


def summary(times):
    return {"count": len(times), "min_ms": min(times), "p50_ms": report.percentile(times, 50),
            "p99_ms": report.percentile(times, 99), "max_ms": max(times), "times_ms": times}


def cold_starts(lab, namespace, binary, folder, count, options=()):
    starts = []
    for number in range(count):
        agent = Agent(lab, namespace, binary, folder, f"agent-{number}", options)
        agent.start()
        starts.append({"ready_ms": agent.ready_ms, "cpu_ms": agent.cpu_ms,
                       "memory_kib": agent.memory_at_ready, "log": list(agent.lines)})
        if number + 1 < count:
            agent.stop()
    return agent, starts


def measure_manifests(lab, namespace, options, binaries, result):
    folder = manifests.Folder(os.path.join(lab.folder, "manifests"), options.services,
                              options.endpoints, options.shape)
    agent, result["starts"] = cold_starts(lab, namespace, binaries["agent"], folder.path,
                                          options.starts)
    time.sleep(2)
    result["settled_kib"] = agent.memory()
    watcher = Watcher(lab, binaries["bench_watch"], agent.pins)
    result["changes"]["manifest by rename"] = summary(
        time_file_changes(folder, watcher, options.changes))
    result["changes"]["PUT on the socket"] = summary(
        time_api_changes(agent, folder, watcher, options.changes))
    return agent


def measure_cluster(lab, namespace, options, binaries, result):
    served = api_cluster.Cluster(lab, namespace, options.services, options.endpoints)
    result["bytes"] = served.bytes
    agent, result["starts"] = cold_starts(lab, namespace, binaries["agent"], None, options.starts,
                                          ["--kubeconfig", served.kubeconfig])
    time.sleep(2)
    result["settled_kib"] = agent.memory()
    watcher = Watcher(lab, binaries["bench_watch"], agent.pins)
    result["changes"]["event of a watch"] = summary(
        time_cluster_changes(served, watcher, options.changes))
    return agent


def run(options, binaries, command):
    result = {"bench": "control", "machine": report.machine(), "command": command,
              "services": options.services, "endpoints": options.endpoints,
              "shape": options.shape, "source": options.source, "changes": {}}
    binaries = {**binaries, "agent": options.binary or binaries["beeline"]}
    measure = measure_cluster if options.source == "api" else measure_manifests
    with laboratory.Lab() as lab:
        agent = measure(lab, lab.namespace(), options, binaries, result)
        time.sleep(1)
        result["after_changes_kib"] = agent.memory()
        result["maps_kib"] = agent.map_memory()
        agent.stop()
    return result


def mib(kib):
    return report.number(kib / 1024, 1)


def text(result, _options, markdown):
    heading = "#### " if markdown else ""
    parts = [report.machine_line(result["machine"])]
    warning = report.noise(result["machine"])
    if warning:
        parts.append(f"**{warning}**" if markdown else warning.upper())
    if result["source"] == "api":
        parts.append(f"{result['services']:,} Services and EndpointSlices of {result['endpoints']} "
                     f"endpoints, {result['bytes'] / 1e6:.0f} MB of JSON from an API server.")
    else:
        parts.append(f"{result['services']:,} Services of {result['endpoints']} endpoints, as "
                     f"{result['shape']}.")
    best = min(result["starts"], key=lambda start: start["ready_ms"])
    worst_p99 = max(change["p99_ms"] for change in result["changes"].values())
    parts.append(report.table(("aim", "measured", "aim at most"), [
        ("cold start, s, best", report.number(best["ready_ms"] / 1e3, 3),
         "1.5" if result["source"] == "api" else "1"),
        ("one change to effect, ms, p99", report.number(worst_p99), "5"),
        ("agent's resident memory, settled, MiB", mib(result["settled_kib"]["VmRSS"]), "20"),
    ], markdown))
    parts.append(heading + "Cold start: exec to ready")
    parts.append(report.table(
        ("start", "ready ms", "CPU ms", "peak RSS MiB"),
        [(number + 1, report.number(start["ready_ms"], 0), report.number(start["cpu_ms"], 0),
          mib(start["memory_kib"]["VmHWM"])) for number, start in enumerate(result["starts"])],
        markdown))
    if best["log"]:
        parts.append(heading + "What the agent logged on the way of the fastest start")
        lines = [f"{ms:9.1f} ms  {line}" for ms, line in best["log"][:40]]
        parts.append("\n".join(["```", *lines, "```"] if markdown else lines))
    parts.append(heading + "One endpoint replaced: to effect in the maps")
    parts.append(report.table(
        ("how", "changes", "min ms", "p50 ms", "p99 ms", "max ms"),
        [(how, change["count"], *(report.number(change[key])
                                  for key in ("min_ms", "p50_ms", "p99_ms", "max_ms")))
         for how, change in result["changes"].items()], markdown))
    parts.append(heading + "Memory of the agent")
    parts.append(report.table(
        ("when", *(f"{field} MiB" for field in MEMORY_FIELDS)),
        [(when, *(mib(rows[field]) for field in MEMORY_FIELDS)) for when, rows in (
            ("ready", best["memory_kib"]), ("settled", result["settled_kib"]),
            ("after the changes", result["after_changes_kib"]))], markdown))
    parts.append(heading + "Memory of the maps")
    sizes = result["maps_kib"]
    parts.append(report.table(("map", "MiB"), [(name, mib(kib)) for name, kib in sizes.items()]
                              + [("all", mib(sum(sizes.values())))], markdown))
    parts.append(f"Repeat with: `sudo {result['command']}`")
    return "\n\n".join(parts)
