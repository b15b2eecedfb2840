#include "publication/web_server.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace starttls::publication {
namespace {

// In quotes, these mean themselves in all three configurations.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view(" /._-+,@:=~").find(c) != std::string_view::npos;
}

}  // namespace

std::string policy_host(const DomainName& domain) {
  return "mta-sts." + domain.str();
}

Result<WebServer> WebServer::create(const DomainName& domain, std::string directory) {
  if (!directory.starts_with('/') || !std::ranges::all_of(directory, is_plain)) {
    return fail(
        Fault::usage,
        "{}: the path has a character that is special in configurations of web servers; use letters, digits "
        "and \" /._-+,@:=~\"",
        printable(directory));
  }
  return WebServer(policy_host(domain), std::move(directory));
}

std::string WebServer::nginx() const {
  return fmt::format(R"(# For nginx, inside http {{ }}.
server {{
    listen 443 ssl;
    listen [::]:443 ssl;
    server_name {0};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate /etc/letsencrypt/live/{0}/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/{0}/privkey.pem;

    location = {1} {{
        types {{ }}
        default_type text/plain;
        alias "{2}/mta-sts.txt";
    }}
    location / {{
        return 404;
    }}
}}
)",
                     host_, policy_path, directory_);
}

std::string WebServer::caddy() const {
  return fmt::format(R"(# For Caddy, in a Caddyfile. Caddy gets the certificate itself.
{0} {{
	handle {1} {{
		root * "{2}"
		rewrite * /mta-sts.txt
		header Content-Type text/plain
		file_server
	}}
	handle {{
		respond 404
	}}
}}
)",
                     host_, policy_path, directory_);
}

std::string WebServer::apache() const {
  return fmt::format(R"(# For Apache: "a2enmod ssl", then into sites-available.
<VirtualHost *:443>
    ServerName {0}
    SSLEngine on
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    SSLCertificateFile /etc/letsencrypt/live/{0}/fullchain.pem
    SSLCertificateKeyFile /etc/letsencrypt/live/{0}/privkey.pem

    Alias "{1}" "{2}/mta-sts.txt"
    <Location "/">
        Require all denied
    </Location>
    <Location "{1}">
        Require all granted
        ForceType text/plain
    </Location>
</VirtualHost>
)",
                     host_, policy_path, directory_);
}

}  // namespace starttls::publication
