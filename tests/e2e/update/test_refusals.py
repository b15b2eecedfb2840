"""What starttls-listtool update refuses, with which messages; the installed list and the maps stay byte for byte."""

import itertools
import json
import time
import unittest
from collections.abc import Callable

from lab.ca import CA
from lab.https import Answer, Request

from publishing import DATA, HOST, TEMPORARY, Host, Key, conditional, edition
from update_case import UpdateCase

STAYS = r"; the installed edition of 2026-11-20T00:00:00Z stays\n"
MANY = [f"{number:02}.test" for number in range(20)]


class Refusal(UpdateCase):
    """Where edition 20 is installed."""

    def setUp(self) -> None:
        super().setUp()
        self.assert_update(out=".+\n")
        self.publisher.requests()

    def assert_refused(self, reason: str, *arguments: str, status: int = DATA, warned: str = "") -> None:
        """The update names the list and the reason, and everything is as before."""
        before = self.host.content()
        begun = time.monotonic()
        self.assert_update(*arguments, status=status, err=f"starttls-listtool: {warned}list main: {reason}{STAYS}")
        self.assertLess(time.monotonic() - begun, 15)
        self.assertEqual(self.host.content(), before)

    def assert_temporary(self, reason: str) -> None:
        """As before, but as a warning, and with -q without one, because the list is valid long enough."""
        self.assert_refused(reason, status=TEMPORARY, warned="warning: ")
        before = self.host.content()
        self.assert_update("-q", status=TEMPORARY)
        self.assertEqual(self.host.content(), before)


class Signatures(Refusal):
    def test_of_another_file(self) -> None:
        self.publisher.publish(edition(21), signature=self.publisher.key.sign(b"something else"))
        self.assert_refused(".*/list.json: the signature by key [0-9A-F]{16} does not fit: .*")

    def test_that_is_missing(self) -> None:
        self.publisher.publish(edition(21))
        self.publisher.answer(Answer(404), "/list.json.minisig")
        self.assert_refused(r".*/list.json.minisig: there is no such file \(status 404\)")

    def test_of_the_legacy_kind(self) -> None:
        self.publisher.publish(edition(21), signature=self.publisher.key.sign(edition(21), "-l"))
        self.assert_refused(".*/list.json: the signature is of the legacy kind .*, which is refused")
        self.host.configure([self.host.main_list(allow_legacy=True)])
        self.assert_update(out=".*of 2026-11-21T.*\n")

    def test_that_is_invalid(self) -> None:
        self.publisher.publish(edition(21), signature=b"hello\n")
        self.assert_refused(r"https://.*/list.json.minisig: no minisign signature: .*")

    def test_that_is_too_large(self) -> None:
        self.publisher.publish(edition(21), signature=b"x" * 100_000)
        self.assert_refused(r"https://.*/list.json.minisig: larger than the limit of \d+ bytes")

    def test_the_trusted_comment_is_another(self) -> None:
        signature = self.publisher.key.sign(edition(21), "-t", "words")
        self.publisher.publish(edition(21), signature=signature.replace(b": words", b": other"))
        self.assert_refused(".*/list.json: the trusted comment is not the one that was signed .*")


