"""Shared by the tests of the metrics page: the page, with stand-ins for AdminServers."""

import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, expect

from lab.locust_processes import LOCUSTFILES, start_locust
from lab.zookeeper_server import free_ports

NASTY = '<img src=x onerror="document.title=1">'
LONG_NAME = "a-member-with-a-name-as-long-as-inventories-have-them.example.org"
RATE_PER_S = 120
TABS = ("Metrics", "Statistics", "Charts")
CHARTS = (
    "Latency (ms)", "Outstanding requests", "Packets received (1/s)", "Packets sent (1/s)", "Znodes", "Connections",
    "Watches", "Read latency (ms)", "Fsync of the transaction log (ms)",
)  # fmt: skip


class AdminServer(http.server.BaseHTTPRequestHandler):
    """Answers like a member; its counters grow with time."""

    state = "leader"

    def do_GET(self) -> None:
        packets = int(time.monotonic() * RATE_PER_S)
        metrics: dict[str, Any] = {
            "version": "3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC",
            "server_state": self.state, "uptime": 93_784_000, "num_alive_connections": 12,
            "outstanding_requests": 3, "avg_latency": 0.8123, "max_latency": 48, "znode_count": 1_234_567,
            "watch_count": 40, "ephemerals_count": 9, "packets_received": packets, "packets_sent": packets,
            "open_file_descriptor_count": 71, "max_file_descriptor_count": 1_048_576,
            "approximate_data_size": 98_765_432,
            'jvm_memory_bytes_used{area="heap"}': 300 * 2**20, "command": "monitor", "stale_requests": 0,
            "min_latency": 0, "commit_count": packets // 4, "peer_state": "leading - broadcast",
            "avg_fsynctime": 3.1, "min_fsynctime": 0, "max_fsynctime": 31, "cnt_fsynctime": packets // 10,
            "sum_fsynctime": packets // 2,
            "avg_readlatency": 0.4, "min_readlatency": 0, "max_readlatency": 9, "cnt_readlatency": packets // 2 * 2,
            "sum_readlatency": packets // 2, "p50_readlatency": 0, "p95_readlatency": 1, "p99_readlatency": 2,
            "p999_readlatency": 8,
        }  # fmt: skip
        body = json.dumps(metrics).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class NastyServer(AdminServer):
    """An AdminServer whose text is a program."""

    state = NASTY


def serve(kind: type[AdminServer]) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    server.daemon_threads = True
    server.block_on_close = False
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server


@contextmanager
def metrics_page(log: Path) -> Iterator[str]:
    """Give the page's address: two members of its Locust answer, and one cannot be reached."""
    servers = [serve(AdminServer), serve(NastyServer)]
    (web_port,) = free_ports(1)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        ports = [*(server.server_address[1] for server in servers), unused.getsockname()[1]]
        members = zip((LONG_NAME, "zk2", "zk3"), ports, strict=True)
        addresses = ",".join(f"{name}=127.0.0.1:{port}" for name, port in members)
        process = start_locust(
            log, "-f", str(LOCUSTFILES / "locust_set.py"), "--web-host", "127.0.0.1", "--web-port", str(web_port),
            "--hosts", "127.0.0.1:1", "--zk-admin-addresses", addresses,
        )  # fmt: skip
        base = f"http://127.0.0.1:{web_port}"
        try:
            wait_for(base)
            yield f"{base}/zk-metrics"
        finally:
            process.kill()
            process.wait(60)
            for server in servers:
                server.shutdown()
                server.server_close()
    assert "Traceback" not in log.read_text()


def wait_for(base: str) -> None:
    session = requests.Session()
    session.trust_env = False
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            session.get(base, timeout=5)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail("Locust's web UI does not come")


def show(page: Page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()
    expect(page.get_by_role("tabpanel", name=tab)).to_be_visible()
