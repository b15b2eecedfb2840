"""A resolver that validates DNSSEC, for mail servers that trust its AD bit: Unbound in front of a lab's name server.

    resolver = Resolver(lab, dns)                          .address, port 53, which needs root
    sender = Sender(lab, resolver, {"smtp_dns_support_level": "dnssec", ...})
"""

from . import wait
from .dns import Dns
from .lab import Lab
from .process import Process

PORT = 53

CONFIG = """\
server:
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    interface: {address}@{port}
    access-control: 127.0.0.0/8 allow
    do-not-query-localhost: no
    module-config: "validator iterator"
    trust-anchor-file: "{anchor}"
    local-zone: "test." nodefault
    num-threads: 1
remote-control:
    control-enable: no
forward-zone:
    name: "."
    forward-addr: {server}
"""


class Resolver:
    def __init__(self, lab: Lab, dns: Dns) -> None:
        """Send all queries to `dns`, and set the AD bit for answers that its trust anchors prove."""
        lab.require_program("/usr/sbin/unbound", "unbound")
        lab.require_root()
        self.address = lab.address()
        folder = lab.new_folder("resolver")
        config = folder / "unbound.conf"
        config.write_text(CONFIG.format(folder=folder, address=self.address, port=PORT, anchor=dns.trust_anchor,
                                        server=dns.server))
        self.process = Process(["/usr/sbin/unbound", "-c", config], folder=folder, lab_folder=lab.folder)
        lab.watch(self.process.stderr)
        lab.at_end(self.process.kill)
        wait.for_listener(self.address, PORT, process=self.process.popen)
