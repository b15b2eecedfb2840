"""Thousands of connections a second, most of them without a session, cost no session of the MTA, and no memory."""

import contextlib
import errno
import signal
import socket
import sys
import unittest
from pathlib import Path

from lab import Lab
from lab.process import Process
from lab.program import is_sanitized, memory_limit
from lab.smtp_client import plaintext_mail, tls13_mail
from recording import Milter, client, end_and_read, most_memory, receiver

FLOOD = Path(__file__).with_name("connect_flood.py")
FLOOD_SIZE = 33_000
RATE = 11_000
BURST = 500


class Flood(unittest.TestCase):
    def test_of_ten_thousand_connections_a_second_costs_no_session(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters={"smtpd_peername_lookup": "no"})
            size = FLOOD_SIZE // 10 if is_sanitized("tlsrpt-milter") else FLOOD_SIZE
            flood = Process([sys.executable, FLOOD, milter.socket.removeprefix("unix:"), str(size), str(RATE)],
                            folder=lab.new_folder("flood"), lab_folder=lab.folder)
            lab.at_end(flood.kill)
            lab.watch(flood.stderr)
            sources = []
            while flood.running() and len(sources) < 200:  # Postfix would answer with 451 if the milter failed
                one = client(lab, mx)
                (tls13_mail if len(sources) % 2 else plaintext_mail)(one)
                sources.append(one.source)
            self.assertEqual(flood.wait(), 0)
            print(f"{size} connections, {flood.stdout.text().strip()} a second, {len(sources)} messages meanwhile")
            self.assertGreater(len(sources), 0)
            self.assertLess(most_memory(milter), memory_limit(60_000, "tlsrpt-milter"))
            rows = end_and_read(mx, milter)
            self.assertEqual({address: [(row.sessions, row.messages) for row in of] for address, of in rows.items()},
                             {source: [(1, 1)] for source in sources})

    def test_that_comes_at_once_fits_the_queue(self) -> None:
        # Postfix does not wait for a place in the queue: it works without the milter, and the session would not be
        # seen.
        with Lab() as lab, contextlib.ExitStack() as connections:
            milter = Milter(lab)
            milter.signal(signal.SIGSTOP)
            for number in range(BURST):
                connection = connections.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM
                                                                     | socket.SOCK_NONBLOCK))
                refused = connection.connect_ex(milter.socket.removeprefix("unix:"))
                self.assertEqual(refused, 0, f"connection {number}: {errno.errorcode.get(refused)}")
            milter.signal(signal.SIGCONT)
            connections.close()
            self.assertEqual(milter.stop(), 0)


if __name__ == "__main__":
    unittest.main()
