"""A mail server that keeps what it accepts, for what our programs send by SMTP.

    mailbox = Mailbox(lab)
    ... a program sends to mailbox.url ...
    mailbox.mails                          what it got, one after the other
    mailbox.refusal = "451 not now"        its answer to RCPT from now on

Its sessions run in threads of the test.
"""

import email
import email.message
import email.policy
import socketserver
import threading

from .lab import Lab


class Mailbox(socketserver.ThreadingTCPServer):
    """Accepts mail, or answers RCPT with `refusal`. With the refusal "hang" it never answers to the content of a mail."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, lab: Lab, address: tuple[str, int] | None = None) -> None:
        """Listen, at this address and port or at one of the lab's."""
        self.mails: list[bytes] = []
        self.refusal = ""
        self.hold = threading.Event()
        self.reached = threading.Event()
        super().__init__(address or (lab.address(), 0), _Session)
        host, self.port = self.server_address
        self.url = f"smtp://{host}:{self.port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()
        lab.at_end(self._stop)

    def messages(self) -> list[email.message.EmailMessage]:
        """The mails so far, parsed."""
        return [email.message_from_bytes(raw, policy=email.policy.default) for raw in self.mails]

    def _stop(self) -> None:
        self.hold.set()
        self.shutdown()
        self.server_close()


class _Session(socketserver.StreamRequestHandler):
    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 mailbox")
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"DATA":
                self.say("354 go on")
                mail = b""
                while (part := self.rfile.readline()) not in (b".\r\n", b""):
                    mail += part
                self.server.mails.append(mail)
                self.server.reached.set()
                if self.server.refusal == "hang":
                    self.server.hold.wait(60)
                    return
                self.say("250 taken")
            elif verb == b"RCPT" and self.server.refusal and self.server.refusal != "hang":
                self.say(self.server.refusal)
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")
