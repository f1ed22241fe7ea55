"""The reference backend as a process, a till that speaks to it, and a wire between phone and backend that can be held."""

import http.client
import itertools
import json
import os
import subprocess
import threading
import time
import urllib.error
import urllib.request
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

NOREN = os.environ["NOREN_BIN"]
TILL_TOKEN = "noren-demo-till"
OPERATOR_TOKEN = "noren-demo-operator"


class Backend:
    """``noren serve`` on a free port."""

    def __init__(self) -> None:
        environment = {k: v for k, v in os.environ.items() if k != "NOREN_TILL_TOKEN"}
        self.process = subprocess.Popen(
            [NOREN, "serve", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.url = json.loads(self.process.stdout.readline())["url"]
        self._numbers = itertools.count(1)

    def stop(self) -> None:
        """The network is gone: from here on everything is offline."""
        self.process.terminate()
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def call(self, method: str, path: str, body: dict | None = None, token: str | None = None) -> dict:
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode())
        request.add_header("content-type", "application/json")
        request.add_header("idempotency-key", str(uuid.uuid4()))
        if token:
            request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise AssertionError(f"{method} {path}: {refusal.code} {refusal.read().decode()}") from None

    def till(self, path: str, body: dict) -> dict:
        return self.call("POST", path, body, TILL_TOKEN)

    def operator(self, path: str, body: dict) -> dict:
        return self.call("POST", path, body, OPERATOR_TOKEN)

    def keys(self) -> dict:
        return self.call("GET", "/v1/till/keys", token=TILL_TOKEN)

    def register(self, *numbers: str) -> None:
        self.till("/v1/till/cards", {"numbers": list(numbers), "demo_pin": True})

    def sell(self, customer: dict | str, *lines: tuple[str, int], day: str = "2026-11-20", **more: object) -> dict:
        """A sale of ``(description, amount)`` lines at the till, to whom a scanned text names or to any other customer."""
        sold = [
            {"sku": f"S{n}", "description": text, "quantity": 1, "amount_minor": amount, "tax_permille": 80, "reduced_rate": True}
            for n, (text, amount) in enumerate(lines)
        ]
        total = sum(amount for _, amount in lines)
        sale = {
            "number": str(next(self._numbers)),
            "channel": "store",
            "kind": "sale",
            "sold_at_ms": int(time.mktime(time.strptime(day, "%Y-%m-%d")) * 1000),
            "business_date": day,
            "store_id": "shibuya",
            "store_name": "渋谷店",
            "currency": "JPY",
            "lines": sold,
            "total_minor": total,
            "taxes": [{"tax_permille": 80, "gross_minor": total, "tax_minor": total * 80 // 1080}],
            "customer": {"scanned": {"text": customer, "at_ms": int(time.time() * 1000)}} if isinstance(customer, str) else customer,
        }
        return self.till("/v1/till/sales", sale | more)


def verify_offline(keys: Path, *texts: str) -> list[dict]:
    """What ``noren verify`` says, with the till's document and nothing else."""
    done = subprocess.run([NOREN, "verify", "--keys", str(keys)], input="".join(t + "\n" for t in texts), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class Wire:
    """A wire to the backend that keeps what was said on it; the next call to a path can be held: before it arrives, or after it was answered."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.sent: list[str] = []
        self._hold: tuple[str, str] | None = None
        self.seen, self.release = threading.Event(), threading.Event()
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                wire._carry(self)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def hold(self, path: str, when: str) -> None:
        """Holds the next call to ``path``: ``before`` it arrives (it never does then), ``after`` it was answered (the answer never comes), or
        ``on its way``: it arrives late, and is answered."""
        self.seen.clear()
        self.release.clear()
        self._hold = (path, when)

    def stop(self) -> None:
        self._hold = None
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def _carry(self, call: BaseHTTPRequestHandler) -> None:
        body = call.rfile.read(int(call.headers.get("content-length", 0)))
        path = urlsplit(call.path).path
        self.sent.append(f"{call.path}\n{call.headers}\n{body.decode(errors='replace')}")
        held = self._hold[1] if self._hold and self._hold[0] == path else None
        if held:
            self._hold = None
        if held in ("before", "on its way"):
            self._wait()
        if held == "before":
            call.close_connection = True
            return
        to = urlsplit(self.backend.url)
        line = http.client.HTTPConnection(to.hostname, to.port, timeout=30)
        headers = {k: v for k, v in call.headers.items() if k.lower() not in ("host", "connection")}
        line.request(call.command, call.path, body=body or None, headers=headers)
        answer = line.getresponse()
        content = answer.read()
        line.close()
        if held == "after":
            self._wait()
            call.close_connection = True
            return
        try:
            call.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "date", "server"):
                    call.send_header(name, value)
            if answer.status not in (204, 304):
                call.send_header("content-length", str(len(content)))
            call.end_headers()
            call.wfile.write(content)
        except OSError:
            pass

    def _wait(self) -> None:
        self.seen.set()
        self.release.wait(timeout=60)
