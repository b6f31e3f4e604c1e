# SPDX-License-Identifier: GPL-3.0-or-later
"""The cases of Services as their clients meet them: by name, with the C library's resolver, from pods
whose resolv.conf names the agent."""

import subprocess

import pytest

from asking import DNS, dig, until
from lab import manifest, system
from lab.traffic import answers, wait_for_answers
from objects import HTTP, NODE_PORT, VIP, WEB, drop_service, names, put_service, put_slice
from objects import GONE_TERMINATING, READY, UNREADY

NAME = "web.default.svc.cluster.local."
NAMED = ({"name": "http", **HTTP},)
EXTERNAL = {"ports": (), "selector": None, "address": None, "type": "ExternalName",
            "externalName": "www.example.org"}


@pytest.fixture
def node(node_with_names):
    return node_with_names()


def addresses(member, name):
    """What the C library finds; none: there is no such name."""
    done = member.run("getent", "ahostsv4", name, check=False)
    return sorted({line.split()[0] for line in done.stdout.splitlines()})


def addresses_of(*pods):
    return sorted(pod.addresses[0] for pod in pods)


def serve_tls(pod, port):
    """HTTPS with a certificate that nobody has signed."""
    folder = pod.container.folder
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                    "-subj", "/CN=kubernetes", "-keyout", f"{folder}/key", "-out",
                    f"{folder}/certificate"], check=True, capture_output=True)
    pod.start("openssl", "s_server", "-www", "-quiet", "-accept", str(port), "-key",
              f"{folder}/key", "-cert", f"{folder}/certificate", stdout=subprocess.DEVNULL,
              stderr=subprocess.DEVNULL)


def test_case_28_kubernetes_is_reached_on_443_by_name(lab, node):
    master = node.add_pod("master", labels={"app": "master"}, serve=False,
                          ports=[("https", 6443, "TCP")])
    serve_tls(master, 6443)
    put_service(lab, "kubernetes", selector={"app": "master"}, address="10.96.0.1",
                ports=[{"name": "https", "port": 443, "targetPort": 6443}])
    for name in ("kubernetes", "kubernetes.default", "kubernetes.default.svc",
                 "kubernetes.default.svc.cluster.local"):
        until(["10.96.0.1"], lambda name=name: addresses(node.client, name))
        system.wait_until(
            lambda name=name: node.client.curl(f"https://{name}/", "-k", "-o", "/dev/null",
                                               check=False).returncode == 0, 5, 0.1,
            f"https://{name}/")
    assert dig(node.client, "_https._tcp.kubernetes.default.svc.cluster.local", "SRV")[1] == [
        "_https._tcp.kubernetes.default.svc.cluster.local. SRV 0 100 443 "
        "kubernetes.default.svc.cluster.local."]


def test_case_29_names_follow_pods_that_come_and_go(lab, node):
    put_service(lab)
    put_service(lab, "set", address="None")
    until(addresses_of(*node.web), lambda: addresses(node.client, "set"))
    more = node.add_pod(labels=WEB)
    until(addresses_of(*node.web, more), lambda: addresses(node.client, "set"))
    wait_for_answers(node.client, "web", names([*node.web, more]), count=24)
    node.web[0].withdraw()
    until(addresses_of(node.web[1], more), lambda: addresses(node.client, "set"))
    wait_for_answers(node.client, "web", names([node.web[1], more]), count=24)


def test_cases_30_31_ports_have_names_that_come_and_go(lab, node):
    def ports():
        found = {}
        for port in ("http", "metrics"):
            rows = dig(node.client, f"_{port}._tcp.{NAME}", "SRV")[1]
            if rows:
                found[port] = int(rows[0].split()[4])
        return found

    metrics = {"name": "metrics", "port": 90, "targetPort": 9090}
    put_service(lab, ports=[{"name": "http", **HTTP}, metrics])
    until({"http": 80, "metrics": 90}, ports)
    for port in (80, 90):
        wait_for_answers(node.client, "web", names(node.web), port=port)
    put_service(lab, ports=[{"name": "http", **HTTP}])
    until({"http": 80}, ports)
    put_service(lab, ports=[metrics])
    until({"metrics": 90}, ports)


