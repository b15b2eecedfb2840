"""The bench's rows about MTA-STS have figures, whatever they are, and the socketmap load counts right."""

import functools
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import Lab, program
from lab.acceptor import Acceptor

BENCH = Path(__file__).resolve().parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from socketmap_rows import SOCKETMAP_ROWS  # noqa: E402

OURS_ALONE = {"socketmap-list", "sts-fetch"}  # rows without a peer that serves
POLICY = b"67:OK secure match=mx1.bench.test:.mail.bench.test servername=hostname,"
Answer = Callable[[socket.socket, bytes], None]


def bench(*arguments: str, build: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BUILD_DIR": str(build)} if build else None
    return subprocess.run([BENCH / "run", "--quick", "--domains", "1000", "--json", *arguments], env=environment,
                          capture_output=True, text=True, timeout=150, check=False)


class Rows(unittest.TestCase):
    def setUp(self) -> None:
        with Lab() as lab:
            lab.require_root()
            lab.require_program("/usr/sbin/nginx", "nginx")
            lab.require_program("/usr/bin/mta-sts-daemon", "postfix-mta-sts-resolver")

    def measured(self, *arguments: str) -> list[dict]:
        done = bench(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout)["socketmap"]
        for row in rows:
            for one in row["programs"]:
                with self.subTest(row["row"], program=one["program"]):
                    self.assertGreater(one["cpu_us"], 0)
                    self.assertGreater(one["peak"], 0)
                    if one["p99_us"] is not None:
                        self.assertGreater(one["per_second"], 0)
                        self.assertGreater(one["p99_us"], 0)
                        self.assertGreater(one["resident"], 1 << 20)
        return rows

    def test_the_peer_and_the_floors_have_figures_without_our_program(self) -> None:
        rows = self.measured("--peers-only", *SOCKETMAP_ROWS)
        self.assertEqual({row["row"].partition(",")[0] for row in rows}, set(SOCKETMAP_ROWS) - OURS_ALONE)
        self.assertEqual([(row["ours"], row["targets"]) for row in rows], [(None, [])] * len(rows))

    def test_every_row_has_figures_and_its_requirement(self) -> None:
        if "\n  serve" not in program.run("starttls-listtool", "--help").stdout:
            self.skipTest("starttls-listtool cannot serve yet")
        rows = self.measured(*SOCKETMAP_ROWS)
        self.assertEqual({row["row"].partition(",")[0] for row in rows}, set(SOCKETMAP_ROWS))
        for row in rows:
            with self.subTest(row["row"]):
                self.assertGreater(len(row["programs"]), 1)
                self.assertIn(row["ours"], [one["program"] for one in row["programs"]])
                for target in row["targets"]:
                    self.assertIsInstance(target["measured"], int | float)
        held = next(row for row in rows if row["row"] == "socketmap-in-flight")["targets"][0]
        self.assertEqual(held["measured"], held["limit"], "all are held at once")

    def test_figures_of_answers_without_a_policy_are_none(self) -> None:
        with tempfile.TemporaryDirectory() as build:
            for name in ("socketmap-load", "starttls-listtool"):
                Path(build, name).symlink_to(program.path_of(name))
            floor = Path(build, "socketmap-floor")
            floor.write_text(f'#!/bin/sh\nexec "{program.path_of("socketmap-floor")}" "$1" "NOTFOUND "\n')
            floor.chmod(0o755)
            done = bench("--peers-only", "socketmap-cached", build=Path(build))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("epoll loop: not each of 100 answers is a policy", done.stderr)


class Load(unittest.TestCase):
    """socketmap-load, against a server that answers as the test sets."""

    def setUp(self) -> None:
        self.lab = self.enterContext(Lab())
        self.asked: list[bytes] = []

    def load(self, answer: Answer, *options: str, domains: Sequence[str] = ("a.test",)) -> subprocess.CompletedProcess:
        listener = socket.create_server((self.lab.address(), 0))
        address, port = listener.getsockname()
        self.addCleanup(Acceptor(listener, functools.partial(self._start, answer)).end)
        file = self.lab.new_folder("load") / "domains"
        file.write_text("".join(domain + "\n" for domain in domains))
        return program.run("socketmap-load", f"inet:{port}@{address}", file, *options)

    def told(self, answer: Answer, *options: str, domains: Sequence[str] = ("a.test",)) -> dict:
        done = self.load(answer, *options, domains=domains)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def _start(self, answer: Answer, connection: socket.socket) -> None:
        threading.Thread(target=self._converse, args=(connection, answer), daemon=True).start()

    def _converse(self, connection: socket.socket, answer: Answer) -> None:
        with connection:
            while question := connection.recv(4096):
                self.asked.append(question)
                answer(connection, question)

    def test_each_domain_is_asked_for_once_in_the_form_of_an_mta(self) -> None:
        domains = [f"d{number}.test" for number in range(30)]
        told = self.told(lambda connection, _: connection.sendall(POLICY), "--connections", "7", "--map", "QUERY",
                         domains=domains)
        self.assertEqual(sorted(self.asked),
                         sorted(f"{len(name) + 6}:QUERY {name},".encode() for name in domains))
        self.assertEqual((told["answers"], told["ok"]), (30, 30))

    def test_with_a_duration_the_domains_are_asked_for_again_and_again(self) -> None:
        told = self.told(lambda connection, _: connection.sendall(POLICY), "--seconds", "0.05")
        self.assertGreater(told["answers"], 1)
        self.assertEqual(told["answers"], len(self.asked))
        self.assertGreaterEqual(told["seconds"], 0.05)

    def test_answers_are_counted_by_their_kind(self) -> None:
        answers = {b"a": b"4:OK x,", b"b": b"9:NOTFOUND ,", b"c": b"9:TEMP down,", b"d": b"12:TIMEOUT slow,",
                   b"e": b"8:PERM bad,"}
        told = self.told(lambda connection, question: connection.sendall(answers[question[-7:-6]]),
                         domains=[f"{name}.test" for name in "aabcde"])
        self.assertEqual([told[kind] for kind in ("ok", "notfound", "temp", "perm")], [2, 1, 2, 1])

    def test_an_answer_in_pieces_is_one_answer(self) -> None:
        def in_pieces(connection: socket.socket, _: bytes) -> None:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in POLICY:
                connection.sendall(bytes([byte]))

        for connections in ("1", "2"):
            told = self.told(in_pieces, "--connections", connections, domains=["a.test", "b.test", "c.test"])
            self.assertEqual(told["ok"], 3)

    def test_latency_is_the_time_until_the_answer(self) -> None:
        pause = threading.Event()

        def late(connection: socket.socket, _: bytes) -> None:
            pause.wait(0.05)
            connection.sendall(POLICY)

        told = self.told(late, domains=["a.test", "b.test"])
        self.assertGreaterEqual(told["p50_us"], 50_000)
        self.assertLessEqual(told["p50_us"], told["p99_us"])
        self.assertLessEqual(told["p99_us"], told["max_us"])

    def test_an_invalid_answer_stops_the_load(self) -> None:
        bad: dict[str, tuple[bytes, int, str]] = {
            "nothing, and the end": (b"", os.EX_UNAVAILABLE, "closed a connection"),
            "no netstring": (b"OK x", os.EX_DATAERR, "no netstring"),
            "no comma": (b"4:OK x;", os.EX_DATAERR, "no netstring"),
            "too long": (b"100009:OK ", os.EX_DATAERR, "no netstring"),
            "two answers": (b"4:OK x,4:OK x,", os.EX_DATAERR, "more than the answer"),
            "no kind": (b"5:YES x,", os.EX_DATAERR, "no known kind"),
        }
        for what, (answer, status, complaint) in bad.items():
            def give(connection: socket.socket, _: bytes, answer: bytes = answer) -> None:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)

            with self.subTest(what):
                done = self.load(give)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertIn(complaint, done.stderr)
                self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
