// Posts to servers that others name (an rua=https: of RFC 8460), and submits mail to a mail server of our
// own: on libcurl's easy interface, one at a time.
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

// Succeeds where the server answers with a status of 2xx. The body of its answer is not read. No redirects,
// no proxy, no cookies. Fault::data where the server's certificate is invalid, its address is private or
// its status is a permanent 4xx; Fault::temporary for all else: another try may help.
Result<void> post(const Post& post);

struct Submission {
  std::string url;     // "smtp://127.0.0.1:25"
  std::string sender;  // of the envelope
  std::string recipient;
  std::string_view message;  // with CRLF at the ends of its lines; must outlive the call
  std::chrono::milliseconds total = std::chrono::minutes(2);
};

// Succeeds where the mail server has accepted the message. Fault::data where it answers 5xx, else
// Fault::temporary: another try may help.
Result<void> submit(const Submission& submission);

}  // namespace starttls::http
