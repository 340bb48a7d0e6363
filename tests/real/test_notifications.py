"""The real notification-controller: an event goes in, a webhook comes out."""

from __future__ import annotations

import http.client
import json
import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.real.cluster import Json, RealCluster
from tests.real.processes import missing


@pytest.fixture
def webhook() -> Iterator[tuple[str, queue.Queue[Json]]]:
    """The address of a small HTTP server, and the bodies that were posted to it."""
    received: queue.Queue[Json] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", received
    server.shutdown()
    server.server_close()


def test_event_reaches_the_webhook(real_cluster: RealCluster, webhook: tuple[str, queue.Queue[Json]]) -> None:
    if reason := missing("notification-controller"):
        pytest.skip(reason)
    address, received = webhook
    real_cluster.install_crds("notification-controller")
    real_cluster.start_controllers("notification-controller")
    metadata = {"name": "hook", "namespace": "alerts"}
    group = "notification.toolkit.fluxcd.io/v1beta3"
    sources = [{"kind": "Kustomization", "name": "*"}]
    real_cluster.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "alerts"}},
        {
            "apiVersion": group,
            "kind": "Provider",
            "metadata": metadata,
            "spec": {"type": "generic", "address": address},
        },
        {
            "apiVersion": group,
            "kind": "Alert",
            "metadata": metadata,
            "spec": {"providerRef": {"name": "hook"}, "eventSources": sources},
        },
    )
    event = {
        "involvedObject": {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "name": "apps",
            "namespace": "alerts",
        },
        "severity": "info",
        "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "message": "applied",
        "reason": "ReconciliationSucceeded",
        "reportingController": "kustomize-controller",
    }
    connection = http.client.HTTPConnection(real_cluster.controllers.addresses["events"], timeout=30)
    connection.request("POST", "/", json.dumps(event), {"Content-Type": "application/json"})
    assert connection.getresponse().status == 202
    connection.close()
    assert received.get(timeout=30)["message"] == "applied"
    real_cluster.controllers.stop("notification-controller")
