# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the benchmarks as rows: (name, kind, default, help). A kind is a type, a tuple of the
words that are allowed, or a function that reads the text."""

import argparse


def numbers(text):
    values = [int(word.replace(",", "")) for word in text.split()]
    if not values or min(values) < 1 or max(values) > 60000:
        raise argparse.ArgumentTypeError(f"'{text}': expected numbers from 1 to 60000")
    return values


COMMON = [
    ("output", str, None, "write the result as JSON to this file ('-': standard output)"),
    ("markdown", bool, False, "put the tables into docs/performance.md, between its markers"),
    ("build", str, "build", "folder of the build below the tree"),
    ("no-build", bool, False, "use the build as it is"),
]

CONNECT = [
    ("services", numbers, "1 1000 10000", "numbers of Services, each measured"),
    ("backends", int, 3, "backends of each Service"),
    ("rounds", int, 200, "rounds; each takes every variant in turn"),
    ("batch", int, 50, "operations of a variant in a round"),
    ("ipv6", bool, False, "measure IPv6 too"),
    ("only", str, None, "operations to measure, separated by commas"),
    ("no-nft", bool, False, "leave the nftables variants out"),
    ("cpu", int, -1, "core to stay on; default: the last"),
]

def sizes(text):
    pairs = [tuple(int(part) for part in word.split("x")) for word in text.split()]
    if not pairs or any(len(pair) != 2 or pair[0] & (pair[0] - 1) or not 0 < pair[0] <= 32768
                        or not 0 < pair[1] <= 100 for pair in pairs):
        raise argparse.ArgumentTypeError(f"'{text}': expected SERVICESxBACKENDS, Services a power "
                                         "of two up to 32768, at most 100 backends")
    return pairs


PACKET = [
    ("sizes", sizes, "1x100 256x10 8192x5", "Services and backends of each, all measured"),
    ("flows", int, 64000, "established flows; each takes two entries of 163,840 (IPv6: half)"),
    ("rounds", int, 12, "rounds; each takes every case in turn"),
    ("batch", int, 200000, "packets of a case of one flow in a round"),
    ("cpu", int, -1, "core to stay on; default: the last"),
]

CONTROL = [
    ("services", int, 10000, "number of Services"),
    ("endpoints", int, 10, "endpoints of each"),
    ("shape", ("slices", "pods"), "slices", "what the endpoints come from"),
    ("changes", int, 200, "endpoint changes that are timed, each way"),
    ("source", ("manifests", "api"), "manifests", "where the agent takes its objects from"),
    ("starts", int, 3, "cold starts that are timed"),
    ("binary", str, None, "agent to measure; default: the one of the build"),
]

DNS = [
    ("names", int, 20000, "names that both servers hold"),
    ("rounds", int, 5, "rounds; each takes every variant in turn"),
    ("seconds", int, 4, "how long a measurement takes"),
    ("churn", int, 20, "endpoint changes a second, where they churn"),
]

PROBES = [
    ("probes", int, 10000, "probes of each kind but exec"),
    ("exec", int, 500, "exec probes: each starts a process"),
    ("period", int, 10, "seconds between two tries of a probe"),
    ("seconds", int, 60, "how long each kind is measured"),
    ("kinds", str, "tcp,http,grpc,exec", "kinds to measure, separated by commas"),
    ("services", int, 1000, "Services beside the probed pods"),
    ("changes", int, 200, "endpoint changes that are timed, with and without probes"),
    ("binary", str, None, "agent to measure; default: the one of the build"),
]


def add_rows(parser, rows):
    for name, kind, default, text in rows:
        flags = ["-o", "--output"] if name == "output" else [f"--{name}"]
        if kind is bool:
            parser.add_argument(*flags, action="store_true", help=text)
        elif isinstance(kind, tuple):
            parser.add_argument(*flags, choices=kind, default=default,
                                help=f"{text} (default: {default})")
        else:
            shown = f"{text} (default: {default})" if default not in (None, -1) else text
            parser.add_argument(*flags, type=kind, default=default, metavar="X", help=shown)


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Benchmarks of beeline. They print ratios of what was "
        "measured in the same run, and judge nothing.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, rows, text in (
            ("connect", CONNECT, "what a socket pays: direct, through beeline, through nftables"),
            ("packet", PACKET, "what a packet from outside pays in XDP: new, established, foreign"),
            ("control", CONTROL, "what the agent takes: cold start, one change, memory"),
            ("dns", DNS, "what the agent's DNS answers, beside knotd with the same names"),
            ("probes", PROBES, "what readiness probes take, and how they keep their schedule")):
        add_rows(commands.add_parser(name, help=text, description=text), rows + COMMON)
    return parser.parse_args(arguments)
