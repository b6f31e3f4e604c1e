# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent comes, dies, comes back and goes; people tamper with what it made."""

import json
import os
import signal
import time

from lab import manifest, system
from lab.traffic import FAILED, Loop, RemoteSocket, answers, fetch, wait_for_answers
from objects import HTTP, OTHER_VIP, VIP, WEB, names, put_service

CHECK_FAILED = 3


def program_ids(node):
    done = node.run("bpftool", "-j", "cgroup", "show", node.cgroup)
    return {row["id"] for row in json.loads(done.stdout.strip() or "[]")}


def map_id(node, name):
    return json.loads(node.output("bpftool", "-j", "map", "show", "pinned",
                                  os.path.join(node.bpffs, name)))["id"]


def status(node):
    return json.loads(node.output("curl", "-sS", "--unix-socket", node.socket,
                                  "http://localhost/beeline/v1/status"))


def test_case_36_services_answer_while_the_agent_is_dead_and_after(one_node, lab):
    node = one_node()
    put_service(lab, "one")
    put_service(lab, "two", address=OTHER_VIP)
    for address in (VIP, OTHER_VIP):
        wait_for_answers(node.client, address, names(node.web))
    maps = [map_id(node, name) for name in ("frontends4", "slots", "backends")]
    node.agent.kill()
    for address in (VIP, OTHER_VIP):
        assert FAILED not in answers(node.client, address, 10)
    node.start_agent()
    for address in (VIP, OTHER_VIP):
        assert FAILED not in answers(node.client, address, 10)
    assert [map_id(node, name) for name in ("frontends4", "slots", "backends")] == maps
    assert status(node)["datapath"]["adopted"] is True


