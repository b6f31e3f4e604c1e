# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bench dns: queries a second and latency of the agent's DNS and of knotd with the same names,
one worker each on the same core, asked by dnsperf from another, in turns."""

import os
import random
import re
import shutil
import subprocess
import threading
import time

import control
import lab as laboratory
import report

DNS_PORT = 10053
KNOT_PORT = 10054
ZONE = "cluster.local"
CHURN_SLICES = 50  # headless Services whose endpoint changes
VARIANTS = ("knotd", "beeline", "beeline, endpoints churn")


def address(number):
    return f"10.97.{number // 250}.{number % 250 + 1}"


def service_name(number):
    return f"s{number}.bench.svc.{ZONE}."


def write_manifests(folder, count):
    """Services with one named port each: an A name and an SRV name."""
    os.mkdir(folder)
    for start in range(0, count, 1000):
        with open(os.path.join(folder, f"services-{start}.yaml"), "w", encoding="ascii") as out:
            for number in range(start, min(start + 1000, count)):
                out.write(f"---\napiVersion: v1\nkind: Service\n"
                          f"metadata: {{name: s{number}, namespace: bench}}\n"
                          f"spec: {{clusterIP: {address(number)}, "
                          "ports: [{name: http, port: 80}]}\n")
    with open(os.path.join(folder, "churn.yaml"), "w", encoding="ascii") as out:
        for number in range(CHURN_SLICES):
            out.write(f"---\napiVersion: v1\nkind: Service\n"
                      f"metadata: {{name: c{number}, namespace: bench}}\n"
                      "spec: {clusterIP: None, ports: [{name: http, port: 80}]}\n")


def write_zone(path, count):
    with open(path, "w", encoding="ascii") as out:
        out.write(f"$ORIGIN {ZONE}.\n$TTL 5\n"
                  "@ SOA ns.dns hostmaster 1 7200 1800 86400 5\n@ NS ns.dns\n"
                  "ns.dns A 10.96.0.10\n")
        for number in range(count):
            out.write(f"s{number}.bench.svc A {address(number)}\n"
                      f"_http._tcp.s{number}.bench.svc SRV 0 100 80 s{number}.bench.svc\n")


def write_queries(path, count):
    rows = [f"{service_name(number)} A\n" for number in range(count)]
    rows += [f"_http._tcp.{service_name(number)} SRV\n" for number in range(count)]
    random.Random(1).shuffle(rows)
    with open(path, "w", encoding="ascii") as out:
        out.writelines(rows)


class Knot:
    def __init__(self, lab, namespace, folder, count, cpu):
        os.mkdir(folder)
        write_zone(os.path.join(folder, "zone"), count)
        config = os.path.join(folder, "knot.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"server:\n  rundir: {folder}\n  listen: 127.0.0.1@{KNOT_PORT}\n"
                      "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
                      f"database:\n  storage: {folder}\n"
                      f"zone:\n  - domain: {ZONE}\n    storage: {folder}\n    file: zone\n"
                      "    semantic-checks: off\n    zonefile-load: whole\n    journal-content: none\n")
        binary = shutil.which("knotd", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if not binary:
            raise laboratory.LabError("knotd is not there (run tools/install-packages)")
        self.process = lab.start(["nsenter", f"--net={namespace.path}", "--", "taskset", "-c",
                                  str(cpu), binary, "-c", config],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)


class Churn(threading.Thread):
    """Gives one headless Service after another a new endpoint, by its slice's manifest."""

    def __init__(self, folder, per_second):
        super().__init__(daemon=True)
        self.folder = folder
        self.pause = 1 / per_second
        self.done = threading.Event()
        self.count = 0

    def run(self):
        draft = self.folder + ".draft"
        while not self.done.wait(self.pause):
            number = self.count % CHURN_SLICES
            with open(draft, "w", encoding="ascii") as out:
                out.write("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
                          f"metadata: {{name: c{number}-1, namespace: bench, labels: "
                          f"{{kubernetes.io/service-name: c{number}}}}}\naddressType: IPv4\n"
                          f"endpoints: [{{addresses: [10.244.1.{self.count % 200 + 1}]}}]\n"
                          "ports: [{name: http, port: 80}]\n")
            os.rename(draft, os.path.join(self.folder, f"slice-{number}.yaml"))
            self.count += 1

    def stop(self):
        self.done.set()
        self.join()


