"""A mail server to send to, in the system: a second instance of Postfix, at the address of the client.

    destination = Destination(system)
    destination.create()
    destination.publish_policy("dest.example")    by MTA-STS
    destination.ask_for_reports("dest.example")   by a TLSRPT record
    destination.status_of_mail_to("anna@dest.example")

Its certificate has the name NAME, and an authority issued it that the system trusts. It takes mail for all of DOMAINS,
whose MX it is.
"""

import re

import box
from box import Box

NAME = "mx.dest.example"
DOMAINS = ("dest.example", "other.example")
ZONES = "/etc/unbound/unbound.conf.d/dest.conf"
POLICY = f"version: STSv1\nmode: enforce\nmx: {NAME}\nmax_age: 86400\n"
KEYS = "/etc/ssl/private"
SITE = "/srv/policy"
# The policy as a web server sends it: openssl s_server -HTTP sends files as they are.
RESPONSE = f"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(POLICY)}\r\n\r\n{POLICY}"


class Destination:
    def __init__(self, system: Box) -> None:
        self._box = system

    def create(self) -> None:
        """Create and start it; the system's own Postfix no longer listens at its address."""
        self._box.run(f"postconf inet_interfaces=127.0.0.1,{box.ADDRESS} smtp_tls_loglevel=1")
        self._box.run("systemctl restart postfix")
        self._box.append(ZONES, "server:\n" + "".join(
            f'  local-zone: "{domain}." static\n  local-data: "{domain}. MX 1 {NAME}."\n' for domain in DOMAINS)
            + f'  local-data: "{NAME}. A {box.CLIENT}"\n')
        self._box.run(f"""
            systemctl restart unbound
            cd {KEYS}
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=box \
                -addext keyUsage=critical,keyCertSign -keyout ca.key -out /usr/local/share/ca-certificates/box.crt 2>&1
            update-ca-certificates 2>&1
            """)
        self._issue("dest", NAME)
        self._box.run(f"""
            postmulti -e init
            postmulti -I postfix-dest -e create
            postconf -c /etc/postfix-dest inet_interfaces={box.CLIENT} myhostname={NAME} master_service_disable= \
                mydestination={",".join(DOMAINS)} local_recipient_maps= luser_relay=root mynetworks=127.0.0.0/8 \
                smtpd_tls_security_level=may smtpd_tls_cert_file={KEYS}/dest.crt smtpd_tls_key_file={KEYS}/dest.key
            postmulti -i postfix-dest -e enable
            postmulti -i postfix-dest -p start
            postfix reload
            """)

    def publish_policy(self, domain: str) -> None:
        host = f"mta-sts.{domain}"
        self._box.append(ZONES, f'  local-data: "{host}. A {box.CLIENT}"\n'
                                f"  local-data: '_mta-sts.{domain}. TXT \"v=STSv1; id=1\"'\n")
        self._issue("policy", host)
        self._box.run(f"mkdir -p {SITE}/.well-known; cat >{SITE}/.well-known/mta-sts.txt", content=RESPONSE)
        self._box.run(f"""
            systemctl restart unbound
            systemd-run --quiet --unit=policy-host --property=WorkingDirectory={SITE} \
                openssl s_server -quiet -HTTP -accept {box.CLIENT}:443 -cert {KEYS}/policy.crt -key {KEYS}/policy.key
            """)

    def ask_for_reports(self, domain: str) -> None:
        self._box.append(ZONES, f"  local-data: '_smtp._tls.{domain}. TXT \"v=TLSRPTv1; rua=mailto:reports@{domain}\"'\n")
        self._box.run("systemctl restart unbound")

    def remove(self) -> None:
        self._box.run(f"""
            postmulti -i postfix-dest -p stop
            postmulti -i postfix-dest -e disable
            postmulti -i postfix-dest -e destroy
            postconf -X multi_instance_enable multi_instance_directories multi_instance_wrapper
            postconf -e inet_interfaces=all
            rm -rf /etc/postfix-dest /var/spool/postfix-dest /var/lib/postfix-dest {ZONES} \
                {KEYS}/ca.key {KEYS}/dest.* /usr/local/share/ca-certificates/box.*
            update-ca-certificates --fresh 2>&1
            """)

    def status_of_mail_to(self, recipient: str) -> str:
        """What Postfix logs of the last attempt to deliver it; "" before the first."""
        lines = [line for line in self._box.journal("-b", "-t", "postfix/smtp") if f"to=<{recipient}>" in line]
        return re.search(r"status=(\w+)", lines[-1])[1] if lines else ""

    def _issue(self, file: str, name: str) -> None:
        self._box.run(f"""
            cd {KEYS}
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN={name} \
                -keyout {file}.key -out {file}.csr 2>&1
            printf 'subjectAltName=DNS:{name}\\nauthorityKeyIdentifier=keyid\\n' >{file}.extensions
            openssl x509 -req -in {file}.csr -days 2 -extfile {file}.extensions -out {file}.crt \
                -CA /usr/local/share/ca-certificates/box.crt -CAkey ca.key -CAcreateserial 2>&1
            """)
