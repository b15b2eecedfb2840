// Fetches the files of a list: over HTTPS, or from a local file that another program brings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "base/result.h"
#include "http/client.h"
#include "http/sink.h"
#include "http/validators.h"
#include "listtool/configuration.h"

namespace starttls::listtool {

// Where a file comes from: a URL or a local file.
struct Origin {
  std::string place;
  std::size_t limit;  // bytes, decoded
  bool gzip = false;  // a server may send it with gzip
  std::string shown() const;
};

struct Fetched {
  bool unchanged = false;  // since `known`; nothing went to the sink
  http::Validators validators;
  std::string content_type;
};

class ListFetcher {
 public:
  // Both must outlive this.
  ListFetcher(const FetchLimits& limits, http::Client& client) : limits_(limits), client_(client) {}

  // The validators of a local file are its stamp. Faults as of http::Client::fetch() and of files.
  Result<Fetched> fetch(const Origin& origin, const http::Validators& known, const http::Sink& sink);
  // The content of a small file.
  Result<std::string> fetch_text(const Origin& origin);
  // Nothing if there is no such file: the server answers 404.
  Result<std::optional<std::string>> fetch_if_there(const Origin& origin);

 private:
  http::Request request(const Origin& origin, const http::Validators& known) const;

  const FetchLimits& limits_;
  http::Client& client_;
};

}  // namespace starttls::listtool
