"""The inputs of the rows about reports: received reports as files and as mails, and a store of recorded sessions."""

import base64
import datetime
import gzip
import json
import random
import sqlite3
from pathlib import Path

FIRST_DAY = datetime.date(2026, 8, 1)
DAYS = 90
DOMAINS = 50
EPOCH = datetime.date(1970, 1, 1)


def until() -> str:
    return (FIRST_DAY + datetime.timedelta(DAYS - 1)).isoformat()


def _report(number: int) -> dict:
    """Similar to most real reports: one policy, and one report in ten has a failure."""
    organization, day = f"sender{number % 200}.test", (FIRST_DAY + datetime.timedelta(number % DAYS)).isoformat()
    failed = [{"result-type": "certificate-expired", "sending-mta-ip": "192.0.2.1",
               "receiving-mx-hostname": "mx1.example.test", "failed-session-count": 2}] if number % 10 == 0 else []
    policy = {"policy": {"policy-type": "sts", "policy-domain": f"d{number % DOMAINS}.example.test",
                         "policy-string": ["version: STSv1", "mode: enforce", "mx: mx1.example.test", "max_age: 604800"],
                         "mx-host": ["mx1.example.test"]},
              "summary": {"total-successful-session-count": number, "total-failure-session-count": 2 * len(failed)}}
    return {"organization-name": organization,
            "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"},
            "contact-info": f"tls@{organization}", "report-id": f"{day}.{number}@{organization}",
            "policies": [policy | ({"failure-details": failed} if failed else {})]}


def _mail(number: int, attachment: bytes, further_text: str = "") -> bytes:
    sender = f"sender{number % 200}.test"
    return (f"From: tls@{sender}\nTo: tls-reports@example.test\n"
            f"Subject: Report Domain: example.test Submitter: {sender} Report-ID: <{number}@{sender}>\n"
            f"Date: Sat, 31 Oct 2026 03:00:00 +0000\nMessage-ID: <{number}@{sender}>\n"
            f"TLS-Report-Domain: example.test\nTLS-Report-Submitter: {sender}\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type="tlsrpt"; boundary="b0"\n\n'
            f"--b0\nContent-Type: text/plain; charset=us-ascii\n\nThis is an aggregate TLS report from {sender}.\n"
            f"{further_text}\n"
            "--b0\nContent-Type: application/tlsrpt+gzip\nContent-Transfer-Encoding: base64\n"
            f'Content-Disposition: attachment; filename="{sender}!example.test!{number}.json.gz"\n\n'
            ).encode() + base64.encodebytes(attachment) + b"\n--b0--\n"


def write_reports(files: Path, mails: Path, count: int) -> None:
    files.mkdir()
    mails.mkdir()
    for number in range(count):
        packed = gzip.compress(json.dumps(_report(number)).encode(), mtime=0)
        (files / f"{number}.json.gz").write_bytes(packed)
        (mails / f"{number}.eml").write_bytes(_mail(number, packed))


def _large_mail(number: int) -> bytes:
    """One of some 20 kB, as a large receiver gets them: twenty failures, and a text part that lists them."""
    report = _report(number)
    failed = [{"result-type": "starttls-not-supported", "sending-mta-ip": f"192.0.2.{host}",
               "receiving-mx-hostname": f"mx{(number + host) % 50}.example.test",
               "receiving-ip": f"198.51.100.{(number * 7 + host) % 250}", "failed-session-count": 1 + host}
              for host in range(20)]
    report["policies"][0] |= {"failure-details": failed}
    report["policies"][0]["summary"]["total-failure-session-count"] = sum(one["failed-session-count"] for one in failed)
    text = "".join(f"{one['receiving-mx-hostname']} {one['receiving-ip']}: {one['failed-session-count']}\n" * 27
                   for one in failed)
    return _mail(number, gzip.compress(json.dumps(report).encode(), mtime=0), text)


def write_mbox(file: Path, count: int) -> int:
    """A mailbox of large mails in one file; returns its size."""
    with file.open("wb") as mbox:
        for number in range(count):
            mbox.write(b"From tls@sender.test Sat Oct 31 03:00:00 2026\n" + _large_mail(number) + b"\n")
    return file.stat().st_size


def write_maildir(folder: Path, count: int) -> int:
    """The same mails as files; returns their size."""
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    size = 0
    for number in range(count):
        size += (folder / "new" / f"{1793415600 + number}.M{number}P1.mx.example.test").write_bytes(_large_mail(number))
    return size


def fill_store(file: Path, senders: int) -> None:
    """A third of the senders on each day, some of them in plaintext; `file` is a store without sessions."""
    choice = random.Random(1)
    first = (FIRST_DAY - EPOCH).days
    with sqlite3.connect(file) as store:
        for day in range(first, first + DAYS):
            for sender in choice.sample(range(senders), senders // 3):
                tls = choice.random() < 0.97
                row = store.execute(
                    "INSERT INTO session_counts VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, 'none', 'none', 0, 3, 2)",
                    (day, f"mx{sender % 2}.example.test", f"10.{sender >> 8}.{sender & 255}.1", f"out.sender{sender}.test",
                     "tls" if tls else "plaintext", "TLSv1.3" if tls else "", "TLS_AES_256_GCM_SHA384" if tls else "",
                     256 if tls else 0))
                store.execute("INSERT INTO domain_counts VALUES (?, ?, 3, 2)",
                              (row.lastrowid, f"d{sender % DOMAINS}.example.test"))

