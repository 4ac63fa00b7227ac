"""A web server of a hostile kind for tests of fetching, and names that resolve as a test wants them to."""

import contextlib
import itertools
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Page = Callable[[BaseHTTPRequestHandler], None]


class Web:
    """`pages` by path; `asked` is each request as (path, its headers), `names` what clients of its TLS asked for."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.names: list[str] = []
        self.pages: dict[str, Page] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.freed = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                web.asked.append((self.path, dict(self.headers)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    web.pages.get(self.path, absent)(self)
                    self.wfile.flush()

            def log_message(self, format: str, *args: object) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that breaks off is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.netloc = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.netloc}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def count(self, path: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == path)

    def close(self) -> None:
        self.freed.set()
        self._server.shutdown()
        self._server.server_close()


def page(data: bytes, status: int = 200, **headers: str) -> Page:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        tag = headers.get("ETag")
        same = tag is not None and handler.headers.get("If-None-Match") == tag
        handler.send_response(304 if same else status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0" if same else str(len(data)))
        handler.end_headers()
        handler.wfile.write(b"" if same else data)

    return answer


absent = page(b"secret words", 404)


def moved(location: str, status: int = 302) -> Page:
    return page(b"", status, Location=location)


def in_turn(*pages: Page) -> Page:
    """The last one for ever."""
    calls = itertools.chain(pages, itertools.repeat(pages[-1]))
    return lambda handler: next(calls)(handler)


def unsized(data: bytes, count: int) -> Page:
    """A body of which nobody says how long it is."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.end_headers()
        for _ in range(count):
            handler.wfile.write(data)

    return answer


def broken_off(data: bytes) -> Page:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) + 1))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def stuck(web: Web, data: bytes = b"", tag: str = "") -> Page:
    """Says that more will come, and waits until the server is closed or `web.freed` is set; then it comes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data) + 4))
        if tag:
            handler.send_header("ETag", tag)
        handler.end_headers()
        handler.wfile.write(data)
        handler.wfile.flush()
        web.freed.wait(30)
        handler.wfile.write(b"more")

    return answer


class Names:
    """A resolver of the test's own: each name has answers in turn, the last one for ever."""

    def __init__(self, **names: list[list[str]]) -> None:
        self._answers: dict[str, Iterator[list[str]]] = {
            name.replace("_", "."): itertools.chain(answers, itertools.repeat(answers[-1]))
            for name, answers in names.items()
        }
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return next(self._answers[host]) if host in self._answers else [host]
