"""A state directory that is full, read-only or missing costs no mail and, once it can be used again, no session."""

import re
import shutil
import unittest
from pathlib import Path

from lab import Lab
from lab.postfix import Receiver
from lab.smtp_client import plaintext_mail, tls13_mail
from lab.volume import Volume
from recording import Milter, client, end_and_read, read, receiver

NO_NAMES = {"smtpd_peername_lookup": "no"}
TROUBLE = "error: (.*); mail is not affected"
RECOVERED = "recording works again; sessions lost so far: 0"


class StateDirectory(unittest.TestCase):
    def setUp(self) -> None:
        self.sources: list[str] = []

    def mail(self, lab: Lab, mx: Receiver, count: int) -> None:
        """Send messages that arrive: Postfix would answer with 451 if the milter failed."""
        for number in range(count):
            one = client(lab, mx)
            (tls13_mail if number % 2 else plaintext_mail)(one)
            self.sources.append(one.source)

    def remove(self, directory: Path) -> None:
        """At once, as seen by the daemon, which creates the directory again when it misses it."""
        shutil.rmtree(directory.rename(directory.with_suffix(".removed")))

    def assert_trouble_was_told(self, milter: Milter, reason: str) -> None:
        """It is logged once, though every attempt failed, and the attempts were counted."""
        told = re.findall(TROUBLE, milter.stderr.text())
        self.assertEqual(len(told), 1, milter.stderr.text())
        self.assertRegex(told[0], reason)
        failures = re.search(r"stopped: .* (\d+) failures?,", milter.stderr.text())
        self.assertGreater(int(failures[1]), 0)

    def assert_all_recorded(self, rows: dict) -> None:
        messages = {address: [(row.sessions, row.messages) for row in of] for address, of in rows.items()}
        self.assertEqual(messages, {source: [(1, 1)] for source in self.sources})


class Full(StateDirectory):
    def test_under_the_running_daemon(self) -> None:
        with Lab() as lab:
            volume = Volume(lab)
            milter = Milter(lab, state=volume.path, within=volume.within)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 2)
            volume.fill()
            self.mail(lab, mx, 30)
            milter.stderr.wait_for(TROUBLE)
            volume.free()
            milter.stderr.wait_for(RECOVERED)
            self.mail(lab, mx, 2)
            self.assert_all_recorded(end_and_read(mx, milter, volume.seen_from_outside))
            self.assert_trouble_was_told(milter, "No space left on device|cannot write|disk is full|disk I/O error")

    def test_from_the_start(self) -> None:
        with Lab() as lab:
            volume = Volume(lab)
            volume.fill()
            milter = Milter(lab, state=volume.path, within=volume.within)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 4)
            milter.stderr.wait_for(TROUBLE)
            volume.free()
            milter.stderr.wait_for(RECOVERED)
            self.assert_all_recorded(end_and_read(mx, milter, volume.seen_from_outside))
            self.assert_trouble_was_told(milter, "No space left on device|disk is full|disk I/O error")

    def test_until_the_end_loses_sessions_and_their_number_is_logged(self) -> None:
        with Lab() as lab:
            volume = Volume(lab)
            volume.fill()
            milter = Milter(lab, state=volume.path, within=volume.within)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 4)
            mx.end()
            self.assertEqual(milter.stop(), 0)
            self.assertRegex(milter.stderr.text(), "stopped: 0 sessions journalled, 0 folded, 4 lost")


class ReadOnly(StateDirectory):
    def test_from_the_start(self) -> None:
        with Lab() as lab:
            volume = Volume(lab, "size=1m,ro")
            milter = Milter(lab, state=volume.path, within=volume.within)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 4)
            milter.stderr.wait_for(TROUBLE)
            volume.remount("rw")
            milter.stderr.wait_for(RECOVERED)
            self.assert_all_recorded(end_and_read(mx, milter, volume.seen_from_outside))
            self.assert_trouble_was_told(milter, "Read-only file system")

    def test_under_the_running_daemon(self) -> None:
        with Lab() as lab:
            volume = Volume(lab)
            milter = Milter(lab, state=volume.path, within=volume.within)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 2)
            volume.cover()
            self.mail(lab, mx, 4)
            milter.stderr.wait_for(TROUBLE)
            volume.uncover()
            milter.stderr.wait_for(RECOVERED)
            self.mail(lab, mx, 2)
            self.assert_all_recorded(end_and_read(mx, milter, volume.seen_from_outside))
            self.assert_trouble_was_told(milter, "Read-only file system|No such file or directory|was removed")


class Missing(StateDirectory):
    def test_from_the_start_it_is_created(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, state=lab.folder / "var/lib/state")
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 2)
            self.assert_all_recorded(end_and_read(mx, milter))

    def test_if_it_cannot_be_created_the_daemon_waits_for_it(self) -> None:
        with Lab() as lab:
            parent = lab.folder / "var"
            parent.write_text("in the way")
            milter = Milter(lab, state=parent / "state")
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 4)
            milter.stderr.wait_for(TROUBLE)
            parent.unlink()
            milter.stderr.wait_for(RECOVERED)
            self.assert_all_recorded(end_and_read(mx, milter))
            self.assert_trouble_was_told(milter, "Not a directory")

    def test_removed_under_the_running_daemon_it_is_created_again(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.remove(milter.state)
            self.mail(lab, mx, 4)
            milter.stderr.wait_for(RECOVERED)
            self.assert_all_recorded(end_and_read(mx, milter))
            self.assert_trouble_was_told(milter, "was removed")

    def test_what_the_removed_journal_held_is_not_lost(self) -> None:
        with Lab() as lab:
            milter = Milter(lab, settings={"sync_interval": 0.05, "fold_interval": 3600})
            milter.wait_for_first_fold()
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 3)
            milter.wait_for_records(3)
            self.remove(milter.state)
            self.mail(lab, mx, 1)
            mx.end()
            milter.stop()
            Milter(lab, state=milter.state).stop()  # the store was removed, too: the journal is folded now
            self.assert_all_recorded(read(milter.state))

    def test_that_returns_in_the_last_moment_receives_everything(self) -> None:
        with Lab() as lab:
            parent = lab.folder / "var"
            parent.write_text("in the way")
            milter = Milter(lab, state=parent / "state", settings={"sync_interval": 60, "fold_interval": 60})
            mx = receiver(lab, milter, parameters=NO_NAMES)
            self.mail(lab, mx, 2)
            parent.unlink()
            self.assert_all_recorded(end_and_read(mx, milter))


if __name__ == "__main__":
    unittest.main()
