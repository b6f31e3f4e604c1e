# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pods answer behind a ClusterIP: the end-to-end cases of Kubernetes' own suite."""

import errno
import time

import pytest

from lab import manifest
from lab.traffic import FAILED, RemoteSocket, answers, wait_for_answers
from objects import (HTTP, OTHER_VIP, UDP, VIP, VIP6, WEB, drop_service, names, put_service,
                     put_slice, READY)


def test_case_29_endpoints_follow_pods(one_node, lab):
    node = one_node(pods=1)
    put_service(lab)
    wait_for_answers(node.client, VIP, ["pod-1"])
    late = node.add_pod("late", labels=WEB)
    wait_for_answers(node.client, VIP, ["pod-1", "late"])
    node.web[0].withdraw()
    wait_for_answers(node.client, VIP, ["late"])
    late.withdraw()
    wait_for_answers(node.client, VIP, [])


def test_case_30_two_ports_lead_to_two_target_ports(one_node, lab):
    node = one_node()
    put_service(lab, ports=[{"name": "a", "port": 80, "targetPort": 8080},
                            {"name": "b", "port": 81, "targetPort": 9090}])
    wait_for_answers(node.client, VIP, names(node.web))
    assert ":8080 " in node.client.curl(f"http://{VIP}/where")
    assert ":9090 " in node.client.curl(f"http://{VIP}:81/where")


def test_case_31_ports_are_added_and_removed(one_node, lab):
    node = one_node()
    first = {"name": "a", "port": 80, "targetPort": 8080}
    second = {"name": "b", "port": 81, "targetPort": 9090}
    put_service(lab, ports=[first])
    wait_for_answers(node.client, VIP, names(node.web))
    wait_for_answers(node.client, VIP, [], port=81)
    put_service(lab, ports=[first, second])
    wait_for_answers(node.client, VIP, names(node.web), port=81)
    put_service(lab, ports=[second])
    wait_for_answers(node.client, VIP, [])
    wait_for_answers(node.client, VIP, names(node.web), port=81)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_case_32_pod_sees_the_address_of_its_client(one_node, lab, family):
    node = one_node()
    put_service(lab, clusterIPs=[VIP, VIP6], ipFamilyPolicy="RequireDualStack")
    address, number = (VIP, 0) if family == "ipv4" else (VIP6, 1)
    wait_for_answers(node.client, address, names(node.web))
    host = f"[{address}]" if number else address
    source = node.client.addresses[number]
    assert f"client={f'[{source}]' if number else source}:" in node.client.curl(
        f"http://{host}/where")


def test_case_33_pod_reaches_itself_through_its_service(one_node, lab):
    node = one_node(pods=1)
    put_service(lab)
    wait_for_answers(node.web[0], VIP, ["pod-1"])


def test_case_34_services_go_up_and_down_without_touching_others(one_node, lab):
    node = one_node()
    for name, address in (("one", "10.96.0.11"), ("two", "10.96.0.12")):
        put_service(lab, name, address=address)
        wait_for_answers(node.client, address, names(node.web))
    drop_service(lab, "one")
    wait_for_answers(node.client, "10.96.0.11", [])
    assert FAILED not in answers(node.client, "10.96.0.12", 8)
    put_service(lab, "three", address="10.96.0.13")
    wait_for_answers(node.client, "10.96.0.13", names(node.web))
    assert FAILED not in answers(node.client, "10.96.0.12", 8)


