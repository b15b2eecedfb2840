"""Connects to a unix socket this many times, and drops each connection at once:

    connect_flood.py PATH NUMBER RATE

At most RATE a second, fewer if the machine is too slow for that. Every second connection sends half a negotiation. Prints
the rate that was reached.
"""

import socket
import sys
import time

HALF_A_NEGOTIATION = b"\0\0\0\rO\0\0"
BEAT = 0.002  # seconds


def main(path: str, wanted: int, rate: float) -> None:
    begin = time.monotonic()
    number = 0
    while number < wanted:
        while number < min(wanted, (time.monotonic() - begin) * rate):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                if number % 2:
                    connection.send(HALF_A_NEGOTIATION)
            number += 1
        time.sleep(BEAT)
    print(round(number / (time.monotonic() - begin)), flush=True)


main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
