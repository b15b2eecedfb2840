// Fetches many small pages over HTTPS at the same time, on libcurl's multi interface (libcurl-multi(3)) and
// the event loop of one thread, from servers that are not trusted: policy hosts of MTA-STS.
//
//     http::Fetcher fetcher(loop, settings);
//     const http::Page page = co_await fetcher.get({.host = "mta-sts.example.org", .path = "/...",
//                                                   .addresses = found});
//
// Each fetch obeys RFC 8461 section 3.3: https only, TLS 1.2 or later, a certificate that is valid for the
// host and issued by a trusted authority, no redirects, no cache, status 200, limits on size and time. No
// proxy, cookies, netrc or content coding. Names are not resolved here: the caller brings the addresses.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "event/loop.h"
#include "http/concurrency_limiter.h"

struct x509_store_st;  // OpenSSL's X509_STORE

namespace starttls::http {

// Why there is no page.
enum class FetchError {
  none,
  address,      // all addresses are private, loopback, link-local, ...
  connection,   // no connection, or it broke off
  tls,          // no handshake: version, cipher, alert, not TLS at all
  certificate,  // not trusted, expired, or of another name
  redirect,     // status 3xx
  status,       // any other status than 200; or no HTTP, or a content coding, which is not asked for
  too_large,
  timeout,
  // This says nothing about the host: there were too many other fetches. The queue was full, the fetch waited
  // too long, or it was preempted (see concurrency_limiter.h).
  busy,
};

struct PageRequest {
  std::string host;  // a DomainName; the name in the certificate, in SNI and in Host:
  std::string path;  // "/.well-known/mta-sts.txt"
  // "192.0.2.1", "2001:db8::1": the first 16 that are allowed are tried in this order, as curl does.
  std::vector<std::string> addresses;
  bool is_known = false;  // the host has answered before: this fetch is not preempted
};

struct Page {
  FetchError error = FetchError::none;
  std::string reason;        // of the error, a sentence fit for a terminal: "status 404"
  int status = 0;            // as the server sent it; 0: none
  std::string content_type;  // as sent, escaped and cut; "" where there is none
  std::string body;          // where there is no error
  // The server's own, in PEM, where there was a valid one and FetcherSettings::keep_certificate is set.
  std::string certificate;
};

struct FetcherSettings {
  std::filesystem::path ca_file;  // PEM; the only authorities trusted. "": those of the system
  // The same, read already, in place of ca_file. Null: ca_file. libcurl sets flags of it, so it must not serve others.
  std::shared_ptr<x509_store_st> authorities;
  std::uint16_t port = 443;
  // Whether addresses outside the public Internet are allowed (RFC 6890).
  bool private_addresses = false;
  std::chrono::milliseconds total = std::chrono::minutes(1);     // everything
  std::chrono::milliseconds connect = std::chrono::seconds(15);  // connection and TLS handshake
  std::size_t bytes = std::size_t{64} << 10U;                    // of the body
  bool keep_certificate = false;                                 // see Page::certificate
  std::size_t max_concurrent = 200;                              // fetches; those beyond wait for their turn
  // Fetches from one address, or IPv6 /64, at the same time; further ones wait. Each address that a fetch
  // connects to counts.
  std::size_t max_per_address = 8;
  // For a daemon whose clients can make it ask hosts that do not answer.
  std::optional<QueueLimits> queue;
};

class Fetcher {
 public:
  // Fault::config where the CA file cannot be read.
  static Result<std::unique_ptr<Fetcher>> create(event::Loop& loop, FetcherSettings settings);

  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;
  // Answers pending fetches with FetchError::connection first.
  ~Fetcher();

  event::Task<Page> get(PageRequest request);

  std::size_t under_way() const;  // fetches
  std::size_t waiting() const;    // for their turn

 private:
  class Impl;
  explicit Fetcher(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::http
