// Posting to servers that strangers name (an rua=https: of RFC 8460), and handing mail to a mail server of
// our own: on libcurl's easy interface, one at a time.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::http {

struct Post {
  std::string url;                 // is_https_url()
  std::string content_type;        // "application/tlsrpt+gzip"
  std::string_view body;           // must outlive the call
  std::filesystem::path ca_file;   // PEM; the only authorities trusted. "": those of the system
  bool private_addresses = false;  // whether hosts behind our own firewall may be posted to
  std::chrono::milliseconds total = std::chrono::minutes(1);
  std::chrono::milliseconds connect = std::chrono::seconds(20);
};

// Done where the server answers with a status of 2xx; what else it says is not read. No redirects, no proxy,
// no cookies. Fault::temporary where another try may help, which is so of everything but a server that is not
// what it says (certificate), is at a private address, or says with 4xx that it will never take it:
// Fault::data.
Result<void> post(const Post& post);

struct Submission {
  std::string url;     // "smtp://127.0.0.1:25"
  std::string sender;  // of the envelope
  std::string recipient;
  std::string_view message;  // with CRLF at the ends of its lines; must outlive the call
  std::chrono::milliseconds total = std::chrono::minutes(2);
};

// Done where the mail server has taken it. Fault::temporary where another try may help, Fault::data where it
// says 5xx.
Result<void> submit(const Submission& submission);

}  // namespace starttls::http
