"""A server of Dovecot's authentication protocol, so that a Postfix of the lab offers SMTP AUTH. Every user may log in.

    sasl = SaslServer(lab)
    mx = Receiver(lab, "mx.example.test", ["example.test"], certificate, sasl.parameters)
    dialogue.command(f"AUTH PLAIN {sasl.credentials}", 235)
"""

import base64
import socketserver
import threading

from .lab import Lab

GREETING = (b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
            b"COOKIE\t00112233445566778899aabbccddeeff\nDONE\n")


class SaslServer:
    """`parameters` are those of postconf(5) that make Postfix use it."""

    credentials = base64.b64encode(b"\0alice\0secret").decode()

    def __init__(self, lab: Lab) -> None:
        path = lab.new_folder("sasl") / "socket"
        self.parameters = {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": path}
        server = _Server(str(path), _Exchange)
        path.chmod(0o666)
        lab.at_end(server.server_close)
        lab.at_end(server.shutdown)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Exchange(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(GREETING)
        for line in self.rfile:
            command, *fields = line.rstrip(b"\n").split(b"\t")
            if command == b"AUTH":
                self.wfile.write(b"OK\t" + fields[0] + b"\tuser=alice\n")
