# SPDX-License-Identifier: GPL-3.0-or-later
"""The laboratory itself: what it makes works, leads nowhere outside, and goes without a trace."""

import os
import signal
import subprocess
import sys
import time

import pytest

from conftest import TREE, new_name
from lab import journal, laboratory, system

BUILD_AND_WAIT = """
import sys, time
sys.path.insert(0, sys.argv[1])
from lab.laboratory import Lab
lab = Lab(sys.argv[2])
node = lab.add_node()
node.add_pod()
print("standing", flush=True)
time.sleep(60)
"""


def traces_of(name):
    """What is left of a laboratory on this machine."""
    places = [journal.folder_of(name), os.path.join(system.cgroup2_mount(), name)]
    found = [place for place in places if os.path.exists(place)]
    found += [point for point, _ in system.mounts() if point.startswith(places[0] + "/")]
    if os.path.isdir(system.NETNS_FOLDER):
        found += [entry for entry in os.listdir(system.NETNS_FOLDER)
                  if entry.startswith(name + "-")]
    return found


def build_in_child(name):
    child = subprocess.Popen(
        ["/usr/bin/python3", "-B", "-c", BUILD_AND_WAIT, os.path.join(TREE, "tools"), name],
        stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "standing\n"
    return child


def test_pods_of_two_nodes_reach_each_other_over_both_families(lab):
    first, second = lab.add_node(), lab.add_node()
    here, there = first.add_pod(), second.add_pod()
    for family in (0, 1):
        host = f"[{there.addresses[1]}]" if family else there.addresses[0]
        answer = here.curl(f"http://{host}:8080/where")
        assert answer.startswith(f"{there.name} ")
        source = f"[{here.addresses[1]}]" if family else here.addresses[0]
        assert f"client={source}:" in answer


def test_udp_echo_answers_with_the_name_of_the_pod(lab):
    node = lab.add_node()
    pod = node.add_pod()
    answer = node.output("/usr/bin/python3", "-I", "-c", """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.sendto(b"hello", (sys.argv[1], 5353))
print(s.recv(100).decode())
""", pod.addresses[0])
    assert answer == f"{pod.name} hello"


def test_no_member_has_a_way_to_the_machine_or_beyond(lab):
    node = lab.add_node()
    pod, client = node.add_pod(), lab.add_client("client")
    for member in (node, pod, client):
        assert "default" not in member.output("ip", "route")
        assert "default" not in member.output("ip", "-6", "route")
    outside = subprocess.run(["ip", "-o", "-4", "addr", "show"], stdout=subprocess.PIPE, text=True,
                             check=True).stdout
    addresses = {line.split()[3].partition("/")[0] for line in outside.splitlines()}
    targets = (addresses - {"127.0.0.1"}) | {"10.96.0.1", "192.0.2.1"}
    for member in (node, pod, client):
        for target in targets:
            done = member.curl(f"http://{target}:9/", timeout=2, check=False)
            assert done.returncode == 7, done.stderr  # curl: failed to connect, at once
            assert "refused" not in done.stderr.lower(), f"{target} answered {member.name}"


def test_no_link_ends_in_the_namespace_of_the_machine(lab):
    before = set(os.listdir("/sys/class/net"))
    node = lab.add_node()
    node.add_pod()
    assert set(os.listdir("/sys/class/net")) == before


def test_processes_run_in_the_cgroup_of_their_member(lab):
    node = lab.add_node()
    pod = node.add_pod(serve=False)
    assert pod.output("sh", "-c", "grep ^0:: /proc/self/cgroup") == f"0::/{lab.name}/node-1/pod-1"
    assert pod.cgroup.startswith(node.cgroup + "/")


def test_stopping_a_pod_ends_its_server_alone(lab):
    node = lab.add_node()
    first, second = node.add_pod(), node.add_pod()
    first.stop()
    assert node.curl(f"http://{first.addresses[0]}:8080/", check=False).returncode == 7
    assert node.curl(f"http://{second.addresses[0]}:8080/") == second.name


def test_pod_has_a_root_folder_a_host_name_and_hosts_of_its_own(lab):
    first, second = (lab.add_node().add_pod(serve=False) for _ in range(2))
    first.run("touch", "/only-here")
    assert first.run("test", "-e", "/only-here", check=False).returncode == 0
    assert second.run("test", "-e", "/only-here", check=False).returncode == 1
    assert not os.path.exists("/only-here")
    assert first.output("hostname") == first.name != os.uname().nodename
    variables = {line.split("=")[0] for line in first.output("env").splitlines()}
    assert variables <= {"PATH", "HOME", "TERM", "LANG", "HOSTNAME", "PWD", "OLDPWD", "SHLVL", "_"}
    assert first.output("getent", "ahostsv4", first.name).split()[0] == first.addresses[0]
    first.stop()
    assert first.run("test", "-e", "/only-here", check=False).returncode == 1


def test_standing_laboratory_takes_more_pods():
    name = new_name()
    first = laboratory.Lab(name)
    pod = first.add_node().add_pod(labels={"app": "web"})
    first.leave_standing()
    with laboratory.Lab.reopen(name) as lab:
        node = lab.nodes[0]
        more = node.add_pod()
        assert more.name == "pod-2" and more.addresses != pod.addresses
        assert more.curl(f"http://{pod.addresses[0]}:8080/") == pod.name
        node.pods[0].restart()
        assert more.curl(f"http://{pod.addresses[0]}:8080/") == pod.name
    assert traces_of(name) == []


def test_manifests_of_pods_are_written_and_withdrawn(lab):
    pod = lab.add_node().add_pod(labels={"app": "web"})
    assert os.listdir(lab.manifests) == [pod.manifest_file]
    pod.withdraw()
    assert os.listdir(lab.manifests) == []


def test_closing_leaves_no_trace():
    name = new_name()
    with laboratory.Lab(name) as lab:
        lab.add_node().add_pod()
        lab.add_client("client")
        assert len(traces_of(name)) > 3
    assert traces_of(name) == []


def test_two_stand_side_by_side_and_one_goes():
    with laboratory.Lab(new_name()) as stays:
        with laboratory.Lab(new_name()) as goes:
            goes.add_node().add_pod()
            pod = stays.add_node().add_pod()
        assert traces_of(goes.name) == []
        assert pod.curl(f"http://{pod.addresses[0]}:8080/") == pod.name


def test_same_name_twice_is_refused_and_the_first_stays():
    with laboratory.Lab(new_name()) as lab:
        with pytest.raises(system.LabError, match="is there already"):
            laboratory.Lab(lab.name)
        assert os.path.isdir(lab.folder)


def test_what_was_there_before_is_refused_and_kept():
    name = new_name()
    system.run(["ip", "netns", "add", f"{name}-wire"])
    try:
        with pytest.raises(system.LabError, match="not of this laboratory"):
            laboratory.Lab(name)
        assert traces_of(name) == [f"{name}-wire"]
    finally:
        system.run(["ip", "netns", "delete", f"{name}-wire"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_down_after_its_builder_died_leaves_no_trace(number):
    name = new_name()
    child = build_in_child(name)
    child.send_signal(number)
    child.wait(timeout=10)
    assert traces_of(name)
    journal.Journal(name, create=False).undo()
    assert traces_of(name) == []


def test_abandoned_one_is_swept_by_the_next_run():
    name = new_name()
    child = build_in_child(name)
    journal.remove_abandoned()
    assert traces_of(name), "swept although its owner lives"
    child.kill()
    child.wait(timeout=10)
    journal.remove_abandoned()
    assert traces_of(name) == []


def test_builder_killed_at_any_moment_is_cleaned_up_after():
    for delay in (0.02, 0.06, 0.1, 0.15, 0.2):
        name = new_name()
        child = subprocess.Popen(
            [sys.executable, "-B", "-c", BUILD_AND_WAIT, os.path.join(TREE, "tools"), name],
            stdout=subprocess.DEVNULL)
        time.sleep(delay)
        child.kill()
        child.wait(timeout=10)
        if os.path.isdir(journal.folder_of(name)):
            journal.Journal(name, create=False).undo()
        assert traces_of(name) == []
