"""The commands for the milter in README and docs/ work as written there: only files are the lab's."""

import re
import unittest
from pathlib import Path

from lab import Lab, documents, program
from lab.sendmail import SendmailReceiver
from lab.smtp_client import SCENARIOS, tls13_mail
from recording import QUICK, Milter, client, end_and_read, receiver

EXAMPLE = Path(program.SOURCE_TREE, "packaging/tlsrpt.toml")  # has the defaults
HEADING = "Record inbound sessions"


class Guides(unittest.TestCase):
    def test_postfix(self) -> None:
        lines = documents.lines("docs/postfix.md", HEADING)
        main_cf = dict(line.split(" = ") for line in lines if line.startswith(("smtpd_", "milter_")))
        self.assertEqual(list(main_cf), ["smtpd_milters", "milter_default_action"])
        socket = re.search(r'^#socket = "unix:/var/spool/postfix/(\S+)"', EXAMPLE.read_text(), re.MULTILINE)
        self.assertIsNotNone(socket)
        self.assertEqual(main_cf["smtpd_milters"], f"unix:{socket[1]}")
        (mta_log,) = [line.split(" = ")[1].split()[0].strip('"') for line in lines if line.startswith("mta_log")]
        self.assertEqual(mta_log, "/var/log/mail.log")
        (postconf,) = [line for line in documents.lines("README.md", "Postfix in a few lines") if "smtpd_milters" in line]
        self.assertEqual(dict(word.split("=", 1) for word in postconf.split()[1:]), main_cf)
        with Lab() as lab:
            mx = receiver(lab, parameters=main_cf | {"smtpd_peername_lookup": "no"})
            before = client(lab, mx)
            tls13_mail(before)  # which "accept" allows while there is no milter
            (mx.folder / "queue/tlsrpt").mkdir()
            milter = Milter(lab, socket=f"unix:{mx.folder}/queue/{socket[1]}", settings=QUICK | {"mta_log": mx.log.path})
            watched, failing = client(lab, mx), client(lab, mx)
            tls13_mail(watched)
            SCENARIOS["unknown_ca_tls13"](failing)
            mx.log.wait_for(rf"disconnect from unknown\[{failing.source}\]")
            milter.wait_for_sessions(1, "failed")
            for line in lines:
                if line.startswith("tlsrpt-report ") and line != "tlsrpt-report doctor":  # see tests/e2e/doctor
                    arguments = line.partition("#")[0].split()[1:]
                    arguments += ["--no-lookup"] if arguments[0] == "self" else []  # no DNS has the lab's domains
                    with self.subTest(line):
                        done = program.run("tlsrpt-report", "--state-dir", milter.state, *arguments)
                        self.assertEqual(done.returncode, 0, done.stderr)
            rows = end_and_read(mx, milter)
            self.assertEqual([row.outcome for row in rows[watched.source]], ["tls"])
            self.assertNotIn(before.source, rows)

    def test_sendmail(self) -> None:
        lines = documents.lines("docs/sendmail.md", HEADING)
        (filter_line,) = [line for line in lines if line.startswith("INPUT_MAIL_FILTER")]
        path = re.search(r"S=local:([^,]+),", filter_line)
        self.assertIsNotNone(path)
        self.assertIn(f'\n#socket = "unix:{path[1]}"', EXAMPLE.read_text())
        with Lab() as lab:
            socket = lab.new_folder("run") / "milter.sock"
            mx = SendmailReceiver(lab, "mx.example.test", ["example.test"], lab.ca.issue("mx.example.test"),
                                  macros=filter_line.replace(path[1], str(socket)) + "\n")
            before, watched = client(lab, mx), client(lab, mx)
            tls13_mail(before)  # the filter does not run yet
            milter = Milter(lab, socket=f"unix:{socket}")
            tls13_mail(watched)
            mx.wait_until_idle()
            self.assertEqual(list(end_and_read(mx, milter)), [watched.source])