def wait_for(namespace, port, name):
    for _ in range(200):
        done = subprocess.run(["nsenter", f"--net={namespace.path}", "--", "dig", "+short",
                               "+time=1", "+tries=1", "-p", str(port), "@127.0.0.1", name],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
        if done.stdout.strip() and not done.stdout.startswith(";"):
            return
        time.sleep(0.05)
    raise laboratory.LabError(f"nobody answers for '{name}' on port {port}")


def ask(namespace, port, queries, seconds, outstanding, cpu):
    out = namespace.run("taskset", "-c", str(cpu), "dnsperf", "-s", "127.0.0.1", "-p", str(port),
                        "-d", queries, "-l", str(seconds), "-q", str(outstanding), "-c", "1",
                        "-T", "1")
    out = getattr(out, "stdout", out)
    found = {key: re.search(pattern, out) for key, pattern in (
        ("qps", r"Queries per second:\s+([\d.]+)"),
        ("latency_s", r"Average Latency \(s\):\s+([\d.]+)"),
        ("lost", r"Queries lost:\s+(\d+)"),
        ("codes", r"Response codes:\s+(.*)"))}
    if not all(found.values()):
        raise laboratory.LabError(f"dnsperf said something else than expected:\n{out}")
    if not re.fullmatch(r"NOERROR \d+ \(100\.00%\)", found["codes"][1].strip()):
        raise laboratory.LabError(f"not every name was found: {found['codes'][1]}")
    return {"qps": float(found["qps"][1]), "latency_us": float(found["latency_s"][1]) * 1e6,
            "lost": int(found["lost"][1])}


def measure(namespace, folder, queries, options, cpus):
    rows = {variant: {"flood": [], "alone": []} for variant in VARIANTS}
    for number in range(options.rounds):
        turn = number % len(VARIANTS)
        for variant in VARIANTS[turn:] + VARIANTS[:turn]:
            churn = Churn(folder, options.churn) if "churn" in variant else None
            if churn:
                churn.start()
            try:
                port = KNOT_PORT if variant == "knotd" else DNS_PORT
                rows[variant]["flood"].append(
                    ask(namespace, port, queries, options.seconds, 100, cpus[1]))
                rows[variant]["alone"].append(
                    ask(namespace, port, queries, options.seconds, 1, cpus[1]))
            finally:
                if churn:
                    churn.stop()
    return rows


def run(options, binaries, command):
    count = options.names // 2
    cpus = sorted(os.sched_getaffinity(0))
    cpus = (cpus[0], cpus[-1])
    result = {"bench": "dns", "machine": report.machine(), "command": command, "names": 2 * count,
              "churn_per_s": options.churn, "seconds": options.seconds, "cpus": cpus}
    with laboratory.Lab() as lab:
        namespace = lab.namespace()
        folder = os.path.join(lab.folder, "manifests")
        queries = os.path.join(lab.folder, "queries")
        write_manifests(folder, count)
        write_queries(queries, count)
        Knot(lab, namespace, os.path.join(lab.folder, "knot"), count, cpus[0])
        agent = control.Agent(lab, namespace, binaries["beeline"], folder, "dns")
        agent.command[3:3] = ["taskset", "-c", str(cpus[0])]
        agent.command += ["--dns"]
        agent.start()
        wait_for(namespace, KNOT_PORT, service_name(count - 1))
        wait_for(namespace, DNS_PORT, service_name(count - 1))
        result["variants"] = measure(namespace, folder, queries, options, cpus)
        result["settled_kib"] = agent.memory()
        agent.stop()
    return result


def median(values):
    return report.percentile(values, 50)


def text(result, _options, markdown):
    parts = [report.machine_line(result["machine"])]
    warning = report.noise(result["machine"])
    if warning:
        parts.append(f"**{warning}**" if markdown else warning.upper())
    parts.append(f"{result['names']:,} names; {result['churn_per_s']} endpoint changes a second "
                 f"while they churn; {result['seconds']} s a measurement.")
    variants = result["variants"]
    base = [row["qps"] for row in variants["knotd"]["flood"]]
    rows = []
    for name, measured in variants.items():
        qps = [row["qps"] for row in measured["flood"]]
        rows.append((name, report.number(median(qps), 0),
                     report.number(median([a / b for a, b in zip(qps, base)])),
                     report.number(median([row["latency_us"] for row in measured["flood"]]), 0),
                     report.number(median([row["latency_us"] for row in measured["alone"]]), 1),
                     sum(row["lost"] for row in measured["flood"] + measured["alone"])))
    parts.append(report.table(
        ("server", "queries/s, 100 under way", "ratio to knotd", "mean latency us, 100 under way",
         "mean latency us, 1 under way", "lost"), rows, markdown))
    return "\n\n".join(parts)
