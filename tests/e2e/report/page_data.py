"""Data for the page of tlsrpt-report html in its tests: a busy MX, one day, and texts that try to break the page."""

import random
from datetime import date, timedelta

from reports import RecordedReader, failure, report

LAST = date(2026, 11, 27)
DAYS = [str(LAST - timedelta(days=back)) for back in range(29, -1, -1)]
HOSTILE = "\"'><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\x1b[31m\u202e&amp;"
LONG_NAME = "a-host-with-a-long-name." * 9 + "sender.test"
UNBROKEN = "x" * 63

# name, address, TLS version, sessions a day, of these plaintext
SENDERS = [("mail-a{n}.bigmail.example.com", "198.51.100.{n}", "TLSv1.3", 800, 0),
           ("out{n}.example-hosting.co.uk", "203.0.113.{n}", "TLSv1.3", 300, 2),
           ("smtp{n}.example-university.ac.uk", "192.0.2.{n}", "TLSv1.2", 160, 0),
           ("mta{n}.newsletter-service.example", "198.51.100.1{n}", "TLSv1.2", 220, 9),
           ("printer{n}.branch-office.example", "203.0.113.1{n}", "TLSv1", 4, 1),
           ("legacy{n}.insurance.example", "192.0.2.1{n}", "TLSv1.1", 3, 0),
           ("", "192.0.2.20{n}", "", 0, 6)]
FAILURES = ["bad-certificate", "unknown-ca", "unsupported-protocol", "not-tls", "lost-connection", "disconnected"]
REPORTERS = ["Bigmail Inc.", "Hosting Ltd", "Universität Beispielstadt", "Newsletter Service"]


