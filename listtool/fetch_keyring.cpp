#include "listtool/fetch_keyring.h"

#include <fmt/format.h>

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/try.h"
#include "http/url.h"
#include "keyring/keyring.h"
#include "listtool/context.h"
#include "listtool/list_fetcher.h"
#include "listtool/signers.h"
#include "minisign/signature.h"

namespace starttls::listtool {
namespace {

using keyring::Keyring;

// A file in the directory of the list.
Result<Origin> beside_list(const ListSettings& settings, const std::string& name, std::size_t limit) {
  if (settings.url.empty())
    return Origin{.place = (settings.file.parent_path() / name).string(), .limit = limit};
  auto url = TRY(http::sibling_url(settings.url, name));
  return Origin{.place = std::move(url), .limit = limit};
}

class Versions {
 public:
  Versions(const Context& context, http::Client& client, const ListSettings& settings,
           const SteadyClock& clock)
      : settings_(settings),
        fetcher_(context.configuration.fetch, client),
        clock_(clock),
        end_(clock() + max_keyring_time) {}

  // The version after the trusted one; nothing if there is none.
  Result<std::optional<Keyring>> next(const Keyring* trusted) {
    const std::string file = fmt::format("keys.{}.json", trusted == nullptr ? 1 : trusted->version + 1);
    const Origin origin = TRY(beside_list(settings_, file, keyring::max_keyring_size));
    const auto text = TRY(fetch(origin));
    if (!text && trusted == nullptr)
      return fail(Fault::data, "{}: there is no such file, which names the keys of the list", origin.shown());
    if (!text) return std::nullopt;
    // It is not verified yet, but names some of the files to verify it with.
    const Keyring unverified = TRY(with_context(keyring::parse_keyring(*text), "{}", origin.shown()));
    const auto signatures = TRY(fetch_signatures(file, trusted, unverified));
    return TRY(with_context(accept(trusted, *text, signatures), "{}", origin.shown()));
  }

 private:
  Result<std::optional<std::string>> fetch(const Origin& origin) {
    if (clock_() > end_) {
      return fail(
          Fault::temporary,
          "{}: the versions of keys.json are slow: after {} minutes there may still be more; the next "
          "update goes on with those that were accepted",
          origin.shown(), max_keyring_time.count());
    }
    return fetcher_.fetch_if_there(origin);
  }

  // Those of the root keys that are trusted and of its own.
  Result<std::vector<minisign::Signature>> fetch_signatures(const std::string& file, const Keyring* trusted,
                                                            const Keyring& own) {
    std::set<minisign::KeyId> ids;
    for (const auto* keys :
         {trusted == nullptr ? &settings_.root_keys : &trusted->root.keys, &own.root.keys}) {
      for (const minisign::PublicKey& key : *keys) ids.insert(key.id);
    }
    std::vector<minisign::Signature> signatures;
    for (const minisign::KeyId& id : ids) {
      const Origin origin =
          TRY(beside_list(settings_, fmt::format("{}.{}.minisig", file, minisign::to_string(id)),
                          minisign::signature_size_limit));
      const auto text = TRY(fetch(origin));
      if (!text) continue;
      signatures.push_back(TRY(with_context(minisign::parse_signature(*text), "{}", origin.shown())));
    }
    return signatures;
  }

  Result<Keyring> accept(const Keyring* trusted, std::string_view text,
                         std::span<const minisign::Signature> signatures) const {
    if (trusted != nullptr) return keyring::accept_next(*trusted, text, signatures);
    const keyring::Roots configured{.threshold = settings_.threshold, .keys = settings_.root_keys};
    auto first = TRY(keyring::accept_first(text, signatures, settings_.list_name, configured));
    if (first.version != 1)
      return fail(Fault::data, "it is version {}, where version 1 must be", first.version);
    return first;
  }

  const ListSettings& settings_;
  ListFetcher fetcher_;
  const SteadyClock& clock_;
  std::chrono::steady_clock::time_point end_;
};

Result<void> fetch_new_versions(Versions& versions, const std::string& roots, FetchedKeyring& fetched) {
  for (std::uint64_t count = 0;; ++count) {
    auto next = TRY(versions.next(fetched.newest ? &fetched.newest->keyring : nullptr));
    if (!next) return {};
    if (count == max_new_versions)
      return fail(Fault::data, "there are more than {} new versions of keys.json", max_new_versions);
    fetched.newest = TrustedKeyring{.keyring = std::move(*next), .roots = roots};
  }
}

Result<void> check_newest(const Keyring& newest, const std::string& roots, const ListHistory* history,
                          Time now) {
  if (history != nullptr && history->roots == roots && newest.version < history->keys_version) {
    return fail(Fault::data, "rolled back: version {} is the newest, and version {} was accepted before",
                newest.version, history->keys_version);
  }
  return keyring::check_usable(newest, now);
}

}  // namespace

FetchedKeyring fetch_keyring(const Context& context, http::Client& client, const ListSettings& settings,
                             const Edition* installed, const ListHistory* history, const SteadyClock& clock) {
  FetchedKeyring fetched;
  if (settings.root_keys.empty()) return fetched;
  const std::string roots = roots_text(settings);
  if (installed != nullptr && installed->keyring && installed->keyring->roots == roots)
    fetched.newest = installed->keyring;
  Versions versions(context, client, settings, clock);
  auto done = fetch_new_versions(versions, roots, fetched);
  if (done) {
    done = with_context(check_newest(fetched.newest->keyring, roots, history, context.now),
                        "keys.json, version {}", fetched.newest->keyring.version);
  }
  if (!done) fetched.error = std::move(done.error());
  return fetched;
}

}  // namespace starttls::listtool
