"""A link that can be cut, slowed, reset, and made to lose an answer: a proxy between two sockets, TCP or Unix.

`cut` keeps what is under way and lets nothing through, as an unplugged cable does, until `heal`. `lose_answer` lets a
request pass whose first bytes match and throws its answer away with the connection.
"""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

CHUNK = 1 << 16
Address = tuple[str, int] | Path


def _socket(address: Address) -> socket.socket:
    return socket.socket(socket.AF_UNIX if isinstance(address, Path) else socket.AF_INET, socket.SOCK_STREAM)


def _of(address: Address) -> str | tuple[str, int]:
    return str(address) if isinstance(address, Path) else address


class Proxy:
    def __init__(self, target: Address, listen: Address = ("127.0.0.1", 0), seed: int = 1) -> None:
        self.target = target
        self.delay_s = 0.0
        self.reset_share = 0.0
        self.lost_answers = 0
        self.passed = 0
        self._chance = random.Random(seed)
        self._through = threading.Event()
        self._through.set()
        self._loses: list[tuple[Callable[[bytes], bool], Callable[[], None] | None]] = []
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._listener = _socket(listen)
        if not isinstance(listen, Path):
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(_of(listen))
        self._listener.listen(128)
        self.address: Address = listen if isinstance(listen, Path) else self._listener.getsockname()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    @property
    def url(self) -> str:
        assert not isinstance(self.address, Path)
        return f"http://127.0.0.1:{self.address[1]}"

    def cut(self) -> None:
        self._through.clear()

    def heal(self) -> None:
        self._through.set()

    def reset_all(self) -> None:
        for link in list(self._links):
            link.reset()

    def lose_answer(self, matches: Callable[[bytes], bool], then: Callable[[], None] | None = None) -> None:
        """Of the next request whose first bytes match; `then` is called once the answer has come and is lost."""
        with self._lock:
            self._loses.append((matches, then))

    def forget(self) -> None:
        """No answer is to be lost any more."""
        with self._lock:
            self._loses.clear()

    def close(self) -> None:
        self._listener.close()
        self.heal()
        self.reset_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._through.wait()
        server = _socket(self.target)
        try:
            server.connect(_of(self.target))
        except OSError:
            server.close()
            client.close()
            return
        for end in (client, server):
            if end.family == socket.AF_INET:
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = _Link(self, client, server)
        self._links.add(link)
        link.run()
        self._links.discard(link)

    def _meets(self, data: bytes) -> tuple[bool, Callable[[], None] | None]:
        with self._lock:
            for entry in self._loses:
                if entry[0](data):
                    self._loses.remove(entry)
                    return True, entry[1]
        return False, None


class _Link:
    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self.proxy, self.client, self.server = proxy, client, server
        self.loses = False
        self.then: Callable[[], None] | None = None

    def run(self) -> None:
        back = threading.Thread(target=self._answers, daemon=True)
        back.start()
        self._requests()
        back.join()
        self.client.close()
        self.server.close()

    def reset(self) -> None:
        """As a peer that has died: RST, not FIN."""
        for end in (self.client, self.server):
            with contextlib.suppress(OSError):
                if end.family == socket.AF_INET:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)

    def _requests(self) -> None:
        proxy = self.proxy
        with contextlib.suppress(OSError):
            while data := self.client.recv(CHUNK):
                if proxy.reset_share and proxy._chance.random() < proxy.reset_share:
                    break
                loses, then = proxy._meets(data)
                if loses:
                    self.loses, self.then = True, then
                self._pause()
                self.server.sendall(data)
                proxy.passed += 1
        self.reset()

    def _answers(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.server.recv(CHUNK):
                if self.loses:
                    self.proxy.lost_answers += 1
                    if self.then is not None:
                        self.then()
                    break
                self._pause()
                self.client.sendall(data)
        self.reset()

    def _pause(self) -> None:
        if self.proxy.delay_s:
            time.sleep(self.proxy.delay_s)
        self.proxy._through.wait()