class Content(Refusal):
    def test_a_web_page_with_status_200(self) -> None:
        self.publisher.answer(Answer(headers={"Content-Type": "text/html; charset=utf-8"}, body=b"<html>log in</html>"))
        self.assert_refused(r".*; the server sent a web page \(text/html\)")
        self.publisher.serve("/list.json.minisig", b"<html></html>", "text/html")
        self.assert_refused(r"https://.*/list.json.minisig: no minisign signature.*; the server sent a web page "
                            r"\(text/html\)")

    def test_cut_json_that_is_signed(self) -> None:
        self.publisher.publish(edition(21)[:-20])
        self.assert_refused(r"https://.*/list.json:\d+:\d+: .*too early.*")

    def test_a_body_that_breaks_off(self) -> None:
        self.publisher.answer(Answer(headers={"Content-Length": "100000"}, chunks=[edition(21)]))
        # curl 7.88 and 8.14.
        self.assert_temporary(".*/list.json: (?:transfer closed|OpenSSL SSL_read: .*unexpected eof) .*")

    def test_another_list_with_the_same_time(self) -> None:
        self.publisher.publish(edition(20, ["a.test", "b.test", "c.test", "evil.test"]))
        self.assert_refused("it is of 2026-11-20T00:00:00Z, as the installed one, but its content is another")
        self.assert_refused("it is of 2026-11-20T00:00:00Z, as the installed one, .*", "--force")

    def test_an_expired_edition(self) -> None:
        self.publisher.publish(edition(21, expires="2026-11-22T12:00:00Z"))
        self.assert_refused("it expired on 2026-11-22T12:00:00Z")

    def test_an_edition_from_the_far_future(self) -> None:
        self.publisher.publish(edition(24))
        self.assert_refused(".*it is dated 2026-11-24T00:00:00Z, which is more than 24 hours ahead of the clock")

    def test_an_edition_that_lost_too_much(self) -> None:
        self.publisher.publish(edition(21, ["a.test", "b.test"]))
        self.assert_refused(r"it shrank from 4 to 2 domains, by more than max_shrink \(25 %\) allows; "
                            "if that is meant, run update with --force")
        self.assert_update("--force", out="main: 0 added, 2 removed, 0 changed; 2 domains, .*\n")
        self.assert_silent()

    def test_the_limit_of_the_loss_is_a_setting(self) -> None:
        self.host.configure([self.host.main_list(max_shrink=10)])
        self.publisher.publish(edition(21, MANY))
        self.assert_update(out=".+\n")
        self.publisher.publish(edition(22, MANY[:18]))
        self.assert_update(out=".+ 2 removed.+\n")
        self.publisher.publish(edition(22, MANY[:16]).replace(b"2T00", b"2T01"))
        self.assert_update(status=DATA, err=".*it shrank from 18 to 16 domains.*\n")
        self.host.configure([self.host.main_list(max_shrink=100)])
        self.assert_update(out=".+ 2 removed.+\n")


class FirstOfAll(UpdateCase):
    """On a host without an installed list."""

    def test_a_refusal_writes_nothing_and_does_not_change_the_map(self) -> None:
        self.host.map.write_text("old.test secure match=mx.old.test\n")
        self.publisher.publish(edition(20), key=Key(self.publisher.folder))
        for _ in range(2):
            self.assert_update(status=DATA, err=".*list main: .*none of the known keys .*\n")
            self.assertEqual(self.host.content(), {"state/lock": b"",
                                                   "maps/tls_policy": b"old.test secure match=mx.old.test\n"})
        self.assertEqual(self.host.runs(), 0)
        self.publisher.publish(edition(20))
        self.assert_update(out=".+\n")

    def test_a_server_that_is_down_is_reported(self) -> None:
        port = self.lab.free_port("127.0.0.1")
        self.host.configure([self.host.main_list(url=f"https://{HOST}:{port}/list.json")])
        self.assert_update("-q", status=TEMPORARY, err=".*list main: .*Failed to connect.*\n")

    def test_an_expired_edition_is_not_installed(self) -> None:
        self.publisher.publish(edition(20, expires="2026-11-22T00:00:00Z"))
        self.assert_update(status=DATA, err=".*list main: it expired on 2026-11-22T00:00:00Z\n")
        self.assertEqual(self.host.content(), {"state/lock": b""})


