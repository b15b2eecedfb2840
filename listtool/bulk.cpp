#include "listtool/bulk.h"

#include <cstdio>
#include <string>
#include <utility>

#include "base/console.h"
#include "event/run_each.h"

namespace starttls::listtool {
namespace {

constexpr const char* clear_line = "\r\x1b[K";

// Ignores errors: if the terminal is gone, the examinations continue.
void show(const std::string& text) {
  (void)std::fputs(text.c_str(), stderr);
}

}  // namespace

Bulk::Bulk(discovery::PolicyResolver& policy_resolver, std::vector<DomainName> domains,
           discovery::FetchMode fetch_mode, std::size_t max_concurrent, bool progress)
    : examiner_(policy_resolver),
      domains_(std::move(domains)),
      haste_(fetch_mode),
      max_concurrent_(max_concurrent),
      progress_(progress && domains_.size() > 1),
      waiting_(domains_.size()) {}

event::Task<bool> Bulk::run(Report report) {
  report_ = std::move(report);
  return event::run_each(domains_.size(), max_concurrent_, [this](std::size_t index) { return work(index); });
}

event::Task<bool> Bulk::work(std::size_t index) {
  auto facts = co_await examiner_.examine(domains_[index], haste_);
  done(index, std::move(facts));
  co_return !stopped_;
}

void Bulk::done(std::size_t index, std::shared_ptr<const discovery::DomainFacts> facts) {
  waiting_[index] = std::move(facts);
  ++done_;
  if (index == reported_) report_all_due();
  if (progress_) show_progress();
}

void Bulk::report_all_due() {
  if (progress_) show(clear_line);
  for (; reported_ < domains_.size() && waiting_[reported_]; ++reported_) {
    if (!report_(domains_[reported_], *std::exchange(waiting_[reported_], nullptr))) {
      // No more domains are started or reported.
      stopped_ = true;
      reported_ = domains_.size();
      return;
    }
  }
}

// Clears the line after the progress, so that the next output starts on an empty line.
void Bulk::show_progress() {
  const bool ended = reported_ == domains_.size();
  show(ended ? clear_line : fmt::format("\r{} of {}\x1b[K", done_, domains_.size()));
}

}  // namespace starttls::listtool
