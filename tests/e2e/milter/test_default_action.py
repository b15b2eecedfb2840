"""What senders get while the milter is down: by Postfix' own default, which changed with 3.10, and as the guides say."""

import smtplib
import unittest

from lab import Lab, documents, unpacked
from lab.postfix import Receiver
from recording import Milter, client, end_and_read, receiver
from test_classification import NO_NAMES

RELEASE = unpacked.release()


def outcome(lab: Lab, mx: Receiver) -> list[str]:
    """The server's replies to a client that sends a message, up to the first that refuses something."""
    one = client(lab, mx)
    replies: list[str] = []

    def say(done: tuple[int, bytes]) -> bool:
        code, text = done
        replies.append(f"{code} {text.decode().splitlines()[0]}")
        return code < 400

    connection = smtplib.SMTP(local_hostname=one.helo, source_address=(one.source, 0), timeout=60)
    try:
        _ = (say(connection.connect(one.host, one.port)) and say(connection.ehlo())
             and say(connection.mail(one.sender)) and say(connection.rcpt(one.recipients[0]))
             and say(connection.data(b"Subject: test\r\n\r\nHello.\r\n")))
    except smtplib.SMTPServerDisconnected:
        replies.append("disconnected")
    finally:
        connection.close()
    return replies


class MilterDown(unittest.TestCase):
    """A Postfix whose milter does not listen."""

    def tearDown(self) -> None:
        unpacked.choose_release(RELEASE)

    def replies_of(self, release: str, action: str | None) -> list[str]:
        unpacked.choose_release(release)
        with Lab() as lab:
            mx = receiver(lab, parameters={"smtpd_milters": f"unix:{lab.folder}/nothing", "milter_default_action": action})
            return outcome(lab, mx)

    def test_postfix_3_7_by_default_refuses_every_sender(self) -> None:
        *_, last = self.replies_of("12", None)
        self.assertRegex(last, "^451 4.7.1 ")

    def test_postfix_3_10_by_default_ends_every_connection(self) -> None:
        (greeting,) = self.replies_of("13", None)
        self.assertRegex(greeting, "^421 ")

    def test_mail_is_accepted_with_the_action_that_the_guide_sets_and_recorded_once_the_milter_is_back(self) -> None:
        (action,) = [line.split(" = ")[1] for line in documents.lines("docs/postfix.md", "Record inbound sessions")
                     if line.startswith("milter_default_action")]
        for release in ("12", "13"):
            with self.subTest(release), Lab() as lab:
                unpacked.choose_release(release)
                socket = f"unix:{lab.new_folder('socket')}/milter"
                mx = receiver(lab, parameters=NO_NAMES | {"smtpd_milters": socket, "milter_default_action": action})
                self.assertRegex(outcome(lab, mx)[-1], "^250 .*queued as")
                milter = Milter(lab, socket=socket)
                self.assertRegex(outcome(lab, mx)[-1], "^250 .*queued as")
                (rows,) = end_and_read(mx, milter).values()
                self.assertEqual([(row.outcome, row.messages) for row in rows], [("plaintext", 1)])


if __name__ == "__main__":
    unittest.main()
