# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients write over the agent's socket, and what is left of it when the agent is killed."""

import http.client
import random
import signal
import threading
import time

from test_agent_socket import SERVICES, agent, service, wait_until


def test_what_was_answered_is_there_after_a_kill_at_any_moment(agent):
    """Writers go on until the agent is killed under them; what they were told is what it knows."""
    seed = random.randrange(1 << 32)
    chance, known, lock = random.Random(seed), {}, threading.Lock()

    def write(number):
        name = f"web-{number}"
        path = f"{SERVICES}/{name}"
        there = name in known
        for turn in range(1000):
            try:
                if not there:
                    code, answer = agent.post(SERVICES, service(name))
                elif turn % 5 == 4:
                    code, answer = agent.call("DELETE", path)
                else:
                    code, answer = agent.call(
                        "PATCH", path, {"metadata": {"labels": {"turn": str(turn)}}},
                        content_type="application/merge-patch+json")
            except (OSError, ValueError, http.client.HTTPException):
                known[name] = known.get(name, [None]) + ["?"] # it may have happened, or not
                return
            with lock:
                assert code in (200, 201), answer
                there = answer["kind"] == "Service"
                known[name] = [answer["metadata"]["uid"] if there else None]

    for _ in range(6):
        agent.start()
        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        time.sleep(chance.uniform(0.02, 0.4))
        agent.stop(signal.SIGKILL)
        for writer in writers:
            writer.join()
        agent.start()
        assert agent.problems() == [], seed
        found = {item["metadata"]["name"]: item["metadata"]["uid"]
                 for item in agent.get(SERVICES)[1]["items"]}
        for name, values in known.items():
            if "?" not in values:
                assert found.get(name) == values[0], (seed, name)
        known = {name: [uid] for name, uid in found.items()}
        addresses = [item["spec"]["clusterIP"] for item in agent.get(SERVICES)[1]["items"]]
        assert len(set(addresses)) == len(addresses), seed
        agent.stop()


def test_leases_are_kept_for_others(agent):
    agent.start()
    path = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
             "metadata": {"name": "pool"},
             "spec": {"holderIdentity": "node-b", "leaseDurationSeconds": 15, "leaseTransitions": 0,
                      "acquireTime": "2026-01-31T12:00:00.000001Z",
                      "renewTime": "2026-01-31T12:00:00.000001Z"}}
    code, made = agent.post(path, lease)
    assert code == 201 and made["spec"]["renewTime"] == "2026-01-31T12:00:00.000001Z", made
    made["spec"]["renewTime"] = "2026-01-31T12:00:05.000002Z"
    code, renewed = agent.call("PUT", path + "/pool", made)
    assert code == 200 and renewed["metadata"]["generation"] == 2, renewed
    # Who read it before that comes too late.
    made["spec"]["holderIdentity"] = "node-c"
    assert agent.call("PUT", path + "/pool", made)[0] == 409
    assert agent.post(path, lease)[0] == 409
    agent.stop()
    agent.start()
    assert agent.get(path + "/pool")[1]["spec"] == renewed["spec"]
    assert agent.call("DELETE", path + "/pool")[0] == 200


def test_endpoints_that_a_service_left_behind_go_with_it(agent):
    agent.start()
    made = service("web")
    made["spec"]["selector"] = {"app": "web"}
    assert agent.post(SERVICES, made)[0] == 201
    path = "/api/v1/namespaces/default/endpoints/web"
    wait_until(lambda: agent.get(path)[0] == 200)
    code, answer = agent.call("PATCH", SERVICES + "/web", {"spec": {"selector": None}},
                              content_type="application/merge-patch+json")
    assert code == 200 and "selector" not in answer["spec"], answer
    wait_until(lambda: agent.call("PATCH", path, {"metadata": {"labels": {"mine": "now"}}},
                                  content_type="application/merge-patch+json")[0] == 200)
    assert agent.call("DELETE", SERVICES + "/web")[0] == 200
    wait_until(lambda: agent.get(path)[0] == 404)
    # What was never made for a Service stays.
    assert agent.post("/api/v1/namespaces/default/endpoints", {
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "hand"},
        "subsets": [{"addresses": [{"ip": "192.0.2.1"}], "ports": [{"port": 80}]}]})[0] == 201
    assert agent.post(SERVICES, service("hand"))[0] == 201
    assert agent.call("DELETE", SERVICES + "/hand")[0] == 200
    time.sleep(0.5)
    assert agent.get("/api/v1/namespaces/default/endpoints/hand")[0] == 200


