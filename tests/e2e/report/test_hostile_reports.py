"""Reports of an attacker are rejected, or shown in a form that does no harm."""

import gzip
import io
import json
import random
import resource
import subprocess
import unittest
import zlib

from lab import Lab, program
from reports import Reader, failure, mail, packed, report

HOSTILE = "\x1b[31mred\x1b]0;title\x07 <script>alert(1)</script> =cmd|'/c calc'!A1 ../../etc/passwd \u202egnp.exe \x00"


class HostileReports(unittest.TestCase):
    def peak(self, reader: Reader, *arguments: object) -> tuple[subprocess.CompletedProcess, int]:
        """The exit of the program, and its peak memory in MiB."""
        path = program.path_of("tlsrpt-report")
        script = ("import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
                  "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr); "
                  "sys.exit(done.returncode)")
        done = subprocess.run(["python3", "-c", script, path, "-c", reader.configuration, *map(str, arguments)],
                              capture_output=True, text=True, timeout=60, check=False)
        return done, int(done.stderr.splitlines()[-1]) // 1024

    def refused(self, content: bytes, reason: str) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            done, memory = self.peak(reader, "--json", "read", reader.write("input", content))
            (item,) = json.loads(done.stdout)["inputs"]
            self.assertEqual((done.returncode, item["status"]), (65, "rejected"))
            self.assertIn(reason, item["reason"])
            self.assertLess(memory, 64)

    def test_gzip_bomb(self) -> None:
        bomb = io.BytesIO()
        with gzip.GzipFile(fileobj=bomb, mode="wb") as file:
            for _ in range(1000):
                file.write(b" " * 1_000_000)
        self.refused(bomb.getvalue(), "only bombs are")

    def test_gzip_bomb_within_a_mail(self) -> None:
        self.refused(mail(gzip.compress(b" " * 100_000_000)), "only bombs are")

    def test_gzip_bomb_within_a_bomb(self) -> None:
        self.refused(gzip.compress(gzip.compress(b" " * 500_000_000)), "no JSON")

    def test_gzip_bomb_with_a_low_ratio(self) -> None:
        # Always below the limit of the ratio: the limit of size stops it.
        piece = zlib.compressobj(9, wbits=31)
        content = piece.compress(b'{"x": [')
        for _ in range(19_000):
            content += piece.compress(json.dumps(random.randbytes(30).hex()).encode() + b", " + b" " * 15_000)
        self.refused(content + piece.flush(), "more than 268435456 bytes when unpacked")

    def test_zip(self) -> None:
        self.refused(b"PK\x03\x04" + b"\x00" * 1000, "a zip archive; reports come as gzip or JSON")

    def test_nested_json(self) -> None:
        self.refused(b'{"a":' * 1_000_000, "nested deeper than 32 levels")
        self.refused(b"[" * 1_000_000, "the JSON is no object")

    def test_large_report_without_an_end(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            policies = b'{"policy": {"policy-domain": "example.test"}},' * 2_200_000
            done, memory = self.peak(reader, "read", reader.write("endless", b'{"policies": [' + policies))
            self.assertEqual(done.returncode, 65)
            self.assertIn("rejected: more than 1000000 policies", done.stderr)
            self.assertLess(memory, 64)
            self.assertEqual(reader.statuses(reader.write("good", report())), ["read"])

    def test_report_of_100_megabytes_is_read_in_little_memory(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            content = report()
            content["policies"] *= 360_000
            large = json.dumps(content).encode()
            self.assertGreater(len(large), 90_000_000)
            done, memory = self.peak(reader, "read", reader.write("large", large))
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]),
                             (0, "1 report read, 0 duplicates, 0 rejected"))
            self.assertLess(memory, 64)

    def test_text_of_100_megabytes_is_refused(self) -> None:
        self.refused(b'{"report-id": "' + b"a" * 100_000_000 + b'"}', "a text of more than 1048576 bytes")

    def test_hundred_thousand_policies_are_read_in_little_memory(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            content = report()
            (policy,) = content["policies"]
            content["policies"] = [policy | {"policy": policy["policy"] | {"policy-domain": f"d{number}.test"}}
                                   for number in range(100_000)]
            done, memory = self.peak(reader, "read", reader.write("many", packed(content)))
            self.assertEqual((done.returncode, done.stdout.splitlines()[-1]),
                             (0, "1 report read, 0 duplicates, 0 rejected"))
            self.assertIn("d0.test, d1.test", done.stdout)
            self.assertIn(": 10000000 sessions", done.stdout)
            self.assertLess(memory, 64)

    def test_endless_base64_on_standard_input(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            path = program.path_of("tlsrpt-report")
            endless = subprocess.Popen(
                ["sh", "-c", "printf 'Content-Type: application/gzip\\nContent-Transfer-Encoding: base64\\n\\n'; "
                             "exec yes AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            self.addCleanup(endless.stdout.close)
            done = subprocess.run([path, "-c", reader.configuration, "read", "-"], stdin=endless.stdout,
                                  capture_output=True, text=True, timeout=60, check=False)
            endless.kill()
            endless.wait()
            self.assertEqual(done.returncode, 65)
            self.assertIn("larger than the limit of", done.stderr)

    def test_hostile_texts_do_not_reach_the_terminal(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            content = report(failure(HOSTILE, 2, receiving_mx_helo=HOSTILE, additional_information=HOSTILE,
                                     failure_reason_code=HOSTILE, receiving_ip=HOSTILE),
                             domain=HOSTILE, organization=HOSTILE, report_id=HOSTILE, policy_type=HOSTILE,
                             strings=(HOSTILE, HOSTILE))
            content["contact-info"] = HOSTILE
            content["policies"][0]["policy"]["mx-host"] = [HOSTILE]
            content["policies"][0]["failure-details"][0]["receiving-mx-hostname"] = HOSTILE
            path = reader.write("hostile", content)
            done = reader.run("read", path)
            self.assertEqual(done.returncode, 0)
            for output in (done.stdout, done.stderr):
                self.assertFalse({c for c in output if (ord(c) < 32 and c != "\n") or c in "\x7f\u202e"}, output)
            answer = reader.read(path)
            self.assertTrue(json.dumps(answer).isascii())
            self.assertEqual(answer["inputs"][0]["status"], "duplicate")
            self.assertFalse(list(reader.folder.glob("**/passwd")))

    def test_broken_mime_is_reported_and_stops_nothing(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            whole = mail(packed(report()))
            broken = [whole.replace(b"boundary", b"bound"), whole.replace(b"--=_b\nContent-Type: app", b"Content-Type: app"),
                      whole[:-100], whole.replace(b"base64", b"quoted-printable"), b"Content-Type: multipart/mixed; boundary=",
                      b"\x00" + whole, b"Subject\xff: x\n\n" + whole]
            paths = [reader.write(f"broken{number}", content) for number, content in enumerate(broken)]
            answer = reader.read(*paths, reader.write("whole", whole))
            self.assertEqual(answer["exit"], 65)
            self.assertEqual(len(answer["inputs"]), len(broken) + 1)
            self.assertEqual([item["status"] for item in answer["inputs"]].count("read"), 1)
            for item in answer["inputs"]:
                self.assertTrue(item["status"] != "rejected" or item["reason"])

    def test_a_full_disk_loses_nothing_that_was_reported_as_stored(self) -> None:
        with Lab() as lab:
            reader = Reader(lab)
            reader.read(reader.write("first", report(report_id="first")))
            for number in range(2000):
                reader.write(f"folder/{number}", packed(report(report_id=f"r{number}")))
            limit = (reader.state / "reports.sqlite").stat().st_size + 200_000
            done = subprocess.run([program.path_of("tlsrpt-report"), "-c", reader.configuration, "--json", "read",
                                   reader.folder / "folder"], capture_output=True, text=True, timeout=60, check=False,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(done.stdout.count('"status": "read"'), 0)
            self.assertEqual(reader.statuses(reader.folder / "first"), ["duplicate"])
            self.assertEqual(set(reader.statuses(reader.folder / "folder")), {"read"})


if __name__ == "__main__":
    unittest.main()
