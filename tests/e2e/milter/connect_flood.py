"""Connects to a unix socket this many times a second and drops each connection at once:

    connect_flood.py PATH SECONDS RATE

Every second connection sends half a negotiation. Prints the number of connections and the rate that was reached.
"""

import socket
import sys
import time

HALF_A_NEGOTIATION = b"\0\0\0\rO\0\0"
BEAT = 0.002  # seconds


def main(path: str, seconds: float, rate: float) -> None:
    begin = time.monotonic()
    number = 0
    while (passed := time.monotonic() - begin) < seconds:
        while number < passed * rate:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                if number % 2:
                    connection.send(HALF_A_NEGOTIATION)
            number += 1
        time.sleep(BEAT)
    print(number, round(number / (time.monotonic() - begin)), flush=True)


main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3]))