def test_no_call_fails_over_kills_and_restarts(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    loop = Loop(node.client, VIP)
    for _ in range(3):
        node.agent.kill()
        time.sleep(0.1)
        node.start_agent()
    assert node.agent.stop() == 0
    node.start_agent()
    good, bad, samples = loop.finish()
    assert good > 50 and bad == 0, f"{bad} of {good + bad} failed: {samples}"


def test_what_changed_while_no_agent_ran_is_applied_at_the_start(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    node.agent.kill()
    node.web[0].withdraw()
    put_service(lab, "late", address=OTHER_VIP)
    node.start_agent()
    for address in (VIP, OTHER_VIP):
        wait_for_answers(node.client, address, ["pod-2"])


def test_allocated_addresses_are_the_same_after_a_restart(one_node, lab):
    node = one_node(pods=0)
    for name in ("a", "b", "c"):
        put_service(lab, name, address=None, type="NodePort")

    def allocated():
        rows = node.beeline("get", "svc", "-o", "wide", "-n", "default").stdout.splitlines()
        return sorted(row.split()[:5] for row in rows if row.split()[0] in ("a", "b", "c"))

    system.wait_until(lambda: len(allocated()) == 3, 5, 0.05, "three services")
    before = allocated()
    assert len({row[2] for row in before}) == 3
    node.agent.kill()
    node.start_agent()
    assert allocated() == before


def test_folder_is_followed_through_renames_and_broken_files(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    lab.publish("service-web.yaml", "kind: Service\nmetadata: {name: [\n")
    system.wait_until(lambda: status(node)["problemCount"] > 0, 5, 0.05, "the problem's report")
    assert FAILED not in answers(node.client, VIP, 6), "a broken file stopped traffic"
    put_service(lab)
    system.wait_until(lambda: status(node)["problemCount"] == 0, 5, 0.05, "the problem's end")
    os.rename(os.path.join(lab.manifests, "service-web.yaml"),
              os.path.join(lab.manifests, "renamed.yaml"))
    time.sleep(0.3)
    assert FAILED not in answers(node.client, VIP, 6)
    lab.withdraw("renamed.yaml")
    wait_for_answers(node.client, VIP, [])


def test_file_written_in_place_is_followed(one_node, lab):
    node = one_node()
    path = os.path.join(lab.manifests, "in-place.yaml")
    for address in (VIP, OTHER_VIP):
        with open(path, "w", encoding="utf-8") as out:
            out.write(manifest.service("web", ports=[HTTP], selector=WEB, clusterIP=address))
        if address == OTHER_VIP:
            # clusterIP cannot be changed in place, so the old service stays as it was.
            system.wait_until(lambda: status(node)["problemCount"] > 0, 5, 0.05, "the refusal")
        wait_for_answers(node.client, VIP, names(node.web))


def test_programs_that_somebody_detaches_are_put_back(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    assert detach(node, "connect4"), "no link of connect4 found"
    assert set(answers(node.client, VIP, 3)) == {FAILED}
    os.unlink(os.path.join(node.bpffs, "links", "bl_getpeername6"))
    system.wait_until(lambda: all(row["attached"] for row in status(node)["datapath"]["programs"]),
                      10, 0.1, "the repair")
    wait_for_answers(node.client, VIP, names(node.web))
    system.wait_until(lambda: status(node)["hooks"]["state"] == "in-force", 10, 0.1, "the canary")
    assert "attaching again" in node.agent.read_log()
    assert node.beeline("status").returncode == 0


def test_canary_says_when_hooks_do_nothing_and_when_they_work_again(one_node, lab):
    node = one_node(pods=0)
    system.wait_until(lambda: status(node)["hooks"]["state"] == "in-force", 5, 0.05, "the canary")
    key = ["127", "254", "254", "254", "0", "9", "6", "0"]
    node.run("bpftool", "map", "delete", "pinned", os.path.join(node.bpffs, "frontends4"),
             "key", *key)
    system.wait_until(lambda: status(node)["hooks"]["state"] == "not-in-force", 20, 0.2,
                      "the canary's alarm")
    told = node.beeline("status", check=False)
    assert told.returncode == CHECK_FAILED
    assert "NOT IN FORCE" in told.stdout
    node.agent.kill()
    node.start_agent()
    system.wait_until(lambda: status(node)["hooks"]["state"] == "in-force", 10, 0.05, "the repair")
    assert node.beeline("status").returncode == 0


def detach(node, hook):
    """Detaches the link of a hook as somebody with bpftool would; the number of links."""
    count = 0
    for folder, _, files in os.walk(node.bpffs):
        for name in files:
            if hook in name:
                path = os.path.join(folder, name)
                count += node.run("bpftool", "link", "detach", "pinned", path,
                                  check=False).returncode == 0
    return count




def test_verify_finds_a_difference_and_the_agent_mends_it(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    assert node.beeline("verify").returncode == 0
    key = ["10", "96", "0", "80", "0", "80", "6", "0"]
    node.run("bpftool", "map", "delete", "pinned", os.path.join(node.bpffs, "frontends4"),
             "key", *key)
    found = node.beeline("verify", check=False)
    assert found.returncode == CHECK_FAILED, found.stdout
    assert "10.96.0.80" in found.stdout
    node.agent.kill()
    node.start_agent()
    assert node.beeline("verify").returncode == 0
    assert FAILED not in answers(node.client, VIP, 6)


def test_unload_leaves_nothing(one_node, lab):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    assert program_ids(node)
    node.agent.stop()
    assert program_ids(node), "stopping the agent stopped the traffic"
    assert FAILED not in answers(node.client, VIP, 4)
    node.beeline("unload", *node.place())
    assert program_ids(node) == set()
    assert not os.path.exists(node.bpffs)
    assert set(answers(node.client, VIP, 3)) == {FAILED}
    assert node.beeline("unload", *node.place()).returncode == 0


def test_load_serves_without_an_agent(one_node, lab):
    node = one_node()
    node.agent.stop()
    node.beeline("unload", *node.place())
    path = os.path.join(lab.folder, "objects")
    os.mkdir(path)
    with open(os.path.join(path, "service.yaml"), "w", encoding="utf-8") as out:
        out.write(manifest.service("web", ports=[HTTP], selector=WEB, clusterIP=VIP))
    node.beeline("load", *node.place(), "--state-dir", node.state, "--node-name", node.name,
                 "-f", path, "-f", lab.manifests)
    wait_for_answers(node.client, VIP, names(node.web))


def test_connection_lives_through_the_end_of_the_agent_and_of_the_hooks(one_node, lab):
    node = one_node(pods=1)
    put_service(lab)
    wait_for_answers(node.client, VIP, ["pod-1"])
    with RemoteSocket(node.client, "ipv4", "tcp") as sock:
        sock.connect((VIP, 80))
        for step in (lambda: None, node.agent.kill, lambda: node.beeline("unload", *node.place())):
            step()
            assert fetch(sock) == "pod-1"


def test_termination_by_signal_is_orderly(one_node):
    node = one_node(pods=0)
    for number in (signal.SIGTERM, signal.SIGINT):
        assert node.agent.signal(number) == 0
        node.start_agent()
    assert node.agent.stop() == 0
    assert node.beeline("status", check=False).returncode == 5


def test_two_agents_on_one_machine_do_not_touch_each_other(two_nodes, lab):
    first, second = two_nodes
    first.add_pod("web", labels=WEB)
    put_service(lab)
    for node in two_nodes:
        wait_for_answers(node.client, VIP, ["web"])
    first.agent.stop()
    first.beeline("unload", *first.place())
    assert set(answers(first.client, VIP, 2)) == {FAILED}
    assert FAILED not in answers(second.client, VIP, 6)


def test_same_place_twice_is_refused(one_node):
    node = one_node(pods=0)
    second = node.run(*node.agent.argv(), check=False)
    assert second.returncode not in (0, 124)
    assert node.agent.child.poll() is None


def test_second_agent_or_unload_in_the_same_folder_of_pins_is_refused(one_node, lab, tmp_path):
    node = one_node()
    put_service(lab)
    wait_for_answers(node.client, VIP, names(node.web))
    elsewhere = ["--state-dir", str(tmp_path / "state")]
    second = node.beeline("agent", *node.place(), *elsewhere, "--socket", str(tmp_path / "socket"),
                          check=False)
    assert second.returncode == 1
    assert node.bpffs in second.stderr
    assert node.beeline("unload", *node.place(), *elsewhere, check=False).returncode == 1
    assert node.beeline("verify").returncode == 0
    assert FAILED not in answers(node.client, VIP, 6)
