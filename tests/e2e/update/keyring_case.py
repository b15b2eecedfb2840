"""What tests of lists with root keys share: each has a list of its own, with version 1 of keys.json and edition 1."""

import json
import tomllib

from keyrings import KeyedList
from publishing import DATA, Key, edition
from update_case import UpdateCase

ABCD = [f"{x}.test" for x in "abcd"]
STAYS = "; the installed edition of .* stays\n"


class KeyringCase(UpdateCase):
    roots: list[Key]
    signers: list[Key]

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.roots = [Key(cls.publisher.folder) for _ in range(4)]
        cls.signers = [Key(cls.publisher.folder) for _ in range(3)]

    def setUp(self) -> None:
        super().setUp()
        self.list = KeyedList(self.publisher, self.roots, self.signers)
        self.list.keys(1)
        self.list.publish(edition(20))
        self.host.configure([self.list.settings()])

    def install(self) -> None:
        self.assert_update("-q")
        self.assertEqual(sorted(self.host.policies()), ABCD)
        self.publisher.requests()

    def facts(self) -> dict[str, object]:
        return tomllib.loads((self.host.state / "current/set.toml").read_text())["list"][0]

    def trusted_version(self) -> int:
        return json.loads(self.facts()["keys"])["version"]

    def assert_nothing_changes(self, reason: str) -> None:
        before = self.host.content()
        self.assert_update("-q", status=DATA, err=f"starttls-listtool: list main: .*{reason}{STAYS}")
        self.assertEqual(self.host.content(), before)

    def assert_nothing_installed(self, reason: str) -> None:
        self.assert_update("-q", status=DATA, err=f"starttls-listtool: list main: .*{reason}\n")
        self.assertFalse((self.host.state / "current").exists())
