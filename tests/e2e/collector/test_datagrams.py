"""What tlsrpt-collector counts of the datagrams that arrive, and how much of the machine they can take at most."""

import json
import os
import socket
import unittest

from lab import Lab
from lab.collector import EXPIRED, NO_POLICY_FOUND, QUICK, Collector, Day, datagram, rows
from lab.program import is_sanitized

LARGEST = 65_000  # bytes
DEPTH = 16
SO_SNDBUFFORCE = 32  # socket(7)


def of_size(domain: str, size: int) -> bytes:
    """A datagram with so many bytes."""
    start = datagram(domain)[:-1] + b',"unknown":"'
    return start + b"x" * (size - len(start) - 2) + b'"}'


def nested(domain: str, levels: int) -> bytes:
    """One with an array in an array, so many levels with its own object."""
    return datagram(domain)[:-1] + b',"unknown":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


class Counting(unittest.TestCase):
    def test_each_is_counted_under_its_domain_policy_and_result_type(self) -> None:
        with Lab() as lab:
            collector = Collector(lab)
            detail = {"s": "192.0.2.1", "r": "192.0.2.2", "h": "mx.failed.test Hello\r\nSTARTTLS", "f": "why"}
            collector.send(*[datagram("good.test")] * 3, *[datagram("failed.test", failure=EXPIRED, **detail)] * 2,
                           datagram("failed.test"), datagram("none.test", kind=NO_POLICY_FOUND))
            self.assertEqual(collector.stop(), 0)
            self.assertEqual(collector.policies(), {"good.test": (3, 0), "failed.test": (1, 2), "none.test": (1, 0)})
            self.assertEqual(collector.day(), Day(results=7))
            self.assertEqual(rows(collector.state, "SELECT domain, policy_type FROM outbound_counts ORDER BY domain"),
                             [("failed.test", "sts"), ("good.test", "sts"), ("none.test", "no-policy-found")])
            (failure,) = rows(collector.state, "SELECT result_type, sending_mta_ip, receiving_ip, receiving_mx_hostname, "
                                               "receiving_mx_helo, failure_reason_code, sessions FROM outbound_failures")
            self.assertEqual(failure, ("certificate-expired", "192.0.2.1", "192.0.2.2", "mx.failed.test",
                                       "mx.failed.test", "why", 2))
            self.assertIn("stopped: 7 datagrams received, 7 folded, 0 malformed, 0 lost, 0 bytes waiting",
                          collector.stderr.text())

    def test_what_is_no_result_is_counted_separately_and_hides_nothing(self) -> None:
        malformed = {
            "text": b"no JSON", "a part": datagram("part.test")[:-10], "an array": b"[]", "a number": b"1",
            "nul": b"\0" * 100, "no domain": b'{"policies":[{"f":0}]}', "no policy": b'{"d":"none.test"}',
            "binary": os.urandom(64) + b"\xff", "too deep": nested("deep.test", DEPTH + 1),
            "much too deep": b'{"d":' * 10_000, "brackets": b"[" * LARGEST}
        good = {
            "no UTF-8": datagram("bytes.test", failure=EXPIRED, a="@").replace(b"@", b"\xe4\xff\xfe"),
            "deep": nested("deep-enough.test", DEPTH), "largest": of_size("large.test", LARGEST)}
        too_large = {"one byte more": of_size("larger.test", LARGEST + 1), "1 MB": of_size("huge.test", 1_000_000)}
        with Lab() as lab:
            lab.require_root()  # for a large buffer
            collector = Collector(lab, metrics=True)
            with collector.sender() as to:
                to.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4_000_000)
                number = 0
                for group in (malformed, good, too_large, {"empty": b""}):
                    for one in group.values():
                        to.send(one)
                        to.send(datagram(f"n{number}.test"))
                        number += 1
            received = len(malformed) + len(good) + number
            collector.wait_for_metric("folded_results_total", len(good) + number)
            figures = collector.metrics()
            self.assertEqual({name: figures[name] for name in (
                "datagrams_total", "too_large_datagrams_total", "empty_datagrams_total", "malformed_datagrams_total",
                "journal_records_total", "lost_records_total", "left_out_sessions_total", "failures_total",
                "receive_failures_total")}, {
                    "datagrams_total": received, "too_large_datagrams_total": len(too_large),
                    "empty_datagrams_total": 1, "malformed_datagrams_total": len(malformed),
                    "journal_records_total": received, "lost_records_total": 0, "left_out_sessions_total": 0,
                    "failures_total": 0, "receive_failures_total": 0})
            collector.stderr.wait_for(r"warning: ignored \d+ datagrams? without a result of a mail server: ")
            self.assertEqual(collector.stop(), 0)
            domains = ["bytes.test", "deep-enough.test", "large.test", *(f"n{i}.test" for i in range(number))]
            self.assertEqual(set(collector.policies()), set(domains))
            self.assertEqual(collector.day(), Day(results=len(good) + number, malformed=len(malformed)))
            ((text,),) = rows(collector.state, "SELECT additional_information FROM outbound_failures")
            self.assertNotIn("�", text)
            self.assertIn("xe4", text)

    def test_a_session_with_two_policies_is_one_result_and_counts_under_both(self) -> None:
        both = json.loads(datagram("both.test"))
        both["policies"].append({"policy-type": NO_POLICY_FOUND, "policy-domain": "both.test", "f": 1})
        with Lab() as lab:
            collector = Collector(lab)
            collector.send(json.dumps(both).encode())
            collector.stop()
            self.assertEqual((collector.policies(), collector.day()), ({"both.test": (1, 1)}, Day(results=1)))

    def test_the_day_is_that_of_arrival(self) -> None:
        with Lab() as lab:
            clock = lab.folder / "now"
            clock.write_text("2026-11-22T23:59:59Z\n")
            collector = Collector(lab, metrics=True, environment={"STARTTLS_TOOLKIT_NOW": str(clock)})
            collector.send(datagram("a.test"))
            collector.wait_for_metric("datagrams_total", 1)
            clock.write_text("2026-11-23T00:00:00Z\n")
            collector.send(datagram("a.test"))
            collector.stop()
            self.assertEqual(rows(collector.state, "SELECT date(day * 86400, 'unixepoch'), results FROM outbound_days"),
                             [("2026-11-22", 1), ("2026-11-23", 1)])


