"""A thread of the test that accepts the connections of a listening socket.

    acceptor = Acceptor(socket.create_server((lab.address(), 0)), talk)
    lab.at_end(acceptor.end)

`talk` gets each connection, in that thread: the next one is accepted when it returns. The connection is its own, to
close when it is done.
"""

import contextlib
import socket
import threading
from collections.abc import Callable


class Acceptor:
    def __init__(self, listener: socket.socket, talk: Callable[[socket.socket], object]) -> None:
        """Takes over the listener, and closes it at the end."""
        self._listener = listener
        self._talk = talk
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Accept no more, once the last talk is over. May be called again.

        The thread ends before the descriptor is free: closed under one that is about to accept, it would soon be
        another server's, whose connections that thread would take.
        """
        with contextlib.suppress(OSError):  # the second time
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # shut down
                return
            self._talk(connection)
