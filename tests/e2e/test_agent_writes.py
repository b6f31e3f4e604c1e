# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients write over the agent's socket, and what is left of it when the agent is killed."""

import http.client
import random
import signal
import threading
import time

from test_agent_socket import SERVICES, agent, service


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
