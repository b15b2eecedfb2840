// What every command of `publish` begins with: the settings, the directory, the state.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/domain.h"
#include "base/file.h"
#include "base/result.h"
#include "listingdb/listing_db.h"
#include "listtool/context.h"
#include "listtool/publish/layout.h"

namespace starttls::listtool::publish {

// A command to type into a shell, with the -c of this one: "starttls-listtool -c list.toml publish keys init".
std::string command_line(const Context& context, std::string_view command);

// Whether a command that changes something may run: not as root in the directory of another user, who could not change
// afterwards what root has made there. Fault::permission.
Result<void> check_owner(const Context& context, const std::filesystem::path& directory);

// Fault::usage.
std::unexpected<Error> unknown_domain(const Context& context, const DomainName& domain);

class Publisher {
 public:
  // For a command that changes something: holds the lock. check_owner(); Fault::temporary while another process has it,
  // Fault::config where [publish] has no name, Fault::unavailable where there is no state yet: `publish init` makes it.
  static Result<Publisher> open(const Context& context);
  static Result<Publisher> open_to_read(const Context& context);
  // Like open(), on a copy of the state that is removed in the end.
  static Result<Publisher> open_rehearsal(const Context& context);

  const Context& context() const { return *context_; }
  const PublishSettings& settings() const { return context_->configuration.publish; }
  const Layout& layout() const { return layout_; }
  listingdb::ListingDb& db() { return db_; }

 private:
  struct RemoveFile {
    void operator()(const std::filesystem::path* path) const;
  };
  using RemovedFile = std::unique_ptr<const std::filesystem::path, RemoveFile>;

  Publisher(const Context& context, Layout layout, UniqueFd lock, RemovedFile copy, listingdb::ListingDb db)
      : context_(&context),
        layout_(std::move(layout)),
        lock_(std::move(lock)),
        copy_(std::move(copy)),
        db_(std::move(db)) {}

  const Context* context_;
  Layout layout_;
  UniqueFd lock_;
  RemovedFile copy_;  // of the state, for a rehearsal
  listingdb::ListingDb db_;
};

}  // namespace starttls::listtool::publish
