#include "base/text.h"
#include "fuzz.h"
#include "imap/mailbox_name.h"
#include "imap/url.h"

using namespace starttls;

// A URL that is valid is the same when it is written and read again. The name of a folder stays within its quotes.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto name = imap::quoted_mailbox_name(text)) {
    fuzz::require(name->size() >= 3 && name->front() == '"' && name->back() == '"');
    for (const char one : *name) fuzz::require(one >= ' ' && one < '\x7F');
    for (std::size_t at = 1; at + 1 < name->size(); ++at) {
      fuzz::require((*name)[at] != '"');
      if ((*name)[at] == '\\') ++at;
    }
  }
  const auto url = imap::parse_mailbox_url(text);
  if (!url) return 0;
  fuzz::require(url->port > 0 && !url->user.empty() && !url->host.empty() && !url->folder.empty());
  const auto again = imap::parse_mailbox_url(url->text());
  fuzz::require(again && again->user == url->user && again->host == url->host && again->port == url->port &&
                again->folder == url->folder);
  return 0;
}
