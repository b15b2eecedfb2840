#include "listtool/publish/pages.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <set>
#include <string_view>
#include <vector>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "listingpages/pages.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;
using listingpages::ListAbout;

// So long a removed domain has a document of its own still, for those who follow a link to it. What the page and the feed
// of changes link to has one in any case.
constexpr std::chrono::days removed_shown_for{90};

ListAbout about(const Publisher& publisher, const KeyVersions& keys, const listingdb::KeptEdition& edition) {
  const PublishSettings& settings = publisher.settings();
  // A consumer begins with the first version and its root keys, whichever have replaced them since.
  const keyring::Roots& roots = keys.accepted.front().keyring.root;
  ListAbout about{.name = settings.name,
                  .author = settings.author,
                  .url = settings.url,
                  .file = list_file(settings),
                  .edition = edition.number,
                  .published = edition.time,
                  .expires = expiry_of(settings, edition.time),
                  .threshold = roots.threshold,
                  .rules = settings.rules,
                  .report_to = settings.report_to};
  for (const minisign::PublicKey& key : roots.keys) about.root_keys.push_back(minisign::to_base64(key));
  for (const minisign::PublicKey& key : keyring::valid_keys(keys.newest()->keyring, publisher.context().now))
    about.keys.push_back(minisign::to_base64(key));
  return about;
}

// There may be thousands, so each is written as it is: nobody sees the directory yet, and it is synced as a whole.
Result<void> write_page(const fs::path& file, std::string_view text) {
  constexpr mode_t mode = 0644;
  const UniqueFd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  int error = fd ? write_all(fd.get(), text) : errno;
  if (error == 0 && ::fchmod(fd.get(), mode) != 0) error = errno;  // whatever the umask is
  if (error == 0) return {};
  return fail(write_fault(error), "{}: cannot write: {}", printable(file.string()), errno_text(error));
}

Result<void> write_document(Publisher& publisher, const DomainName& domain, const fs::path& directory) {
  const auto kept = TRY(publisher.db().find(domain));
  if (!kept) return {};
  const auto history = TRY(publisher.db().history(domain));
  return write_page(directory / listingpages::domain_file(domain),
                    listingpages::domain_json(kept->entry, kept->faults, history));
}

}  // namespace

Result<void> write_pages(Publisher& publisher, const KeyVersions& keys, const listingdb::KeptEdition& edition,
                         const fs::path& directory) {
  const ListAbout head = about(publisher, keys, edition);
  const listingpages::StateCounts counts = TRY(publisher.db().counts());
  const std::size_t all = listingpages::count_present(counts);
  std::vector<listing::Entry> entries;
  if (all <= listingpages::max_json_entries) {
    TRY(publisher.db().each([&entries](const listingdb::KeptEntry& kept) { entries.push_back(kept.entry); }));
    TRY(write_page(directory / listingpages::entries_file, entries_json(head, entries)));
  }
  listing::Transitions recent = TRY(publisher.db().recent(listingpages::max_shown_changes));
  std::ranges::reverse(recent);
  TRY(write_page(directory / listingpages::feed_file, atom_feed(head, recent)));
  std::set<DomainName> documents;
  for (const listing::Transition& transition : recent) documents.insert(transition.domain);
  if (all > listingpages::max_shown_entries) entries.clear();
  for (const listing::Entry& entry : entries) {
    if (entry.state != listing::State::removed || edition.time - entry.since < removed_shown_for)
      documents.insert(entry.domain);
  }
  std::erase_if(entries, [](const listing::Entry& entry) { return entry.state == listing::State::removed; });
  TRY(write_page(directory / listingpages::index_file, index_html(head, counts, entries, recent)));
  if (!documents.empty())
    TRY(Directory::make((directory / listingpages::domain_file(*documents.begin())).parent_path()));
  for (const DomainName& domain : documents) TRY(write_document(publisher, domain, directory));
  return {};
}

}  // namespace starttls::listtool::publish
