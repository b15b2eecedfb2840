"""The main job of starttls-toolkit, shown on private mail servers: what ./quickstart runs when all is built.

Exit status: 0 everything was shown with the expected result; 1 something was not; 69 something is missing; 77 needs
root.
"""

import datetime
import json
import os
import re
import signal
import sys
import time
import unittest
from pathlib import Path

from . import Lab, program
from .command import CommandFailed
from .dns import Dns
from .narration import Narrator
from .postfix import Receiver, Sender, settle
from .program import Program
from .smtp_client import Client, UnexpectedReply, plaintext_mail, tls12_mail, tls13_mail
from .wait import ProcessEnded

EXAMPLE_LIST = program.SOURCE_TREE / "policies/example-list.json"
LISTED, HIJACKED = "example.com", "example.org"  # both in the example list, with mode "enforce"
POLICY_MAP = "tls_map"
GOOD_MX, BAD_MX = "mx1.example.com", "mx.attacker.test"

MESSAGES = (tls13_mail, tls13_mail, tls13_mail, tls12_mail, tls12_mail, plaintext_mail)

UNAVAILABLE, NO_PERMISSION = 69, 77

NEXT = """\
Install the programs and their manuals:

    sudo cmake --install build/release

See who sends you mail without TLS. Start the milter:

    sudo install -d -m 755 /var/spool/postfix/tlsrpt
    sudo tlsrpt-milter -s unix:/var/spool/postfix/tlsrpt/milter.sock

add it to /etc/postfix/main.cf, beside other milters if you have any, and type
"sudo postfix reload":

    smtpd_milters = unix:tlsrpt/milter.sock
    milter_default_action = accept

and when some mail has come in:

    sudo tlsrpt-report summary

Send to the domains of a list over authenticated TLS only. LIST and KEY are
what the publisher of the list gives you:

    sudo starttls-listtool generate postfix --list LIST -p KEY \\
        -o /etc/postfix/tls_policy

and in /etc/postfix/main.cf, followed by "sudo postfix reload":

    smtp_tls_policy_maps = texthash:/etc/postfix/tls_policy
    smtp_tls_security_level = may
    smtp_tls_mandatory_protocols = >=TLSv1.2
    smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt

To have the list fetched, and the map kept up to date: docs/postfix.md, "Enforce
TLS to listed domains".

More: README.md, the guides in docs/, and the manuals ("man starttls-listtool"
and so on)."""


class WentWrong(RuntimeError):
    """The main job was not shown as it should be."""


stopped_by: list[int] = []


def stop(number: int, _: object) -> None:
    if not stopped_by:  # a second Ctrl-C does not stop the lab from cleaning up
        stopped_by.append(number)
        sys.exit(128 + number)


class StoppableNarrator(Narrator):
    """Ends the program after a signal during Python code whose exceptions Python ignores."""

    def say(self, text: str) -> None:
        if stopped_by:
            sys.exit(128 + stopped_by[0])
        super().say(text)


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)  # so that the lab cleans up
    if os.geteuid() != 0:
        print("quickstart: this needs root, to start private servers; type: sudo ./quickstart", file=sys.stderr)
        return NO_PERMISSION
    begun = time.monotonic()
    try:
        with Lab() as lab:
            lab.require_root()
            show(lab)
    except unittest.SkipTest as missing:
        print(f"quickstart: {missing}", file=sys.stderr)
        return UNAVAILABLE
    except (WentWrong, CommandFailed, ProcessEnded, TimeoutError, UnexpectedReply) as error:
        print(f"\nquickstart: {error}\n(the logs of the servers are above)", file=sys.stderr)
        return 1
    print(f"\nDone in {time.monotonic() - begun:.0f} seconds. The private servers have ended, their files are gone.")
    return 0


def show(lab: Lab) -> None:
    work = lab.new_folder("work")
    tell = StoppableNarrator(work)
    tell.heading("starttls-toolkit: the main job, on private mail servers")
    tell.paragraph(f"Everything runs on addresses of the loopback interface and in {lab.folder}, with a certificate "
                   "authority and a name server of its own. Neither /etc/postfix nor any running server is touched.")

    tell.heading("Part 1: mail you send goes over authenticated TLS, or it waits")
    make_map(tell, work)
    certificate = lab.ca.issue(GOOD_MX)
    listed = Receiver(lab, GOOD_MX, [LISTED], certificate)
    send(tell, lab, listed, work / POLICY_MAP)

    tell.heading("Part 2: mail you receive, and who sends it without TLS")
    receive(tell, lab, listed)
    report(tell)

    tell.heading("What to type next, to install it for real")
    tell.say(NEXT)


