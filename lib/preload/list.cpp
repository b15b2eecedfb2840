#include "preload/list.h"

#include <algorithm>
#include <cstring>
#include <ranges>

namespace starttls::preload {

std::string_view to_text(Mode mode) {
  switch (mode) {
    case Mode::none:
      return "none";
    case Mode::testing:
      return "testing";
    case Mode::enforce:
      return "enforce";
  }
  return "?";
}

std::vector<std::string_view> mxs_of(const Entry& entry) {
  std::vector<std::string_view> mxs;
  for (const auto part : std::views::split(entry.joined_mxs, ':')) mxs.emplace_back(part.begin(), part.end());
  return mxs;
}

Entry List::view(const Record& record) {
  return {.domain = {record.domain, record.domain_size},
          .mode = record.mode,
          .joined_mxs = {record.mxs, record.mxs_size}};
}

Entry List::operator[](std::size_t index) const {
  return view(records_[index]);
}

std::optional<Entry> List::find(std::string_view domain) const {
  const auto name = [](const Record& record) { return view(record).domain; };
  const auto found = std::ranges::lower_bound(records_, domain, {}, name);
  if (found == records_.end() || name(*found) != domain) return std::nullopt;
  return view(*found);
}

const char* ListBuilder::keep(std::string_view text) {
  if (text.empty()) return "";
  char* kept = static_cast<char*>(list_.text_->allocate(text.size(), 1));
  std::memcpy(kept, text.data(), text.size());
  return kept;
}

void ListBuilder::add(const Entry& entry, std::size_t offset) {
  if (last_kept_ == nullptr || entry.joined_mxs != last_mxs_) {
    last_mxs_ = entry.joined_mxs;
    last_kept_ = keep(entry.joined_mxs);
  }
  list_.records_.push_back({.domain = keep(entry.domain),
                            .mxs = last_kept_,
                            .offset = static_cast<std::uint32_t>(offset),
                            .mxs_size = static_cast<std::uint16_t>(entry.joined_mxs.size()),
                            .domain_size = static_cast<std::uint8_t>(entry.domain.size()),
                            .mode = entry.mode});
}

void ListBuilder::drop(std::string_view domain, std::size_t offset) {
  list_.records_.push_back({.domain = keep(domain),
                            .mxs = nullptr,
                            .offset = static_cast<std::uint32_t>(offset),
                            .mxs_size = 0,
                            .domain_size = static_cast<std::uint8_t>(domain.size()),
                            .mode = Mode::none});
}

std::vector<ListBuilder::Duplicate> ListBuilder::put_in_order() {
  auto& records = list_.records_;
  const auto before = [](const List::Record& a, const List::Record& b) {
    const int order = List::view(a).domain.compare(List::view(b).domain);
    return order != 0 ? order < 0 : a.offset < b.offset;
  };
  if (!std::ranges::is_sorted(records, before)) std::ranges::sort(records, before);
  std::vector<Duplicate> duplicates;
  std::size_t kept = 0;
  std::string_view last;  // no domain is empty
  for (const List::Record record : records) {
    const auto domain = List::view(record).domain;
    const bool stands = record.mxs != nullptr;
    if (domain != last) {
      if (stands) records[kept++] = record;
      last = domain;
    } else if (stands) {
      duplicates.push_back({.domain = domain, .offset = record.offset});
    }
  }
  records.resize(kept);
  return duplicates;
}

std::optional<Error> expired_at(const List& list, Time now) {
  if (now < list.expires) return std::nullopt;
  return Error{.fault = Fault::data, .message = fmt::format("it expired on {}", to_rfc3339(list.expires))};
}

Result<void> usable_at(const List& list, Time now) {
  if (auto expired = expired_at(list, now)) return std::unexpected(std::move(*expired));
  if (list.timestamp > now + furthest_ahead) {
    return fail(Fault::data, "it is dated {}, which is more than {} hours ahead of the clock",
                to_rfc3339(list.timestamp), furthest_ahead.count());
  }
  return {};
}

std::vector<Chosen> overlay(std::span<const List* const> lists) {
  std::vector<Chosen> merged;
  const auto domain_of = [&](const Chosen& chosen) { return (*lists[chosen.list])[chosen.entry].domain; };
  for (std::uint32_t list = 0; list < lists.size(); ++list) {
    std::vector<Chosen> both;
    both.reserve(merged.size() + lists[list]->size());
    auto below = merged.begin();
    for (std::uint32_t entry = 0; entry < lists[list]->size(); ++entry) {
      const auto domain = (*lists[list])[entry].domain;
      while (below != merged.end() && domain_of(*below) < domain) both.push_back(*below++);
      if (below != merged.end() && domain_of(*below) == domain) ++below;
      both.push_back({.list = list, .entry = entry});
    }
    both.insert(both.end(), below, merged.end());
    merged = std::move(both);
  }
  return merged;
}

}  // namespace starttls::preload