def test_cases_32_33_pods_find_others_and_themselves_by_name(lab, node):
    put_service(lab)
    wait_for_answers(node.client, "web", names(node.web))
    assert f"client={node.client.addresses[0]}:" in node.client.curl("http://web/where")
    for pod in node.web:
        wait_for_answers(pod, "web", names(node.web), count=24)


def test_case_41_external_name_becomes_cluster_ip_by_name(lab, node):
    put_service(lab, **EXTERNAL)
    wait_for_answers(node.client, "web", ["outside"], count=2)
    put_service(lab)
    wait_for_answers(node.client, "web", names(node.web))
    assert addresses(node.client, "web") == [VIP]


def test_case_42_external_name_becomes_node_port_by_name(lab, node):
    put_service(lab, **EXTERNAL)
    wait_for_answers(node.client, "web", ["outside"], count=2)
    put_service(lab, type="NodePort", ports=[{**HTTP, "nodePort": NODE_PORT}])
    wait_for_answers(node.client, "web", names(node.web))
    wait_for_answers(node, "127.0.0.1", names(node.web), port=NODE_PORT)


def test_case_43_cluster_ip_becomes_external_name_by_name(lab, node):
    put_service(lab)
    wait_for_answers(node.client, "web", names(node.web))
    put_service(lab, **EXTERNAL)
    wait_for_answers(node.client, "web", ["outside"], count=2)
    rows = dig(node.client, NAME)[1]
    assert f"{NAME} CNAME www.example.org." in rows
    assert f"www.example.org. A {node.outside.addresses[0]}" in rows
    assert dig(node.client, "80.0.96.10.in-addr.arpa", "PTR") == ("NXDOMAIN", [])


def test_case_44_node_port_becomes_external_name_by_name(lab, node):
    put_service(lab, type="NodePort", ports=[{**HTTP, "nodePort": NODE_PORT}])
    wait_for_answers(node.client, "web", names(node.web))
    put_service(lab, **EXTERNAL)
    wait_for_answers(node.client, "web", ["outside"], count=2)
    wait_for_answers(node, "127.0.0.1", [], port=NODE_PORT)


def test_case_48_unready_pods_have_names_while_they_are_published(lab, node):
    for pod in node.web:
        pod.publish(probe={"exec": {"command": ["false"]}, "periodSeconds": 1})
    put_service(lab, "set", address="None", publishNotReadyAddresses=True)
    until(addresses_of(*node.web), lambda: addresses(node.client, "set"))
    put_service(lab, "set", address="None")
    until([], lambda: addresses(node.client, "set"))
    put_service(lab, "set", address="None", publishNotReadyAddresses=True)
    until(addresses_of(*node.web), lambda: addresses(node.client, "set"))
    assert {answer for pod in node.web for answer in answers(
        node.client, pod.addresses[0], port=8080)} == set(names(node.web))


@pytest.mark.parametrize("published", [
    pytest.param(True, id="case_49_published"), pytest.param(False, id="case_50_not_published")])
def test_terminating_and_unready_pods_have_names_only_when_they_are_published(
        lab, node, published):
    put_service(lab, "set", address="None", publishNotReadyAddresses=published)
    until(addresses_of(*node.web), lambda: addresses(node.client, "set"))
    for pod in node.web:
        pod.publish(terminating=True, ready=False)
    until(addresses_of(*node.web) if published else [], lambda: addresses(node.client, "set"))


def test_case_59_evicted_pods_have_no_name_even_when_they_are_published(lab, node):
    put_service(lab, "set", address="None", publishNotReadyAddresses=True)
    until(addresses_of(*node.web), lambda: addresses(node.client, "set"))
    node.web[0].publish(phase="Failed", reason="Evicted", ready=False)
    until(addresses_of(node.web[1]), lambda: addresses(node.client, "set"))
    dashed = node.web[0].addresses[0].replace(".", "-")
    assert dig(node.client, f"{dashed}.default.pod.cluster.local")[0] == "NXDOMAIN"


