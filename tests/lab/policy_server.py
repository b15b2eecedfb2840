"""`starttls-listtool serve`, and a client that sends requests as Postfix and Sendmail do.

    server = PolicyServer(lab, configuration)              an address of the lab; .address, .port
    server.ask("postfix", "good.test")                     "OK secure match=..." or "NOTFOUND "
    sender = Sender(lab, dns, {"smtp_tls_policy_maps": f"socketmap:{server.postfix('postfix')}"})
    server.signal(signal.SIGHUP)
    server.metrics()                                       {'starttls_listtool_...{...}': 3.0}
"""

import signal
import socket
import urllib.request
from collections.abc import Iterable

from . import wait
from .lab import Lab
from .policy_domains import Configuration
from .program import Program


def netstring(text: str) -> bytes:
    return b"%d:%s," % (len(text), text.encode())


class Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(60)
        self._read = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reply(self) -> str:
        """The next reply; EOFError if the server has closed the connection."""
        while b":" not in self._read:
            self._more()
        length, _, self._read = self._read.partition(b":")
        while len(self._read) <= int(length):
            self._more()
        text, self._read = self._read[:int(length)], self._read[int(length):]
        assert self._read[:1] == b",", self._read[:1]
        self._read = self._read[1:]
        return text.decode()

    def ask(self, request: str) -> str:
        self.send(netstring(request))
        return self.reply()

    def is_closed(self) -> bool:
        """Waits until the server closes; returns False if it sends something instead."""
        try:
            return not self._read and self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def _more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise EOFError
        self._read += data


class PostfixClient:
    """Asks as Postfix does: over a connection that it keeps, and once more over another one where that is lost."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address, port
        self._client: Client | None = None

    def ask(self, request: str) -> str:
        for may_ask_again in (True, False):
            self._client = self._client or Client(socket.create_connection(self._address))
            try:
                return self._client.ask(request)
            except (EOFError, ConnectionError):
                self.close()
                if not may_ask_again:
                    raise
        raise AssertionError

    def close(self) -> None:
        if self._client:
            self._client.connection.close()
        self._client = None


class PolicyServer:
    def __init__(self, lab: Lab, configuration: Configuration, *, settings: dict[str, object] | None = None) -> None:
        """Start it with this configuration; `settings` are those of [serve]."""
        self.address = lab.address()
        self.port = lab.free_port(self.address)
        self.metrics_port = lab.free_port(self.address)
        self.configuration = configuration
        configuration.tables["serve"] = {
            "listen": [f"inet:{self.address}:{self.port}"], "metrics": f"{self.address}:{self.metrics_port}",
            **(settings or {})}
        configuration.write()
        self._lab = lab
        self.start()

    def start(self) -> None:
        self.process = Program(self._lab, "starttls-listtool", "-c", self.configuration.path, "serve",
                               environment=self.configuration.environment)
        wait.for_listener(self.address, self.port, process=self.process.popen)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Terminate it, and return its exit status."""
        self.signal(how)
        return self.process.popen.wait(timeout=60)

    def signal(self, number: signal.Signals) -> None:
        self.process.popen.send_signal(number)

    def client(self) -> Client:
        """A new connection."""
        return Client(socket.create_connection((self.address, self.port)))

    def ask(self, map_name: str, key: str) -> str:
        """The reply to one request on a connection of its own."""
        return self.ask_all(map_name, [key])[0]

    def ask_all(self, map_name: str, keys: Iterable[str]) -> list[str]:
        with self.client() as client:
            return [client.ask(f"{map_name} {key}") for key in keys]

    def postfix(self, map_name: str) -> str:
        """The name for smtp_tls_policy_maps, after "socketmap:"."""
        return f"inet:{self.address}:{self.port}:{map_name}"

    def metrics(self) -> dict[str, float]:
        """The samples of the metrics page."""
        with urllib.request.urlopen(f"http://{self.address}:{self.metrics_port}/metrics", timeout=60) as page:
            lines = page.read().decode().splitlines()
        samples = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}
