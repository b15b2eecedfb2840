// One curl handle that fetches one page after the other for http::Fetcher, from its settings to the page. It
// does not perform the transfer itself. Internal to this component.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/curl_handle.h"
#include "http/fetcher.h"

namespace starttls::http {

// The page for a host without a public address; `address` is one of its addresses.
Page not_public(std::string_view address);

class PageTransfer {
 public:
  // Null where libcurl has no memory. Both arguments must outlive it. Its handle is added to `lost`
  // whenever a connection to an address fails: who performs it with curl_multi_socket_action(3) must call
  // wake() then.
  static std::unique_ptr<PageTransfer> create(const FetcherSettings& settings, std::vector<CURL*>& lost);

  PageTransfer(const PageTransfer&) = delete;
  PageTransfer& operator=(const PageTransfer&) = delete;
  ~PageTransfer() = default;

  // Prepares the handle for a transfer. `may_visit` returns whether the limits allow a connection to an
  // address; other addresses are skipped. Valid until conclude().
  using MayVisit = std::function<bool(const std::string& address)>;
  void prepare(const PageRequest& request, MayVisit may_visit);

  // The page, once curl has ended the transfer. Then the handle can be prepared for the next.
  Page conclude(CURLcode code);

  // curl 7.88, driven by events, tries the next address only after half of the time limit; this makes it
  // try at once. Not inside curl's callbacks.
  static void wake(CURL* easy);

  CURL* easy() const { return easy_.get(); }

 private:
  PageTransfer(Easy easy, const FetcherSettings& settings, std::vector<CURL*>& lost);

  void limit();
  void connect_directly();
  void give_addresses(const PageRequest& request);

  static std::size_t receive_header(char* bytes, std::size_t, std::size_t size, void* transfer) noexcept;
  static std::size_t receive(char* bytes, std::size_t, std::size_t size, void* transfer) noexcept;
  static curl_socket_t open_socket(void* transfer, curlsocktype purpose, curl_sockaddr* address) noexcept;
  static int close_socket(void* transfer, curl_socket_t socket) noexcept;
  bool take_header(std::string_view line);
  bool take_end_of_headers();
  bool take(std::string_view piece);
  bool may_connect(const sockaddr& address);

  std::optional<Page> judge(CURLcode code) const;
  Page failed(CURLcode code) const;
  Page refused_status(int status) const;
  Page too_large() const;
  std::string connection_reason(CURLcode code) const;

  Easy easy_;
  const FetcherSettings& settings_;
  std::vector<CURL*>& lost_;
  ErrorBuffer words_{};
  std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)> names_{nullptr, &::curl_slist_free_all};
  std::string name_;              // the entry of curl's name cache: "host:port"
  std::size_t header_bytes_ = 0;  // of all headers of the answer, and of those before it
  std::string body_;
  std::optional<Page> stopped_;  // why we ended the transfer ourselves
  MayVisit may_visit_;
  bool skipped_address_ = false;  // one that the limits did not allow
};

}  // namespace starttls::http
