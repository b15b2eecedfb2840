#include "listtool/list_fetcher.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "http/url.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

constexpr int not_found = 404;

// The validators of a local file, in place of those of a server.
http::Validators file_validators(const struct stat& info) {
  return {.etag = fmt::format("file {} {} {}.{:09}", info.st_ino, info.st_size, info.st_mtim.tv_sec,
                              info.st_mtim.tv_nsec)};
}

Result<Fetched> copy_file(const Origin& origin, const http::Validators& known, const http::Sink& sink) {
  // Opening a pipe would wait for its writer.
  if (std::error_code none; fs::exists(origin.place, none) && !fs::is_regular_file(origin.place, none)) {
    return fail(Fault::data, "{}: is no regular file", origin.shown());
  }
  const auto fd = TRY(open_file(origin.place, origin.limit));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return cannot_read(origin.place, errno);
  Fetched fetched{.validators = file_validators(info)};
  fetched.unchanged = !known.etag.empty() && known.etag == fetched.validators.etag;
  std::vector<char> piece(std::size_t{1} << 18U);
  for (std::size_t size = 0; !fetched.unchanged;) {
    const auto got = TRY(read_some(fd.get(), piece, origin.place));
    if (got == 0) break;
    size += got;
    if (size > origin.limit) {
      return fail(Fault::data, "{}: larger than the limit of {} bytes", origin.shown(), origin.limit);
    }
    TRY(sink({piece.data(), got}));
  }
  return fetched;
}

}  // namespace

std::string Origin::shown() const {
  return is_url(place) ? http::shown(place) : printable(place);
}

http::Request ListFetcher::request(const Origin& origin, const http::Validators& known) const {
  return {.url = origin.place,
          .validators = known,
          .limits = {.total = limits_.timeout,
                     .connect = limits_.connect_timeout,
                     .bytes = origin.limit,
                     .redirects = static_cast<int>(limits_.max_redirects)},
          .ca_file = limits_.ca_file,
          .gzip = origin.gzip};
}

Result<Fetched> ListFetcher::fetch(const Origin& origin, const http::Validators& known,
                                   const http::Sink& sink) {
  if (!is_url(origin.place)) return copy_file(origin, known, sink);
  auto answer = TRY(client_.fetch(request(origin, known), sink));
  return Fetched{.unchanged = answer.status == 304,
                 .validators = std::move(answer.validators),
                 .content_type = std::move(answer.content_type)};
}

Result<std::string> ListFetcher::fetch_text(const Origin& origin) {
  std::string text;
  TRY(fetch(origin, {}, http::append_to(text)));
  return text;
}

Result<std::optional<std::string>> ListFetcher::fetch_if_there(const Origin& origin) {
  if (!is_url(origin.place)) {
    std::error_code error;
    if (fs::status(origin.place, error).type() == fs::file_type::not_found) return std::nullopt;
    return TRY(fetch_text(origin));
  }
  http::Request asked = request(origin, {});
  asked.may_be_missing = true;
  std::string text;
  const auto answer = TRY(client_.fetch(asked, http::append_to(text)));
  if (answer.status == not_found) return std::nullopt;
  return text;
}

}  // namespace starttls::listtool
