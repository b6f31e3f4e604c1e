# SPDX-License-Identifier: GPL-3.0-or-later
"""nftables rules of the shape that kube-proxy's nftables mode writes: one verdict map from address,
protocol and port to a chain a Service port; there a random choice among chains of endpoints, each
with its masquerade mark for hairpin traffic and a dnat; connection-state checks in the filter hooks;
a reject map for Services without endpoints; masquerading by mark after routing."""

import ipaddress

MARK = "0x00004000"
PROTOCOLS = ("tcp", "udp")


def endpoint_chain(number, index, protocol):
    return f"endpoint-{number}-{index}-{protocol}"


def service_chain(number, protocol):
    return f"service-{number}-{protocol}"


def write_service(lines, services, number, protocol):
    family = services.family_word
    frontend = services.frontend(number)
    choices = []
    for index in range(services.backends):
        backend = services.backend(number, index)
        target = f"[{backend}]" if services.ipv6 else backend
        chain = endpoint_chain(number, index, protocol)
        lines.append(
            f"chain {chain} {{\n"
            f"{family} saddr {backend} jump mark-for-masquerade\n"
            f"meta l4proto {protocol} dnat to {target}:{services.backend_port}\n}}")
        choices.append(f"{index} : goto {chain}")
    lines.append(
        f"chain {service_chain(number, protocol)} {{\n"
        f"{family} daddr {frontend} {protocol} dport {services.port} "
        f"{family} saddr != {services.pod_range} jump mark-for-masquerade\n"
        f"numgen random mod {services.backends} vmap {{ {', '.join(choices)} }}\n}}")


HOOKS = """
chain mark-for-masquerade { meta mark set meta mark or %(mark)s; }
chain masquerading {
    meta mark and %(mark)s == 0 return
    meta mark set meta mark xor %(mark)s
    masquerade fully-random
}
chain reject-chain { reject; }
chain services {
    %(family)s daddr . meta l4proto . th dport vmap @service-ips
    %(family)s daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
}
chain service-endpoints-check {
    %(family)s daddr . meta l4proto . th dport vmap @no-endpoint-services
}
chain cluster-ips-check { %(family)s daddr @cluster-ips reject; }
chain filter-input {
    type filter hook input priority -110; policy accept;
    ct state new jump service-endpoints-check
}
chain filter-forward {
    type filter hook forward priority -110; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
}
chain filter-output {
    type filter hook output priority -110; policy accept;
    ct state new jump service-endpoints-check
}
chain filter-output-post-dnat {
    type filter hook output priority -90; policy accept;
    ct state new jump cluster-ips-check
}
chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
chain nat-output { type nat hook output priority -100; policy accept; jump services; }
chain nat-postrouting { type nat hook postrouting priority srcnat; policy accept; jump masquerading; }
"""


CHUNK = 250  # Services in a transaction: the kernel takes quadratic time over what one names


def base(services):
    family = services.family_word
    address = "ipv6_addr" if services.ipv6 else "ipv4_addr"
    verdicts = f"type {address} . inet_proto . inet_service : verdict;"
    return "\n".join([
        f"table {family} kube-proxy {{",
        f"set cluster-ips {{ type {address}; }}",
        f"set nodeport-ips {{ type {address}; }}",
        f"map service-ips {{ {verdicts} }}",
        "map service-nodeports { type inet_proto . inet_service : verdict; }",
        f"map no-endpoint-services {{ {verdicts} }}",
        HOOKS % {"mark": MARK, "family": family},
        "}",
        add(services, "cluster-ips", [services.frontend(services.count)]),
        add(services, "no-endpoint-services",
            [f"{services.frontend(services.count)} . {protocol} . {services.port} : "
             "goto reject-chain" for protocol in PROTOCOLS]),
    ]) + "\n"


def add(services, name, items):
    return f"add element {services.family_word} kube-proxy {name} {{ {', '.join(items)} }}"


def chunk(services, numbers):
    lines = [f"table {services.family_word} kube-proxy {{"]
    for number in numbers:
        for protocol in PROTOCOLS:
            write_service(lines, services, number, protocol)
    lines.append("}")
    lines.append(add(services, "cluster-ips", [services.frontend(number) for number in numbers]))
    lines.append(add(services, "service-ips",
                     [f"{services.frontend(number)} . {protocol} . {services.port} : "
                      f"goto {service_chain(number, protocol)}"
                      for number in numbers for protocol in PROTOCOLS]))
    return "\n".join(lines) + "\n"


def transactions(services):
    """Texts for 'nft -f -', one after the other."""
    yield base(services)
    for first in range(0, services.count, CHUNK):
        yield chunk(services, range(first, min(first + CHUNK, services.count)))


class Services:
    """The same addresses as synthetic.h gives to beeline."""

    def __init__(self, ipv6, count, backends, port, backend_port):
        self.ipv6 = ipv6
        self.count = count
        self.backends = backends
        self.port = port
        self.backend_port = backend_port
        self.family_word = "ip6" if ipv6 else "ip"
        self.first_frontend = ipaddress.ip_address("fd00:96::1" if ipv6 else "10.96.0.1")
        self.first_backend = ipaddress.ip_address("fd00:128::1" if ipv6 else "10.128.0.1")
        # Clients of the bench count as pods: no masquerade, as for pods on a node.
        self.pod_range = "fd00:200::/32" if ipv6 else "10.200.0.0/16"

    def frontend(self, number):
        return str(self.first_frontend + number)

    def backend(self, number, index):
        return str(self.first_backend + number * self.backends + index)

    def words(self):
        """Arguments of bench_load and bench_programs."""
        return [self.frontend(0), self.backend(0, 0), str(self.port), str(self.backend_port),
                str(self.count), str(self.backends)]
