# SPDX-License-Identifier: GPL-3.0-or-later
"""What packaging/ ships: settings that the agent takes, rights that suffice, packages that exist."""

import json
import os
import re
import shutil
import subprocess

import pytest

from conftest import TREE
from lab import system
from lab.laboratory import beeline_binary
from lab.traffic import wait_for_answers
from objects import HTTP, NODE_PORT, VIP, names, put_service

PACKAGING = os.path.join(TREE, "packaging")
SKIPPED = 77  # exit status of tests/vm/run: there can be no guest here


def read(*names):
    with open(os.path.join(PACKAGING, *names), encoding="utf-8") as file:
        return file.read()


def capabilities_of_unit():
    line = re.search(r"^CapabilityBoundingSet=(.*)$", read("systemd", "beeline.service.in"), re.M)
    return {name.removeprefix("CAP_") for name in line[1].split()}


def capabilities_of_daemon_set():
    return set(re.search(r"add: \[([A-Z_, ]+)\]", read("kubernetes", "daemonset.yaml"))[1]
               .split(", "))


def setpriv(capabilities):
    wanted = "-all," + ",".join("+" + name.lower() for name in sorted(capabilities))
    return ["setpriv", "--bounding-set", wanted, "--"]


def publish_probed(lab, pod, child):
    """Ready while a command says so that runs as the process `child` does."""
    lab.publish(pod.manifest_file, json.dumps({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod.name, "labels": {"app": "web"},
                     "annotations": {"beeline.dev/pid": str(child.pid)}},
        "spec": {"nodeName": pod.node.name, "containers": [{
            "name": "server", "image": "none",
            "readinessProbe": {"exec": {"command": ["test", "-r", "/proc/self/environ"]},
                               "periodSeconds": 1}}]},
        "status": {"phase": "Running", "podIP": pod.addresses[0],
                   "podIPs": [{"ip": pod.addresses[0]}]}}))


def test_the_capabilities_of_the_unit_suffice(lab):
    node = lab.add_node()
    pod = node.add_pod(labels={"app": "web"}, publish=False)
    client = node.add_pod("client", serve=False, ports=())
    child = pod.start("setpriv", "--reuid=1234", "--regid=1235", "--clear-groups", "sleep", "60")
    node.start_agent("--device", "eth0", "--dns", under=setpriv(capabilities_of_unit()))
    put_service(lab, type="NodePort", ports=[{**HTTP, "nodePort": NODE_PORT}])
    publish_probed(lab, pod, child)
    wait_for_answers(client, VIP, [pod.name], timeout=10)
    status = json.loads(node.beeline("status", "-o", "json").stdout)
    assert status["problems"] == [] and status["devices"][0]["mode"] == "native"


def test_the_capabilities_of_the_daemon_set_suffice_without_probes(lab):
    assert capabilities_of_daemon_set() < capabilities_of_unit()
    node = lab.add_node()
    pods = [node.add_pod(labels={"app": "web"}) for _ in range(2)]
    client = node.add_pod("client", serve=False, ports=())
    node.start_agent("--device", "eth0", "--no-probes",
                     under=setpriv(capabilities_of_daemon_set()))
    put_service(lab)
    wait_for_answers(client, VIP, names(pods))
    status = json.loads(node.beeline("status", "-o", "json").stdout)
    assert status["problems"] == [] and status["devices"][0]["mode"] == "native"


@pytest.fixture
def settings(tmp_path):
    def check(text):
        path = tmp_path / "agent.yaml"
        path.write_text(text, encoding="utf-8")
        return subprocess.run(
            [beeline_binary(), "plan", "--config", path, "-f", os.path.join(TREE, "examples/web.yaml")],
            capture_output=True, text=True, timeout=20, check=False)
    return check


def test_the_settings_that_are_shipped_are_options_of_the_agent(settings):
    default = read("agent.yaml.in").replace("@sysconfdir@", "/etc")
    every = re.sub(r"^#(?=[a-z-]+: )", "", default, flags=re.M)
    config_map = re.search(r"agent\.yaml: \|\n((?:    .*\n)+)",
                           read("kubernetes", "configmap.yaml"))[1]
    for text in (default, every, re.sub(r"^    ", "", config_map, flags=re.M)):
        done = settings(text)
        assert done.returncode == 0, done.stderr
    assert every.count("\nkubeconfig: ") == 1, "the commented settings were looked at, too"


