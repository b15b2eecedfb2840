"""Sessions that no MTA or only a broken MTA reports: each is recorded once, with the facts that are known."""

import contextlib
import unittest
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab import Lab
from lab.milter_peer import (
    ABORT,
    ALL_STEPS,
    CONNECT,
    CONTINUE,
    END_OF_MESSAGE,
    HELO,
    MAIL,
    NEGOTIATION,
    QUIT,
    RCPT,
    TLS,
    TLS_HELO,
    Peer,
    connect,
    macros,
    negotiation,
    packet,
)
from lab.program import memory_limit
from recording import Milter, Row, most_memory, read

CONTENT_LIMIT = 65535  # libmilter's limit for what follows the command (MILTER_MAX_DATA_SIZE)
MANY_BYTES = 1 << 20
TEXT_LIMIT = 260  # of a text that we keep, with the mark that it was truncated
OUR_MX = {b"j": b"mx.example.test"}

NASTY = {
    "invalid UTF-8": b"\xff\xfe\x80\xc3",
    "a cut character": b"mx\xe2\x82",
    "too long a form": b"\xc0\x80\xe0\x80\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "control characters": bytes(range(1, 32)) + b"\x7f",
    "terminal escapes": b"\x1b[2J\x1b]0;x\x07\xc2\x9b31m",
    "line breaks": b"mx\r\nerror: forged line",
    "quotes": b"'\"\\; DROP TABLE session_counts; --",
    "JSON": b'"},{"log":1',
    "formats": b"%s%n{}{0}",
    "right to left": "\u202e\u2066mx".encode(),
    "0xFF": b"\xff" * 300,
}


@dataclass(frozen=True)
class Stage:
    """How far a session gets, and how it is counted then."""
    packets: Sequence[bytes]
    outcome: str
    messages: int = 0


PLAIN = (macros(b"C", OUR_MX) + CONNECT, HELO)
ENCRYPTED = (*PLAIN, TLS_HELO)
STAGES = {
    "connected": Stage(PLAIN[:1], "no-helo"),
    "greeted": Stage(PLAIN, "no-mail"),
    "in the clear after MAIL": Stage((*PLAIN, MAIL), "plaintext"),
    "in the clear after RCPT": Stage((*PLAIN, MAIL, RCPT), "plaintext"),
    "in the clear after a message": Stage((*PLAIN, MAIL, RCPT, END_OF_MESSAGE), "plaintext", 1),
    "encrypted": Stage(ENCRYPTED, "tls"),
    "after MAIL": Stage((*ENCRYPTED, MAIL), "tls"),
    "after RCPT": Stage((*ENCRYPTED, MAIL, RCPT), "tls"),
    "after a message": Stage((*ENCRYPTED, MAIL, RCPT, END_OF_MESSAGE), "tls", 1),
    "in the second message": Stage((*ENCRYPTED, MAIL, RCPT, END_OF_MESSAGE, MAIL, RCPT), "tls", 1),
}
ENDINGS: dict[str, Callable[[Peer], None]] = {
    "quit": Peer.end,
    "abort and quit": lambda peer: peer.send(ABORT, QUIT),
    "three aborts": lambda peer: peer.send(ABORT, ABORT, ABORT),
    "hangs up": Peer.hang_up,
    "half a length": lambda peer: peer.send(b"\0\0"),
    "half a packet": lambda peer: peer.send(RCPT[:9]),
    "half of the macros": lambda peer: peer.send(macros(b"M", TLS)[:12]),
    "a length of nothing": lambda peer: peer.send(bytes(4)),
    "a length of two gigabytes": lambda peer: peer.send(b"\x7f\xff\xff\xffM" + bytes(100)),
    "an unknown command": lambda peer: peer.send(packet(b"\xfe", b"x")),
    "another negotiation": lambda peer: peer.send(NEGOTIATION, QUIT),
}


def play(milter: Milter, *packets: bytes, offer: bytes = NEGOTIATION) -> list[bytes]:
    """A session of these answered steps, to its end; returns the answers."""
    with Peer(milter) as peer:
        peer.negotiate(offer)
        answers = [peer.step(step) for step in packets]
        peer.end()
    return answers


def numbered(steps: Sequence[bytes], number: int) -> list[bytes]:
    """The same with its own client."""
    address = f"192.0.2.{number}"
    return [step.replace(CONNECT, connect(address)) for step in steps]


