"""A client that leaves after MAIL is recorded with it, although the mail server does not wait for the milter there.

Postfix sends MAIL only when the client is gone, just before it closes the connection to the milter. The milter must read
what came before that end, each time: so each client comes often.
"""

import concurrent.futures
import unittest
from collections.abc import Callable
from dataclasses import replace

from lab import Lab
from lab.smtp_client import Client
from lab.smtp_dialogue import TLS13, Dialogue, greeted, tls
from recording import Milter, Row, client, end_and_read, receiver, sendmail_receiver
from test_classification import NO_NAMES, PLAINTEXT, TLS_1_3

SESSIONS = 25  # of each client


def mail(dialogue: Dialogue) -> None:
    dialogue.command(f"MAIL FROM:<{dialogue.client.sender}>", 250)


def close(one: Client) -> None:
    with greeted(one) as dialogue:
        mail(dialogue)


def reset(one: Client) -> None:
    with greeted(one) as dialogue:
        mail(dialogue)
        dialogue.reset()


def quits(one: Client) -> None:
    with greeted(one) as dialogue:
        mail(dialogue)
        dialogue.quit()


def gives_the_transaction_up(one: Client) -> None:
    with greeted(one) as dialogue:
        mail(dialogue)
        dialogue.command("RSET", 250)
        dialogue.quit()


def says_mail_at_once_after_starttls(one: Client) -> None:
    """Only MAIL shows its TLS."""
    with greeted(one) as dialogue:
        dialogue.starttls(tls(TLS13))
        mail(dialogue)


CLIENTS: dict[Callable[[Client], None], Row] = {
    close: PLAINTEXT,
    reset: PLAINTEXT,
    quits: PLAINTEXT,
    gives_the_transaction_up: PLAINTEXT,
    says_mail_at_once_after_starttls: TLS_1_3,
}


def often(course: Callable[[Client], None], one: Client) -> None:
    for _ in range(SESSIONS):
        course(one)


class Sessions(unittest.TestCase):
    def run_against(self, mx: object, milter: Milter, lab: Lab) -> None:
        ones = {course.__name__: client(lab, mx) for course in CLIENTS}
        with concurrent.futures.ThreadPoolExecutor(len(CLIENTS)) as threads:
            for finished in [threads.submit(often, course, ones[course.__name__]) for course in CLIENTS]:
                finished.result()

        # A mail server that is stopped tells the milter nothing of clients that have just gone.
        milter.wait_for_sessions(SESSIONS * len(CLIENTS))
        rows = end_and_read(mx, milter)

        recorded = {name: rows.get(one.source, []) for name, one in ones.items()}
        self.assertEqual(recorded, {course.__name__: [replace(row, sessions=SESSIONS)]
                                    for course, row in CLIENTS.items()})

    def test_at_postfix_have_their_mail(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            self.run_against(receiver(lab, milter, parameters=NO_NAMES), milter, lab)

    def test_at_sendmail_have_their_mail(self) -> None:
        with Lab() as lab:
            milter = Milter(lab)
            mx = sendmail_receiver(lab, milter)
            self.run_against(mx, milter, lab)


if __name__ == "__main__":
    unittest.main()
