"""Destinations of reports that accept a connection and never answer do not delay the reports to others.

Each test stops the tarpits only after the honest server has its report, so no test passes because time passes.
"""

import contextlib
import json
import socket
import sqlite3
import threading
import unittest

from lab import Lab, program
from lab.https import Answer, HttpsServer, Request
from lab.program import Program

NOW = "2026-11-27T06:00:00Z"
DAY = "2026-11-26"


class Tarpit:
    """Accepts connections and sends nothing: the handshake never ends."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1000)
        self.port = self._socket.getsockname()[1]

    def url(self, host: str) -> str:
        return f"https://{host}.localhost:{self.port}/"

    def wait_for_a_connection(self) -> socket.socket:
        self._socket.settimeout(60)
        return self._socket.accept()[0]

    def end(self) -> None:
        self._socket.close()


class TarpitDestinations(unittest.TestCase):
    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.web = HttpsServer(self.lab, address="127.0.0.1", port=0)
        self.web.add_host("honest.localhost", self.lab.ca.issue("honest.localhost"))
        self.web.answer("honest.localhost", "/", self.take)
        self.taken = threading.Event()
        self.honest = f"https://honest.localhost:{self.web.port}/"
        self.state = self.lab.new_folder("state")
        self.configuration = self.lab.new_folder("configuration") / "tlsrpt.toml"

    def take(self, _: Request) -> Answer:
        self.taken.set()
        return Answer(201)

    def configure(self, destinations: list[str], setting: str = "") -> None:
        self.configuration.write_text(f'state_dir = "{self.state}"\n[report]\nrua = {json.dumps(destinations)}\n{setting}\n'
                                      f'[mta-sts]\nca_file = "{self.lab.ca.certificate}"\nprivate_addresses = true\n')

    def record_a_session(self) -> None:
        """What the milter would have recorded yesterday."""
        milter = Program(self.lab, "tlsrpt-milter", "-f", "--state-dir", self.state, "-s",
                         f"unix:{self.lab.new_folder('socket')}/milter")
        milter.stderr.wait_for("listens on")
        milter.stop()
        with contextlib.closing(sqlite3.connect(self.state / "tlsrpt.sqlite")) as database, database:
            row = database.execute(
                "INSERT INTO session_counts VALUES (NULL, unixepoch(?) / 86400, 'mx1.example.test', '192.0.2.1', 'a.test', "
                "'tls', 'TLSv1.3', 'TLS_AES', 256, 'none', 'none', 0, 5, 5)", (DAY,))
            database.execute("INSERT INTO domain_counts VALUES (?, 'example.test', 5, 5)", (row.lastrowid,))

    def send(self, *command: str, now: str = NOW) -> Program:
        return Program(self.lab, "tlsrpt-report", "-c", self.configuration, *command,
                       environment={"STARTTLS_TOOLKIT_NOW": now})

    def states(self) -> dict[str, str]:
        done = program.run("tlsrpt-report", "-c", self.configuration, "--json", "queue")
        return {one["destination"]: one["state"] for one in json.loads(done.stdout)["deliveries"]}

    def honest_first(self, tarpit: Tarpit, *command: str, now: str = NOW) -> None:
        """The honest server has its report while the tarpits still hang."""
        sending = self.send(*command, now=now)
        held = tarpit.wait_for_a_connection()
        self.assertTrue(self.taken.wait(60), "the tarpits hold up the honest one")
        self.assertTrue(sending.running(), "the tarpits still hang")
        held.close()
        tarpit.end()
        self.assertEqual(sending.wait(60), 75)
        states = self.states()
        self.assertEqual(states.pop(self.honest), "sent")
        self.assertEqual(set(states.values()), {"waiting"})

    def test_tarpits_of_fifteen_owners_delay_no_report(self) -> None:
        tarpit = Tarpit()
        self.configure([tarpit.url(f"tarpit{number}") for number in range(15)] + [self.honest])
        self.record_a_session()
        self.honest_first(tarpit, "self", "--send", "--no-lookup")
        self.assertEqual(len(self.web.requests), 1)

    def test_a_hundred_hosts_of_one_owner_are_one_tarpit(self) -> None:
        tarpit = Tarpit()
        self.configure([tarpit.url(f"host{number}.tarpit") for number in range(100)] + [self.honest])
        self.record_a_session()
        self.honest_first(tarpit, "self", "--send", "--no-lookup")

    def test_what_failed_before_is_tried_after_what_did_not(self) -> None:
        tarpit = Tarpit()
        tarpits = [tarpit.url(f"tarpit{number}") for number in range(60)]
        self.configure([*tarpits, self.honest], "send_window = 3600")
        self.record_a_session()
        self.assertEqual(self.send("self", "--send", "--no-lookup").wait(60), 0)
        with contextlib.closing(sqlite3.connect(self.state / "reports.sqlite")) as database, database:
            database.execute("UPDATE deliveries SET tries = 1 WHERE destination <> ?", (self.honest,))
        self.honest_first(tarpit, "queue", "--send", now="2026-11-27T07:00:01Z")


if __name__ == "__main__":
    unittest.main()
