# SPDX-License-Identifier: GPL-3.0-or-later
"""Services and slices as the scenarios use them."""

from lab import manifest

VIP = "10.96.0.80"
VIP6 = "fd00:10:96::80"
OTHER_VIP = "10.96.0.81"
NODE_PORT = 30080
WEB = {"app": "web"}
HTTP = {"port": 80, "targetPort": 8080}
UDP = {"port": 53, "protocol": "UDP", "targetPort": 5353}

READY = {"ready": True, "serving": True, "terminating": False}
UNREADY = {"ready": False, "serving": False, "terminating": False}
SERVING_TERMINATING = {"ready": False, "serving": True, "terminating": True}
GONE_TERMINATING = {"ready": False, "serving": False, "terminating": True}


def put_service(lab, name="web", ports=(HTTP,), selector=WEB, address=VIP, **spec):
    """Publishes a Service under its name; again with other arguments changes it."""
    if address:
        spec["clusterIP"] = address
    lab.publish(f"service-{name}.yaml",
                manifest.service(name, ports=list(ports), selector=selector, **spec))


def put_slice(lab, rows, service="web", ports=None, **options):
    """Publishes the slice of a Service without selector; `rows` are (pod, conditions)."""
    lab.publish(f"slice-{service}.yaml", manifest.endpoint_slice(
        service, f"{service}-1", [(pod.addresses[0], pod.node.name, conditions)
                                  for pod, conditions in rows],
        ports or [{"port": 8080, "protocol": "TCP"}], **options))


def drop_service(lab, name="web"):
    lab.withdraw(f"service-{name}.yaml")


def names(pods):
    return [pod.name for pod in pods]
