"""A daemon without free descriptors loses no session, and works again when there are some."""

import contextlib
import socket
import unittest

from lab import Lab
from lab.smtp_client import plaintext_mail, tls13_mail
from recording import Milter, client, end_and_read, receiver, sessions_in

NO_NAMES = {"smtpd_peername_lookup": "no"}
LIMIT = 64


class Descriptors(unittest.TestCase):
    def test_that_are_exhausted_cost_no_session(self) -> None:
        with Lab() as lab, contextlib.ExitStack() as lasting:
            milter = Milter(lab, within=["prlimit", f"--nofile={LIMIT}:{LIMIT}", "--"])
            # Meanwhile mail is delivered, unwatched if necessary.
            mx = receiver(lab, milter, parameters=NO_NAMES | {"milter_default_action": "accept",
                                                              "milter_connect_timeout": "2s",
                                                              "milter_command_timeout": "2s"})
            before = client(lab, mx)
            plaintext_mail(before)
            for _ in range(4 * LIMIT):
                peer = lasting.enter_context(socket.socket(socket.AF_UNIX))
                peer.settimeout(1)
                with contextlib.suppress(TimeoutError, BlockingIOError, ConnectionError):
                    peer.connect(milter.socket.removeprefix("unix:"))
            tls13_mail(client(lab, mx))
            self.assertIsNone(milter.popen.poll(), "it lives")
            lasting.close()

            after = client(lab, mx)
            for _ in range(200):  # until it accepts again
                tls13_mail(after)
                if milter.report("--json", "summary")["total"]["tls"] > 0:
                    break
            rows = end_and_read(mx, milter)
            self.assertEqual([row.outcome for row in rows[before.source]], ["plaintext"])
            self.assertIn(after.source, rows)
            self.assertEqual(milter.popen.returncode, 0)
            self.assertRegex(milter.stderr.text(), r"stopped: \d+ sessions? journalled, \d+ folded, 0 lost")
            self.assertGreaterEqual(sessions_in(rows), 2)
