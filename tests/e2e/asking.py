# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to the DNS of a laboratory, as dig asks them."""

import re

from lab import system

DNS = "10.96.0.10"
DNS6 = "fd00:10:96::a"
LAG = 5.0  # seconds until a change of an object must be seen in the answers


def dig(member, name, kind="A", *options, server=DNS, port=53):
    """(status, sorted lines of the answer without their time to live)."""
    out = member.output("dig", f"@{server}", "-p", str(port), "+time=2", "+tries=2", "+noall",
                        "+comments", "+answer", *options, name, kind)
    status = re.search(r"status: (\w+)", out)
    rows = [line.split() for line in out.splitlines() if line and not line.startswith(";")]
    return (status[1] if status else out,
            sorted(" ".join([row[0], *row[3:]]) for row in rows))


def until(expected, ask):
    seen = []

    def same():
        seen[:] = [ask()]
        return seen[0] == expected

    try:
        system.wait_until(same, LAG, 0.1, "the answer")
    except system.LabError:
        assert seen[0] == expected


def counters(node):
    """What the DNS has counted since its server was started."""
    text = node.output("curl", "-sS", "--unix-socket", node.socket, "http://node/metrics")
    return {what: int(count) for what, count in
            re.findall(r'beeline_dns_total\{what="(\w+)"\} (\d+)', text)}