BAD_DELETIONS = [
    ("", {"propagationPolicy": "x"}, 422, "propagationPolicy: Unsupported value"),
    ("?propagationPolicy=x", None, 422, "propagationPolicy: Unsupported value"),
    ("", {"propagationPolicy": "Orphan", "orphanDependents": True}, 422,
     "propagationPolicy: Invalid value"),
    ("?orphanDependents=maybe", None, 400, "'orphanDependents' is to be true or false"),
    ("", {"orphanDependents": "true"}, 400, "'orphanDependents' is to be true or false"),
    ("", {"dryRun": ["Some"]}, 422, "dryRun: Unsupported value"),
    ("", {"dryRun": "All"}, 400, "'dryRun' is to be a list of words"),
    ("", {"dryRun": [True]}, 400, "'dryRun' is to be a list of words"),
    ("?dryRun=true", None, 422, "dryRun: Unsupported value"),
    ("?gracePeriodSeconds=soon", None, 400, "'gracePeriodSeconds' is to be a number"),
    ("?gracePeriodSeconds=99999999999999999999", None, 400, "'gracePeriodSeconds'"),
    ("", {"gracePeriodSeconds": "5"}, 400, "'gracePeriodSeconds' is to be a number"),
    ("", {"preconditions": ["uid"]}, 400, "'preconditions' is to be a mapping"),
    ("", {"preconditions": {"uid": 5}}, 400, "'preconditions.uid' is to be a string"),
    ("", {"preconditions": {"resourceVersion": 5}}, 400, "'preconditions.resourceVersion'"),
    ("", {"preconditions": {"resourceVersion": "-1"}}, 409, "modified"),
    ("", {"preconditions": {"resourceVersion": "x"}}, 409, "modified"),
    ("", {"preconditions": {"resourceVersion": ""}}, 409, "modified"),
    ("", {"kind": "Service"}, 400, "'kind' is to be 'DeleteOptions'"),
    ("", [], 400, "not one JSON object"),
]


def test_deletions_have_preconditions_and_selectors(agent):
    agent.start()
    for name, tier in (("a", "front"), ("b", "back"), ("c", "back")):
        assert agent.post(SERVICES, service(name, labels={"tier": tier}))[0] == 201
    uid = agent.get(SERVICES + "/a")[1]["metadata"]["uid"]
    for options in ({"preconditions": {"uid": "no"}}, {"preconditions": {"uid": uid + "0"}},
                    {"preconditions": {"resourceVersion": "1"}}):
        code, answer = agent.call("DELETE", SERVICES + "/a", options)
        assert code == 409 and answer["reason"] == "Conflict", answer
    for query, body, code, words in BAD_DELETIONS:
        got, answer = agent.call("DELETE", SERVICES + "/a" + query, body)
        assert got == code and words in answer["message"], (query, body, answer)
        if code == 422:
            assert answer["details"]["causes"][0]["field"] == words.split(":", maxsplit=1)[0]
    assert agent.names(SERVICES) == ["a", "b", "c"]
    code, answer = agent.call("DELETE", SERVICES + "/a", {"dryRun": ["All"]})
    assert code == 200 and agent.names(SERVICES) == ["a", "b", "c"], answer
    code, answer = agent.call("DELETE", SERVICES + "?labelSelector=tier%3Dback")
    assert code == 200 and answer["status"] == "Success" and agent.names(SERVICES) == ["a"]
    code, answer = agent.call("DELETE", SERVICES + "/a",
                              {"preconditions": {"uid": uid}, "propagationPolicy": "Foreground"})
    assert code == 200 and answer["details"]["uid"] == uid, answer
    assert agent.names(SERVICES) == []


