"""The lab's server: hosts, token, files and requests. It listens on this machine alone, and knows nothing of models.

What is asked has to come from the page that this server gave out. Another site that is open in the same browser can
send requests to this address too; it cannot know the token, which stands in the page and goes with every request as a
header, and the names under which a page may call this server are two: 127.0.0.1 and localhost (against names of other
sites that lead here). No path is ever made of what is asked: the files are a list.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

PAGE = Path(__file__).with_name("page")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FILES = sorted(
    path.relative_to(PAGE).as_posix() for path in PAGE.rglob("*") if path.suffix in TYPES and path.name != "index.html"
)
SLOWEST = 30  # seconds for a body to come
POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

Answer = Callable[[str, "np.ndarray | None"], "tuple[int, bytes, str]"]


class Server(ThreadingHTTPServer):
    """Serves the page and what it asks for.

    Args:
        answer: (path, numbers of the body or None) -> status, content, its type.
        port: 0 for any that is free.
        largest_body: bytes.

    Raises:
        OSError: the port is in use.
    """

    daemon_threads = True
    allow_reuse_address = False

    def __init__(self, answer: Answer, port: int = 0, largest_body: int = 64_000):
        super().__init__(("127.0.0.1", port), _Handler)
        self.answer, self.largest_body = answer, largest_body
        self.token = secrets.token_urlsafe(16)
        self.port = self.server_address[1]
        self.hosts = {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def page(self) -> bytes:
        text = (PAGE / "index.html").read_text(encoding="utf-8")
        mark = '<meta name="lab" content="page">'
        return text.replace(mark, f'<meta name="token" content="{self.token}">').encode()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A tab that was closed in the middle of an answer is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tinycnn", ""
    timeout = SLOWEST

    def do_GET(self) -> None:
        if self._from_here():
            path = self._path()
            if path in ("", "index.html"):
                self._send(200, self.server.page(), TYPES[".html"])
            elif path in FILES:
                self._send(200, (PAGE / path).read_bytes(), TYPES[Path(path).suffix])
            elif self._with_token():
                self._send(*self.server.answer(path, None))

    def do_POST(self) -> None:
        if not self._from_here() or not self._with_token():
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            self._refuse(411, "expected a body with its length.")
        elif int(length) > self.server.largest_body:
            self._refuse(
                413, f"expected a body of at most {self.server.largest_body:,} bytes, received {int(length):,}."
            )
        else:
            try:
                body = self.rfile.read(int(length))
            except OSError:
                self._refuse(408, f"expected the body within {SLOWEST} s.")
                return
            if len(body) < int(length) or len(body) % 4:
                self._refuse(400, f"expected {length} bytes of float32 numbers, received {len(body)}.")
            else:
                self._send(*self.server.answer(self._path(), np.frombuffer(body, "<f4")))

    def _path(self) -> str:
        return self.path.split("?")[0].removeprefix("/")

    def _from_here(self) -> bool:
        """Whether the request is for this server by its own name, and not sent by a page of another."""
        origin = self.headers.get("Origin")
        if self.headers.get("Host") not in self.server.hosts:
            self._refuse(403, f"expected the host 127.0.0.1:{self.server.port}.")
        elif origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            self._refuse(403, "expected a request of the lab's own page.")
        else:
            return True
        return False

    def _with_token(self) -> bool:
        if hmac.compare_digest(self.headers.get("X-Token", "").encode(), self.server.token.encode()):
            return True
        self._refuse(403, "expected the token of this program's page. Load the page again.")
        return False

    def _refuse(self, status: int, sentence: str) -> None:
        self.close_connection = True
        self._send(status, f"lab: {sentence}".encode(), "text/plain; charset=utf-8")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Cache-Control", "no-store")
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *arguments: Any) -> None:
        """Requests are not told."""
