"""Members of the group may read what the services recorded. For others the message says how to become a member."""

import os
import pwd
import shutil
import subprocess
import unittest
from pathlib import Path

from lab import Lab, program
from reports import Reader, mail, packed, report

SERVICE = pwd.getpwnam("games")  # in place of the user starttls-toolkit
USER = pwd.getpwnam("news")


class Store(Reader):
    """A store of reports with the owner and mode that the services give it, and no service running."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        # Other users may have no access to the build.
        self.program = Path(shutil.copy(program.path_of("tlsrpt-report"), self.folder / "tlsrpt-report"))
        self.state.mkdir(mode=0o750)
        os.chown(self.state, SERVICE.pw_uid, SERVICE.pw_gid)

    def run_as(self, user: pwd.struct_passwd, *arguments: str | os.PathLike[str], groups: tuple[int, ...] = (),
               content: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([self.program, "-c", self.configuration, *arguments], user=user.pw_uid, group=user.pw_gid,
                              extra_groups=groups, umask=0o027, input=content, capture_output=True, timeout=60, check=False)

    def take_in(self) -> None:
        done = self.run_as(SERVICE, "read", "-", content=mail(packed(report())))
        assert done.returncode == 0, done.stderr


class Access(unittest.TestCase):
    def setUp(self) -> None:
        lab = self.enterContext(Lab())
        lab.require_root()
        self.store = Store(lab)
        self.store.take_in()

    def test_a_member_of_the_group_reads_while_no_process_has_the_store_open(self) -> None:
        for command in (["summary", "--by", "reporter"], ["summary", "--by", "failure"], ["alert"], ["queue"],
                        ["html", "-o", "/dev/null"]):
            with self.subTest(command):
                done = self.store.run_as(USER, *command, groups=(SERVICE.pw_gid,))
                self.assertNotIn(b"tlsrpt.sqlite", done.stderr)
                self.assertNotIn(b"reports.sqlite", done.stderr)
                self.assertNotEqual(done.returncode, 77, done.stderr)

    def test_for_a_user_without_rights_the_group_to_join_is_printed(self) -> None:
        for command in (["summary"], ["summary", "--by", "reporter"], ["queue"], ["downgrades"]):
            with self.subTest(command):
                done = self.store.run_as(USER, *command)
                self.assertEqual((done.returncode, done.stdout), (77, b""), done.stderr)
                self.assertIn(b"members of group games may read it: adduser news games (as root)", done.stderr)
                self.assertIn(str(self.store.state).encode(), done.stderr)

    def test_for_a_member_who_may_only_read_the_user_who_may_write_is_printed(self) -> None:
        done = self.store.run_as(USER, "read", "-", groups=(SERVICE.pw_gid,), content=mail(packed(report(report_id="r2"))))
        self.assertEqual(done.returncode, 77, done.stderr)
        self.assertIn(b"only games and root may change it: sudo -u games tlsrpt-report ...", done.stderr)

    def test_a_configuration_with_a_password_prints_the_same(self) -> None:
        os.chown(self.store.configuration, 0, SERVICE.pw_gid)
        self.store.configuration.chmod(0o640)
        done = self.store.run_as(USER, "summary")
        self.assertIn(b"members of group games may read it", done.stderr)
        self.assertIn(str(self.store.configuration).encode(), done.stderr)
        self.assertNotEqual(done.returncode, 0)


if __name__ == "__main__":
    unittest.main()
