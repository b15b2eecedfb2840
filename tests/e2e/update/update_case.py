"""What the tests of starttls-listtool update share: each has its own host, and a publisher with edition 20."""

import unittest

from lab import Lab

from publishing import OK, Host, Publisher, edition


class UpdateCase(unittest.TestCase):
    lab: Lab
    publisher: Publisher

    @classmethod
    def setUpClass(cls) -> None:
        cls.lab = cls.enterClassContext(Lab())
        cls.publisher = Publisher(cls.lab)

    def setUp(self) -> None:
        self.host = Host(self.lab, self.publisher)
        self.host.configure()
        self.publisher.publish(edition(20))
        self.publisher.requests()

    def assert_update(self, *arguments: str, status: int = OK, out: str = "", err: str = "") -> None:
        """The update exits and prints this; `out` and `err` are regular expressions for all of the output."""
        done = self.host.update(*arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertRegex(done.stdout, rf"\A(?:{out})\Z")
        self.assertRegex(done.stderr, rf"\A(?:{err})\Z")
        self.assertEqual(self.host.leftovers(), [])

    def assert_silent(self) -> None:
        """Nothing is new: nothing is printed or written, and no directory is touched."""
        before = self.host.stamps()
        self.assert_update()
        self.assertEqual(self.host.stamps(), before)

    def installed(self, name: str = "main") -> bytes:
        return (self.host.state / "current" / f"{name}.json").read_bytes()
