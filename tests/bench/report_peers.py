"""The same with Python's standard library: reading reports from a directory of files or mails, and adding up a store.

    report_peers.py files DIRECTORY | mails DIRECTORY | store FILE
"""

import email
import gzip
import json
import os
import sqlite3
import sys


def files(folder: str) -> None:
    for entry in os.scandir(folder):
        with open(entry.path, "rb") as file:
            json.loads(gzip.decompress(file.read()))


def mails(folder: str) -> None:
    for entry in os.scandir(folder):
        with open(entry.path, "rb") as file:
            message = email.message_from_bytes(file.read())
        for part in message.walk():
            if part.get_content_type() == "application/tlsrpt+gzip":
                json.loads(gzip.decompress(part.get_payload(decode=True)))


def store(file: str) -> None:
    """Half of what our overview needs: the sessions by protection, but not by policy domain."""
    rows = sqlite3.connect(file).execute(
        "SELECT outcome, tls_version, sum(sessions), sum(messages) FROM session_counts GROUP BY outcome, tls_version")
    assert len(rows.fetchall()) == 2


{"files": files, "mails": mails, "store": store}[sys.argv[1]](sys.argv[2])
