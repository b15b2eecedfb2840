"""A network between a host and its PostgreSQL server that loses connections at the worst moment.

    proxy = CuttingProxy(lab, server)
    proxy.url                               what the host takes for the server's
    proxy.cuts                              {"before": 3, "after": 2}
    proxy.stop_cutting()

At a COMMIT it does in turn what a network may do: nothing; it cuts the connection before the COMMIT reaches the server;
it cuts it after that, so that the server's answer is lost.
"""

import contextlib
import itertools
import select
import socket
import threading

from lab import Lab
from lab.acceptor import Acceptor
from lab.postgres import Postgres


class CuttingProxy:
    def __init__(self, lab: Lab, server: Postgres) -> None:
        self._server = (server.address, server.port)
        listener = socket.create_server((lab.address(), 0))
        address, port = listener.getsockname()
        self.url = server.url.replace(f"{server.address}:{server.port}", f"{address}:{port}")
        self.commits = 0  # also those that pass
        self.cuts = {"before": 0, "after": 0}
        self._turns = itertools.cycle(("pass", "before", "after"))
        self._cutting = True
        lab.at_end(Acceptor(listener, self._start).end)

    def stop_cutting(self) -> None:
        self._cutting = False

    def _start(self, client: socket.socket) -> None:
        threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """One connection, until one of the two ends it or it is cut."""
        with client, contextlib.suppress(OSError), socket.create_connection(self._server) as server:
            while True:
                for source in select.select([client, server], [], [])[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if source is server:
                        client.sendall(data)
                    elif self._forward(data, server) == "cut":
                        return

    def _forward(self, data: bytes, server: socket.socket) -> str:
        is_commit = b"COMMIT\0" in data
        turn = next(self._turns) if self._cutting and is_commit else "pass"
        self.commits += is_commit
        if turn != "before":
            server.sendall(data)
        if turn == "pass":
            return turn
        self.cuts[turn] += 1
        return "cut"
