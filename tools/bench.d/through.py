# SPDX-License-Identifier: GPL-3.0-or-later
"""How many packets a second get from a client through a node to a backend and back, by XDP and by
nftables, in turns; three namespaces, one core."""


import ipaddress
import statistics

import packet
import report
import rules

SERVICES, BACKENDS, FLOWS = 256, 10, 4096
# The client, the node and the backend hang on one another by two veth pairs.
LINKS = """
link add up0 address 02:00:00:00:00:01 type veth peer name far0 address 02:00:00:00:00:fe netns {client}
link add up1 address 02:00:00:00:01:01 type veth peer name far1 address 02:00:00:00:01:02 netns {backend}
link set up0 up
link set up1 up
address add 192.0.2.1/24 dev up0
address add 172.16.0.1/24 dev up1
neighbour add 192.0.2.254 lladdr 02:00:00:00:00:fe dev up0
neighbour add 172.16.0.2 lladdr 02:00:00:00:01:02 dev up1
route add default via 192.0.2.254
route add 10.160.0.0/11 via 172.16.0.2
"""


class Services(rules.Services):
    """Those of bench_packet; its clients are outside, so the node's address goes in their place."""

    def __init__(self):
        super().__init__(False, SERVICES, BACKENDS, packet.PORT, packet.BACKEND_PORT)
        self.first_frontend = ipaddress.ip_address(packet.FRONTENDS[4])
        self.first_backend = ipaddress.ip_address(packet.BACKENDS[4])


def make_path(lab):
    client, node, backend = lab.namespace(), lab.namespace(), lab.namespace()
    node.run("ip", "-batch", "-",
             text=LINKS.strip().format(client=client.path, backend=backend.path) + "\n")
    client.ip("link", "set", "far0", "up")
    backend.ip("link", "set", "far1", "up")
    node.sysctl(net__ipv4__ip_forward=1)
    # A veth takes frames of XDP programs while its other end has one or GRO; what the node may send
    # by a device is looked into when its program is attached.
    for namespace, devices in ((node, ("up0", "up1")), (client, ("far0",)), (backend, ("far1",))):
        namespace.run("/usr/bin/python3", "-I", packet.OFFLOAD,
                      *(f"{device} gro on" for device in devices))
    return client, node, backend


def put_rules(node):
    for transaction in rules.transactions(Services()):
        node.run("nft", "-f", "-", text=transaction)


def put_beeline(lab, node, binaries):
    node.run(binaries["bench_packet"], lab.cgroup("through"), lab.pins("through"),
             packet.FRONTENDS[4], packet.BACKENDS[4], str(packet.PORT), str(packet.BACKEND_PORT),
             str(SERVICES), str(BACKENDS), "snat")


def flood(path, binaries, core, count):
    client, _, backend = path
    printed = client.run("taskset", "-c", core, binaries["bench_flood"], binaries["packet.bpf.o"],
                         backend.path, "far0", "far1", packet.FRONTENDS[4], str(packet.PORT),
                         str(SERVICES), str(FLOWS), str(count))
    sent, arrived, seconds = printed.split()
    return {"sent": int(sent), "arrived": int(arrived), "seconds": float(seconds)}


def measure(lab, options, binaries, core):
    paths = {}
    for name in ("beeline", "nftables"):
        paths[name] = make_path(lab)
    put_beeline(lab, paths["beeline"][1], binaries)
    put_rules(paths["nftables"][1])
    count = max(options.batch, 4 * FLOWS)
    result = {name: [] for name in paths}
    for name, path in paths.items():
        # The flows are made, answered and confirmed.
        for _ in range(3):
            flood(path, binaries, core, FLOWS)
        result[name] = []
    for _ in range(max(3, options.rounds // 4)):
        for name, path in paths.items():
            result[name].append(flood(path, binaries, core, count))
    return result


def rate(runs):
    return [one["arrived"] / one["seconds"] for one in runs]


def table(result, markdown):
    rows = []
    for name, runs in result.items():
        sent = sum(one["sent"] for one in runs)
        lost = 1 - sum(one["arrived"] for one in runs) / sent
        rows.append((name, f"{statistics.median(rate(runs)):,.0f}",
                     report.number(report.paired_ratio(rate(runs), rate(result["nftables"])), 2),
                     f"{100 * lost:.1f} %"))
    return report.table(("node", "there and back a second", "ratio", "lost"), rows, markdown)
