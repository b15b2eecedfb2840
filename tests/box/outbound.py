"""The collector in a booted system: how it is set up, and what it has counted.

    outbound.follow_journal(system, Steps("docs/sendmail.md", "Results of outbound mail"))
    outbound.start_mailbox(system, lab)           a mail server without TLS at the address of the client
    outbound.results(system)                      {"dest.example": (1, 0)}
"""

import json
import threading

import box
from box import Box
from lab import Lab
from lab.documents import Steps
from lab.mailbox import Mailbox

COLLECTOR = "tlsrpt-collector.service"
ENABLE = "systemctl enable --now tlsrpt-collector"
TOML = "/etc/starttls-toolkit/tlsrpt.toml"


def follow_journal(system: Box, steps: Steps, rights: str) -> None:
    """With the lines for a log of the guide, and those that let the unit read it."""
    system.configure(TOML, steps.take("[collector]").replace('"/var/log/mail.log"', '"journal"'))
    system.edit_unit(COLLECTOR, rights)


def results(system: Box) -> dict[str, tuple[int, int]]:
    """Successful and failed sessions, by recipient domain."""
    answer = json.loads(system.run("tlsrpt-report --json summary --outbound --by domain").stdout)
    return {group["group"]: (group["successful"], group["failed"]) for group in answer["groups"]}


def start_mailbox(system: Box, lab: Lab) -> None:
    """In the network of the system."""
    def start() -> None:
        system.enter_network()
        Mailbox(lab, (box.CLIENT, 25))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
