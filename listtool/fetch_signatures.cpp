#include "listtool/fetch_signatures.h"

#include <algorithm>
#include <optional>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "http/url.h"
#include "minisign/signature.h"
#include "openpgp/verify.h"

namespace starttls::listtool {
namespace {

// Where a signature of the list is that has this suffix.
Result<Origin> origin_with(const ListSettings& settings, const std::string& suffix, std::size_t limit) {
  if (settings.url.empty()) return Origin{.place = settings.file.string() + suffix, .limit = limit};
  auto url = TRY(http::signature_url(settings.url, suffix));
  return Origin{.place = std::move(url), .limit = limit};
}

Result<Origin> signature_origin(const ListSettings& settings) {
  const std::size_t limit =
      settings.openpgp_key_file.empty() ? minisign::signature_size_limit : openpgp::signature_size_limit;
  if (!settings.signature.empty()) return Origin{.place = settings.signature, .limit = limit};
  return origin_with(settings, signature_suffix(settings), limit);
}

// The signatures of single keys, one after the other.
class Collection {
 public:
  Collection(ListFetcher& fetcher, const Signers& signers) : fetcher_(fetcher), signers_(signers) {}

  Result<void> add(const Origin& origin) {
    auto text = TRY(fetcher_.fetch_if_there(origin));
    if (!text) return {};
    const auto signature = TRY(with_context(minisign::parse_signature(*text), "{}", origin.shown()));
    const bool counts =
        std::ranges::find(signers_.keys, signature.key_id, &minisign::PublicKey::id) != signers_.keys.end();
    if (!counts) {
      other_ = signature.key_id;
    } else if (!has(signature.key_id)) {
      found_.push_back({.id = signature.key_id, .text = std::move(*text), .origin = origin.shown()});
    }
    return {};
  }

  bool is_complete() const { return found_.size() >= signers_.required; }
  bool has(const minisign::KeyId& id) const {
    return std::ranges::find(found_, id, &Found::id) != found_.end();
  }
  std::size_t size() const { return found_.size(); }
  // The key of a signature that does not count, if there was one.
  const std::optional<minisign::KeyId>& other() const { return other_; }

  FetchedSignatures take() {
    FetchedSignatures signatures{.first = std::move(found_.front().text),
                                 .first_origin = std::move(found_.front().origin),
                                 .further = {}};
    for (std::size_t i = 1; i < found_.size(); ++i) {
      signatures.further.push_back(
          {.key_id = minisign::to_string(found_[i].id), .text = std::move(found_[i].text)});
    }
    return signatures;
  }

 private:
  struct Found {
    minisign::KeyId id;
    std::string text;
    std::string origin;
  };

  ListFetcher& fetcher_;
  const Signers& signers_;
  std::vector<Found> found_;
  std::optional<minisign::KeyId> other_;
};

// Why the signature of that key does not count.
std::string reason_against(const minisign::KeyId& id, const keyring::Keyring* keyring) {
  if (keyring == nullptr) return fmt::format("{} is none of the configured keys", key_name(id));
  const auto named = std::ranges::find(keyring->signing, id, [](const auto& each) { return each.key.id; });
  if (named == keyring->signing.end())
    return fmt::format("version {} of keys.json does not name {}", keyring->version, key_name(id));
  return fmt::format("{} may sign from {} until {} only", key_name(id), to_rfc3339(named->from),
                     to_rfc3339(named->until));
}

}  // namespace

std::string signature_suffix(const ListSettings& settings) {
  return settings.openpgp_key_file.empty() ? ".minisig" : ".asc";
}

Result<FetchedSignatures> fetch_signatures(ListFetcher& fetcher, const ListSettings& settings,
                                           const Signers& signers, const keyring::Keyring* keyring) {
  const Origin first = TRY(signature_origin(settings));
  if (settings.root_keys.empty() && signers.required == 1) {
    auto text = TRY(fetcher.fetch_text(first));
    return FetchedSignatures{.first = std::move(text), .first_origin = first.shown(), .further = {}};
  }
  Collection found(fetcher, signers);
  TRY(found.add(first));
  for (const minisign::PublicKey& key : signers.keys) {
    if (found.is_complete()) break;
    if (found.has(key.id)) continue;
    const Origin of_key = TRY(origin_with(settings, fmt::format(".{}.minisig", minisign::to_string(key.id)),
                                          minisign::signature_size_limit));
    TRY(found.add(of_key));
  }
  if (found.is_complete()) return found.take();
  return fail(Fault::data, "{}: signed by {} of {}, of which {} must sign{}{}", first.shown(), found.size(),
              counted(signers.keys.size(), "key"), signers.required, found.other() ? "; " : "",
              found.other() ? reason_against(*found.other(), keyring) : "");
}

}  // namespace starttls::listtool