def test_the_manifests_fit_together():
    texts = {name: read("kubernetes", name)
             for name in re.findall(r"- (\S+\.yaml)", read("kubernetes", "kustomization.yaml"))}
    assert set(texts) == set(os.listdir(os.path.join(PACKAGING, "kubernetes"))) - {
        "kustomization.yaml"}
    daemon_set = texts["daemonset.yaml"]
    mounted = set(re.findall(r"- name: (\S+)\n +mountPath", daemon_set))
    volumes = set(re.findall(r"- name: (\S+)(?: #.*)?\n +(?:hostPath|configMap):", daemon_set))
    assert mounted == volumes
    account = re.search(r"serviceAccountName: (\S+)", daemon_set)[1]
    subjects = re.findall(r"- kind: ServiceAccount\n +name: (\S+)\n +namespace: (\S+)",
                          texts["rbac.yaml"])
    assert subjects and set(subjects) == {(account, "kube-system")}
    for kind, role in re.findall(r"kind: ((?:Cluster)?Role)\n  name: (\S+)", texts["rbac.yaml"]):
        assert f"kind: {kind}\nmetadata:\n  name: {role}" in texts["rbac.yaml"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_puts_the_manifests_together():
    done = subprocess.run(["kubectl", "kustomize", os.path.join(PACKAGING, "kubernetes")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\nkind: DaemonSet") == 1


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_finds_no_fault_with_the_unit(tmp_path):
    unit = tmp_path / "beeline.service"
    text = read("systemd", "beeline.service.in").replace("@sysconfdir@", "/etc")
    unit.write_text(text.replace("@bindir@/beeline", beeline_binary()), encoding="utf-8")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0 and "beeline.service" not in done.stderr, done.stderr


def test_the_unit_works_under_systemd_on_debians_own_kernel(tmp_path):
    unit = tmp_path / "beeline.service"
    text = read("systemd", "beeline.service.in")
    unit.write_text(text.replace("@bindir@", "/usr/bin").replace("@sysconfdir@", "/etc"),
                    encoding="utf-8")
    vm = os.path.join(TREE, "tests/vm")
    done = subprocess.run([f"{vm}/run", "--systemd", f"{vm}/unit", beeline_binary(), unit],
                          capture_output=True, text=True, timeout=600, check=False)
    if done.returncode == SKIPPED:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0 and "the unit works on Linux 6.1" in done.stdout, (
        done.stdout + done.stderr)


@pytest.mark.skipif(not shutil.which("dpkg-query"), reason="this is no Debian")
def test_the_image_has_the_libraries_that_the_program_needs():
    dynamic = system.run(["readelf", "-d", beeline_binary()]).stdout
    installed = set(re.search(r"--no-install-recommends \\\n(.*?)\n && rm",
                              read("Containerfile"), re.S)[1].replace("\\", " ").split())
    for library in re.findall(r"NEEDED.*\[(.*)\]", dynamic):
        if re.match(r"lib(asan|ubsan|c|m|pthread)\.so|ld-linux", library):
            continue  # of the sanitizers, or of the base image
        owner = system.run(["dpkg-query", "-S", f"*/{library}"]).stdout.split(":")[0]
        # libcurl comes in three flavours of one interface
        assert owner in installed or owner.startswith("libcurl"), f"{library} is of {owner}"


def copy_of_tree(target):
    """What is under version control, as it is now."""
    listed = system.run(["git", "-C", TREE, "ls-files", "-z"]).stdout
    for name in filter(None, listed.split("\0")):
        if os.path.exists(os.path.join(TREE, name)):
            os.makedirs(os.path.dirname(os.path.join(target, name)), exist_ok=True)
            shutil.copy2(os.path.join(TREE, name), os.path.join(target, name))


def lacks_build_packages():
    if not shutil.which("dpkg-checkbuilddeps"):
        return True
    return subprocess.run(["dpkg-checkbuilddeps", "-d", "debhelper-compat (= 13), scdoc"],
                          cwd=TREE, capture_output=True, check=False).returncode != 0


@pytest.mark.skipif(lacks_build_packages(), reason="debhelper or scdoc is not installed")
def test_the_debian_package_builds_and_holds_what_a_node_needs(tmp_path):
    tree = tmp_path / "beeline"
    copy_of_tree(tree)
    subprocess.run(["dpkg-buildpackage", "-us", "-uc", "-b", "-d"], cwd=tree, check=True,
                   timeout=900, capture_output=True,
                   env={**os.environ, "DEB_BUILD_OPTIONS": "nocheck noddebs"})
    package, = tmp_path.glob("beeline_*.deb")
    listed = system.run(["dpkg-deb", "-c", package]).stdout
    for path in ("./usr/bin/beeline", "./usr/lib/systemd/system/beeline.service",
                 "./etc/beeline/agent.yaml", "./usr/share/man/man1/beeline.1.gz",
                 "./usr/share/man/man8/beeline-agent.8.gz"):
        assert f" {path}\n" in listed, path
    system.run(["dpkg-deb", "-x", package, tmp_path / "root"])
    unit = (tmp_path / "root/usr/lib/systemd/system/beeline.service").read_text(encoding="utf-8")
    assert "ExecStart=/usr/bin/beeline agent --config /etc/beeline/agent.yaml\n" in unit
    said = system.run([tmp_path / "root/usr/bin/beeline", "version", "--client"]).stdout
    assert said.strip() == "beeline " + re.search(r"_([^_]+)_", package.name)[1]
