# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bench packet: what a packet from outside pays in XDP, beside a program that does nothing and
one that does the least a translator can, in one run."""

import json
import os
import statistics

import lab as laboratory
import report

FRONTENDS, BACKENDS = "10.128.0.0", "10.160.0.0"
OFFLOAD = os.path.join(report.TREE, "tools", "lab", "offload.py")
PORT, BACKEND_PORT = 80, 8080
NETWORK = """
link add up0 address 02:00:00:00:00:01 type veth peer far0
link add up1 address 02:00:00:00:01:01 type veth peer far1
link set up0 up
link set up1 up
link set far0 up
link set far1 up
address add 192.0.2.1/24 dev up0
address add 172.16.0.1/24 dev up1
neighbour add 192.0.2.254 lladdr 02:00:00:00:00:fe dev up0
neighbour add 172.16.0.2 lladdr 02:00:00:00:01:02 dev up1
route add default via 192.0.2.254
route add 10.160.0.0/11 via 172.16.0.2
"""
# (title, case, what it is compared with)
ROWS = (
    ("no work: the wrapper alone", "pass", "pass"),
    ("foreign traffic", "foreign", "pass"),
    ("minimal program, one flow", "minimal-1", "minimal-1"),
    ("established, one flow", "established-1", "minimal-1"),
    ("minimal program, many flows", "minimal-many", "minimal-many"),
    ("established, many flows", "established-many", "minimal-many"),
    ("reply of a backend elsewhere", "reply", "minimal-1"),
    ("new flow", "new", "established-1"),
)


def measure(lab, options, binaries, services, backends):
    namespace = lab.namespace()
    namespace.run("ip", "-batch", "-", text=NETWORK.strip() + "\n")
    namespace.sysctl(net__ipv4__ip_forward=1)
    # A veth takes frames of XDP programs once its peer has one.
    namespace.run("/usr/bin/python3", "-I", OFFLOAD, "far0 pass on", "far1 pass on")
    name = f"{services}x{backends}"
    pins = lab.pins(name)
    printed = namespace.run(
        "taskset", "-c", str(options.cpu if options.cpu >= 0 else os.cpu_count() - 1),
        binaries["bench_packet"], lab.cgroup(name), pins, FRONTENDS, BACKENDS, str(PORT),
        str(BACKEND_PORT), str(services), str(backends), binaries["packet.bpf.o"],
        str(options.flows), str(options.rounds), str(options.batch))
    measured = json.loads(printed)
    measured.update(services=services, backends=backends, maps_kib=map_memory(pins))
    return measured


def map_memory(pins):
    """What the kernel charges for each map."""
    sizes = {}
    for name in sorted(os.listdir(pins)):
        path = os.path.join(pins, name)
        if not os.path.isdir(path):
            shown = json.loads(laboratory.run(["bpftool", "-j", "map", "show", "pinned", path]))
            sizes[name] = int(shown["bytes_memlock"]) / 1024
    return sizes


def run(options, binaries, command):
    result = {"bench": "packet", "machine": report.machine(), "command": command,
              "flows": options.flows, "sizes": []}
    with laboratory.Lab() as lab:
        for services, backends in options.sizes:
            result["sizes"].append(measure(lab, options, binaries, services, backends))
    return result


def ratio(measured, case, base, net):
    """Round by round; net: without what the wrapper takes in the same round."""
    ns, wrapper = measured["ns"], measured["ns"]["pass"]

    def of(name):
        return [value - part if net else value for value, part in zip(ns[name], wrapper)]

    return report.paired_ratio(of(case), of(base))


def aims(measured):
    ns = measured["ns"]
    apart = statistics.median(a - b for a, b in zip(ns["foreign"], ns["pass"]))
    return [
        ("established, many flows / minimal program",
         report.number(ratio(measured, "established-many", "minimal-many", False), 3), "1.30"),
        ("the same without the wrapper",
         report.number(ratio(measured, "established-many", "minimal-many", True), 3), "1.30"),
        ("foreign traffic less no work, ns", report.number(apart, 1), "15"),
        ("new flow / established", report.number(ratio(measured, "new", "established-1", False), 3),
         "4"),
        ("all maps, MiB", report.number(sum(measured["maps_kib"].values()) / 1024, 1), "100"),
    ]


def text(result, _options, markdown):
    heading = "#### " if markdown else ""
    parts = [report.machine_line(result["machine"])]
    warning = report.noise(result["machine"])
    if warning:
        parts.append(f"**{warning}**" if markdown else warning.upper())
    for measured in result["sizes"]:
        entries = measured["entries"]
        parts.append(f"{heading}{measured['services']:,} Services of {measured['backends']} "
                     f"backends, {result['flows']:,} flows")
        parts.append(report.table(("aim", "measured", "aim at most"), aims(measured), markdown))
        rows = [(title, report.number(statistics.median(measured["ns"][case]), 1),
                 report.number(min(measured["ns"][case]), 1),
                 report.number(ratio(measured, case, base, False), 3))
                for title, case, base in ROWS]
        parts.append(report.table(("packet", "median ns", "min ns", "ratio"), rows, markdown))
        if entries["kept"] != entries["made"] or entries["made"] != 2 * result["flows"]:
            parts.append(f"Entries of flows: {entries['made']:,} made, {entries['kept']:,} kept of "
                         f"{2 * result['flows']:,}: some packets were of new flows.")
    parts.append(heading + "Memory of the maps, MiB")
    parts.append(report.table(("map", "MiB"), [
        (name, report.number(kib / 1024, 2))
        for name, kib in result["sizes"][-1]["maps_kib"].items()], markdown))
    parts.append(f"Repeat with: `sudo {result['command']}`")
    return "\n\n".join(parts)
