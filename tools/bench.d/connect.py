# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bench connect: what a socket pays at connect() and sendmsg(), beside what it pays without
beeline and with rules of kube-proxy's shape, in one run."""

import dataclasses
import json
import os
import time

import lab as laboratory
import report
from rules import Services, transactions

PORT = 80
BACKEND_PORT = 8080
CLOSED_PORT = 8081
KINDS = ("empty", "lookup", "lru", "lrudel", "hash", "storage")
BASELINE = "direct"



@dataclasses.dataclass(frozen=True)
class Operation:
    title: str
    client_op: str  # of bench_client
    kinds: tuple = ()  # comparison programs that take part
    spread: bool = False  # dials all Services in mixed order
    refused: bool = False
    nft: bool = True
    limit: tuple = ()  # at most this many rounds and operations in a batch


OPERATIONS = {
    "tcp": Operation("TCP socket, connect, close", "tcp", KINDS),
    "tcp-all": Operation("TCP, every Service in mixed order", "tcp", spread=True),
    "udp": Operation("UDP round trip, one socket", "udp"),
    "udp-send": Operation("UDP sendto, one socket", "udp-send", ("empty", "lookup")),
    "udp-new": Operation("UDP socket, connect, round trip, close", "udp-new", KINDS),
    "refused": Operation("refused connect", "refused", refused=True, nft=False),
    # The ICMP error of nftables arrives while connect() holds the socket, which therefore fails
    # only at the retransmission a second later: a few samples tell.
    "refused-nft": Operation("refused connect, nftables too", "refused", refused=True,
                             limit=(5, 1)),
}


