# SPDX-License-Identifier: GPL-3.0-or-later
"""Exec probes that the agent runs itself: where, as whom, and what is left of them."""

import os

import pytest

from lab import system
from probe_parts import publish, wait_described, wait_ready


def wait_comm(child, name):
    """Until the process has become the program."""
    def comm():
        with open(f"/proc/{child.pid}/comm", encoding="ascii") as text:
            return text.read().strip()
    system.wait_until(lambda: comm() == name, 5, 0.05, name)


def commands_in(cgroup):
    """Command lines of the processes in a cgroup and below it."""
    lines = []
    for folder, _, _ in os.walk(cgroup):
        with open(os.path.join(folder, "cgroup.procs"), encoding="ascii") as procs:
            for pid in procs.read().split():
                try:
                    with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
                        lines.append(line.read().replace("\0", " ").strip())
                except OSError:
                    pass
    return lines


def groups_in(cgroup):
    return [name for name in os.listdir(cgroup) if name.startswith("beeline-probe-")]


def wait_gone(pod, mark):
    """Until no command with this mark runs, and no cgroup of a probe is left."""
    system.wait_until(
        lambda: not any(mark in line for line in commands_in(pod.cgroup)) and
        not groups_in(pod.cgroup), 5, 0.1,
        f"the end of its processes: {commands_in(pod.cgroup)} {groups_in(pod.cgroup)}")


# Each starts something that outlives the shell, or would: in the shell's group, in a session of its
# own, as a daemon does it.
LEFT_BEHIND = {
    "child": "sleep 3001 & sleep 3002",
    "session": "setsid sleep 3001 & sleep 3002",
    "daemon": "(setsid sh -c 'sleep 3001 & sleep 3002' &) ; sleep 3003",
}


@pytest.mark.parametrize("how", sorted(LEFT_BEHIND))
def test_an_exec_probe_beyond_its_time_dies_with_all_it_started(lab, one_node, how):
    node = one_node(pods=1)
    pod = node.web[0]
    publish(lab, pod, {"exec": {"command": ["sh", "-c", LEFT_BEHIND[how]]}, "periodSeconds": 3},
            annotations={"beeline.dev/netns": pod.netns, "beeline.dev/cgroup": pod.cgroup})
    system.wait_until(lambda: any("sleep 3001" in line for line in commands_in(pod.cgroup)), 5, 0.05,
                      "the command")
    assert groups_in(pod.cgroup)
    wait_described(node, "pod-1", "Readiness probe failed: timed out after 1s")
    wait_gone(pod, "sleep 300")


def test_what_an_exec_probe_leaves_behind_ends_with_it(lab, one_node):
    node = one_node(pods=1)
    pod = node.web[0]
    publish(lab, pod, {"exec": {"command": ["sh", "-c", "setsid sleep 3001 >/dev/null 2>&1 & exit 0"]},
                       "periodSeconds": 3},
            annotations={"beeline.dev/netns": pod.netns, "beeline.dev/cgroup": pod.cgroup})
    wait_ready(node, pod_1="1/1")
    wait_gone(pod, "sleep 3001")


def test_exec_probes_without_a_cgroup_of_the_pod_run_below_the_agents(lab, one_node):
    node = one_node(pods=1)
    script = "grep -o 'agent/beeline-probe' /proc/self/cgroup; setsid sleep 3001 & sleep 3001"
    publish(lab, node.web[0], {"exec": {"command": ["sh", "-c", script]}, "periodSeconds": 3},
            annotations={"beeline.dev/netns": node.web[0].netns})
    wait_described(node, "pod-1", "Readiness probe failed: timed out after 1s")
    agent = os.path.join(node.cgroup, "agent")
    system.wait_until(lambda: not any("sleep 3001" in line for line in commands_in(agent)) and
                      not groups_in(agent), 5, 0.1, "the end of its processes")


def test_an_exec_probe_by_process_runs_as_the_container_does(lab, one_node):
    node = one_node(pods=1)
    pod = node.web[0]
    child = pod.start("setpriv", "--reuid=1234", "--regid=1235", "--clear-groups", "env",
                      "MARK=container", "sleep", "60")
    script = ("test $(id -u) = 1234 && test $(id -g) = 1235 && test $MARK = container && "
              f"grep -q {os.path.basename(pod.cgroup)} /proc/self/cgroup && "
              f"test $(ip -o addr | grep -c {pod.addresses[0]}/) = 1")
    system.wait_until(lambda: "sleep" in open(f"/proc/{child.pid}/comm").read(), 5, 0.05, "sleep")
    publish(lab, pod, {"exec": {"command": ["sh", "-c", script]}},
            annotations={"beeline.dev/pid": str(child.pid)})
    wait_ready(node, pod_1="1/1")


