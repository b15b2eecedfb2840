"""Mail servers on many addresses of loopback, in one process: good ones, and some that hold their clients up.

    servers = MailServers(lab, good=950, bad=50)
    servers.good, servers.bad                    their addresses
    servers.port                                 of all of them
    servers.start()
    servers.stop()                               what they saw since: Seen; they may be started again

A good one offers STARTTLS with TLS 1.2 and 1.3. Of the bad ones a third says 421, a third accepts the connection and is
silent, and a third is a tarpit, which says a letter every five seconds. Run as a program, this is that process.
"""

import asyncio
import contextlib
import json
import resource
import signal
import socket
import ssl
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from lab import Lab, wait  # noqa: E402
from lab.process import Process  # noqa: E402

HOSTS_IN_NETWORK = 250  # of 127.X.Y.0/24
BAD_KINDS = ("busy", "silent", "tarpit")
TARPIT_PAUSE = 5  # seconds
LONGEST_START = 60


@dataclass(frozen=True)
class Seen:
    connections: int
    busiest_second: int  # connections
    last_good: float  # when the last connection to a good server ended, by the monotonic clock


class MailServers:
    def __init__(self, lab: Lab, *, good: int, bad: int) -> None:
        addresses = _addresses(lab, good + bad)
        self.good, self.bad = addresses[:good], addresses[good:]
        self.port = lab.free_port(addresses[0])
        self._lab = lab
        self._folder = folder = lab.new_folder("mail-servers")
        self._seen = folder / "seen.json"
        certificate = lab.ca.issue("*.bench.test")
        kinds = dict.fromkeys(self.good, "good") | {address: BAD_KINDS[number % len(BAD_KINDS)]
                                                    for number, address in enumerate(self.bad)}
        (folder / "settings.json").write_text(json.dumps({
            "kinds": kinds, "port": self.port, "certificate": str(certificate.certificate), "key": str(certificate.key),
            "seen": str(self._seen)}))

    def start(self) -> None:
        self._process = Process([sys.executable, Path(__file__), self._folder / "settings.json"], folder=self._folder,
                                lab_folder=self._lab.folder)
        self._lab.watch(self._process.stderr)
        self._lab.at_end(self._process.kill)
        wait.for_listener((self.good + self.bad)[-1], self.port, LONGEST_START, process=self._process.popen)

    def stop(self) -> Seen:
        self._process.stop()
        return Seen(**json.loads(self._seen.read_text()))


def _addresses(lab: Lab, number: int) -> list[str]:
    """In networks next to the lab's own."""
    first, second, third, _ = map(int, lab.address().split("."))
    return [f"{first}.{second}.{(third + 1 + count // HOSTS_IN_NETWORK) % 256}.{1 + count % HOSTS_IN_NETWORK}"
            for count in range(number)]


class _Server:
    def __init__(self, settings: dict) -> None:
        self._kinds: dict[str, str] = settings["kinds"]
        self._port: int = settings["port"]
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(settings["certificate"], settings["key"])
        self._by_second: Counter[int] = Counter()
        self._last_good = 0.0
        self._seen = Path(settings["seen"])

    async def run(self) -> None:
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        for address in self._kinds:
            await asyncio.start_server(self._serve, sock=socket.create_server((address, self._port), backlog=128))
        await ended.wait()
        seen = Seen(self._by_second.total(), max(self._by_second.values(), default=0), self._last_good)
        self._seen.write_text(json.dumps(asdict(seen)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind = self._kinds[writer.get_extra_info("sockname")[0]]
        self._by_second[int(time.monotonic())] += 1
        with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
            await {"good": self._good, "busy": self._busy, "silent": self._silent, "tarpit": self._tarpit}[kind](
                reader, writer)
        if kind == "good":
            self._last_good = time.monotonic()
        writer.close()

    async def _good(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.bench.test ESMTP\r\n")
        is_tls = False
        while line := (await reader.readline()).strip():
            verb = line.split()[0].upper()
            if verb == b"EHLO":
                writer.write(b"250-mx.bench.test\r\n" + (b"" if is_tls else b"250-STARTTLS\r\n") + b"250 SIZE 1000\r\n")
            elif verb == b"STARTTLS":
                writer.write(b"220 2.0.0 Ready to start TLS\r\n")
                await writer.start_tls(self._context)
                is_tls = True
            elif verb == b"QUIT":
                writer.write(b"221 2.0.0 Bye\r\n")
                return
            else:
                writer.write(b"250 2.0.0 Ok\r\n")

    @staticmethod
    async def _busy(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"421 4.7.0 Too many connections\r\n")
        await writer.drain()

    @staticmethod
    async def _silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    @staticmethod
    async def _tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended = asyncio.ensure_future(reader.read())
        writer.write(b"220-")
        while not (await asyncio.wait([ended], timeout=TARPIT_PAUSE))[0]:
            writer.write(b"x")


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(_Server(json.loads(Path(sys.argv[1]).read_text())).run())


if __name__ == "__main__":
    main()
