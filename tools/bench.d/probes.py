# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bench probes: what readiness probes take: CPU of the agent, how well the schedule is kept,
and what they do to the time from a change to its effect."""

import collections
import ipaddress
import json
import os
import subprocess
import time

import control
import lab as laboratory
import manifests
import report

FIRST_POD = ipaddress.ip_address("10.65.0.1")
PORT = 8080
PODS_IN_A_FILE = 100
ACTIONS = {
    "tcp": {"tcpSocket": {"port": PORT}},
    "http": {"httpGet": {"port": PORT, "path": "/ready"}},
    "grpc": {"grpc": {"port": PORT}},
    "exec": {"exec": {"command": ["/bin/true"]}},
}


def pod(number, action, period, namespace):
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": f"pod-{number}", "namespace": manifests.NAMESPACE,
                     "annotations": {"beeline.dev/netns": namespace.path}},
        "spec": {"nodeName": "node-0", "containers": [{
            "name": "main", "image": "app",
            "readinessProbe": {**ACTIONS[action], "periodSeconds": period, "timeoutSeconds": 1}}]},
        "status": {"phase": "Running", "podIP": str(FIRST_POD + number)}}


def write_pods(folder, count, action, period, namespace):
    for first in range(0, count, PODS_IN_A_FILE):
        with open(os.path.join(folder, f"pods-{first}.yaml"), "w", encoding="ascii") as out:
            for number in range(first, min(count, first + PODS_IN_A_FILE)):
                out.write(f"---\n{json.dumps(pod(number, action, period, namespace))}\n")


class Server:
    """All the pods."""

    def __init__(self, lab, namespace, binary, protocol, seconds):
        self.lab = lab
        self.process = lab.start(
            ["nsenter", f"--net={namespace.path}", "--", binary, protocol, str(PORT), str(seconds)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "listening\n":
            raise laboratory.LabError("bench_answer ended at once; see its message above")

    def record(self):
        self.process.stdin.write("record\n")
        self.process.stdin.flush()

    def arrivals(self):
        """Times in nanoseconds, of each address."""
        times = collections.defaultdict(list)
        for line in iter(self.process.stdout.readline, "end\n"):
            if not line:
                raise laboratory.LabError("bench_answer ended; see its message above")
            when, address = line.split()
            times[int(address)].append(int(when))
        return times

    def stop(self):
        self.lab.stop(self.process)


def cpu_ms(process):
    """Of the process and of those that it waited for: (its own, with its children's)."""
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    ms = [int(field) * 1000 / os.sysconf("SC_CLK_TCK") for field in fields[11:15]]
    return sum(ms[:2]), sum(ms)


def schedule_errors(times, period):
    """How far each time between two tries is from the period, in percent of it."""
    wanted = period * 1e9
    return [abs(later - earlier - wanted) / wanted * 100
            for tries in times.values() for earlier, later in zip(tries, tries[1:])]


def probe_counts(agent):
    connection = control.UnixConnection(agent.socket)
    connection.request("GET", "/beeline/v1/status")
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["probes"]


def wait_probing(agent, count, period):
    deadline = time.monotonic() + 60 + 3 * period
    while time.monotonic() < deadline:
        counts = probe_counts(agent)
        if counts["count"] == count and counts["tries"] >= 2 * count:
            # On a machine that is very busy a second may not do for some.
            if counts["errors"] or counts["failures"] > counts["tries"] / 20:
                raise laboratory.LabError(f"probes fail that should not: {counts}")
            return
        time.sleep(0.5)
    raise laboratory.LabError(f"{count} probes were not tried twice: {probe_counts(agent)}")


def measure(options, action, count, agent, server):
    wait_probing(agent, count, options.period)
    before, own, every = probe_counts(agent), *cpu_ms(agent.process)
    begin = time.monotonic()
    if server:
        server.record()
        times = server.arrivals()
    else:
        time.sleep(options.seconds)
        times = {}
    elapsed = time.monotonic() - begin
    after, own_after, every_after = probe_counts(agent), *cpu_ms(agent.process)
    errors = schedule_errors(times, options.period)
    tries = after["tries"] - before["tries"]
    row = {"kind": action, "probes": count, "seconds": elapsed, "tries": tries,
           "failures": after["failures"] - before["failures"],
           "cpu_percent": (own_after - own) / elapsed / 10,
           "with_children_percent": (every_after - every) / elapsed / 10,
           "us_per_try": (own_after - own) * 1000 / max(tries, 1),
           "resident_kib": agent.memory()["VmRSS"]}
    if errors:
        row["intervals"] = len(errors)
        row["error_percent"] = {str(p): report.percentile(errors, p) for p in (50, 99, 100)}
    return row


def least(binaries, namespace, options):
    """What the same tcp probes cost a program that does nothing else."""
    us = int(namespace.run(binaries["bench_ask"], str(FIRST_POD), str(options.probes), str(PORT),
                           str(options.period), str(options.seconds)))
    tries = options.probes * options.seconds / options.period
    return {"kind": "tcp, the least", "probes": options.probes, "seconds": options.seconds,
            "tries": int(tries), "cpu_percent": us / 1e4 / options.seconds,
            "us_per_try": us / tries}


def run_kind(lab, namespace, options, binaries, action):
    """One agent with the probes of this kind; 'none': with the pods and no probes."""
    name = f"agent-{action}"
    folder = manifests.Folder(os.path.join(lab.folder, f"manifests-{action}"), options.services, 3,
                              "slices")
    count = options.exec if action == "exec" else options.probes
    write_pods(folder.path, count, "tcp" if action == "none" else action, options.period, namespace)
    rows, server = [], None
    if action in ("tcp", "http", "grpc"):
        server = Server(lab, namespace, binaries["bench_answer"], action, options.seconds)
    agent = control.Agent(lab, namespace, options.binary or binaries["beeline"], folder.path, name,
                          ["--no-probes"] if action == "none" else [])
    agent.start()
    if action == "tcp":
        rows.append(least(binaries, namespace, options))
    if action != "none":
        rows.append(measure(options, action, count, agent, server))
    watcher = control.Watcher(lab, binaries["bench_watch"], agent.pins)
    changes = control.summary(control.time_file_changes(folder, watcher, options.changes))
    lab.stop(watcher.process)
    agent.stop()
    if server:
        server.stop()
    return rows, changes


def run(options, binaries, command):
    kinds = ["none", *options.kinds.split(",")]
    unknown = [kind for kind in kinds[1:] if kind not in ACTIONS]
    if unknown:
        raise laboratory.LabError(f"'{unknown[0]}': expected some of {', '.join(ACTIONS)}")
    result = {"bench": "probes", "machine": report.machine(), "command": command,
              "period": options.period, "services": options.services, "rows": [], "changes": {}}
    with laboratory.Lab() as lab:
        namespace = lab.namespace()
        # Every address of the pods is this namespace's own: nothing leaves it.
        namespace.ip("route", "add", "local", "10.65.0.0/16", "dev", "lo")
        for kind in kinds:
            rows, result["changes"][kind] = run_kind(lab, namespace, options, binaries, kind)
            result["rows"] += rows
    return result


def text(result, _options, markdown):
    heading = "#### " if markdown else ""
    parts = [report.machine_line(result["machine"])]
    warning = report.noise(result["machine"])
    if warning:
        parts.append(f"**{warning}**" if markdown else warning.upper())
    parts.append(f"Each probe every {result['period']} s; {result['services']:,} Services beside "
                 "them. The aim is at most 5 % of a core for 10,000 probes, and a schedule that "
                 "is kept within 10 %.")
    parts.append(heading + "CPU of the agent, and how the schedule is kept")
    rows = []
    for row in result["rows"]:
        errors = row.get("error_percent", {})
        rows.append((row["kind"], f"{row['probes']:,}", row.get("failures", "-"),
                     report.number(row["cpu_percent"], 1),
                     report.number(row.get("with_children_percent"), 1),
                     report.number(row["us_per_try"], 1),
                     *(report.number(errors.get(key), 3) for key in ("50", "99", "100")),
                     report.number(row["resident_kib"] / 1024, 1) if "resident_kib" in row
                     else "-"))
    parts.append(report.table(
        ("kind", "probes", "timed out", "% of a core", "with children %", "us a try", "error p50 %",
         "error p99 %", "error max %", "resident MiB"), rows, markdown))
    parts.append(heading + "One endpoint replaced: to effect in the maps, while probes run")
    parts.append(report.table(
        ("probes", "changes", "p50 ms", "p99 ms", "max ms"),
        [(kind, change["count"], *(report.number(change[key])
                                   for key in ("p50_ms", "p99_ms", "max_ms")))
         for kind, change in result["changes"].items()], markdown))
    parts.append(f"Repeat with: `sudo {result['command']}`")
    return "\n\n".join(parts)
