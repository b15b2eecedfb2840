// Functions for curl's easy handles (libcurl-easy(3)) that all transfers share. Internal to this component.
#pragma once

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>

struct x509_store_st;  // OpenSSL's X509_STORE

namespace starttls::http {

using Easy = std::unique_ptr<CURL, decltype(&::curl_easy_cleanup)>;

// Starts libcurl, once a process: it costs milliseconds. False where it cannot be started.
bool start_curl();

// Null where libcurl cannot be started or has no memory.
Easy new_easy();

// TLS 1.2 or later, the certificate verified; the host must be a subjectAltName in it. `ca_file` has the only authorities
// that are trusted; "": those of the system.
void trust(CURL* easy, const std::filesystem::path& ca_file);

// https only, HTTP/1.1, and trust().
void speak_https(CURL* easy, const std::filesystem::path& ca_file);

// Trusts the authorities of this store only, which must live as long as the handle.
void trust_store(CURL* easy, x509_store_st& store);

// curl takes 0 for "no limit".
template <class Duration>
long at_least_one(Duration duration) {
  return std::clamp<long>(static_cast<long>(duration.count()), 1, std::numeric_limits<int>::max());
}

// The status of the last answer; 0 if there is none.
int status_of(CURL* easy);

// Whether a later request may succeed: the server cannot answer now.
bool may_pass(int status);

// A header of the last answer, the first of several; "" where there is none.
std::string header_of(CURL* easy, const char* name);

// As sent, escaped and cut; "" where there is none.
std::string content_type_of(CURL* easy);

// The content coding that was not asked for, escaped and cut; "" where there is none.
std::string content_coding_of(CURL* easy);

// Whether the transfer failed because of the server's certificate: not trusted, expired, of another name.
bool is_certificate_trouble(CURLcode code);

// What CURLOPT_ERRORBUFFER writes into.
using ErrorBuffer = std::array<char, CURL_ERROR_SIZE>;

// Why the transfer failed: messages of curl and OpenSSL, which may quote the server, escaped and cut.
std::string reason_of(CURLcode code, const ErrorBuffer& words);

}  // namespace starttls::http
