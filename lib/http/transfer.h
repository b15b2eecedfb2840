// One request of http::Client on one curl handle, from its settings to the response. Internal to this
// component.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/client.h"
#include "http/curl_handle.h"

namespace starttls::http {

class Transfer {
 public:
  // Sets the handle up; all three must outlive this, and this must stay where it is.
  Transfer(CURL* easy, const Request& request, const Sink& sink);
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  // Resets the handle for the next request and keeps its connections open.
  ~Transfer();

  // The response, or the error, once curl has ended the transfer.
  Result<Answer> conclude(CURLcode code);

 private:
  static std::size_t receive(char* bytes, std::size_t, std::size_t size, void* transfer) noexcept;
  bool take(std::string_view piece);
  void ask_conditionally();
  void limit();
  Result<Answer> answer() const;
  Error failed(CURLcode code) const;
  Error refused_status() const;
  std::unexpected<Error> too_large() const;

  std::string validator(const char* name) const;
  std::string effective_url() const;
  // What every error begins with: the URL and, where redirects led elsewhere, that one.
  std::string place() const;

  CURL* easy_;
  const Request& request_;
  const Sink& sink_;
  std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)> fields_{nullptr, &::curl_slist_free_all};
  ErrorBuffer reason_{};
  bool conditional_ = false;
  std::uint64_t bytes_ = 0;
  std::optional<Error> stopped_;  // why we ended the transfer ourselves
};

}  // namespace starttls::http
