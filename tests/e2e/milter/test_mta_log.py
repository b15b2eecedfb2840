"""The reasons of failed handshakes in the MTA's own log are joined with the sessions that the milter saw."""

import datetime
import random
import re
import unittest
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from lab import Lab, unpacked, wait
from lab.postfix import Listener, Receiver
from lab.sendmail import SendmailReceiver
from lab.smtp_client import CERTIFICATE_SCENARIOS, IMPLICIT_TLS_SCENARIOS, SCENARIOS
from lab.smtp_dialogue import Client
from recording import QUICK, Milter, Row, client, read, receiver, sessions_in
from test_classification import EXPECTED, NO_NAMES

FAILED = Row("failed")

# What the log adds to what the milter sees.
POSTFIX = EXPECTED | {name: replace(FAILED, failure=failure) for name, failure in {
    "old_version": "unsupported-protocol",
    "no_shared_cipher": "no-shared-cipher",
    "close_after_server_flight": "lost-connection",
    "unknown_ca_tls12": "unknown-ca",
    "unknown_ca_tls13": "unknown-ca",
    "plaintext_instead_of_hello": "not-tls",
    "starttls_then_close": "lost-connection",
    "starttls_then_reset": "lost-connection",
    "handshake_then_close": "disconnected",
    "handshake_then_quit": "disconnected",
}.items()}

# Such a port is for submission. Postfix' milters see nothing of it, Sendmail's see the session. Sendmail 8.17 does not
# exclude old versions: OpenSSL rejects the client later, because there is no signature algorithm for it.
SENDMAIL = POSTFIX | {"implicit_tls_refused": replace(FAILED, failure="unknown-ca")}
if unpacked.release() == "12":
    SENDMAIL["old_version"] = replace(FAILED, failure="no-shared-cipher")


def milter_of(lab: Lab, log: Path, socket: str, **more: object) -> Milter:
    return Milter(lab, socket=socket, settings=QUICK | {"mta_log": log, **more})


def settled(lab: Lab, milter: Milter, mx: Receiver | SendmailReceiver, **settings: object) -> Mapping[str, list[Row]]:
    """What was recorded when all sessions have ended, and no session or failure waits for its counterpart."""
    mx.end()
    if milter.running():
        wait.until_read(milter.pid, mx.log.path)
    milter.stop()
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=3)
    last = Milter(lab, state=milter.state, environment={"STARTTLS_TOOLKIT_NOW": later.isoformat()},
                  settings=QUICK | settings)
    last.stop()
    return read(milter.state)


class Reasons(unittest.TestCase):
    maxDiff = None

    def assert_reasons(self, lab: Lab, mx: Receiver | SendmailReceiver, milter: Milter, expected: Mapping[str, Row],
                       with_implicit_tls: Callable[[Client], Client]) -> None:
        certificate = lab.ca.issue("client.test")
        names = {}
        for name, scenario in (SCENARIOS | CERTIFICATE_SCENARIOS | IMPLICIT_TLS_SCENARIOS).items():
            one = client(lab, mx, certificate=certificate)
            scenario(with_implicit_tls(one) if name in IMPLICIT_TLS_SCENARIOS else one)
            names[one.source] = name
        # The client is done before the MTA has written its last line about it.
        mx.log.wait_for(rf"disconnect from .*\[{one.source}\]|\[{one.source}\].* did not issue MAIL")
        rows = settled(lab, milter, mx)
        recorded = {name: rows.pop(address, []) for address, name in names.items()}
        self.assertEqual(recorded, {name: [row] if row else [] for name, row in expected.items()})
        self.assertEqual(rows, {}, "from nobody else")

    def test_of_postfix(self) -> None:
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            implicit = Listener(lab.address(), lab.smtp_port, lab.ca.issue("mx.example.test"), implicit_tls=True)
            mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket}, listeners=[implicit])
            milter = milter_of(lab, mx.log.path, socket)
            self.assert_reasons(lab, mx, milter, POSTFIX, lambda one: replace(one, host=implicit.address))

    def test_of_sendmail(self) -> None:
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                                  milters={"tlsrpt": socket.replace("unix:", "local:")})
            milter = milter_of(lab, mx.log.path, socket)
            self.assert_reasons(lab, mx, milter, SENDMAIL, lambda one: replace(one, port=mx.implicit_tls_port))

    def test_are_in_reports_as_soon_as_the_log_has_them(self) -> None:
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket})
            milter = milter_of(lab, mx.log.path, socket, fold_interval=3600)
            milter.wait_for_first_fold()
            one = client(lab, mx)
            SCENARIOS["unknown_ca_tls13"](one)
            milter.wait_for_sessions(1, "failed")
            report = milter.report("--json", "self", "--no-lookup")
            (policy,) = report["policies"]
            (detail,) = policy["failure-details"]
            self.assertEqual(policy["policy"]["policy-domain"], "mx.example.test")
            self.assertEqual((detail["result-type"], detail["sending-mta-ip"], detail["failed-session-count"]),
                             ("certificate-not-trusted", one.source, 1))
            self.assertEqual(milter.report("--json", "summary")["total"]["failed"], 1)