def test_slices_decide_which_names_a_service_without_selector_has(lab, node):
    put_service(lab, "set", ports=NAMED, selector=None, address="None")
    put_slice(lab, [(node.web[0], READY), (node.web[1], UNREADY)], service="set",
              ports=[{"name": "http", "port": 8080, "protocol": "TCP"}])
    until(addresses_of(node.web[0]), lambda: addresses(node.client, "set"))
    put_slice(lab, [(node.web[0], GONE_TERMINATING), (node.web[1], READY)], service="set",
              ports=[{"name": "http", "port": 8080, "protocol": "TCP"}])
    until(addresses_of(node.web[1]), lambda: addresses(node.client, "set"))


def test_hostname_and_subdomain_are_a_name(lab, node):
    put_service(lab, "set", ports=NAMED, address="None")
    node.web[0].publish(spec={"hostname": "first", "subdomain": "set"})
    until(addresses_of(node.web[0]), lambda: addresses(node.client, "first.set"))
    assert addresses(node.client, "first.set.default.svc.cluster.local") == \
        addresses_of(node.web[0])
    drop_service(lab, "set")
    until([], lambda: addresses(node.client, "first.set"))


def test_dns_policy_and_config_of_a_pod_are_what_its_commands_see(lab, node):
    def resolv_conf(name, **spec):
        return node.add_pod(name, serve=False, ports=(), spec=spec).output(
            "cat", "/etc/resolv.conf").splitlines()

    assert resolv_conf("own", dnsPolicy="None", dnsConfig={
        "nameservers": ["192.0.2.1"], "searches": ["corp.example"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}) == [
            "search corp.example", "nameserver 192.0.2.1", "options ndots:2 edns0"]
    merged = resolv_conf("merged", dnsConfig={"searches": ["corp.example"], "options": [
        {"name": "ndots", "value": "1"}]})
    assert merged[0].split()[1:4] == ["default.svc.cluster.local", "svc.cluster.local",
                                      "cluster.local"]
    assert "corp.example" in merged[0] and f"nameserver {DNS}" in merged
    assert merged[-1] == "options ndots:1"
    assert f"nameserver {DNS}" not in resolv_conf("of-the-node", dnsPolicy="Default")
    lab.publish("host.yaml", manifest.pod("host", node.name, node.addresses, host_network=True))


NGINX = """
daemon off; master_process off; user root; pid {folder}/pid; error_log {folder}/error.log info;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
    uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
    resolver {server} valid=1s ipv6=off; resolver_timeout 2s;
    server {{
        listen 7000;
        location / {{ set $name set.default.svc.cluster.local; proxy_pass http://$name:8080; }}
    }}
}}
"""


def test_resolver_of_nginx_outlives_the_agent_and_follows_its_listener(lab, node):
    """Its connected UDP socket stays open for as long as nginx runs."""
    put_service(lab, "set", address="None")
    until(addresses_of(*node.web), lambda: addresses(node.client, "set"))
    proxy = node.add_pod("proxy", serve=False, ports=())
    config = proxy.container.path("nginx.conf")
    proxy.container.write("nginx.conf", NGINX.format(folder=proxy.container.folder, server=DNS))
    proxy.start("nginx", "-c", config, "-e", f"{proxy.container.folder}/error.log")
    address = proxy.addresses[0]
    wait_for_answers(node.client, address, names(node.web), port=7000, count=24)
    node.agent.kill()
    node.start_agent(*node.agent.options)
    node.web[0].publish(ready=False)
    wait_for_answers(node.client, address, names(node.web[1:]), port=7000, timeout=8)
    node.run("ip", "addr", "add", "10.244.0.1/32", "dev", "pods0")  # the first address is another
    system.wait_until(lambda: "10.244.0.1" in node.beeline(
        "get", "endpointslices", "-n", "kube-system").stdout, 5, 0.1, "the move of the listener")
    node.web[0].publish()
    node.web[1].publish(ready=False)
    wait_for_answers(node.client, address, names(node.web[:1]), port=7000, timeout=8)
