// What a web server needs to serve the policy of MTA-STS (RFC 8461 section 3.3): ready parts of configurations. Each
// serves the file mta-sts.txt of a directory, and nothing else.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/domain.h"
#include "base/result.h"

namespace starttls::publication {

inline constexpr std::string_view policy_path = "/.well-known/mta-sts.txt";

// The name that certificates of the policy host are for: "mta-sts.example.org".
std::string policy_host(const DomainName& domain);

class WebServer {
 public:
  // `directory` is absolute. Fault::usage where it has a character that is special in one of the configurations.
  static Result<WebServer> create(const DomainName& domain, std::string directory);

  std::string nginx() const;   // inside http { }
  std::string caddy() const;   // in a Caddyfile
  std::string apache() const;  // a virtual host; needs mod_ssl

 private:
  WebServer(std::string host, std::string directory)
      : host_(std::move(host)), directory_(std::move(directory)) {}

  std::string host_;
  std::string directory_;
};

}  // namespace starttls::publication