class End(unittest.TestCase):
    def test_counts_sessions_and_not_the_entries_of_the_log(self) -> None:
        for sessions in (0, 1, 2):
            with self.subTest(sessions), Lab() as lab:
                socket = f"unix:{lab.new_folder('socket')}/milter"
                ours = {"milter_macro_daemon_name": "ours"}
                left_out = Listener(lab.address(), lab.smtp_port, lab.ca.issue("mx.example.test"), parameters=ours)
                mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket}, listeners=[left_out])
                milter = milter_of(lab, mx.log.path, socket, exclude_daemons=["ours"])
                for _ in range(sessions):
                    SCENARIOS["unknown_ca_tls13"](client(lab, mx))
                last = replace(client(lab, mx), host=left_out.address)
                SCENARIOS["unknown_ca_tls13"](last)
                mx.log.wait_for(rf"disconnect from .*\[{last.source}\]")
                mx.end()
                wait.until_read(milter.pid, mx.log.path)
                milter.stop()
                self.assertRegex(milter.stderr.text(), rf"stopped: {sessions} sessions? journalled, {sessions} folded, "
                                 "0 lost, 0 bytes waiting in the journal, 0 failures, 1 session excluded")
                self.assertNotRegex(milter.stderr.text(), r"\b1 [a-z]+s\b")


class Selected(unittest.TestCase):
    def test_local_clients_are_not_seen_in_the_log_either(self) -> None:
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket})
            milter = milter_of(lab, mx.log.path, socket, local_networks=["127.0.0.0/8"])
            one = client(lab, mx)
            SCENARIOS["unknown_ca_tls13"](one)
            mx.log.wait_for(rf"disconnect from .*\[{one.source}\]")
            self.assertEqual(settled(lab, milter, mx), {})

    def test_daemons_that_are_excluded_keep_their_failures(self) -> None:
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket, "milter_macro_daemon_name": "ours"})
            milter = milter_of(lab, mx.log.path, socket, exclude_daemons=["ours"])
            for name in ("unknown_ca_tls13", "handshake_then_quit"):
                one = client(lab, mx)
                SCENARIOS[name](one)
                mx.log.wait_for(rf"disconnect from .*\[{one.source}\]")
            self.assertEqual(settled(lab, milter, mx), {})