class Sessions(unittest.TestCase):
    maxDiff = None

    def rows_of(self, milter: Milter) -> dict[str, list[Row]]:
        self.assertEqual(milter.stop(), 0, milter.stderr.text())
        return read(milter.state)

    def only_row_of(self, milter: Milter, address: str = "192.0.2.1") -> Row:
        rows = self.rows_of(milter)
        self.assertEqual(list(rows), [address])
        (row,) = rows[address]
        self.assertEqual(row.sessions, 1)
        return row

    def assert_fit_to_be_shown(self, row: Row) -> None:
        for text in (row.receiving_mx, row.client_name, row.tls_version, row.cipher, *row.domains):
            self.assertLessEqual(len(text), TEXT_LIMIT)
            self.assertTrue(text.isprintable(), repr(text))


class Ends(Sessions):
    def test_at_each_stage_in_each_way_the_session_is_counted_once(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            expected = {}
            cases = [(stage, ending) for stage in STAGES for ending in ENDINGS]
            for number, (stage, ending) in enumerate(cases, 1):
                with self.subTest(stage=stage, ending=ending), Peer(milter) as peer:
                    peer.negotiate()
                    for step in numbered(STAGES[stage].packets, number):
                        self.assertEqual(peer.step(step), CONTINUE)
                    ENDINGS[ending](peer)
                    peer.hang_up()
                expected[f"192.0.2.{number}"] = [(STAGES[stage].outcome, 1, STAGES[stage].messages)]
            rows = self.rows_of(milter)
            self.assertEqual({address: [(row.outcome, row.sessions, row.messages) for row in of]
                              for address, of in rows.items()}, expected)

    def test_before_the_connection_is_announced_there_is_no_session(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            for name, ending in ENDINGS.items():
                with self.subTest(ending=name), Peer(milter) as peer:
                    peer.negotiate()
                    ending(peer)
                    peer.hang_up()
            self.assertEqual(self.rows_of(milter), {})


class WithoutAnAnswer(Sessions):
    def test_to_mail_each_session_has_what_came_before_its_end(self) -> None:
        """The peer closes at once, with all that it has sent still to be read."""
        with Lab() as lab:
            milter = Milter(lab)
            for number in range(1, 101):
                with Peer(milter) as peer:
                    peer.negotiate(negotiation(ALL_STEPS))
                    for step in numbered(PLAIN, number):
                        peer.step(step)
                    peer.send(MAIL)
            milter.wait_for_sessions(100)  # what it is told to end before it has read MAIL ends without it
            rows = self.rows_of(milter)
            self.assertEqual({address: [(row.outcome, row.sessions) for row in of] for address, of in rows.items()},
                             {f"192.0.2.{number}": [("plaintext", 1)] for number in range(1, 101)})


class Content(Sessions):
    def test_macros_are_read_up_to_libmilters_limit_and_truncated_to_ours(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            head = len(b"Cj\0\0")
            text = b"x" * (CONTENT_LIMIT - head)
            self.assertEqual(play(milter, macros(b"C", {b"j": text}) + CONNECT, HELO, MAIL), [CONTINUE] * 3)
            row = self.only_row_of(milter)
            self.assertEqual((row.outcome, row.receiving_mx[:200]), ("plaintext", "x" * 200))
            self.assert_fit_to_be_shown(row)

    def test_larger_macros_end_the_session_which_is_counted_as_it_was(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            for number, size in enumerate((CONTENT_LIMIT + 1, MANY_BYTES, 16 * MANY_BYTES), 1):
                with self.subTest(size=size), Peer(milter) as peer:
                    peer.negotiate()
                    for step in numbered(PLAIN, number):
                        peer.step(step)
                    with contextlib.suppress(ConnectionError):  # it need not read what it does not want
                        self.assertEqual(peer.step(macros(b"M", {b"{verify}": b"x" * (size - 11)}) + MAIL), b"")
                    peer.hang_up()
            self.assertLess(most_memory(milter), memory_limit(60_000, "tlsrpt-milter"))
            rows = self.rows_of(milter)
            self.assertEqual({address: [(row.outcome, row.sessions) for row in of] for address, of in rows.items()},
                             {f"192.0.2.{number}": [("no-mail", 1)] for number in (1, 2, 3)})

    def test_an_mta_that_offers_larger_packets_may_not_send_them(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            many = negotiation(ALL_STEPS | 0x10000000 | 0x20000000)  # SMFIP_MDS_256K, SMFIP_MDS_1M
            large = macros(b"C", {b"j": b"x" * MANY_BYTES})
            with Peer(milter) as peer, contextlib.suppress(ConnectionError):
                peer.negotiate(many)
                peer.step(large + CONNECT)
            self.assertEqual(play(milter, *PLAIN), [CONTINUE] * 2)
            self.assertEqual(self.only_row_of(milter).outcome, "no-mail")

    def test_of_thousands_of_macros_only_those_that_we_use_are_kept(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            many = {b"{m%d}" % number: b"x" for number in range(6000)}
            self.assertEqual(play(milter, macros(b"C", many | OUR_MX) + CONNECT, macros(b"H", many | TLS) + HELO),
                             [CONTINUE] * 2)
            row = self.only_row_of(milter)
            self.assertEqual((row.receiving_mx, row.outcome), ("mx.example.test", "tls"))

    def test_binary_in_macros_and_texts_is_escaped(self) -> None:
        for name, nasty in NASTY.items():
            with self.subTest(name), Lab() as lab:
                milter = Milter(lab)
                tls = {b"{tls_version}": nasty, b"{cipher}": nasty, b"{cipher_bits}": nasty, b"{verify}": nasty,
                       b"{cert_subject}": nasty}
                recipients = [packet(b"R", b"<" + nasty + b"@" + nasty + b">\0"), packet(b"R", b"<bob@" + nasty + b"\0")]
                answers = play(
                    milter, macros(b"C", {b"j": nasty, b"{client_name}": nasty}) + connect("192.0.2.1", name=nasty),
                    packet(b"H", nasty + b"\0"), macros(b"H", tls) + packet(b"H", nasty + b"\0"),
                    macros(b"M", tls) + packet(b"M", b"<" + nasty + b">\0" + nasty + b"\0"), *recipients, RCPT,
                    END_OF_MESSAGE)
                self.assertEqual(answers, [CONTINUE] * 8)
                row = self.only_row_of(milter)
                self.assertEqual((row.outcome, row.messages, row.client_certificate), ("tls", 1, "none"))
                self.assertIn("example.test", row.domains)
                self.assert_fit_to_be_shown(row)
                self.assertNotRegex(milter.stderr.text(), "(?m)^error: forged line")

    def test_a_macro_without_its_value_stops_no_process(self) -> None:
        # libmilter looks for macros in pairs, one word beyond such a list. No earlier session may have left a pointer
        # there.
        left_there = packet(b"H", b"x" * 38 + b"\0")
        odd = packet(b"D", b"H{one}\0" + b"1" * 60 + b"\0{two}\0")
        with Lab() as lab:
            milter = Milter(lab)
            for number in range(1, 21):
                with self.subTest(number=number), Peer(milter) as peer:
                    peer.negotiate()
                    peer.step(connect(f"192.0.2.{number}"))
                    for _ in range(5):
                        self.assertEqual(peer.step(left_there), CONTINUE)
                        self.assertEqual(peer.step(odd + HELO), CONTINUE)
                    peer.end()
            rows = self.rows_of(milter)
            self.assertEqual([(row.outcome, row.sessions) for of in rows.values() for row in of], [("no-mail", 1)] * 20)

    def test_texts_without_their_end_and_macros_without_a_value_do_no_harm(self) -> None:
        torn = [packet(b"D", b"C"), packet(b"D", b"Cj"), packet(b"D", b"Cj\0"), packet(b"D", b"Cj\0mx"),
                packet(b"D", b"C\0\0\0\0"), packet(b"D"), packet(b"D", b"\xffj\0mx\0"), packet(b"D", b"Zj\0mx\0")]
        with Lab() as lab:
            milter = Milter(lab)
            for number, macro in enumerate(torn, 1):
                with self.subTest(macro=macro), Peer(milter) as peer:
                    peer.negotiate()
                    peer.send(macro)
                    with contextlib.suppress(ConnectionError):  # it may close the connection to such a peer
                        for step in (connect(f"192.0.2.{number}"), HELO):
                            peer.step(step)
                    peer.hang_up()
            self.assertEqual(play(milter, *numbered(PLAIN, 99)), [CONTINUE] * 2)
            rows = self.rows_of(milter)
            self.assertIn("192.0.2.99", rows)
            for of in rows.values():
                self.assertEqual([(row.sessions, row.messages) for row in of], [(1, 0)])
                self.assertIn(of[0].outcome, ("no-helo", "no-mail"))


class Clients(Sessions):
    def address_of(self, *packets: bytes) -> str:
        with Lab() as lab:
            milter = Milter(lab)
            play(milter, *packets, HELO, MAIL, RCPT, END_OF_MESSAGE)
            (address,) = self.rows_of(milter)
            return address

    def test_without_an_internet_address_are_counted_without_one(self) -> None:
        for name, packet_of in {
            "unknown": packet(b"C", b"client.test\0U"),
            "unknown, with an address all the same": packet(b"C", b"client.test\0U\0\0192.0.2.1\0"),
            "a local socket": packet(b"C", b"localhost\0L\0\0/run/mail.sock\0"),
        }.items():
            with self.subTest(name):
                self.assertEqual(self.address_of(packet_of), "")

    def test_with_addresses_in_every_form_are_recorded_in_the_usual_one(self) -> None:
        self.assertEqual(self.address_of(connect("198.51.100.7")), "198.51.100.7")
        self.assertEqual(self.address_of(connect("IPv6:2001:DB8::25", b"6")), "2001:db8::25")
        self.assertEqual(self.address_of(connect("2001:db8:0:0::25", b"6")), "2001:db8::25")

    def test_with_an_invalid_address_cost_no_session_of_others(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            for bad in (connect("300.1.1.1"), connect("\x7f"), connect("2001:db8::25"), connect("192.0.2.1", b"6"),
                        connect("192.0.2.1", b"Z"), connect("x" * 60_000), packet(b"C", b"name"), packet(b"C"),
                        packet(b"C", b"name\0004"), packet(b"C", b"name\0004\0"), packet(b"C", b"name\0006\0\x19::1"),
                        packet(b"C", b"name\0L\0\0" + b"/x" * 2000 + b"\0")):
                with self.subTest(bad=bad[:40]), Peer(milter) as peer, contextlib.suppress(ConnectionError):
                    peer.negotiate()
                    peer.step(bad)
                    peer.step(HELO)
                    peer.end()
            play(milter, *numbered(PLAIN, 9))
            rows = self.rows_of(milter)
            self.assertEqual({row.outcome for row in rows.pop("192.0.2.9")}, {"no-mail"})
            self.assertLessEqual(set(rows), {"", "0.0.0.0"}, "nobody is made up")


class Courses(Sessions):
    def test_two_messages_are_one_session(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            other = packet(b"R", b"<carol@example.org>\0")
            play(milter, *ENCRYPTED, MAIL, RCPT, END_OF_MESSAGE, MAIL, RCPT, other, END_OF_MESSAGE)
            row = self.only_row_of(milter)
            self.assertEqual((row.outcome, row.messages, dict(row.domains)),
                             ("tls", 2, {"example.test": (1, 2), "example.org": (1, 1)}))

    def test_a_message_that_was_aborted_does_not_count(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            with Peer(milter) as peer:
                peer.negotiate()
                for step in (*ENCRYPTED, MAIL, RCPT):
                    peer.step(step)
                peer.send(ABORT)
                for step in (MAIL, packet(b"R", b"<carol@example.org>\0"), END_OF_MESSAGE):
                    peer.step(step)
                peer.end()
            row = self.only_row_of(milter)
            self.assertEqual((row.messages, dict(row.domains)), (1, {"example.test": (1, 0), "example.org": (1, 1)}))

    def test_without_any_macro_it_is_a_session_in_plaintext(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            play(milter, CONNECT, HELO, HELO, MAIL, RCPT, END_OF_MESSAGE)
            row = self.only_row_of(milter)
            self.assertEqual((row.outcome, row.messages, row.receiving_mx, row.tls_version),
                             ("plaintext", 1, "", ""))

    def test_macros_of_tls_may_come_one_by_one_or_not_at_all(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            play(milter, *PLAIN, macros(b"H", {b"{tls_version}": b"TLSv1.2"}) + HELO, MAIL)
            row = self.only_row_of(milter)
            self.assertEqual((row.outcome, row.tls_version, row.cipher, row.cipher_bits), ("tls", "TLSv1.2", "", 0))

    def test_starttls_and_a_second_ehlo_are_one_session_with_tls(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            with Peer(milter) as peer:
                peer.negotiate()
                for step in PLAIN:
                    peer.step(step)
                peer.send(ABORT)  # as Postfix does when TLS begins
                for step in (TLS_HELO, HELO, MAIL, RCPT, END_OF_MESSAGE):
                    peer.step(step)
                peer.end()
            row = self.only_row_of(milter)
            self.assertEqual((row.outcome, row.messages, row.cipher_bits), ("tls", 1, 256))

    def test_a_second_connection_in_one_is_not_two_sessions(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            with Peer(milter) as peer:
                peer.negotiate()
                for step in PLAIN:
                    peer.step(step)
                peer.send(connect("192.0.2.2"), HELO)  # libmilter ignores steps that cannot come now
                peer.end()
            rows = self.rows_of(milter)
            self.assertEqual([(address, row.sessions) for address, of in rows.items() for row in of],
                             [("192.0.2.1", 1)])


if __name__ == "__main__":
    unittest.main()