class Setup:
    """Everything that stands while one address family is measured."""

    def __init__(self, lab, options, binaries, ipv6):
        self.lab = lab
        self.options = options
        self.binaries = binaries
        self.ipv6 = ipv6
        self.family = "ipv6" if ipv6 else "ipv4"
        self.programs = {}
        self.cgroups = {}
        self.nft = {}
        self.setup_times = {}

    def services(self, count):
        return Services(self.ipv6, count, self.options.backends, PORT, BACKEND_PORT)

    def cgroup(self, name):
        self.cgroups[name] = self.lab.cgroup(f"{self.family}-{name}")
        return self.cgroups[name]

    def build(self):
        self.server = self.lab.namespace()
        # Every address of the range is the server's.
        self.server.ip("route", "add", "local", "10.128.0.0/12", "dev", "lo")
        self.server.ip("-6", "route", "add", "local", "fd00:128::/64", "dev", "lo")
        self.plain = self.client(1)
        self.cgroup("plain")
        for count in self.options.services:
            self.load_beeline(f"beeline-{count}", count)
        self.load_beeline(f"beeline-lean-{max(self.options.services)}",
                          max(self.options.services), "lean")
        self.load_comparison(max(self.options.services))
        if not self.options.no_nft:
            for number, count in enumerate(self.options.services, 2):
                self.load_nft(number, count)

    def client(self, number):
        namespace = self.lab.namespace()
        laboratory.join(self.server, namespace, number)
        # Closed connections leave nothing behind that the next one would find; a SYN that nobody
        # answers fails the run soon.
        namespace.sysctl(net__ipv4__tcp_no_metrics_save=1, net__ipv4__tcp_syn_retries=1)
        return namespace

    def load_beeline(self, name, count, *words_more):
        words = self.services(count).words()
        printed = json.loads(laboratory.run(
            [self.binaries["bench_load"], self.cgroup(name), self.lab.pins(f"{self.family}-{name}"),
             *words, *words_more]))
        self.programs[name] = printed["programs"]
        self.setup_times[name] = {"plan_ms": printed["plan_ms"], "apply_ms": printed["apply_ms"]}

    def load_comparison(self, count):
        kinds = [f"{kind}={self.cgroup('program-' + kind)}" for kind in KINDS]
        process = self.lab.start(
            [self.binaries["bench_programs"], self.binaries["compare.bpf.o"],
             *self.services(count).words(), *kinds],
            stdin=laboratory.subprocess.PIPE, stdout=laboratory.subprocess.PIPE, text=True)
        line = process.stdout.readline()
        if not line:
            raise laboratory.LabError("bench_programs ended at once; see its message above")
        for kind, ids in json.loads(line).items():
            self.programs[f"program-{kind}"] = ids

    def load_nft(self, number, count):
        name = f"nftables-{count}"
        self.nft[name] = self.client(number)
        start = time.monotonic()
        for text_of in transactions(self.services(count)):
            self.nft[name].run("nft", "-f", "-", text=text_of)
        self.setup_times[name] = {"load_ms": (time.monotonic() - start) * 1e3}

    def target(self, name, namespace, cgroup, address, port, spread=1, programs=()):
        fields = [f"name={name}", f"netns={namespace.path}", f"cgroup={self.cgroups[cgroup]}",
                  f"address={address}", f"port={port}", f"spread={spread}"]
        if programs:
            fields.append("progs=" + ":".join(map(str, programs)))
        return ",".join(fields)

    def targets(self, operation, with_programs):
        """One variant a row; the first is what the others are compared with."""
        kinds, spread_all = OPERATIONS[operation].kinds, OPERATIONS[operation].spread
        refused = OPERATIONS[operation].refused
        most = max(self.options.services)
        direct = (self.services(1).backend(0, 0), CLOSED_PORT if refused else BACKEND_PORT)
        rows = [self.target(BASELINE, self.plain, "plain", *direct, most if spread_all else 1)]

        def programs(name):
            return self.programs[name] if with_programs else ()

        def variant(name, namespace, cgroup, count):
            services = self.services(count)
            rows.append(self.target(name, namespace, cgroup,
                                    services.frontend(count if refused else 0), PORT,
                                    count if spread_all else 1, programs(cgroup)
                                    if cgroup in self.programs else ()))

        if not refused:
            rows.append(self.target(f"beeline-miss-{most}", self.plain, f"beeline-{most}", *direct,
                                    most if spread_all else 1, programs(f"beeline-{most}")))
        for count in self.options.services:
            variant(f"beeline-{count}", self.plain, f"beeline-{count}", count)
        if kinds:
            variant(f"beeline-lean-{most}", self.plain, f"beeline-lean-{most}", most)
        for kind in kinds:
            name = f"program-{kind}"
            if kind == "empty":
                # It translates nothing, so it is dialled as a pod is.
                rows.append(self.target(name, self.plain, name, *direct, 1, programs(name)))
            else:
                variant(name, self.plain, name, most)
        if with_programs:
            return [row for row in rows if "progs=" in row]
        if not self.nft or not OPERATIONS[operation].nft:
            return rows
        if not refused:
            rows.append(self.target(f"nftables-miss-{most}", self.nft[f"nftables-{most}"], "plain",
                                    *direct, most if spread_all else 1))
        for count in self.options.services:
            variant(f"nftables-{count}", self.nft[f"nftables-{count}"], "plain", count)
        return rows

    def measure(self, operation, with_programs):
        targets = self.targets(operation, with_programs)
        if not targets:
            return None
        rounds, batch = OPERATIONS[operation].limit or (self.options.rounds, self.options.batch)
        command = [self.binaries["bench_client"], "--op", OPERATIONS[operation].client_op,
                   "--server-netns", self.server.path, "--server-port", str(BACKEND_PORT),
                   "--rounds", str(min(rounds, self.options.rounds)),
                   "--batch", str(min(batch, self.options.batch)),
                   "--cpu", str(self.options.cpu if self.options.cpu >= 0 else os.cpu_count() - 1)]
        if with_programs:
            command.append("--prog-stats")
        measured = json.loads(laboratory.run(command + targets))
        measured["op"] = operation
        measured["family"] = self.family
        return measured


def add_ratios(measured):
    base = measured["targets"][0]
    for target in measured["targets"]:
        target["ratio"] = report.paired_ratio(target["round_medians_ns"], base["round_medians_ns"])
        target["min_ratio"] = target["min_ns"] / base["min_ns"]


def operation_cost(target):
    """Nanoseconds of all its programs for one operation: of each, the median run times its runs."""
    return sum(program["median_ns"] * program["run_count"] / target["operations"]
               for program in target["programs"] if program["run_count"])


def net_cost(target, empty):
    """The same without what measuring takes: the time of the empty program, once a run."""
    runs = sum(program["run_count"] for program in target["programs"]) / target["operations"]
    return operation_cost(target) - runs * operation_cost(empty)


def find(items, operation, family, name):
    for measured in items:
        if measured["op"] == operation and measured["family"] == family:
            for target in measured["targets"]:
                if target["name"] == name:
                    return target
    return None