class Privacy(unittest.TestCase):
    def test_no_whole_address_is_written_if_that_is_not_wanted_and_reasons_are_found_anyway(self) -> None:
        for keeping in ("prefix", "none"):
            with self.subTest(keeping), Lab() as lab:
                socket = f"unix:{lab.new_folder('socket')}/milter"
                mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket})
                state = lab.new_folder("state")
                (state / "tlsrpt.sqlite").mkdir()  # so that the journal stays where it is
                milter = Milter(lab, state=state, socket=socket,
                                settings=QUICK | {"mta_log": mx.log.path, "client_address": keeping,
                                                  "log_level": "debug"})
                one = client(lab, mx)
                for name in ("unknown_ca_tls13", "plaintext_mail", "no_shared_cipher", "ehlo_quit"):
                    SCENARIOS[name](replace(one, helo=f"[{one.source}]"))
                mx.log.wait_for(r"disconnect from .* ehlo=1 quit=1 commands=2")
                milter.wait_for_records(7)  # four sessions, two failures, and where reading the log began
                milter.kill()
                files = [*(state / "journal").glob("*"), milter.stderr.path]
                for file in files:
                    self.assertNotIn(one.source.encode(), file.read_bytes(), file)
                (state / "tlsrpt.sqlite").rmdir()
                rows = settled(lab, milter, mx, client_address=keeping)
                kept = one.source.rpartition(".")[0] + ".0" if keeping == "prefix" else ""
                self.assertEqual(sorted((row.outcome, row.failure) for row in rows[kept]),
                                 [("failed", "no-shared-cipher"), ("failed", "unknown-ca"), ("no-mail", "none"),
                                  ("plaintext", "none")])
                self.assertEqual(list(rows), [kept])
                self.assertNotIn(one.source.encode(), (state / "tlsrpt.sqlite").read_bytes())


    def test_a_damaged_key_is_replaced_and_that_is_logged(self) -> None:
        with Lab() as lab:
            log, state = lab.new_folder("log") / "mail.log", lab.new_folder("state")
            log.touch()
            settings = QUICK | {"mta_log": log, "client_address": "none"}
            first = Milter(lab, state=state, settings=settings)
            first.stop()
            (state / "pseudonym-key").write_bytes(b"short")
            second = Milter(lab, state=state, settings=settings)
            second.stop()
            third = Milter(lab, state=state, settings=settings)
            third.stop()
            self.assertEqual((state / "pseudonym-key").stat().st_size, 32)
            told = ["pseudonym-key: damaged; a new key is created" in milter.stderr.text() for milter in (first, second, third)]
            self.assertEqual(told, [False, True, False])


class Kills(unittest.TestCase):
    KINDS = {"unknown_ca_tls13": "unknown-ca", "no_shared_cipher": "no-shared-cipher", "starttls_then_close": "lost-connection",
             "plaintext_instead_of_hello": "not-tls"}
    ROUNDS = 12

    def test_cost_and_double_no_session_and_no_reason(self) -> None:
        chance = random.Random(20261122)
        with Lab() as lab:
            socket = f"unix:{lab.new_folder('socket')}/milter"
            mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket, "milter_default_action": "accept"})
            milter = milter_of(lab, mx.log.path, socket)
            expected: dict[str, int] = {}
            sources = []
            for _ in range(self.ROUNDS):
                for _ in range(chance.randrange(1, 5)):
                    name = chance.choice(list(self.KINDS))
                    one = client(lab, mx)
                    sources.append(one.source)
                    SCENARIOS[name](one)
                    expected[self.KINDS[name]] = expected.get(self.KINDS[name], 0) + 1
                milter.kill()
                if chance.random() < 0.3:  # while no milter runs
                    one = client(lab, mx)
                    sources.append(one.source)
                    SCENARIOS["unknown_ca_tls13"](one)
                    expected["unknown-ca"] = expected.get("unknown-ca", 0) + 1
                milter = Milter(lab, state=milter.state, socket=socket, settings=QUICK | {"mta_log": mx.log.path})
            mx.log.wait_for(rf"disconnect from unknown\[{sources[-1]}\]")

            rows = settled(lab, milter, mx, mta_log=mx.log.path)

            self.assertEqual(sorted(rows), sorted(sources))
            self.assertEqual(sessions_in(rows), len(sources))
            found: dict[str, int] = {}
            for of_client in rows.values():
                for row in of_client:
                    found[row.failure] = found.get(row.failure, 0) + row.sessions
            self.assertEqual(found, expected)
