// starttls-listtool publish rollback: publishes the content of an earlier edition, as a new edition, and goes on with it
// until the publisher ends that.

#include <fmt/format.h>

#include <cstdint>

#include "base/console.h"
#include "base/counted.h"
#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/publish/edition.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {
namespace {

struct Values {
  std::uint64_t edition = 0;  // 0: the one before the newest
  bool end = false;
};

void declare(Options& options, Values& values) {
  const Option edition = options
                             .option("--edition", values.edition, "NUMBER",
                                     "Its content is published again (default: the one before the newest)")
                             .range(std::uint64_t{1}, keyring::max_version);
  options.flag("--end", values.end, "Let the next edition follow what is observed again").excludes(edition);
}

Result<int> roll_back(const Values& values, const Context& context, Publisher& publisher) {
  const auto newest = TRY(publisher.db().newest());
  if (!newest || (newest->number < 2 && values.edition == 0))
    return fail(Fault::usage, "there is no edition before the newest one");
  const std::uint64_t number = values.edition == 0 ? newest->number - 1 : values.edition;
  const KeyVersions keys = TRY(read_key_versions(publisher.layout(), publisher.settings().name));
  TRY(pin_edition(publisher, keys, number));
  const EditionPlan plan{.content = listingdb::Content::pinned,
                         .note = fmt::format("the content of edition {}", number)};
  const listing::Difference difference = TRY(publisher.db().difference(plan.content));
  const listingdb::KeptEdition edition = TRY(make_edition(publisher, keys, plan, difference));
  TRY(show_newest(publisher));
  if (!context.quiet) {
    TRY(print(fmt::format(
        "edition {} has the content of edition {}: {}; so have all that follow, until\n'{}'\n",
        edition.number, number, counted(edition.entries, "entry"), command_line(context, "rollback --end"))));
  }
  return 0;
}

Result<int> run(const Values& values, const Context& context) {
  Publisher publisher = TRY(Publisher::open(context));
  TRY(show_newest(publisher));
  if (!values.end) return roll_back(values, context, publisher);
  if (!TRY(publisher.db().pinned())) return fail(Fault::usage, "there is no rollback to end");
  TRY(publisher.db().unpin());
  return 0;
}

}  // namespace

Command rollback_command() {
  return make_command({.name = "publish rollback",
                       .summary = "Publish the content of an earlier edition as a new one",
                       .example = "starttls-listtool publish rollback"},
                      declare, run);
}

}  // namespace starttls::listtool::publish