def aims(result, options):
    """(what, measured, aim) rows; printed beside each other, never judged."""
    rows = []
    most, least = max(options.services), min(options.services)
    for family in result["families"]:
        for count in options.services:
            target = find(result["wall"], "tcp", family, f"beeline-{count}")
            if target:
                rows.append((f"{family} TCP through a VIP / direct, {count} Services",
                             target["ratio"], "1.07"))
        small = find(result["wall"], "tcp", family, f"beeline-{least}")
        large = find(result["wall"], "tcp", family, f"beeline-{most}")
        if small and large:
            rows.append((f"{family} TCP, {most} Services / {least}", report.paired_ratio(
                large["round_medians_ns"], small["round_medians_ns"]), "flat"))
        for operation, other, text, aim in (
                ("udp-send", "lookup", "UDP hit on a socket / bare lookups", "1.50"),
                ("tcp", "lru", "hooks of a new TCP socket / LRU insert", "0.50"),
                ("tcp", "lrudel", "hooks of a new TCP socket / LRU insert and delete", "0.50")):
            ours = find(result["hooks"], operation, family, f"beeline-{most}")
            theirs = find(result["hooks"], operation, family, f"program-{other}")
            clock = find(result["hooks"], operation, family, "program-empty")
            if ours and theirs and clock:
                rows.append((f"{family} {text}", operation_cost(ours) / operation_cost(theirs),
                             aim))
                rows.append((f"{family} {text}, net of the kernel's clock",
                             net_cost(ours, clock) / net_cost(theirs, clock), aim))
    return rows


def wall_table(measured, markdown):
    rows = [(t["name"], f"{t['median_ns']:,}", f"{t['min_ns']:,}", f"{t['p99_ns']:,}",
             report.number(t["ratio"], 3), report.number(t["min_ratio"], 3))
            for t in measured["targets"]]
    return report.table(("variant", "median ns", "min ns", "p99 ns", "ratio", "ratio of minima"),
                        rows, markdown)


def hook_table(measured, markdown):
    rows = []
    for target in measured["targets"]:
        for program in target["programs"]:
            if program["run_count"]:
                rows.append((target["name"], program["name"],
                             report.number(program["run_count"] / target["operations"], 2),
                             report.number(program["median_ns"], 1),
                             report.number(program["min_ns"], 1)))
        rows.append((target["name"], "all", "", report.number(operation_cost(target), 1), ""))
    return report.table(("variant", "program", "runs/op", "median ns", "min ns"), rows, markdown)


def text(result, options, markdown):
    heading = "#### " if markdown else ""
    parts = [report.machine_line(result["machine"])]
    warning = report.noise(result["machine"])
    if warning:
        parts.append(f"**{warning}**" if markdown else warning.upper())
    parts.append(report.table(("aim", "measured", "aim at most"),
                              [(what, report.number(value, 3), aim)
                               for what, value, aim in result["aims"]], markdown))
    for measured in result["wall"]:
        parts.append(f"{heading}{measured['family']}, {OPERATIONS[measured['op']].title}")
        parts.append(wall_table(measured, markdown))
    for measured in result["hooks"]:
        parts.append(f"{heading}{measured['family']}, programs alone: "
                     f"{OPERATIONS[measured['op']].title}")
        parts.append(hook_table(measured, markdown))
    for family, times in result["setup"].items():
        parts.append(f"{heading}{family}, time to fill in")
        parts.append(report.table(
            ("variant", "step", "ms"),
            [(name, step[:-3], report.number(ms, 1)) for name, steps in times.items()
             for step, ms in steps.items()], markdown))
    parts.append(f"Repeat with: `sudo {result['command']}`")
    return "\n\n".join(parts)


def run(options, binaries, command):
    if isinstance(options.services, str):
        options.services = [int(word) for word in options.services.split()]
    operations = options.only.split(",") if options.only else list(OPERATIONS)
    for operation in operations:
        if operation not in OPERATIONS:
            raise laboratory.LabError(f"unknown operation '{operation}'; there are: "
                                      + ", ".join(OPERATIONS))
    result = {"bench": "connect", "machine": report.machine(), "command": command,
              "families": ["ipv4"] + (["ipv6"] if options.ipv6 else []),
              "wall": [], "hooks": [], "setup": {}}
    with laboratory.Lab() as lab:
        for family in result["families"]:
            setup = Setup(lab, options, binaries, family == "ipv6")
            setup.build()
            result["setup"][family] = setup.setup_times
            for operation in operations:
                measured = setup.measure(operation, with_programs=False)
                add_ratios(measured)
                result["wall"].append(measured)
                # Apart from the above, because the kernel's own statistics take time as well.
                hooks = (None if OPERATIONS[operation].limit
                         else setup.measure(operation, with_programs=True))
                if hooks:
                    result["hooks"].append(hooks)
    result["aims"] = aims(result, options)
    return result
