# SPDX-License-Identifier: GPL-3.0-or-later
"""httpGet probes of nginx: headers, redirects, TLS, bodies; pods of several containers."""

import json
import os

import pytest

from lab import system
from probe_parts import (QUICK, describe, pod_text, pods_of, publish, publish_service, wait_answers,
                         wait_described, wait_ready)

CONF = """
daemon off; pid {folder}/pid; worker_processes 1; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 7080; listen [::]:7080; listen 7443 ssl; listen [::]:7443 ssl;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location = /ok {{ return 200 "ok\\n"; }}
    location = /nothing {{ return 204; }}
    location = /busy {{ return 503; }}
    location = /same {{ return 302 /ok; }}
    location = /same-and-bad {{ return 301 /busy; }}
    location = /other {{ return 302 http://example.org/ok; }}
    location = /to-tls {{ return 307 https://$host:7443/ok; }}
    location = /loop {{ return 302 /loop; }}
    location = /hang-up {{ return 444; }}
    location = /big {{ root {folder}; }}
    location = /headers {{
      if ($http_user_agent !~ "^kube-probe/") {{ return 421; }}
      if ($http_accept != "*/*") {{ return 422; }}
      if ($http_connection != "close") {{ return 424; }}
      return 200;
    }}
    location = /own-headers {{
      if ($http_user_agent != "asker") {{ return 421; }}
      if ($http_accept != "") {{ return 422; }}
      if ($http_host != "shop.example") {{ return 423; }}
      if ($http_x_key != "a: b") {{ return 425; }}
      if ($args != "deep=1") {{ return 426; }}
      return 200;
    }}
  }}
}}
"""


def serve_nginx(lab, pod):
    folder = os.path.join(lab.folder, f"nginx-{pod.name}")
    os.mkdir(folder)
    with open(os.path.join(folder, "conf"), "w", encoding="ascii") as out:
        out.write(CONF.format(folder=folder))
    with open(os.path.join(folder, "big"), "wb") as out:
        out.write(b"." * 1000000)
    system.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "2",
                "-subj", "/CN=someone.else.example"])
    pod.start("nginx", "-e", f"{folder}/error.log", "-c", f"{folder}/conf", "-g", "user root;")
    system.wait_until(lambda: pod.curl(f"http://{pod.addresses[0]}:7080/ok", check=False)
                      .returncode == 0, 10, 0.05, "nginx")


@pytest.fixture
def node(lab, one_node):
    built = one_node(pods=1)
    serve_nginx(lab, built.web[0])
    return built


OWN_HEADERS = [{"name": "User-Agent", "value": "asker"}, {"name": "Accept", "value": ""},
               {"name": "Host", "value": "shop.example"}, {"name": "X-Key", "value": "a: b"}]


def test_nginx_answers_probes_that_succeed(lab, node):
    for number, probe in enumerate([
            {"path": "/ok"}, {"path": "/nothing"}, {"path": "/same"}, {"path": "/to-tls"},
            {"path": "/big"}, {"path": "/headers"},
            {"path": "/own-headers?deep=1", "httpHeaders": OWN_HEADERS},
            {"path": "/ok", "port": 7443, "scheme": "HTTPS"},
            {"path": "/same", "port": 7443, "scheme": "HTTPS"},
            {"path": "/own-headers?deep=1", "port": 7443, "scheme": "HTTPS",
             "httpHeaders": OWN_HEADERS}]):
        lab.publish("pod.yaml", pod_text(node.web[0], {"httpGet": {"port": 7080, **probe}}).replace(
            "pod-1", f"probed-{number}"))
        wait_ready(node, **{f"probed_{number}": "1/1"})


