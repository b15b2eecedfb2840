"""A wire between an MTA and a milter that records what the MTA sent.

    wire = WireCapture(lab, milter)
    mx = receiver(lab, wire)
    ...
    mx.end()
    for command, content in wire.packets(): ...
"""

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterator

from lab import Lab
from lab.acceptor import Acceptor
from recording import Milter


class WireCapture:
    """Takes the place of a Milter in `receiver()` and `sendmail_receiver()`."""

    def __init__(self, lab: Lab, milter: Milter) -> None:
        self._milter = milter.socket.removeprefix("unix:")
        path = lab.new_folder("wire") / "socket"
        self.socket = self.for_postfix = f"unix:{path}"
        self._connections: list[bytearray] = []
        self._threads: list[threading.Thread] = []
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        path.chmod(0o666)
        listener.listen()
        self._acceptor = Acceptor(listener, self._start)
        lab.at_end(self._end)

    def packets(self) -> Iterator[tuple[bytes, bytes]]:
        """Command and content of each, one connection after the other. Call it when the MTA has exited."""
        self._end()
        for sent in self._connections:
            while sent:
                (size,) = struct.unpack_from("!I", sent)
                yield bytes(sent[4:5]), bytes(sent[5:4 + size])
                del sent[:4 + size]

    def _start(self, mta: socket.socket) -> None:
        sent = bytearray()
        self._connections.append(sent)
        thread = threading.Thread(target=self._serve, args=(mta, sent), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _end(self) -> None:
        self._acceptor.end()
        for thread in self._threads:
            thread.join()

    def _serve(self, mta: socket.socket, sent: bytearray) -> None:
        """Forward one connection, until either end closes it."""
        with mta, socket.socket(socket.AF_UNIX) as milter, contextlib.suppress(OSError):
            milter.connect(self._milter)
            while True:
                for source in select.select([mta, milter], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is mta:
                        sent += data
                    (milter if source is mta else mta).sendall(data)