class Servers(Refusal):
    def test_redirects_away_from_https(self) -> None:
        for target in (self.publisher.url(scheme="http"), "file:///etc/passwd"):
            with self.subTest(target):
                self.publisher.answer(Answer(302, {"Location": target}))
                self.assert_refused(".*: the server redirects away from https, which is refused")

    def test_a_redirect_in_a_circle(self) -> None:
        self.publisher.answer(Answer(302, {"Location": self.publisher.url()}))
        self.assert_refused(".*: more than 3 redirects")
        self.assertEqual(len(self.publisher.requests()), 4)

    def test_a_body_without_an_end(self) -> None:
        self.host.configure(fetch={"max_size": 1_000_000})
        self.publisher.answer(Answer(chunks=itertools.repeat(b" " * 50_000), chunked=True))
        self.assert_refused(".*/list.json: larger than the limit of 1000000 bytes")

    def test_a_list_over_the_limit(self) -> None:
        self.host.configure(fetch={"max_size": 500})
        self.publisher.publish(edition(21, MANY))
        self.assert_refused(".*/list.json: larger than the limit of 500 bytes")

    def test_silence_and_slow_answers(self) -> None:
        self.host.configure(fetch={"timeout": 0.4})
        for answer in (Answer(hold=True), Answer(chunks=itertools.repeat(b" "), pause=0.02)):
            self.publisher.answer(answer)
            self.assert_temporary(".*/list.json: too slow: .*")

    def test_a_signature_that_comes_slowly(self) -> None:
        self.host.configure(fetch={"timeout": 0.4})
        self.publisher.publish(edition(21))
        self.publisher.answer(Answer(chunks=itertools.repeat(b" "), pause=0.02), "/list.json.minisig")
        self.assert_temporary(".*/list.json.minisig: too slow: .*")

    def test_a_certificate_that_cannot_be_trusted(self) -> None:
        self.host.ca_file = CA(self.lab.new_folder("ca"), "Another CA").certificate
        self.host.configure()
        self.assert_refused(".*/list.json: the server's certificate cannot be trusted, .*")

    def test_a_closed_port_is_an_error_once_the_list_is_valid_for_no_more_than_48_hours(self) -> None:
        self.publisher.publish(edition(21, expires="2026-11-25T00:00:00Z"))
        self.assert_update(out=".+\n")
        port = self.lab.free_port("127.0.0.1")
        self.host.configure([self.host.main_list(url=f"https://{HOST}:{port}/list.json")])
        before = self.host.content()
        self.assert_update(status=TEMPORARY, err=".*: warning: list main: .*Failed to connect.* stays\n")
        self.assert_update("-q", status=TEMPORARY)
        self.host.now = "2026-11-23T00:00:00Z"
        for quiet in ([], ["-q"]):
            self.assert_update(*quiet, status=TEMPORARY,
                               err=".*: list main: .*Failed to connect.* stays\n"
                                   ".*: warning: list main: it expires on 2026-11-25T00:00:00Z, and there is no newer "
                                   "one; .*\n")
        self.assertEqual(self.host.content(), before)

    def test_not_modified_without_a_condition(self) -> None:
        self.publisher.publish(edition(20), validators=[])
        self.assert_update()
        self.publisher.answer(Answer(304, {}))
        self.assert_refused(".*\"not modified\".*")

    def test_with_json_the_reason_is_in_the_answer(self) -> None:
        self.publisher.publish(edition(19))
        done = self.host.update("--json")
        lists = json.loads(done.stdout)["lists"]
        self.assertEqual((done.returncode, len(lists), lists[0]["result"]), (DATA, 1, "refused"))
        self.assertIn("rolled back", lists[0]["error"])
        self.publisher.answer(Answer(503))
        self.assertEqual(json.loads(self.host.update("--json").stdout)["lists"][0]["result"], "failed")


class BetweenTheFetches(Refusal):
    """The publisher replaces the list and its signature while they are fetched."""

    def in_turn(self, path: str, *answers: Answer | Callable[[Request], Answer]) -> None:
        """These answers, one for each request; the last one is repeated."""
        left = list(answers)

        def answer(request: Request) -> Answer:
            now = left.pop(0) if len(left) > 1 else left[0]
            return now if isinstance(now, Answer) else now(request)

        self.publisher.web.answer(HOST, path, answer)

    def test_the_signature_of_the_older_edition_came_first(self) -> None:
        self.publisher.publish(edition(21))
        key = self.publisher.key
        self.in_turn("/list.json.minisig", Answer(body=key.sign(edition(20))), Answer(body=key.sign(edition(21))))
        self.assert_update(out="main: .* of 2026-11-21T.*\n")
        self.assertEqual(self.installed(), edition(21))
        self.assert_silent()

    def test_the_signature_was_newer_than_the_list(self) -> None:
        new = edition(22)
        self.publisher.publish(new)
        self.in_turn("/list.json", conditional(edition(21), None, ["ETag"]), conditional(new, None, ["ETag"]))
        self.assert_update(out="main: .* of 2026-11-22T.*\n")
        self.assertEqual(self.installed(), new)
        self.assert_silent()

    def test_the_first_edition_of_all(self) -> None:
        self.host = Host(self.lab, self.publisher)
        self.host.configure()
        key = self.publisher.key
        self.in_turn("/list.json.minisig", Answer(body=key.sign(edition(19))), Answer(body=key.sign(edition(20))))
        self.assert_update(out="main: 4 added.*\n")

    def test_a_signature_that_stays_wrong(self) -> None:
        self.publisher.publish(edition(21), signature=self.publisher.key.sign(edition(20)))
        self.assert_refused(".*does not fit: .*")
        self.assertEqual([request.path for request in self.publisher.requests()],
                         ["/list.json", "/list.json.minisig"] * 2)


if __name__ == "__main__":
    unittest.main()