def test_an_exec_probe_has_the_capabilities_of_the_container(lab, one_node):
    node = one_node(pods=1)
    pod = node.web[0]
    child = pod.start("setpriv", "--bounding-set=-all,+chown,+kill", "--inh-caps=-all", "--no-new-privs",
                      "sleep", "600")
    wait_comm(child, "sleep")
    with open(f"/proc/{child.pid}/status", encoding="ascii") as status:
        wanted = "".join(line for line in status if line.startswith(("Cap", "NoNewPrivs")))
    path = os.path.join(lab.folder, "capabilities")
    with open(path, "w", encoding="ascii") as out:
        out.write(wanted)
    publish(lab, pod, {"exec": {"command": [
        "sh", "-c", f"grep -E '^(Cap|NoNewPrivs)' /proc/self/status | diff - {path}"]}},
            annotations={"beeline.dev/pid": str(child.pid)})
    wait_ready(node, pod_1="1/1")


def test_an_exec_probe_of_a_user_with_capabilities_keeps_them(lab, one_node):
    node = one_node(pods=1)
    pod = node.web[0]
    child = pod.start("setpriv", "--reuid=1234", "--regid=1235", "--clear-groups",
                      "--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service",
                      "sleep", "600")
    wait_comm(child, "sleep")
    publish(lab, pod, {"exec": {"command": [
        "sh", "-c", "test $(id -u) = 1234 && grep -q 'CapEff:.0000000000000400' "
        "/proc/self/status"]}}, annotations={"beeline.dev/pid": str(child.pid)})
    wait_ready(node, pod_1="1/1")


@pytest.mark.parametrize("how", [("--map-root-user",), ("--map-user=33", "--map-group=34")])
def test_an_exec_probe_enters_the_users_of_the_container(lab, one_node, how):
    node = one_node(pods=1)
    pod = node.web[0]
    child = pod.start("unshare", "--user", *how, "sleep", "600")
    wait_comm(child, "sleep")
    users = os.readlink(f"/proc/{child.pid}/ns/user")
    uid = "33" if len(how) > 1 else "0"
    script = (f"test $(readlink /proc/self/ns/user) = '{users}' && test $(id -u) = {uid} && "
              f"test $(ip -o addr | grep -c {pod.addresses[0]}/) = 1")
    publish(lab, pod, {"exec": {"command": ["sh", "-c", script]}},
            annotations={"beeline.dev/pid": str(child.pid)})
    wait_ready(node, pod_1="1/1")


def test_an_exec_probe_enters_a_container_with_namespaces_of_its_own(lab, one_node):
    node = one_node(pods=1)
    pod = node.web[0]
    child = pod.start("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc",
                      "--uts", "--ipc", "sh", "-c", "hostname inside && exec sleep 600")
    children = f"/proc/{child.pid}/task/{child.pid}/children"

    def inside():
        with open(children, encoding="ascii") as text:
            pid = text.read().strip()
        if not pid:
            return None
        with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            return pid if comm.read().strip() == "sleep" else None
    pid = system.wait_until(inside, 5, 0.05, "container")
    publish(lab, pod, {"exec": {"command": [
        "sh", "-c", "test $(hostname) = inside && test $(cat /proc/1/comm) = sleep"]}},
            annotations={"beeline.dev/pid": pid})
    wait_ready(node, pod_1="1/1")


def test_a_process_that_is_gone_is_named(lab, one_node):
    node = one_node(pods=1)
    publish(lab, node.web[0], {"exec": {"command": ["true"]}},
            annotations={"beeline.dev/pid": "4194303"})
    wait_described(node, "pod-1", "cannot probe: process 4194303 of the container: No such process")


def test_the_next_agent_begins_while_a_command_of_the_last_ones_probes_runs(lab, one_node):
    """What the last agent had open, the lock of its state folder too, goes with it."""
    node = one_node(pods=1)
    pod = node.web[0]
    child = pod.start("sleep", "600")
    wait_comm(child, "sleep")
    publish(lab, pod, {"exec": {"command": ["sleep", "3001"]}, "timeoutSeconds": 600},
            annotations={"beeline.dev/pid": str(child.pid)})
    system.wait_until(lambda: any("sleep 3001" in line for line in commands_in(pod.cgroup)), 5, 0.05,
                      "the command")
    node.agent.kill()
    node.start_agent()
