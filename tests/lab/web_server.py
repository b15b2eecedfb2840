"""Real web servers on an address of the lab, with a configuration that a document or a program of ours has.

    server = start_nginx(lab, "server { ... }", address, port)          the block within http { }
    server = start_caddy(lab, "www.example.test { ... }", address, port)

Each ends with the lab.
"""

from pathlib import Path

from . import wait
from .lab import Lab
from .process import Process

NGINX, CADDY = "/usr/sbin/nginx", "/usr/bin/caddy"
NGINX_CONF = """\
daemon off;
user www-data;
pid {folder}/pid;
error_log stderr;
events {{ }}
http {{
  access_log off;
  {temporary}
  include {folder}/part.conf;
}}
"""
TEMPORARY = " ".join(f"{what}_temp_path {{folder}}/{what};"
                     for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
CADDY_HEAD = """\
{{
	admin off
	https_port {port}
	auto_https disable_redirects
	storage file_system {folder}
}}
"""


def start_nginx(lab: Lab, part: str, address: str, port: int) -> Process:
    lab.require_program(NGINX, "nginx")
    folder = open_folder(lab, "nginx")
    (folder / "part.conf").write_text(part)
    (folder / "nginx.conf").write_text(NGINX_CONF.format(folder=folder, temporary=TEMPORARY.format(folder=folder)))
    return start(lab, [NGINX, "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"], folder, address, port)


def start_caddy(lab: Lab, part: str, address: str, port: int) -> Process:
    lab.require_program(CADDY, "caddy")
    folder = open_folder(lab, "caddy")
    (folder / "Caddyfile").write_text(CADDY_HEAD.format(port=port, folder=folder) + part)
    return start(lab, [CADDY, "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"], folder, address, port,
                 {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)})


def open_folder(lab: Lab, name: str) -> Path:
    """One that the users of web servers can read, as root drops its rights."""
    folder = lab.new_folder(name)
    folder.chmod(0o777)
    return folder


def start(lab: Lab, argv: list, folder: Path, address: str, port: int,
          environment: dict[str, str] | None = None) -> Process:
    process = Process(argv, folder=folder, lab_folder=lab.folder, environment=environment)
    lab.at_end(process.kill_with_workers)
    lab.watch(process.stderr)
    wait.for_listener(address, port, process=process.popen)
    return process
