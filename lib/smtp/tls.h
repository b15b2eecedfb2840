// TLS as a client, without a socket: bytes from the server go in, bytes for the server come out. Uses
// OpenSSL.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "smtp/probe.h"

struct ssl_ctx_st;

namespace starttls::smtp {

struct TlsLimits {
  std::size_t max_chain = 20;
  std::size_t max_chain_bytes = 0;
};

class TlsClient;

// What all connections share.
class TlsClients {
 public:
  explicit TlsClients(TlsLimits limits);

  // A client that offers what the request asks for. Fault::config with a sentence where OpenSSL cannot do
  // that.
  Result<std::unique_ptr<TlsClient>> create(const ProbeRequest& request);

 private:
  TlsLimits limits_;
  std::shared_ptr<ssl_ctx_st> context_;
};

class TlsClient {
 public:
  enum class Progress { finished, needs_bytes, closed, failed };

  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient();

  void add_received(std::string_view bytes);
  // The bytes to send now; they are taken out.
  std::string take_to_send();

  Progress handshake();
  // After `failed`: as ProbeFacts::tls_error.
  std::string error() const;
  // After `finished`.
  Handshake describe() const;

  // Encrypts text, which is to be sent then.
  Progress write(std::string_view text);
  // Appends the text that was received; `needs_bytes` without any, `closed` once the server has ended TLS.
  Progress read(std::string& text);
  // Says that nothing more follows (close_notify).
  void close();

 private:
  friend class TlsClients;
  struct State;
  explicit TlsClient(std::unique_ptr<State> state);
  Progress progress_of(int result);
  std::unique_ptr<State> state_;
};

}  // namespace starttls::smtp
