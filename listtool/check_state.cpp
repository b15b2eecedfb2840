#include "listtool/check_state.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <set>

#include "base/atomic_file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::listtool {
namespace {

using examination::Level;

constexpr std::string_view cannot_tell_field = "cannot-tell";
constexpr std::size_t max_fields = 100'000;  // of a line
constexpr mode_t state_mode = 0644;

bool is_same(const KnownFinding& left, const KnownFinding& right) {
  return left.code == right.code && left.subject == right.subject;
}

const KnownFinding* find_same(const KnownDomain& known, const KnownFinding& wanted) {
  const auto found = std::ranges::find_if(
      known.findings, [&wanted](const KnownFinding& each) { return is_same(each, wanted); });
  return found == known.findings.end() ? nullptr : &*found;
}

// Those of `left` that `right` has not, or only as warnings.
std::vector<KnownFinding> beyond(const KnownDomain& left, const KnownDomain& right) {
  std::vector<KnownFinding> more;
  for (const KnownFinding& finding : left.findings) {
    const KnownFinding* const other = find_same(right, finding);
    if (other == nullptr || (finding.level == Level::fault && other->level == Level::warning))
      more.push_back(finding);
  }
  return more;
}

// The subjects of which something was not found out.
class Unknown {
 public:
  explicit Unknown(const examination::Findings& findings) {
    for (const examination::Finding& finding : findings) {
      if (finding.level != Level::cannot_tell) continue;
      const std::string subject = to_string(finding.subject);
      if (finding.code == examination::Code::smtp_own_network) reachable_ = subject;
      subjects_.insert(subject);
    }
  }
  bool is_empty() const { return subjects_.empty(); }
  // Where the own network blocks port 25, nothing is known but of the domain itself.
  bool has(const std::string& subject) const {
    return subjects_.contains(subject) || (!reachable_.empty() && subject != reachable_);
  }

 private:
  std::set<std::string> subjects_;
  std::string reachable_;
};

// "fault certificate-name mx.example.org[192.0.2.1]"
Result<KnownFinding> read_finding(std::string_view text) {
  const std::size_t first = text.find(' ');
  const std::size_t second = first == text.npos ? text.npos : text.find(' ', first + 1);
  if (second == text.npos) return fail(Fault::data, "'{}' is no finding", printable(text, 100));
  const Level level = TRY(examination::level_words.parse(text.substr(0, first), "level"));
  if (level != Level::warning && level != Level::fault)
    return fail(Fault::data, "'{}' is no warning and no fault", printable(text, 100));
  return KnownFinding{.code = std::string(text.substr(first + 1, second - first - 1)),
                      .subject = std::string(text.substr(second + 1)),
                      .level = level};
}

// The text up to the next tab, which is taken from the line.
std::string_view take_field(std::string_view& line) {
  const std::size_t end = std::min(line.find('\t'), line.size());
  const std::string_view field = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return field;
}

}  // namespace

Level worst(const KnownDomain& known) {
  const auto has = [&known](Level level) {
    return std::ranges::find(known.findings, level, &KnownFinding::level) != known.findings.end();
  };
  if (has(Level::fault)) return Level::fault;
  if (known.cannot_tell) return Level::cannot_tell;
  return has(Level::warning) ? Level::warning : Level::ok;
}

KnownDomain known_after(const KnownDomain* before, const examination::Findings& findings, Time examined) {
  KnownDomain known{.examined = examined, .findings = {}};
  for (const examination::Finding& finding : findings) {
    if (finding.level != Level::warning && finding.level != Level::fault) continue;
    known.findings.push_back({.code = std::string(describe(finding.code).word),
                              .subject = to_string(finding.subject),
                              .level = finding.level});
  }
  const Unknown unknown(findings);
  known.cannot_tell = !unknown.is_empty();
  if (before != nullptr) {
    std::ranges::copy_if(before->findings, std::back_inserter(known.findings), [&](const KnownFinding& each) {
      return unknown.has(each.subject) && find_same(known, each) == nullptr;
    });
  }
  std::ranges::sort(known.findings);
  return known;
}

CheckChanges compare(const KnownDomain& before, const KnownDomain& now) {
  return {.worse = beyond(now, before), .better = beyond(before, now)};
}

std::string to_line(const DomainName& domain, const KnownDomain& known) {
  std::string line = fmt::format("{}\t{}", domain.str(), to_rfc3339(known.examined));
  if (known.cannot_tell) line += fmt::format("\t{}", cannot_tell_field);
  for (const KnownFinding& finding : known.findings) {
    line += fmt::format("\t{} {} {}", examination::level_words.word(finding.level), finding.code,
                        finding.subject);
  }
  return line + '\n';
}

Result<std::pair<DomainName, KnownDomain>> read_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  DomainName domain = TRY(DomainName::parse(take_field(line)));
  KnownDomain known{.examined = TRY(parse_rfc3339(take_field(line))), .findings = {}};
  while (!line.empty()) {
    const std::string_view field = take_field(line);
    if (field == cannot_tell_field) {
      known.cannot_tell = true;
      continue;
    }
    if (known.findings.size() >= max_fields) return fail(Fault::data, "more than {} findings", max_fields);
    known.findings.push_back(TRY(read_finding(field)));
  }
  std::ranges::sort(known.findings);
  return std::pair(std::move(domain), std::move(known));
}

Result<CheckState> CheckState::open(const std::filesystem::path& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, state_mode));
  if (!file) return fail(Fault::cannot_create, "{}: {}", path.string(), errno_text(errno));
  TRY(lock(file, path, "another check has it"));
  CheckState state(path, std::move(file));
  const std::string text = TRY(read_file(path, max_state_size));
  TRY(state.read(text));
  return state;
}

Result<void> CheckState::read(std::string_view text) {
  // What a run that was killed has written of a line.
  const std::size_t whole = text.rfind('\n') + 1;
  if (whole < text.size() && ::ftruncate(file_.get(), static_cast<off_t>(whole)) != 0)
    return fail(write_fault(errno), "{}: {}", path_.string(), errno_text(errno));
  text = text.substr(0, whole);
  while (!text.empty()) {
    const std::size_t end = text.find('\n') + 1;
    auto known = read_line(text.substr(0, end));
    ++lines_;
    if (!known) return fail(Fault::data, "{}:{}: {}", path_.string(), lines_, known.error().message);
    domains_.insert_or_assign(std::move(known->first), std::move(known->second));
    text.remove_prefix(end);
  }
  return {};
}

const KnownDomain* CheckState::find(const DomainName& domain) const {
  const auto found = domains_.find(domain);
  return found == domains_.end() ? nullptr : &found->second;
}

Result<void> CheckState::add(const DomainName& domain, KnownDomain known) {
  if (const int error = write_all(file_.get(), to_line(domain, known)); error != 0)
    return fail(write_fault(error), "{}: {}", path_.string(), errno_text(error));
  ++lines_;
  domains_.insert_or_assign(domain, std::move(known));
  return {};
}

Result<void> CheckState::finish() {
  if (lines_ == domains_.size()) return {};
  auto file = TRY(AtomicFile::create(path_));
  for (const auto& [domain, known] : domains_) file.append(to_line(domain, known));
  TRY(file.finish());
  TRY(file.commit());
  lines_ = domains_.size();
  return {};
}

}  // namespace starttls::listtool
