# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands against an agent that does what it is told, also wrong things."""

import json
import os
import subprocess

import pytest

from conftest import TREE
from fake_agent import FakeAgent

BEELINE = os.path.join(TREE, "build", "beeline")

WEB = """apiVersion: v1
kind: Service
metadata:
  name: web
  labels: {app: web}
spec:
  selector: {app: web}
  ports:
  - port: 80
    targetPort: 8080
"""


@pytest.fixture
def agent(tmp_path):
    fake = FakeAgent(str(tmp_path / "socket"))
    yield fake
    fake.close()


def run(agent, *words, given=""):
    return subprocess.run([BEELINE, "--socket", agent.path, *words], input=given, text=True,
                          capture_output=True, timeout=20)


def expect(agent, *words, out="", err="", code=0, given=""):
    done = run(agent, *words, given=given)
    assert (done.stdout, done.stderr, done.returncode) == (out, err, code)


def add_pod(agent, name, **labels):
    agent.put("pods", {"apiVersion": "v1", "kind": "Pod",
                       "metadata": {"name": name, "namespace": "default", "labels": labels},
                       "spec": {"containers": [{"name": "c", "ports": [
                           {"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}]}]}})


def test_apply_creates_then_finds_unchanged_then_configures(agent):
    expect(agent, "apply", "-f", "-", out="service/web created\n", given=WEB)
    expect(agent, "apply", "-f", "-", out="service/web unchanged\n", given=WEB)
    expect(agent, "apply", "-f", "-", out="service/web configured\n",
           given=WEB.replace("port: 80\n", "port: 81\n"))
    assert agent.objects["services", "default", "web"]["spec"]["ports"][0]["port"] == 81


def test_apply_keeps_what_others_added_and_removes_what_it_had_added(agent):
    run(agent, "apply", "-f", "-", given=WEB)
    live = agent.objects["services", "default", "web"]
    live["metadata"]["labels"]["by"] = "hand"
    live["spec"]["clusterIP"] = "10.96.0.9"
    expect(agent, "apply", "-f", "-", out="service/web configured\n",
           given=WEB.replace("{app: web}\nspec", "{tier: front}\nspec"))
    live = agent.objects["services", "default", "web"]
    assert live["metadata"]["labels"] == {"by": "hand", "tier": "front"}
    assert live["spec"]["clusterIP"] == "10.96.0.9"


def test_apply_goes_on_after_a_bad_document_and_says_where_it_is(agent):
    done = run(agent, "apply", "-f", "-",
               given=WEB.replace("name: web", "name: Web_1") + "---\n" + WEB)
    assert done.stdout == "service/web created\n"
    assert "standard input:4:" in done.stderr and "Web_1" in done.stderr
    assert done.returncode == 1


def test_apply_reads_folders_in_order_and_deeper_only_when_told(agent, tmp_path):
    folder = tmp_path / "manifests"
    (folder / "deep").mkdir(parents=True)
    (folder / "b.yaml").write_text(WEB.replace("name: web", "name: b"))
    (folder / "a.yml").write_text(WEB.replace("name: web", "name: a"))
    (folder / "note.txt").write_text("not a manifest")
    (folder / "deep" / "c.yaml").write_text(WEB.replace("name: web", "name: c"))
    expect(agent, "apply", "-f", str(folder), out="service/a created\nservice/b created\n")
    expect(agent, "apply", "-R", "-f", str(folder), "--dry-run=client",
           out="service/a unchanged (dry run)\nservice/b unchanged (dry run)\n"
               "service/c created (dry run)\n")
    assert ("services", "default", "c") not in agent.objects


def test_a_namespace_of_the_command_line_holds_for_manifests_without_one(agent):
    expect(agent, "-n", "shop", "apply", "-f", "-", out="service/web created\n", given=WEB)
    assert ("services", "shop", "web") in agent.objects
    done = run(agent, "-n", "shop", "apply", "-f", "-",
               given=WEB.replace("name: web", "name: web\n  namespace: other"))
    assert done.returncode == 1 and "'other'" in done.stderr and "'shop'" in done.stderr


def test_create_refuses_what_exists(agent):
    expect(agent, "create", "-f", "-", out="service/web created\n", given=WEB)
    done = run(agent, "create", "-f", "-", given=WEB)
    assert done.returncode == 1
    assert 'Error from server (AlreadyExists): services "web" already exists' in done.stderr


def test_delete_by_name_by_file_and_by_label(agent):
    run(agent, "apply", "-f", "-", given=WEB)
    expect(agent, "delete", "svc", "web", out='service "web" deleted\n')
    missing = 'Error from server (NotFound): services "web" not found\n'
    expect(agent, "delete", "svc/web", err=missing, code=1)
    expect(agent, "delete", "svc/web", "--ignore-not-found")
    run(agent, "apply", "-f", "-", given=WEB)
    expect(agent, "delete", "-f", "-", out='service "web" deleted\n', given=WEB)
    run(agent, "apply", "-f", "-", given=WEB)
    expect(agent, "delete", "svc", "-l", "app=other", out="No resources found\n")
    expect(agent, "delete", "svc", "-l", "app=web", out='service "web" deleted\n')
    assert run(agent, "delete", "svc").returncode == 2


def test_get_says_nothing_found_on_the_other_stream(agent):
    expect(agent, "get", "svc", err="No resources found in default namespace.\n")
    expect(agent, "get", "svc", "-A", err="No resources found\n")
    expect(agent, "get", "nodes", err="No resources found\n")
    expect(agent, "get", "svc", "-o", "name")


def test_get_prints_what_it_finds_and_fails_for_what_it_does_not(agent):
    add_pod(agent, "a", app="x")
    done = run(agent, "get", "po", "a", "b", "--no-headers")
    assert done.stdout.split() == ["a", "0/1", "0", "<unknown>"]
    assert done.stderr == 'Error from server (NotFound): pods "b" not found\n'
    assert done.returncode == 1


def test_get_gives_one_object_as_itself_and_several_as_a_list(agent):
    add_pod(agent, "a", app="x")
    add_pod(agent, "b", app="y")
    assert json.loads(run(agent, "get", "po/a", "-o", "json").stdout)["kind"] == "Pod"
    several = json.loads(run(agent, "get", "po", "-o", "json").stdout)
    assert several["kind"] == "List" and len(several["items"]) == 2
    assert "kind: List" in run(agent, "get", "po", "-oyaml").stdout
    expect(agent, "get", "po", "-l", "app=y", "-o", "name", out="pod/b\n")


def event(kind, name):
    return json.dumps({"type": kind, "object": {"kind": "Namespace",
                                                "metadata": {"name": name}}}).encode() + b"\n"


def test_watch_prints_what_there_is_then_every_change_and_says_how_it_ended(agent):
    agent.put("namespaces", {"kind": "Namespace", "metadata": {"name": "a-long-name"}})
    whole = event("ADDED", "one") + event("BOOKMARK", "never") + event("MODIFIED", "two")
    agent.stream = [whole[:30], whole[30:]]
    done = run(agent, "get", "ns", "-w")
    assert done.stdout == ("NAME          STATUS   AGE\n"
                           "a-long-name   Active   <unknown>\n"
                           "one           Active   <unknown>\n"
                           "two           Active   <unknown>\n")
    assert done.stderr == "beeline: the agent ended the watch\n" and done.returncode == 1
    done = run(agent, "get", "ns", "--watch-only", "-o", "name")
    assert done.stdout == "namespace/one\nnamespace/two\n"


@pytest.mark.parametrize("stream, ends, words", [
    ([event("ADDED", "a")], False, "broke the connection off"),
    ([b"nonsense\n"], True, "no JSON"),
    ([b'{"type":"ERROR","object":{"reason":"Expired","message":"too old"}}\n'], True,
     "Error from server (Expired): too old"),
])
def test_watch_says_what_broke_it(agent, stream, ends, words):
    agent.stream, agent.stream_ends = stream, ends
    done = run(agent, "get", "ns", "-w")
    assert words in done.stderr and done.returncode == 1


def test_label_adds_changes_and_removes(agent):
    add_pod(agent, "a", app="x")
    expect(agent, "label", "pod", "a", "tier=front", out="pod/a labeled\n")
    expect(agent, "label", "pod", "a", "tier=front", out="pod/a not labeled\n")
    expect(agent, "label", "pod/a", "tier=back", code=1,
           err="beeline: 'tier' already has a value (front), and --overwrite is false\n")
    expect(agent, "label", "pod/a", "tier=back", "--overwrite", out="pod/a labeled\n")
    expect(agent, "label", "pod/a", "tier-", out="pod/a unlabeled\n")
    expect(agent, "label", "pod/a", "tier-",
           out='label "tier" not found.\npod/a not labeled\n')
    expect(agent, "annotate", "po", "--all", "note=x", out="pod/a annotated\n")
    assert agent.objects["pods", "default", "a"]["metadata"]["labels"] == {"app": "x"}
    assert run(agent, "label", "pods", "a=b").returncode == 2
    assert run(agent, "label", "pod", "a").returncode == 2


def test_expose_makes_a_service_for_a_pod(agent):
    add_pod(agent, "web-1", app="web")
    expect(agent, "expose", "pod", "web-1", "--port", "80", "--target-port", "8080", "--name",
           "web", "--type", "NodePort", out="service/web exposed\n")
    assert agent.objects["services", "default", "web"]["spec"] == {
        "type": "NodePort", "selector": {"app": "web"},
        "ports": [{"protocol": "TCP", "port": 80, "targetPort": 8080}]}
    expect(agent, "expose", "pod/web-1", out="service/web-1 exposed\n")
    assert agent.objects["services", "default", "web-1"]["spec"]["ports"] == [
        {"name": "port-1", "protocol": "TCP", "port": 8080, "targetPort": 8080},
        {"name": "port-2", "protocol": "UDP", "port": 53, "targetPort": 53}]
    expect(agent, "expose", "svc/web", "--name", "again", "--port", "81", "--target-port", "http",
           out="service/again exposed\n")
    spec = agent.objects["services", "default", "again"]["spec"]
    assert spec["selector"] == {"app": "web"} and spec["ports"][0]["targetPort"] == "http"
    add_pod(agent, "bare")
    done = run(agent, "expose", "pod", "bare", "--port", "80")
    assert done.returncode == 1 and "no labels" in done.stderr


def test_env_prints_variables_for_a_shell(agent):
    agent.canned["/beeline/v1/env"] = [{"name": "WEB_SERVICE_HOST", "value": "10.96.0.10"},
                                       {"name": "WEB_SERVICE_PORT", "value": "80"}]
    expect(agent, "env", "--pod", "a",
           out="WEB_SERVICE_HOST=10.96.0.10\nWEB_SERVICE_PORT=80\n")


def test_status_exits_with_three_when_something_is_wrong(agent):
    status = {"version": "1", "node": "a", "pid": 1, "uptimeSeconds": 200, "state": "ready",
              "hooks": {"state": "in-force"}, "lastApply": {"ok": True},
              "counts": {"slots": {"used": 1, "limit": 4}}}
    agent.canned["/beeline/v1/status"] = status
    done = run(agent, "status")
    assert done.returncode == 0 and "healthy\n" in done.stdout.splitlines(True)[0]
    assert "[#####...............]  25%" in done.stdout
    status["problems"] = [{"severity": "error", "message": "/x.yaml:3:1: no"}]
    done = run(agent, "status")
    assert done.returncode == 3 and "/x.yaml:3:1: no" in done.stdout


@pytest.mark.parametrize("command", [
    ["get", "svc"], ["describe", "svc"], ["apply", "-f", "-"], ["delete", "svc/a"], ["status"],
    ["label", "pod/a", "b=c"], ["expose", "pod/a"], ["env"],
])
def test_no_agent_is_said_with_what_to_do_and_exit_status_five(tmp_path, command):
    done = subprocess.run([BEELINE, *command], input=WEB, text=True, capture_output=True,
                          env={**os.environ, "BEELINE_SOCKET": str(tmp_path / "none")}, timeout=20)
    assert done.returncode == 5
    assert "no agent answers" in done.stderr and "beeline agent --manifests" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("body, words", [
    (b"<html>", "no JSON"),
    (b"", ""),
    (b"[1,2]", ""),
    (b'{"items":{"a":1}}', ""),
    (b'{"items":[1,"x",null,{"metadata":7}]}', ""),
])
def test_an_answer_of_another_shape_breaks_nothing(agent, body, words):
    agent.canned["/api/v1/namespaces/default/services"] = body
    for form in ([], ["-o", "wide"], ["-o", "yaml"], ["-o", "name"]):
        done = run(agent, "get", "svc", *form)
        assert done.returncode in (0, 1) and words in done.stderr


def test_a_closed_pipe_ends_it_quietly(agent):
    for number in range(2000):
        add_pod(agent, f"pod-{number}")
    done = subprocess.run(f"{BEELINE} --socket {agent.path} get pods -o yaml | head -1", shell=True,
                          text=True, capture_output=True, timeout=20)
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1


def test_completion_offers_commands_options_types_and_names(agent):
    run(agent, "apply", "-f", "-", given=WEB)
    script = f"""
        PATH={os.path.dirname(BEELINE)}:$PATH
        export BEELINE_SOCKET={agent.path}
        source <(beeline completion bash)
        try() {{ COMP_WORDS=("$@"); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=();
                 _beeline 2>/dev/null; echo "${{COMPREPLY[*]}}"; }}
        try beeline desc
        try beeline get --show
        try beeline get -o ""
        try beeline get servi
        try beeline get svc ""
        try beeline completion ""
        """
    done = subprocess.run(["bash", "-c", script], text=True, capture_output=True, timeout=20)
    assert done.stdout.splitlines() == ["describe", "--show-labels", "wide name json yaml",
                                        "services", "web", "bash"]
