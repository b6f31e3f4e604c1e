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


class Server:
    """One that is asked: where it listens, and the process whose time counts."""

    def __init__(self, port, process):
        self.port = port
        self.process = process

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Client:
    """dnsperf with all names, from its own core."""

    def __init__(self, namespace, folder, queries, cpu):
        self.namespace = namespace
        self.queries = queries
        self.log = os.path.join(folder, "answers")
        self.cpu = cpu

    def ask(self, server, seconds, *options):
        """What dnsperf says of a run; with '-v' every answer's time is in the log first."""
        before = server.cpu_s()
        self.namespace.run(
            "sh", "-c", 'log=$1; shift; exec "$@" >"$log"', "sh", self.log, "taskset", "-c",
            str(self.cpu), "dnsperf", "-s", "127.0.0.1", "-p", str(server.port), "-d", self.queries,
            "-l", str(seconds), "-c", "1", "-T", "1", *options)
        used = server.cpu_s() - before
        with open(self.log, encoding="ascii", errors="replace") as log:
            return used, log.read()

    def flood(self, server, seconds):
        used, out = self.ask(server, seconds, "-q", "100")
        return {**self.summary(out), "cpu_us": used * 1e6 / self.completed(out)}

    def alone(self, server, seconds):
        _, out = self.ask(server, seconds, "-q", "1", "-v")
        times = [float(found) * 1e6 for found in re.findall(r"^> NOERROR \S+ \S+ ([\d.]+)$", out,
                                                            re.MULTILINE)]
        if not times:
            raise laboratory.LabError(f"dnsperf said something else than expected:\n{out[-2000:]}")
        return {**self.summary(out), "p50_us": report.percentile(times, 50),
                "p99_us": report.percentile(times, 99)}

    @staticmethod
    def completed(out):
        return max(int(re.search(r"Queries completed:\s+(\d+)", out)[1]), 1)

    @staticmethod
    def summary(out):
        found = {key: re.search(pattern, out) for key, pattern in (
            ("qps", r"Queries per second:\s+([\d.]+)"), ("lost", r"Queries lost:\s+(\d+)"),
            ("codes", r"Response codes:\s+(.*)"))}
        if not all(found.values()):
            raise laboratory.LabError(f"dnsperf said something else than expected:\n{out[-2000:]}")
        if not re.fullmatch(r"NOERROR \d+ \(100\.00%\)", found["codes"][1].strip()):
            raise laboratory.LabError(f"not every name was found: {found['codes'][1]}")
        return {"qps": float(found["qps"][1]), "lost": int(found["lost"][1])}


def measure(client, servers, folder, options):
    rows = {variant: {"flood": [], "alone": []} for variant in VARIANTS}
    for number in range(options.rounds):
        turn = number % len(VARIANTS)
        for variant in VARIANTS[turn:] + VARIANTS[:turn]:
            server = servers["knotd" if variant == "knotd" else "beeline"]
            churn = Churn(folder, options.churn) if "churn" in variant else None
            if churn:
                churn.start()
            try:
                rows[variant]["flood"].append(client.flood(server, options.seconds))
                rows[variant]["alone"].append(client.alone(server, options.seconds))
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
        knot = Knot(lab, namespace, os.path.join(lab.folder, "knot"), count, cpus[0])
        agent = control.Agent(lab, namespace, binaries["beeline"], folder, "dns")
        agent.command[3:3] = ["taskset", "-c", str(cpus[0])]
        agent.command += ["--dns"]
        agent.start()
        wait_for(namespace, KNOT_PORT, service_name(count - 1))
        wait_for(namespace, DNS_PORT, service_name(count - 1))
        servers = {"knotd": Server(KNOT_PORT, knot.process),
                   "beeline": Server(DNS_PORT, agent.process)}
        client = Client(namespace, lab.folder, queries, cpus[1])
        result["variants"] = measure(client, servers, folder, options)
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
    base = variants["knotd"]["flood"]
    rows = []
    for name, measured in variants.items():
        flood, alone = measured["flood"], measured["alone"]
        rows.append((
            name, report.number(median([row["qps"] for row in flood]), 0),
            report.number(report.paired_ratio([row["qps"] for row in flood],
                                              [row["qps"] for row in base])),
            report.number(median([row["cpu_us"] for row in flood]), 1),
            report.number(report.paired_ratio([row["cpu_us"] for row in flood],
                                              [row["cpu_us"] for row in base])),
            report.number(median([row["p50_us"] for row in alone]), 0),
            report.number(median([row["p99_us"] for row in alone]), 0),
            sum(row["lost"] for row in flood + alone)))
    parts.append(report.table(
        ("server", "queries/s", "ratio to knotd", "CPU us a query", "ratio to knotd",
         "p50 us alone", "p99 us alone", "lost"), rows, markdown))
    if markdown:
        parts.append(f"Repeat with: `sudo {result['command']}`")
    return "\n\n".join(parts)
