#include <algorithm>
#include <numeric>

#include "fuzz.h"
#include "store/fold.h"

using namespace starttls;

namespace {

std::uint64_t sessions_in(const store::DailyCounts& counts) {
  return std::accumulate(
      counts.begin(), counts.end(), std::uint64_t{0},
      [](std::uint64_t sum, const auto& count) { return sum + count.second.total.sessions; });
}

}  // namespace

// Waiting records of a store, one on each line, of one writer and of two: no line adds more than one session.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(fuzz::text_of(bytes, size));
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(text, '\n')) + 1;
  const store::SendingDomainFinder nobody = [](const std::string&) { return std::string(); };
  const store::Period always{.since = Day{} - std::chrono::days{400'000'000},
                             .until = Day{} + std::chrono::days{400'000'000}};
  for (std::uint64_t writers = 1; writers <= 2; ++writers) {
    store::Snapshot snapshot;
    snapshot.waiting.assign(writers, text);
    const auto counts = store::unfolded_counts(snapshot, store::SegmentContent(nobody), always);
    fuzz::require(sessions_in(counts) <= lines * writers);
  }

  // The same as records of a journal that is not folded yet, whose senders are known by name.
  const store::SendingDomainFinder by_name = [](const std::string& name) { return name; };
  store::SegmentContent content(by_name, {{"forgotten.test", Time::max()}});
  store::Waiting waiting;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto record = store::decode_record(line);
    if (!record) continue;
    content.add(*record);
    if (auto* session = std::get_if<session::Session>(&*record))
      waiting.sessions.push_back(std::move(*session));
    if (auto* event = std::get_if<store::LogEvent>(&*record); event != nullptr && event->failure)
      waiting.events.push_back(std::move(*event));
  }
  fuzz::require(content.records <= lines);
  fuzz::require(sessions_in(store::unfolded_counts({}, std::move(content), always)) <= lines);
  const std::size_t before = waiting.size();
  const auto joined = store::join(std::move(waiting), Time{});
  fuzz::require(joined.counted.size() + joined.waiting.size() <= before);
  return 0;
}
