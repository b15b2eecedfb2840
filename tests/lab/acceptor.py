"""A thread of the test that accepts the connections of a listening socket.

    acceptor = Acceptor(socket.create_server((lab.address(), 0)), talk)
    lab.at_end(acceptor.end)

`talk` gets each connection, in that thread, and must close it. The next connection is accepted when `talk` returns.
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
        """Stop accepting after the last call of `talk` has returned. May be called again.

        The thread ends before the descriptor is closed. Otherwise the number of the descriptor could soon belong to
        another server, and the thread would accept that server's connections.
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