def fill_busy(reader: RecordedReader) -> None:
    """30 days of a busy MX, with everything that can be on the page."""
    chance = random.Random(28)
    with reader.recorded():
        for number, day in enumerate(DAYS):
            weekend = date.fromisoformat(day).weekday() >= 5
            for name, address, version, sessions, plaintext in SENDERS:
                for n in (1, 2, 3):
                    host, ip = name.format(n=n), address.format(n=n)
                    domain = "example.org" if n < 3 else "example.net"
                    mx = f"mx{1 + n % 2}.example.org"
                    count = int(sessions * chance.uniform(0.8, 1.2) * (0.35 if weekend else 1))
                    if count:
                        reader.session(day, "tls", count, name=host, address=ip, version=version, domain=domain, mx=mx)
                    clear = int(plaintext * chance.uniform(0, 2))
                    if clear:
                        reader.session(day, "plaintext", clear, name=host, address=ip, domain=domain, mx=mx)
            for kind in FAILURES:
                if failed := chance.choice((0, 0, 1, 3, 9 if 10 < number < 15 else 2)):
                    reader.session(day, "failed", failed, name="scanner.probes.example", address="203.0.113.99",
                                   failed=kind, mx="mx1.example.org")
            reader.session(day, "no-mail", chance.randrange(100, 400), name="", address="203.0.113.200", mx="mx1.example.org")
        for back, sender in ((1, "newsletter-service.example"), (3, "newsletter-service.example"), (8, "example-hosting.co.uk")):
            day = DAYS[-1 - back]
            reader.session(day, "plaintext", 4, name=f"gone.{sender}", address="203.0.113.77", domain="example.org",
                           mx="mx1.example.org", downgraded=True)
            reader.downgrade(day, sender)
    for number, day in enumerate(DAYS[:-1]):
        for which, reporter in enumerate(REPORTERS):
            failures = []
            if which == 0:
                failures.append(failure("certificate-host-mismatch", 3 + number % 5, receiving_mx_hostname="mx2.example.org"))
            if which == 1 and number > 26:
                failures.append(failure("certificate-expired", 40, receiving_mx_hostname="mx1.example.org"))
            if which == 2 and number % 9 == 0:
                failures.append(failure("validation-failure", 2, receiving_mx_hostname="mx1.example.org"))
            reader.write(f"reports/{which}-{day}", report(
                *failures, day=day, domain="example.org" if which != 3 else "example.net", report_id=f"{which}-{day}",
                organization=reporter, successful=2000 // (1 + which) + number))
    assert reader.run("read", reader.folder / "reports").returncode == 0
    fill_watched(reader)


def watched(domain: str, *fields: str, examined: str = "2026-11-27T05:12:00Z") -> str:
    """A line of what check --watch keeps."""
    return "\t".join((domain, examined, *fields)) + "\n"


def fill_watched(reader: RecordedReader, hostile: str = "") -> None:
    """Watched domains: for `check_state = "check.state"`."""
    outcomes = ("sender mta-sts {}", "sender dane {}", "sender opportunistic {}")
    mx = "mx1.example.net[192.0.2.25]" + hostile
    lines = [watched("example.org", *(one.format(word) for one, word in zip(outcomes, ("delivers", "delivers", "can-be-stripped")))),
             watched("example.net", *(one.format(word) for one, word in zip(outcomes, ("defers", "can-be-stripped", "plaintext"))),
                     f"fault certificate-name {mx}", f"fault starttls {mx}", "warning tlsrpt-record example.net",
                     f"gone warning tls-suite {mx}"),
             watched("partner.example", "cannot-tell 2026-11-20T05:12:00Z", *(one.format("cannot-tell") for one in outcomes[:2]),
                     "sender list delivers", outcomes[2].format("cannot-tell"), "warning certificate-expiry mx.partner.example[2001:db8:1234:5678:9abc:def0:1234:5678]")]
    (reader.folder / "check.state").write_text("".join(lines), encoding="utf-8")


def fill_day(reader: RecordedReader) -> None:
    """One day without any fault."""
    with reader.recorded():
        reader.session("2026-11-26", "tls", 1200, name="mail-a1.bigmail.example.com", version="TLSv1.3")
        reader.session("2026-11-26", "tls", 310, name="smtp1.university.ac.example", version="TLSv1.2")


def fill_hostile(reader: RecordedReader) -> None:
    """Long names, and texts with markup or control characters, at every place where others choose a text."""
    with reader.recorded():
        for number, day in enumerate(DAYS):
            reader.session(day, "tls", 12_345_678 + 31 * number, version="TLSv1.3", domain=LONG_NAME, mx=LONG_NAME)
            reader.session(day, "tls", 3, version=HOSTILE, name="old.sender.test", domain=HOSTILE, mx=HOSTILE)
            reader.session(day, "plaintext", 20 + number, name="printer.sender.test" + HOSTILE, domain="example.test")
            reader.session(day, "plaintext", 3, name=LONG_NAME + HOSTILE)
            reader.session(day, "plaintext", 3, name=".".join([UNBROKEN] * 4)[:253], address="2001:db8:1234:5678:9abc:def0:1234:5678")
            reader.session(day, "failed", 2, name=LONG_NAME, failed="unknown-ca")
        reader.session(DAYS[0], "plaintext", 3, name="n.example", domain=UNBROKEN + "." + UNBROKEN + ".example")
        reader.downgrade(DAYS[-2], "sender.test" + HOSTILE, "TLSv1.3" + HOSTILE)
        reader.downgrade(DAYS[-2], LONG_NAME)
    for number, day in enumerate(DAYS[:-1]):
        reader.write(f"reports/{day}", report(failure("certificate-expired" + HOSTILE, 3), failure(UNBROKEN * 3, 1), day=day,
                                              report_id=day, organization="Sender Inc." + HOSTILE, domain="example.test",
                                              successful=18_000_000_000_000_000_000 if number == 3 else 500))
        reader.write(f"reports/b{day}", report(day=day, report_id="b" + day, organization=UNBROKEN * 3, domain=LONG_NAME))
    assert reader.run("read", reader.folder / "reports").returncode == 0
    fill_watched(reader, HOSTILE.replace("\t", "") + UNBROKEN)