def make_map(tell: Narrator, work: Path) -> None:
    """Sign the list, verify it, turn it into a map."""
    tell.step("The publisher of a list dates and signs it. Here that is the example list of policies/, and a "
              "throw-away key.")
    (work / "list.json").write_text(dated_today(EXAMPLE_LIST.read_text()))
    for words in ("minisign -G -W -p demo.pub -s demo.key", "minisign -S -s demo.key -m list.json -t demonstration"):
        tell.command(*words.split())
        tell.run_silently(*words.split())

    tell.step("You verify the signature, and see the comment that was signed with it.")
    tell.run("starttls-listtool", "verify", "list.json", "-p", "demo.pub")

    tell.step("You turn the list into a policy map for Postfix. Two of its lines:")
    tell.run("starttls-listtool", "generate", "postfix", "--list", "list.json", "-p", "demo.pub", "-o", POLICY_MAP)
    for line in (work / POLICY_MAP).read_text().splitlines():
        if line.startswith((f"{LISTED} ", f"{HIJACKED} ")):
            tell.quote(line)


def dated_today(text: str) -> str:
    """The list as its publisher would date it now, valid for a month."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0, tzinfo=None)
    times = {"timestamp": now, "expires": now + datetime.timedelta(days=30)}
    for member, moment in times.items():
        text = re.sub(rf'"{member}": "[^"]*"', f'"{member}": "{moment.isoformat()}Z"', text, count=1)
    return text


def send(tell: Narrator, lab: Lab, listed: Receiver, policies: Path) -> None:
    """One message that must arrive, and one that must not."""
    attacker = Receiver(lab, BAD_MX, [HIJACKED], lab.ca.issue(BAD_MX))
    dns = Dns(lab, {
        LISTED: {"@": [f"MX 10 {GOOD_MX}."], "mx1": [f"A {listed.address}"]},
        HIJACKED: {"@": [f"MX 10 {BAD_MX}."]},
        "attacker.test": {"mx": [f"A {attacker.address}"]},
    })
    settle(policies)
    sender = Sender(lab, dns, {"smtp_tls_policy_maps": f"texthash:{policies}"})

    tell.step(f"A private Postfix with this map sends a message to bob@{LISTED}, whose MX has a trusted certificate "
              "with the right name:")
    delivery = sender.deliver("alice@sender.test", f"bob@{LISTED}")
    quote(tell, delivery.tls, delivery.line)
    if delivery.status != "sent" or not delivery.verified:
        raise WentWrong("the message should have been delivered over a verified TLS connection")
    tell.remark("Delivered, to the right server and to nobody else.")

    tell.step(f"Somebody has forged the DNS of {HIJACKED}: its mail is to go to {BAD_MX}. That host has a certificate "
              "that is just as trusted, but not for a name in the list:")
    delivery = sender.deliver("alice@sender.test", f"bob@{HIJACKED}")
    quote(tell, sender.log.wait_for("certificate verification failed").string, delivery.line)
    if delivery.status != "deferred" or "not verified" not in delivery.line:
        raise WentWrong("the message should have been deferred")
    tell.remark("Not delivered: the message waits in the queue. Without the map Postfix would have handed it over.")


def quote(tell: Narrator, *lines: str | None) -> None:
    for line in lines:
        tell.quote(line or "(no TLS connection)")


def receive(tell: Narrator, lab: Lab, mx: Receiver) -> None:
    """Messages through the milter, with each kind of protection."""
    work = lab.folder / "work"
    (work / "tlsrpt.toml").write_text("[milter]\nlocal_networks = []\n")
    milter = Program(lab, "tlsrpt-milter", "-f", "-c", work / "tlsrpt.toml", "-s", f"unix:{work}/milter.sock",
                     "--state-dir", work / "state")
    milter.stderr.wait_for("listens on", process=milter.popen)
    mx.set("smtpd_milters", f"unix:{work}/milter.sock")

    tell.step(f"tlsrpt-milter watches the MX host of {LISTED}. That gets three messages over TLS 1.3, two over TLS 1.2 "
              "and one in plaintext. Here they all come from this machine, whose sessions it would leave out by default: "
              "tlsrpt.toml says local_networks = [].")
    tell.command("tlsrpt-milter", "-c", "tlsrpt.toml", "-s", f"unix:{work}/milter.sock", "--state-dir", "state")
    for scenario in MESSAGES:
        scenario(Client(mx.address, mx.port, recipients=(f"bob@{LISTED}",)))
    milter.stop()  # which ends the last session for it


def report(tell: Narrator) -> None:
    """The recorded sessions, as JSON and as text."""
    tell.step("The report of the day about your own servers, in the form of RFC 8460:")
    text = tell.run("tlsrpt-report", "--state-dir", "state", "self", "--no-lookup")
    tell.step("The same for people:")
    tell.run("tlsrpt-report", "--state-dir", "state", "summary")
    (policy,) = json.loads(text)["policies"]
    if list(policy["summary"].values()) != [len(MESSAGES) - 1, 1]:
        raise WentWrong("the report should count five sessions with TLS and one without")


if __name__ == "__main__":
    sys.exit(main())