@pytest.mark.parametrize("probe,reason", [
    ({"path": "/busy"}, "HTTP 503"),
    ({"path": "/missing"}, "HTTP 404"),
    ({"path": "/same-and-bad"}, "HTTP 503"),
    ({"path": "/loop"}, "stopped after 10 redirects"),
    ({"path": "/hang-up"}, "connection closed without an answer"),
    ({"port": 7443}, "HTTP 400"),
    ({"port": 7443, "scheme": "HTTPS", "path": "/busy"}, "HTTP 503"),
    ({"port": 7080, "scheme": "HTTPS"}, "the TLS handshake failed"),
    ({"port": 7081}, "connection refused"),
    ({"port": 7081, "scheme": "HTTPS"}, "connection refused"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_nginx_answers_probes_that_fail_with_a_reason_in_words(lab, node, probe, reason):
    publish(lab, node.web[0], {"httpGet": {"port": 7080, **probe}})
    wait_described(node, "pod-1", f"Readiness probe failed: {reason}")
    line = f"pod 'default/pod-1', container 'server': is not ready; Readiness probe failed: {reason}"
    assert node.agent.read_log().count(line) == 1


def test_a_redirect_to_another_host_is_a_success_with_a_warning(lab, node):
    publish(lab, node.web[0], {"httpGet": {"port": 7080, "path": "/other"}})
    wait_ready(node, pod_1="1/1")
    wait_described(node, "pod-1", "ProbeWarning")
    assert "redirected to another host, 'example.org': not followed" in describe(node, "pod-1")


def test_probes_reach_ipv6_addresses(lab, node):
    pod = node.web[0]
    for number, probe in enumerate([{"httpGet": {"port": 7080, "path": "/ok"}},
                                    {"httpGet": {"port": 7443, "path": "/ok", "scheme": "HTTPS"}},
                                    {"tcpSocket": {"port": 7080}}]):
        text = json.loads(pod_text(pod, probe))
        text["metadata"]["name"] = f"six-{number}"
        text["status"]["podIP"] = pod.addresses[1]
        lab.publish("pod.yaml", json.dumps(text))
        wait_ready(node, **{f"six_{number}": "1/1"})


def test_all_containers_of_a_pod_must_be_ready_with_ports_of_their_own(lab, node):
    pod = node.web[0]
    text = json.loads(pod_text(pod, {"httpGet": {"port": "web", "path": "/ok"}}))
    server = text["spec"]["containers"][0]
    server["ports"] = [{"name": "web", "containerPort": 7080}]
    text["spec"]["containers"].append({
        "name": "sidecar", "image": "example.org/sidecar:1",
        "ports": [{"name": "web", "containerPort": 7090}],
        "readinessProbe": {**QUICK, "tcpSocket": {"port": "web"}}})
    text["spec"]["containers"].append({"name": "quiet", "image": "example.org/quiet:1"})
    lab.publish(pod.manifest_file, json.dumps(text))
    wait_ready(node, pod_1="2/3")
    wait_described(node, "pod-1", "Readiness probe failed: connection refused")
    assert "container 'sidecar': is not ready" in node.agent.read_log()
    pod.serve(http=[7090])
    wait_ready(node, pod_1="3/3")


def test_a_named_port_that_is_not_there_is_said(lab, node):
    publish(lab, node.web[0], {"httpGet": {"port": "nowhere"}})
    wait_described(node, "pod-1", "cannot probe: container 'server' has no port named 'nowhere'")
    assert pods_of(node)["pod-1"][0] == "0/1"


def test_thresholds_count_results_in_a_row(lab, node):
    pod = node.web[0]
    folder = os.path.join(lab.folder, f"nginx-{pod.name}")
    publish_service(lab)
    publish(lab, pod, {"httpGet": {"port": 7080, "path": "/big"}, "failureThreshold": 3,
                       "successThreshold": 2})
    wait_answers(node, "pod-1")
    os.rename(os.path.join(folder, "big"), os.path.join(folder, "away"))
    wait_described(node, "pod-1", "HTTP 404")
    assert pods_of(node)["pod-1"][0] == "1/1", "one failure is not three"
    wait_ready(node, pod_1="0/1")
    wait_answers(node)
    os.rename(os.path.join(folder, "away"), os.path.join(folder, "big"))
    wait_ready(node, pod_1="1/1")
    wait_answers(node, "pod-1")
