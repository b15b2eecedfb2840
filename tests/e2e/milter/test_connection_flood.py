"""Thousands of connections a second that come to nothing cost no session of the MTA, and no memory."""

import sys
import unittest
from pathlib import Path

from lab import Lab
from lab.process import Process
from lab.smtp_client import plaintext_mail, tls13_mail
from recording import Milter, client, end_and_read, is_sanitized, memory_limit, most_memory, receiver

FLOOD = Path(__file__).with_name("connect_flood.py")
SECONDS = 3
WANTED_RATE = 10_000


class Flood(unittest.TestCase):
    def test_of_ten_thousand_connections_a_second_costs_no_session(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters={"smtpd_peername_lookup": "no"})
            flood = Process([sys.executable, FLOOD, milter.socket.removeprefix("unix:"), str(SECONDS)],
                            folder=lab.new_folder("flood"), lab_folder=lab.folder)
            lab.at_end(flood.kill)
            lab.watch(flood.stderr)
            sources = []
            while flood.running() and len(sources) < 200:  # Postfix would answer with 451 if the milter failed it
                one = client(lab, mx)
                (tls13_mail if len(sources) % 2 else plaintext_mail)(one)
                sources.append(one.source)
            self.assertEqual(flood.wait(SECONDS + 10), 0)
            total, best = map(int, flood.stdout.text().split())
            print(f"{total} connections in {SECONDS} s, {best} in the best second, {len(sources)} messages meanwhile")
            if not is_sanitized():
                self.assertGreater(best, WANTED_RATE, "too slow for what this test is about")
            self.assertGreater(len(sources), 0)
            self.assertLess(most_memory(milter), memory_limit(60_000))
            rows = end_and_read(mx, milter)
            self.assertEqual({address: [(row.sessions, row.messages) for row in of] for address, of in rows.items()},
                             {source: [(1, 1)] for source in sources})


if __name__ == "__main__":
    unittest.main()