class Limits(unittest.TestCase):
    DOMAINS, POLICIES = 300_000, 1_000

    def test_a_flood_of_domains_takes_no_more_memory_and_disk_than_configured(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, metrics=True, settings=QUICK | {"max_policies": self.POLICIES})
            with collector.sender() as to:
                for number in range(self.DOMAINS):
                    to.send(datagram(f"d{number}.test", failure=EXPIRED if number % 2 else None))
            collector.wait_for_metric("folded_results_total", self.DOMAINS)
            figures = collector.metrics()
            self.assertEqual(figures["left_out_sessions_total"], self.DOMAINS - self.POLICIES)
            self.assertEqual((figures["lost_records_total"], figures["failures_total"]), (0, 0))
            memory = collector.most_memory()
            self.assertEqual(collector.stop(), 0)
            self.assertRegex(collector.stderr.text(), r"warning: the day has results under more than 1000 policies; \d+ "
                                                      r"sessions? were left out \(collector\.max_policies\)")
            self.assertEqual(len(collector.policies()), self.POLICIES)
            self.assertEqual(collector.day(), Day(results=self.DOMAINS, left_out=self.DOMAINS - self.POLICIES))
            size = sum(file.stat().st_size for file in collector.state.glob("outbound.sqlite"))
            print(f"{memory} KiB of memory, {size >> 10} KiB of store")
            self.assertLess(size, 2 << 20)
            self.assertEqual(list((collector.state / "outbound-journal").glob("*.segment")), [])
            if not is_sanitized("tlsrpt-collector"):
                self.assertLess(memory, 256 << 10)

    def test_the_policies_of_a_full_day_count_on(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, metrics=True, settings=QUICK | {"max_policies": 2})
            collector.send(datagram("a.test"), datagram("b.test"))
            collector.wait_for_metric("folded_results_total", 2)
            collector.send(datagram("c.test"), datagram("a.test"), datagram("c.test", failure=EXPIRED))
            collector.stop()
            self.assertEqual((collector.policies(), collector.day()),
                             ({"a.test": (2, 0), "b.test": (1, 0)}, Day(results=5, left_out=2)))

    def test_a_flood_of_different_failures_is_counted_by_result_type(self) -> None:
        with Lab() as lab:
            collector = Collector(lab, settings=QUICK | {"max_policies": 500, "fold_interval": 3600})
            collector.send(*(datagram("a.test", failure=EXPIRED, f=f"reason {number}") for number in range(5_000)))
            collector.stop()
            self.assertEqual(collector.policies(), {"a.test": (0, 5_000)})
            ((number, sessions),) = rows(collector.state, "SELECT count(*), sum(sessions) FROM outbound_failures")
            self.assertEqual(sessions, 5_000)
            self.assertLess(number, 700)


if __name__ == "__main__":
    unittest.main()
