"""pgbouncer before a PostgreSQL of the lab: as large sites run it, with a server connection for each transaction only.

    pooler = PgBouncer(lab, server)
    pooler.url                          the server's database, through it
"""

import os
import pwd
import shutil
from pathlib import Path

from .lab import Lab
from .log import Log
from .postgres import NAME, PASSWORD, Postgres
from .process import Process

USER = "postgres"  # it refuses to run as root; Debian's package runs it as this user


class PgBouncer:
    def __init__(self, lab: Lab, server: Postgres, *, connections: int = 2) -> None:
        """Start it, with so many connections to the server."""
        lab.require_program("/usr/sbin/pgbouncer", "pgbouncer")
        self.address = lab.address()
        self.port = lab.free_port(self.address)
        folder = lab.new_folder("pgbouncer")
        users = folder / "users"
        users.write_text(f'"{NAME}" "{PASSWORD}"\n')
        configuration = folder / "pgbouncer.ini"
        configuration.write_text(
            f"[databases]\n{NAME} = host={server.address} port={server.port} dbname={NAME}\n"
            f"[pgbouncer]\nlisten_addr = {self.address}\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = plain\nauth_file = {users}\npool_mode = transaction\ndefault_pool_size = {connections}\n"
            "ignore_startup_parameters = extra_float_digits\nserver_reset_query_always = 1\n")
        as_user: list[str | Path] = []
        if os.geteuid() == 0:
            for path in (folder, users, configuration):
                shutil.chown(path, USER, pwd.getpwnam(USER).pw_gid)
            as_user = ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups", "setpriv", "--pdeathsig", "KILL", "--"]
        self.process = Process([*as_user, "/usr/sbin/pgbouncer", configuration], folder=folder, lab_folder=lab.folder)
        log = Log(folder / "stderr")
        lab.watch(log)
        lab.at_end(self.process.kill)
        log.wait_for("process up", process=self.process.popen)

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{PASSWORD}@{self.address}:{self.port}/{NAME}?sslmode=disable"
