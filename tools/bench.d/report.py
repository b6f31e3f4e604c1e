# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables for people, JSON for programs, and the section of docs/performance.md between markers."""

import json
import os
import platform
import re
import statistics
import subprocess
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DOCUMENT = os.path.join(TREE, "docs", "performance.md")


def first_match(path, pattern):
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            found = re.search(pattern, lines.read(), re.MULTILINE)
    except OSError:
        return "unknown"
    return found[1].strip() if found else "unknown"


def commit():
    done = subprocess.run(["git", "-C", TREE, "describe", "--always", "--dirty"],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or "unknown"


def machine():
    return {
        "kernel": platform.release(),
        "cpu": first_match("/proc/cpuinfo", r"^model name\s*: (.*)$"),
        "cores": os.cpu_count(),
        "memory_mib": int(first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)") or 0) // 1024,
        "virtual": "hypervisor" in first_match("/proc/cpuinfo", r"^flags\s*: (.*)$"),
        "load_before": os.getloadavg()[0],
        "bpf_jit": first_match("/proc/sys/net/core/bpf_jit_enable", r"(\d)"),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def machine_line(facts):
    kind = "virtual machine" if facts["virtual"] else "machine"
    return (f"{facts['cpu']}, {facts['cores']} cores, {facts['memory_mib']} MiB, {kind}; "
            f"Linux {facts['kernel']}; beeline {facts['commit']}; {facts['date']}; "
            f"load before {facts['load_before']:.2f}")


def noise(facts):
    """Words to print when the figures should not be trusted."""
    if facts["load_before"] > 0.3:
        return ("the machine was busy before the run: take these figures as a trial, "
                "and repeat on a quiet one")
    return None


def table(head, rows, markdown=False):
    """Columns; the first is left-aligned, numbers to the right."""
    cells = [list(map(str, head))] + [list(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for number, row in enumerate(cells):
        aligned = [cell.ljust(widths[i]) if i == 0 else cell.rjust(widths[i])
                   for i, cell in enumerate(row)]
        lines.append("| " + " | ".join(aligned) + " |" if markdown else "  ".join(aligned))
        if number == 0 and markdown:
            lines.append("|" + "|".join("-" * (w + 1) + (":" if i else "-")
                                        for i, w in enumerate(widths)) + "|")
    return "\n".join(lines)


def paired_ratio(rounds, baseline_rounds):
    """Median of the ratios round by round: what drifts during the run drifts in both."""
    ratios = [a / b for a, b in zip(rounds, baseline_rounds) if b > 0]
    return statistics.median(ratios) if ratios else None


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) * percent // 100]


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def write_json(path, result):
    text = json.dumps(result, indent=1)
    if path == "-":
        print(text)
        return
    with open(path, "w", encoding="utf-8") as out:
        out.write(text + "\n")


def update_document(name, text, path=DOCUMENT):
    """Puts `text` between the two markers of `name`."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    with open(path, encoding="utf-8") as document:
        old = document.read()
    if begin not in old or end not in old:
        raise ValueError(f"'{path}' has no markers '{begin}' and '{end}'")
    before, rest = old.split(begin, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as document:
        document.write(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
