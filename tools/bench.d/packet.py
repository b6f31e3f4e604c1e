# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/bench packet: what a packet from outside pays in XDP, beside a program that does nothing and
one that does the least a translator can, in one run; and how many get through a veth pair, beside
nftables."""

import json
import os
import statistics

import lab as laboratory
import report
import through

FRONTENDS = {4: "10.128.0.0", 6: "fd00:96::"}
BACKENDS = {4: "10.160.0.0", 6: "fd00:160::"}
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
address add 2001:db8:2::1/64 dev up0 nodad
address add fd00:16::1/64 dev up1 nodad
neighbour add 192.0.2.254 lladdr 02:00:00:00:00:fe dev up0
neighbour add 172.16.0.2 lladdr 02:00:00:00:01:02 dev up1
neighbour add 2001:db8:2::fe lladdr 02:00:00:00:00:fe dev up0
neighbour add fd00:16::2 lladdr 02:00:00:00:01:02 dev up1
route add default via 192.0.2.254
route add 10.160.0.0/11 via 172.16.0.2
route add default via 2001:db8:2::fe dev up0
route add fd00:160::/64 via fd00:16::2
"""
KINDS = {"snat": "backends on other nodes, under the node's address",
         "dsr": "backends on other nodes, encapsulated", "local": "backends on this node"}
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
    ("packet that confirms a flow", "confirm", "established-1"),
)


def settings(options):
    """(services, backends, family, kind): all sizes of both families, and the largest in every
    kind."""
    for family in (4, 6):
        for services, backends in options.sizes:
            yield services, backends, family, "snat"
        for kind in ("dsr", "local"):
            yield *options.sizes[-1], family, kind


def core(options):
    return str(options.cpu if options.cpu >= 0 else os.cpu_count() - 1)


def measure(lab, options, binaries, setting):
    services, backends, family, kind = setting
    namespace = lab.namespace()
    namespace.run("ip", "-batch", "-", text=NETWORK.strip() + "\n")
    namespace.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
    # A veth takes frames of XDP programs once its peer has one.
    namespace.run("/usr/bin/python3", "-I", OFFLOAD, "far0 pass on", "far1 pass on")
    name = f"{services}x{backends}-{kind}{family}"
    pins = lab.pins(name)
    flows = options.flows if family == 4 else options.flows // 2
    printed = namespace.run(
        "taskset", "-c", core(options), binaries["bench_packet"], lab.cgroup(name), pins,
        FRONTENDS[family], BACKENDS[family], str(PORT), str(BACKEND_PORT), str(services),
        str(backends), kind, binaries["packet.bpf.o"], str(flows), str(options.rounds),
        str(options.batch))
    measured = json.loads(printed)
    measured.update(services=services, backends=backends, family=family, kind=kind, flows=flows,
                    maps_kib=map_memory(pins))
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
    result = {"bench": "packet", "machine": report.machine(), "command": command, "sizes": []}
    for setting in settings(options):
        # A laboratory each, for what one leaves behind would slow the next.
        with laboratory.Lab() as lab:
            result["sizes"].append(measure(lab, options, binaries, setting))
    with laboratory.Lab() as lab:
        result["through"] = through.measure(lab, options, binaries, core(options))
    return result


def ratio(measured, case, base, net=False):
    """Round by round; net: without what the wrapper takes in the same round."""
    ns, wrapper = measured["ns"], measured["ns"]["pass"]

    def of(name):
        return [value - part if net else value for value, part in zip(ns[name], wrapper)]

    return report.paired_ratio(of(case), of(base))


def above_pass(measured):
    ns = measured["ns"]
    return statistics.median(a - b for a, b in zip(ns["foreign"], ns["pass"]))


def aims(result):
    """The worst of all settings."""
    sizes = result["sizes"]
    memory = max(sum(measured["maps_kib"].values()) for measured in sizes) * 1024 / 1e6

    def worst(case, base, net=False):
        return report.number(max(ratio(measured, case, base, net) for measured in sizes), 2)

    return [
        ("established, many flows / minimal program",
         worst("established-many", "minimal-many"), "1.30"),
        ("the same without the wrapper", worst("established-many", "minimal-many", True), "1.30"),
        ("foreign traffic less no work, ns", report.number(max(map(above_pass, sizes)), 1), "15"),
        ("new flow / established, many flows", worst("new", "established-many"), "4"),
        ("new flow / established, one flow", worst("new", "established-1"), "4"),
        ("all maps, MB", report.number(memory, 1), "100"),
    ]


def title(measured):
    return (f"{measured['services']:,} x {measured['backends']}, IPv{measured['family']}, "
            f"{KINDS[measured['kind']]}, {measured['flows']:,} flows")


def text(result, _options, markdown):
    heading = "#### " if markdown else ""
    parts = [report.machine_line(result["machine"])]
    warning = report.noise(result["machine"])
    if warning:
        parts.append(f"**{warning}**" if markdown else warning.upper())
    parts.append("The worst of all settings below:")
    parts.append(report.table(("aim", "measured", "aim at most"), aims(result), markdown))
    for measured in result["sizes"]:
        entries, wanted = measured["entries"], measured["flows"] * (1 + (measured["kind"] != "dsr"))
        parts.append(heading + title(measured))
        rows = [(name, report.number(statistics.median(measured["ns"][case]), 1),
                 report.number(min(measured["ns"][case]), 1),
                 report.number(ratio(measured, case, base), 3))
                for name, case, base in ROWS if case in measured["ns"]]
        parts.append(report.table(("packet", "median ns", "min ns", "ratio"), rows, markdown))
        if entries["kept"] != entries["made"] or entries["made"] != wanted:
            parts.append(f"Entries of flows: {entries['made']:,} made, {entries['kept']:,} kept of "
                         f"{wanted:,}: some packets were of new flows.")
    parts.append(heading + "Through a veth pair and back, packets a second")
    parts.append(through.table(result["through"], markdown))
    parts.append(heading + "Memory of the maps, MiB")
    last = max(result["sizes"], key=lambda measured: sum(measured["maps_kib"].values()))
    parts.append(report.table(("map", "MiB"), [
        (name, report.number(kib / 1024, 2)) for name, kib in last["maps_kib"].items()], markdown))
    parts.append(f"Repeat with: `sudo {result['command']}`")
    return "\n\n".join(parts)
