"""Attacks on OpenPGP signatures of lists: signatures that can be forged, and signatures that update cannot check."""

import sys
import unittest
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "update"))
from publishing import DATA, OK, UNAVAILABLE, Signer, edition  # noqa: E402
from update_case import UpdateCase  # noqa: E402

EVIL = ["a.test", "b.test", "c.test", "evil.test"]


class OpenPgp(UpdateCase):
    signer: Signer
    rsa: Signer

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        cls.signer = Signer(cls.publisher.folder, "signer")
        cls.rsa = Signer(cls.publisher.folder, "rsa", "rsa2048")
        for signer in (cls.signer, cls.rsa):
            cls.addClassCleanup(signer.end)

    def setUp(self) -> None:
        super().setUp()
        self.trust(self.signer)
        self.publish(self.signer, edition(20))

    def trust(self, signer: Signer, **settings: object) -> None:
        self.host.configure([{"name": "main", "url": self.publisher.url(), "openpgp_key_file": str(signer.key_file)}],
                            **settings)

    def publish(self, signer: Signer, content: bytes, *options: str) -> None:
        self.publisher.publish(content)
        self.publisher.serve("/list.json.asc", signer.sign(content, *options))

    def stand_in(self, script: str) -> dict[str, str]:
        """A program in the place of gpgv."""
        gpgv = self.host.folder / "gpgv"
        gpgv.write_text(f"#!/bin/sh\n{script}\n")
        gpgv.chmod(0o755)
        return {"gpgv": str(gpgv)}

    def test_another_list_of_the_same_time_is_refused_also_without_a_directory_for_temporary_files(self) -> None:
        self.assert_update(out=".+\n")
        before = self.host.content()
        environment = self.host.environment() | {"TMPDIR": "/nonexistent"}
        self.host.environment = lambda: environment  # type: ignore[method-assign]
        self.publish(self.signer, edition(20, EVIL))
        self.assert_update(status=DATA, err=".*list main: it is of .*, as the installed one, but its content is another.*\n")
        self.assertEqual(self.host.content(), before)
        self.publish(self.signer, edition(21, EVIL))
        self.assert_update(out=".+\n")
        done = self.host.tool("generate", "postfix", "-o", self.host.map)
        self.assertEqual(done.returncode, OK, done.stderr)
        self.assertEqual(list(self.host.state.rglob("openpgp-*")), [])

    def test_another_list_of_the_same_time_is_refused_if_the_installed_one_cannot_be_checked(self) -> None:
        self.assert_update(out=".+\n")
        self.publish(self.signer, edition(20, EVIL))
        before = self.host.content()
        # It accepts the new list, and fails with the installed one.
        installed = self.host.state.resolve() / "sets/1"
        for failure in ("exit 2", "exit 0", "kill -KILL $$", "echo '[GNUPG:] ERROR keydb 1'; exec gpgv \"$@\""):
            with self.subTest(failure):
                self.trust(self.signer, programs=self.stand_in(
                    f'for last; do :; done; case $last in {installed}/*) {failure};; esac; exec gpgv "$@"'))
                done = self.host.update()
                self.assertNotEqual(done.returncode, OK)
                self.assertRegex(done.stderr, "its content is another, and whether the installed one is still signed "
                                              "cannot be checked: ")
                self.assertEqual(self.host.content(), before)

    def test_no_policy_is_lost_if_a_signature_cannot_be_checked(self) -> None:
        self.assert_update(out=".+\n")
        before = self.host.map.read_bytes()
        for failure, status in (("exit 2", UNAVAILABLE), ("echo '[GNUPG:] ERROR keydb 1'; exec gpgv \"$@\"", UNAVAILABLE)):
            self.trust(self.signer, programs=self.stand_in(failure))
            self.host.map.touch()  # so that the map must be created
            self.assertEqual(self.host.update().returncode, status)
            self.assertEqual(self.host.map.read_bytes(), before)
        self.trust(self.signer)
        self.assert_update()
        self.assertEqual(self.host.map.read_bytes(), before)

    def test_weak_digests_are_refused(self) -> None:
        self.trust(self.rsa)
        for digest in ("SHA1", "RIPEMD160", "MD5"):
            with self.subTest(digest):
                self.publish(self.rsa, edition(20), "--digest-algo", digest, "--allow-weak-digest-algos")
                self.assert_update(status=DATA, err=".*list main: .*uses a digest that is refused as too weak\n")
        self.publish(self.rsa, edition(20), "--digest-algo", "SHA256")
        self.assert_update(out=".+\n")

    def test_a_gpgv_that_accepts_weak_digests_is_not_trusted(self) -> None:
        self.trust(self.rsa, programs=self.stand_in('exec gpgv "$1" "$2" "$3" "$4" --status-fd 1 "${12}" "${13}"'))
        self.publish(self.rsa, edition(20), "--digest-algo", "SHA1")
        self.assert_update(status=DATA, err=".*the signature uses a digest that is refused as too weak .*\n")

    def test_short_keys_are_refused(self) -> None:
        short = Signer(self.publisher.folder, "short", "rsa1024")
        self.addCleanup(short.end)
        self.trust(short)
        self.publish(short, edition(20))
        self.assert_update(status=DATA, err=".*signed with the RSA key [0-9A-F]{40} of 1024 bits: fewer than 2048 are "
                                            "refused\n")


if __name__ == "__main__":
    unittest.main()