def test_case_35_recreated_service_has_its_new_address_alone(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    drop_service(lab)
    wait_for_answers(node.client, VIP, [])
    put_service(lab, address=OTHER_VIP)
    wait_for_answers(node.client, OTHER_VIP, names(node.web))
    wait_for_answers(node.client, VIP, [])


def test_case_48_unready_endpoints_answer_while_they_are_published(one_node, lab):
    node = one_node(pods=1)
    pod = node.web[0]
    pod.publish(ready=False)
    put_service(lab, publishNotReadyAddresses=True)
    wait_for_answers(node.client, VIP, ["pod-1"])
    put_service(lab, publishNotReadyAddresses=False)
    wait_for_answers(node.client, VIP, [])
    put_service(lab, publishNotReadyAddresses=True)
    wait_for_answers(node.client, VIP, ["pod-1"])


def test_cases_49_50_terminating_unready_endpoint_answers_only_while_published(lab):
    node = lab.add_node()
    node.add_pod("going", labels=WEB, publish=False).publish(ready=False, terminating=True)
    client = node.add_pod("client", serve=False, ports=())
    node.start_agent()
    put_service(lab, publishNotReadyAddresses=True)
    wait_for_answers(client, VIP, ["going"])
    for _ in range(5):
        assert answers(client, VIP) == {"going": 1}
    put_service(lab, publishNotReadyAddresses=False)
    wait_for_answers(client, VIP, [])


def test_case_56_service_of_another_proxy_is_as_if_it_were_not(one_node, lab):
    node = one_node()
    label = {"metadata": {"labels": {"service.kubernetes.io/service-proxy-name": "other"}}}
    put_service(lab, "never", address=OTHER_VIP, **label)
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    wait_for_answers(node.client, OTHER_VIP, [])
    put_service(lab, **label)
    wait_for_answers(node.client, VIP, [])
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))


def test_case_57_slice_labelled_headless_takes_the_service_down(one_node, lab):
    node = one_node()
    put_service(lab, selector=None)
    rows = [(pod, READY) for pod in node.web]
    put_slice(lab, rows)
    wait_for_answers(node.client, VIP, names(node.web))
    put_slice(lab, rows, labels={"service.kubernetes.io/headless": ""})
    wait_for_answers(node.client, VIP, [])
    put_slice(lab, rows)
    wait_for_answers(node.client, VIP, names(node.web))


@pytest.mark.parametrize("address, family", [(VIP, "ipv4"), (VIP6, "ipv6")])
def test_case_58_service_without_endpoints_is_refused_at_once(one_node, lab, address, family):
    node = one_node()
    put_service(lab, selector={"app": "nobody"}, clusterIPs=[VIP, VIP6],
                ipFamilyPolicy="RequireDualStack", ports=[
                    {"name": "tcp", "port": 80},
                    {"name": "udp", "port": 53, "protocol": "UDP"}])
    wait_for_answers(node.client, address, [])
    for kind, port in (("tcp", 80), ("udp", 53)):
        with RemoteSocket(node.client, family, kind) as sock:
            # Not after the socket's own timeout, which is another error.
            with pytest.raises(ConnectionRefusedError):
                sock.connect((address, port))
    with RemoteSocket(node.client, family) as sock:
        with pytest.raises(ConnectionRefusedError):
            sock.sendto(b"x", (address, 53))


