"""Opens this many connections to a server, and keeps them until it is killed:

    crowd.py unix:/PATH|inet:HOST:PORT NUMBER KIND

KIND is what they do: nothing (idle), half a request (half), noise (garbage), or requests without reading a reply (greedy).
Prints how many are open when all have been opened. Whether the server closes them is its own affair.
"""

import contextlib
import random
import select
import socket
import sys

HALF_A_NEGOTIATION = b"\0\0\0\rO\0\0"
HALF_A_REQUEST = b"20:postfix known1"
REQUEST = b"19:postfix plain1.test,"
NEGOTIATION = b"\0\0\0\rO\0\0\0\x06\0\0\1\xff\0\x1f\xff\xff"


def main(place: str, number: int, kind: str) -> None:
    is_milter = place.startswith("unix:")
    words = {"idle": b"", "half": HALF_A_NEGOTIATION if is_milter else HALF_A_REQUEST,
             "garbage": random.Random(number).randbytes(300),
             "greedy": NEGOTIATION if is_milter else REQUEST * 200}[kind]
    connections = []
    for _ in range(number):
        with contextlib.suppress(OSError):  # the server has closed already
            connections.append(connect(place))
            connections[-1].setblocking(False)
            if words:
                connections[-1].send(words)
    print(f"{len(connections)} open", flush=True)
    select.select([], [], [])


def connect(place: str) -> socket.socket:
    kind, _, where = place.partition(":")
    if kind == "unix":
        made = socket.socket(socket.AF_UNIX)
        made.connect(where)
        return made
    host, _, port = where.rpartition(":")
    return socket.create_connection((host, int(port)))


main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
