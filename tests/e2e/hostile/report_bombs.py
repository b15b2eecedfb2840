"""Mails and reports that are small to send and need much memory or time to read."""

import base64
import gzip
import itertools
import json
import zlib
from collections.abc import Iterable


def head(report_id: str = "r1", organization: str = "Flooder", day: str = "2026-11-25") -> dict:
    return {"organization-name": organization, "contact-info": "tls@flooder.test", "report-id": report_id,
            "date-range": {"start-datetime": f"{day}T00:00:00Z", "end-datetime": f"{day}T23:59:59Z"}}


def report_of(policies: Iterable[str], **about: str) -> Iterable[str]:
    """The JSON of a report with these policies, piece by piece."""
    yield json.dumps(head(**about))[:-1] + ', "policies": ['
    for number, policy in enumerate(policies):
        yield policy if number == 0 else "," + policy
    yield "]}"


def packed(pieces: Iterable[str]) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(piece.encode()) for piece in pieces]) + packer.flush()


def mail(attachment: bytes) -> bytes:
    return (b"From: tls@flooder.test\nSubject: Report Domain: example.test\nMIME-Version: 1.0\n"
            b"Content-Type: multipart/report; report-type=tlsrpt; boundary=b\n\n--b\nContent-Type: application/tlsrpt+gzip\n"
            b"Content-Transfer-Encoding: base64\n\n" + base64.encodebytes(attachment) + b"\n--b--\n")


def policy(domain: str, strings: list[str], details: Iterable[dict] = ()) -> str:
    return json.dumps({"policy": {"policy-type": "sts", "policy-domain": domain, "policy-string": strings},
                       "summary": {"total-successful-session-count": 1, "total-failure-session-count": 1},
                       "failure-details": list(details)})


def long_texts(policies: int) -> Iterable[str]:
    """Policies with 200 texts of 4 KB, which compress to very little."""
    one = policy("example.test", [f"{number} {'x' * 4000}" for number in range(200)])
    return (one.replace("example", f"e{number}", 1) for number in range(policies))


def many_policies(policies: int) -> Iterable[str]:
    return itertools.repeat('{"policy":{"policy-domain":"e"}}', policies)


def many_details(details: int) -> Iterable[str]:
    """Policies with failure details that contain one letter each."""
    one = '{"policy":{"policy-domain":"e"},"failure-details":[' + ",".join(['{"result-type":"x"}'] * 50_000) + "]}"
    return itertools.repeat(one, details // 50_000)


def different_details(policies: int) -> Iterable[str]:
    """Failures of a hundred result types, each with a hundred long reasons: the most that a digest of failures
    holds."""
    for number in range(policies):
        yield policy("example.test", [], ({"result-type": f"kind{number}", "failed-session-count": 1,
                                          "additional-information": f"{one} {'y' * 4000}",
                                          "failure-reason-code": f"{one} {'z' * 4000}"} for one in range(100)))


def from_lines(size: int) -> bytes:
    line = b"From a\n\n"
    return line * (size // len(line))


def parameters(size: int) -> bytes:
    """A mail whose parts have a Content-Type of a megabyte of parameters each."""
    field = b"Content-Type: application/x;" + b" a=b;" * 200_000 + b"\n\n"
    part = b"--b\n" + field
    return b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + part * (size // len(part)) + b"--b--\n"


def nested(size: int) -> bytes:
    """Twenty multiparts within one another, each with all that follows, of empty lines."""
    outer = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level) for level in range(20))
    return outer + b"\n" * (size - len(outer))


def small_parameters(size: int) -> bytes:
    """A mail of parts whose header is full of fields with as many parameters as are read."""
    field = b"Content-Type: application/x" + b"; a=b" * 400 + b"\n"
    part = b"--b\n" + field * 100 + b"\n"
    return b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n" + part * (size // len(part)) + b"--b--\n"


def boundaries(size: int) -> bytes:
    """Twenty multiparts within one another, whose boundaries start as every line does."""
    begin = b"-" * 40
    outer = b"".join(b"Content-Type: multipart/mixed; boundary=%s%d\n\n--%s%d\n" % (begin, level, begin, level)
                     for level in range(20))
    line = b"--" + begin + b"\n"
    return outer + b"\n" + line * ((size - len(outer)) // len(line))
