"""`starttls-listtool serve` for the tests of this directory, with overrides as its only source."""

import os
import socket
import urllib.request
from pathlib import Path

from lab import Lab
from lab.policy_server import Client
from lab.program import Program

OVERRIDES = "known.test enforce mx.known.test\nnone.test none\n"
KNOWN = "OK secure match=mx.known.test servername=hostname"


class Server:
    """The server in a lab: `socket` is its unix socket, `address` the (host, port) of its other one.

    Its DNS server does not answer, unless `configuration` names another in [dns]; so only the overrides are known.
    """

    def __init__(self, lab: Lab, serve: str = "", *, overrides: str = OVERRIDES, dns: str | None = None,
                 more: str = "", environment: dict[str, str] | None = None) -> None:
        self.folder = lab.new_folder("serve")
        self.socket = self.folder / "socketmap.sock"
        host = lab.address()
        self.address = (host, lab.free_port(host))
        self.metrics_address = (host, lab.free_port(host))
        self.overrides = self.folder / "overrides"
        self.overrides.write_text(overrides)
        self.configuration = self.folder / "listtool.toml"
        self.configuration.write_text(f"""\
state_dir = "{self.folder}/state"
overrides = "overrides"
[dns]
{dns or f'servers = ["{lab.address()}"]'}
timeout = 2
[mta-sts]
cache = "{self.folder}/cache/mta-sts.db"
{more}
[serve]
listen = ["unix:{self.socket}", "inet:{host}:{self.address[1]}"]
metrics = "{host}:{self.metrics_address[1]}"
{serve}
""")
        self._lab, self._environment = lab, environment
        self.start()

    def start(self) -> None:
        self.program = Program(self._lab, "starttls-listtool", "-c", self.configuration, "serve",
                               environment=self._environment)
        self.program.stderr.wait_for("answers on", process=self.program.popen)

    def connect(self) -> "Client":
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.socket))
        return Client(connection)

    def connect_inet(self) -> "Client":
        return Client(socket.create_connection(self.address))

    def ask(self, request: str) -> str:
        with self.connect() as client:
            return client.ask(request)

    def metrics(self) -> dict[str, float]:
        host, port = self.metrics_address
        with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=60) as page:
            lines = page.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {name.removeprefix("starttls_listtool_"): float(value) for name, value in samples}

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.program.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self) -> int:
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