def test_bad_questions_of_writes_are_refused(agent):
    agent.start()
    for query, words in (("dryRun=Some", 'dryRun: Unsupported value: "Some"'),
                         ("fieldValidation=No", "fieldValidation: Unsupported value"),
                         (f"fieldManager={'x' * 129}", "fieldManager: Too long"),
                         ("force=maybe", "force: Unsupported value")):
        code, answer = agent.post(f"{SERVICES}?{query}", service("web"))
        assert code == 422 and 'CreateOptions.meta.k8s.io "" is invalid' in answer["message"]
        assert words in answer["message"], answer
        assert answer["details"]["causes"][0]["field"] == query.split("=", maxsplit=1)[0]
    for query, kind, words in (("", "apply-patch+yaml", "fieldManager: Required value"),
                               ("force=true", "merge-patch+json", "force: Forbidden")):
        code, answer = agent.call("PATCH", f"{SERVICES}/web?{query}", "{}",
                                  content_type="application/" + kind)
        assert code == 422 and words in answer["message"], answer
    code, answer = agent.call("PATCH", SERVICES + "/web?fieldManager=me", {
        **service("web"), "metadata": {"name": "web", "managedFields": []}},
        content_type="application/apply-patch+yaml")
    assert code == 400 and "managedFields must be nil" in answer["message"], answer
    assert agent.call("PATCH", SERVICES + "/web?fieldManager=me", service("other"),
                      content_type="application/apply-patch+yaml")[0] == 400
    assert agent.call("PATCH", SERVICES + "/web", [], content_type="application/json-patch+json")[
        0] == 404
    for body in (b"", b"k8s\0", b"k8s\0\x0a\xff", b"{}"):
        code, answer = agent.post(SERVICES, body.decode("latin-1"),
                                  content_type="application/vnd.kubernetes.protobuf")
        assert code == 400, answer
    assert agent.names(SERVICES) == []


def test_entries_of_managers_can_be_handed_over_and_cleared(agent):
    agent.start()
    assert agent.post(SERVICES + "?fieldManager=one", service("web"))[0] == 201
    found = agent.get(SERVICES + "/web")[1]["metadata"]["managedFields"]
    assert [entry["manager"] for entry in found] == ["one"]
    found[0]["manager"] = "two"
    code, answer = agent.call("PATCH", SERVICES + "/web?fieldManager=me",
                              [{"op": "replace", "path": "/metadata/managedFields", "value": found}],
                              content_type="application/json-patch+json")
    assert code == 200 and [entry["manager"] for entry in answer["metadata"]["managedFields"]] == \
        ["two"], answer
    code, answer = agent.call("PATCH", SERVICES + "/web?fieldManager=me",
                              {"metadata": {"managedFields": [{}]}},
                              content_type="application/merge-patch+json")
    assert code == 200 and "managedFields" not in answer["metadata"], answer


def test_managers_of_an_object_are_bounded_by_the_room_that_they_take(agent):
    agent.start()
    body = {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "web", "annotations": {f"k{i}": "v" for i in range(600)}},
            "spec": {"ports": [{"port": 80, "protocol": "TCP"}]}}

    def apply(manager):
        return agent.call("PATCH", f"{SERVICES}/web?fieldManager={manager}", body,
                          content_type="application/apply-patch+yaml")

    assert apply("first")[0] == 201
    answers = [apply(f"manager-{i}") for i in range(45)]
    assert [status for status, _ in answers[:20]] == [200] * 20
    status, answer = answers[-1]
    assert status == 413 and "managed" in answer["message"]
    assert apply("first")[0] == 200, "who has fields already may go on"
