"""Connects to a unix socket as often as it can and drops each connection at once: connect_flood.py PATH SECONDS

Every second connection leaves half a negotiation. Prints the number of connections, and how many the best second had.
"""

import socket
import sys
import time

HALF_A_NEGOTIATION = b"\0\0\0\rO\0\0"


def main(path: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    by_second: dict[int, int] = {}
    number = 0
    while (now := time.monotonic()) < end:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            if number % 2:
                connection.send(HALF_A_NEGOTIATION)
        number += 1
        second = int(end - now)
        by_second[second] = by_second.get(second, 0) + 1
    print(number, max(by_second.values()), flush=True)


main(sys.argv[1], float(sys.argv[2]))