def test_unknown_port_of_a_known_address_is_refused_at_once(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    for kind in ("tcp", "udp"):
        with RemoteSocket(node.client, "ipv4", kind) as sock:
            with pytest.raises(ConnectionRefusedError):
                sock.connect((VIP, 9999))


def test_case_59_evicted_pod_is_no_endpoint_even_when_published(one_node, lab):
    node = one_node(pods=1)
    put_service(lab, publishNotReadyAddresses=True)
    wait_for_answers(node.client, VIP, ["pod-1"])
    node.web[0].publish(ready=False, phase="Failed", reason="Evicted")
    wait_for_answers(node.client, VIP, [])


def test_case_69_same_port_with_two_protocols(one_node, lab):
    node = one_node(pods=1)
    tcp = {"name": "tcp", "port": 80, "targetPort": 8080}
    udp = {"name": "udp", "port": 80, "protocol": "UDP", "targetPort": 5353}

    def udp_answers():
        with RemoteSocket(node.client, timeout=0.5) as sock:
            try:
                sock.sendto(b"x", (VIP, 80))
                return sock.recvfrom(100) == (b"pod-1 x", (VIP, 80))
            except OSError as error:
                assert error.errno == errno.ECONNREFUSED
                return False

    put_service(lab, ports=[tcp, udp])
    wait_for_answers(node.client, VIP, ["pod-1"])
    assert udp_answers()
    put_service(lab, ports=[udp])
    wait_for_answers(node.client, VIP, [])
    assert udp_answers()
    put_service(lab, ports=[tcp])
    wait_for_answers(node.client, VIP, ["pod-1"])
    assert not udp_answers()


def test_case_72_named_port_of_a_sidecar_container(one_node, lab):
    node = one_node(pods=1)
    pod = node.web[0]
    text = manifest.pod(pod.name, node.name, pod.addresses, labels=WEB)
    text = text.replace('"containers": [', '"initContainers": [{"name": "sidecar", '
                        '"image": "example.org/sidecar:1", "restartPolicy": "Always", "ports": '
                        '[{"name": "side", "containerPort": 9090}]}], "containers": [')
    lab.publish(pod.manifest_file, text)
    put_service(lab, ports=[{"port": 80, "targetPort": "side"}])
    wait_for_answers(node.client, VIP, ["pod-1"])
    assert ":9090 " in node.client.curl(f"http://{VIP}/where")


def test_case_73_named_port_is_another_number_in_each_pod(one_node, lab):
    node = one_node(pods=0)
    for name, number in (("low", 8081), ("high", 18080)):
        node.add_pod(name, labels=WEB, ports=[("http", number, "TCP")])
    put_service(lab, ports=[{"port": 80, "targetPort": "http"}])
    wait_for_answers(node.client, VIP, ["low", "high"])
    seen = {node.client.curl(f"http://{VIP}/where").split(" client=")[0] for _ in range(20)}
    assert seen == {"low server=10.244.1.12:8081", "high server=10.244.1.13:18080"}


def test_selector_added_and_removed(one_node, lab):
    node = one_node(pods=1)
    other = node.add_pod("other")
    put_service(lab)
    wait_for_answers(node.client, VIP, ["pod-1"])
    other.labels = WEB
    other.publish()
    wait_for_answers(node.client, VIP, ["pod-1", "other"])
    other.labels = {"app": "else"}
    other.publish()
    wait_for_answers(node.client, VIP, ["pod-1"])


def test_manual_endpoints_without_selector(one_node, lab):
    node = one_node()
    put_service(lab, selector=None, ports=[{"name": "metrics", "port": 80}])
    lab.publish("endpoints.yaml", manifest.text({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web"},
        "subsets": [{"addresses": [{"ip": node.web[1].addresses[0]}],
                     "ports": [{"name": "metrics", "port": 9090}]}]}))
    wait_for_answers(node.client, VIP, ["pod-2"])


def test_clients_that_people_use(one_node, lab):
    node = one_node(pods=1)
    put_service(lab, ports=[{"name": "http", **HTTP}, {"name": "echo", **UDP}])
    wait_for_answers(node.client, VIP, ["pod-1"])
    request = "GET / HTTP/1.0\r\n\r\n"
    assert node.client.run("socat", "-", f"TCP:{VIP}:80", text=request).stdout.endswith("pod-1\n")
    assert node.client.run("nc", "-N", VIP, "80", text=request).stdout.endswith("pod-1\n")
    assert node.client.run("socat", "-T1", "-", f"UDP:{VIP}:53", text="hi").stdout == "pod-1 hi"
    assert node.client.run("nc", "-u", "-w1", VIP, "53", text="hi").stdout == "pod-1 hi"


def test_nginx_answers_large_bodies_over_kept_connections(one_node, lab):
    node = one_node(pods=0)
    pod = node.add_pod("nginx", labels=WEB, ports=[("http", 8080, "TCP")], serve=False)
    folder = f"{lab.folder}/nginx"
    pod.run("sh", "-c", f"mkdir -p {folder} && head -c 3000000 /dev/zero >{folder}/big")
    with open(f"{folder}/nginx.conf", "w", encoding="ascii") as out:
        out.write(f"daemon off; pid {folder}/pid; error_log stderr; events {{}}\n"
                  f"http {{ access_log off; client_body_temp_path {folder}/t;\n"
                  f"  proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;\n"
                  f"  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;\n"
                  f"  server {{ listen 8080; listen [::]:8080; root {folder}; }} }}\n")
    pod.start("nginx", "-e", "stderr", "-c", f"{folder}/nginx.conf", "-g", "user root;")
    put_service(lab)
    url = f"http://{VIP}/big"
    for _ in range(50):
        done = node.client.curl(url, "-o", "/dev/null", check=False)
        if done.returncode == 0:
            break
        time.sleep(0.05)
    done = node.client.curl(url, url, url, "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null",
                            "-w", "%{size_download} %{num_connects}\n")
    assert done.split("\n") == ["3000000 1", "3000000 0", "3000000 0"]
