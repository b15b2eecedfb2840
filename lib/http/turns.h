// Whose turn it is to fetch from a policy host: bounds on how many go at the same time, in all and from one
// address, that no single owner of silent hosts can use up for everybody.
//
//     turned_away = turns.join(visitor, item, now);
//     while (auto turn = turns.next(now)) ...;      turn->item goes, under turn->ticket
//     if (turns.visit(ticket, address)) ...;        it connects to another address of its host, too
//     turns.leave(ticket);                          once it has ended
//
// Where more want to go than may, the next is one whose network has the fewest that go, then one whose
// address has the fewest, then the one that came first: a hundred silent addresses do not hold up one that
// answers. With Queue bounds, besides:
//   - one that goes for give_way_after, to a host that never answered before, ends for one that waits;
//   - a quarter of all places is kept for hosts that answered before, and a quarter for the others;
//   - who has waited for longest_wait is turned away, and so is the latest of the address with the most that
//     wait once more than most_waiting do.
// No call takes longer than a look at each that waits.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace starttls::http {

struct Visitor {
  std::string address;  // where it goes first; see block_of() in address.h
  std::string network;  // what that is part of
  bool met = false;     // the host has answered before
};

// Without these a program waits for as long as it takes: one that asks for its own sake.
struct QueueBounds {
  std::chrono::milliseconds longest_wait{10'000};
  std::chrono::milliseconds give_way_after{2'000};
  std::size_t most_waiting = 2'000;
};

struct TurnLimits {
  // A bound of 0 would let nobody go: it is taken for 1.
  std::size_t most_at_once = 200;
  std::size_t most_per_address = 8;
  std::optional<QueueBounds> queue;
};

template <class Item>
class Turns {
 public:
  using Moment = std::chrono::steady_clock::time_point;
  using Ticket = std::uint64_t;
  struct Turn {
    Ticket ticket;
    Item item;
  };

  explicit Turns(TurnLimits limits) : limits_(limits) {
    limits_.most_at_once = std::max<std::size_t>(limits.most_at_once, 1);
    limits_.most_per_address = std::max<std::size_t>(limits.most_per_address, 1);
    // Of at least 1 in all, each class has some.
    if (limits.queue) most_of_class_ = limits_.most_at_once - limits_.most_at_once / 4;
  }

  // The value is one that is turned away, not always the one that came.
  std::optional<Item> join(Visitor visitor, Item item, Moment now) {
    const bool may_go = going_.size() < limits_.most_at_once && has_place(visitor);
    ++waiting_at_[visitor.address];
    waiting_.push_back({.visitor = std::move(visitor), .since = now, .item = std::move(item)});
    if (may_go || !limits_.queue || waiting_.size() <= limits_.queue->most_waiting) return std::nullopt;
    return turn_away_from_the_longest_line();
  }

  // Who goes next; nobody while as many go as may.
  std::optional<Turn> next(Moment now) {
    if (going_.size() >= limits_.most_at_once) return std::nullopt;
    const auto chosen = choose([this](const Visitor& visitor) { return has_place(visitor); });
    if (chosen == waiting_.end()) return std::nullopt;
    Waiting taken = take(chosen);
    ++count_of_class(taken.visitor.met);
    ++going_from_[taken.visitor.network];
    ++going_to_[taken.visitor.address];
    const Ticket ticket = ++last_ticket_;
    going_.emplace(ticket,
                   Going{.visitor = taken.visitor, .since = now, .addresses = {taken.visitor.address}});
    return Turn{.ticket = ticket, .item = std::move(taken.item)};
  }

  // Whether one that goes may connect to this address, too. It counts there until it has ended.
  bool visit(Ticket ticket, const std::string& address) {
    Going& going = going_.at(ticket);
    if (std::ranges::find(going.addresses, address) != going.addresses.end()) return true;
    if (count(going_to_, address) >= limits_.most_per_address) return false;
    ++going_to_[address];
    going.addresses.push_back(address);
    return true;
  }

  // One that goes has ended.
  void leave(Ticket ticket) {
    const auto found = going_.find(ticket);
    for (const std::string& address : found->second.addresses) subtract(going_to_, address);
    subtract(going_from_, found->second.visitor.network);
    --count_of_class(found->second.visitor.met);
    going_.erase(found);
  }

  // One that has to end now so that another can go.
  std::optional<Ticket> who_gives_way(Moment now) const {
    const auto oldest = next_to_give_way();
    if (oldest == going_.end() || now < oldest->second.since + limits_.queue->give_way_after)
      return std::nullopt;
    return oldest->first;
  }

  // One that has waited for too long, and is forgotten.
  std::optional<Item> who_waited_too_long(Moment now) {
    if (!limits_.queue || waiting_.empty()) return std::nullopt;
    if (now < waiting_.front().since + limits_.queue->longest_wait) return std::nullopt;
    return take(waiting_.begin()).item;
  }

  // When the next one gives way or has waited for too long, as things are.
  std::optional<Moment> next_moment() const {
    if (!limits_.queue || waiting_.empty()) return std::nullopt;
    Moment moment = waiting_.front().since + limits_.queue->longest_wait;
    const auto found = next_to_give_way();
    if (found != going_.end()) {
      moment = std::min(moment, found->second.since + limits_.queue->give_way_after);
    }
    return moment;
  }

  // Everybody who has not gone. Nobody goes any more.
  std::vector<Item> dismiss() && {
    std::vector<Item> all;
    for (Waiting& waiting : waiting_) all.push_back(std::move(waiting.item));
    return all;
  }

  std::size_t waiting() const { return waiting_.size(); }
  std::size_t going() const { return going_.size(); }

 private:
  struct Waiting {
    Visitor visitor;
    Moment since;
    Item item;
  };
  struct Going {
    Visitor visitor;
    Moment since;
    std::vector<std::string> addresses;
  };
  using Counts = std::unordered_map<std::string, std::size_t>;
  using Place = typename std::list<Waiting>::iterator;

  static std::size_t count(const Counts& counts, const std::string& key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
  }
  static void subtract(Counts& counts, const std::string& key) {
    const auto found = counts.find(key);
    if (--found->second == 0) counts.erase(found);
  }
  std::size_t& count_of_class(bool met) { return met ? going_met_ : going_unmet_; }

  bool has_place_at_address(const Visitor& visitor) const {
    return count(going_to_, visitor.address) < limits_.most_per_address;
  }
  bool has_place(const Visitor& visitor) const {
    return (visitor.met ? going_met_ : going_unmet_) < most_of_class_ && has_place_at_address(visitor);
  }

  template <class May>
  Place choose(May may) {
    auto best = waiting_.end();
    std::pair<std::size_t, std::size_t> fewest;
    for (auto place = waiting_.begin(); place != waiting_.end(); ++place) {
      if (!may(place->visitor)) continue;
      const std::pair going{count(going_from_, place->visitor.network),
                            count(going_to_, place->visitor.address)};
      if (best == waiting_.end() || going < fewest) std::tie(best, fewest) = std::tuple(place, going);
    }
    return best;
  }

  Waiting take(Place place) {
    subtract(waiting_at_, place->visitor.address);
    Waiting taken = std::move(*place);
    waiting_.erase(place);
    return taken;
  }

  std::optional<Item> turn_away_from_the_longest_line() {
    const auto longest = std::ranges::max_element(waiting_at_, {}, &Counts::value_type::second);
    const auto latest = std::ranges::find(waiting_.rbegin(), waiting_.rend(), longest->first,
                                          [](const Waiting& waiting) { return waiting.visitor.address; });
    return take(std::prev(latest.base())).item;
  }

  // The one that goes for longest to a host that was never met, where somebody waits who needs its place.
  auto next_to_give_way() const {
    const auto none = going_.end();
    if (!limits_.queue) return none;
    const bool is_full = going_.size() >= limits_.most_at_once;
    const auto needs_it = [&](const Waiting& waiting) {
      const bool met = waiting.visitor.met;
      const bool by_class =
          met ? is_full && going_met_ < most_of_class_ : is_full || going_unmet_ >= most_of_class_;
      return by_class && has_place_at_address(waiting.visitor);
    };
    if (std::ranges::none_of(waiting_, needs_it)) return none;
    return std::ranges::find_if(going_, [](const auto& going) { return !going.second.visitor.met; });
  }

  TurnLimits limits_;
  std::size_t most_of_class_ = std::numeric_limits<std::size_t>::max();
  std::list<Waiting> waiting_;     // in the order they came
  Counts waiting_at_;              // by address
  std::map<Ticket, Going> going_;  // in the order they went
  Counts going_to_;                // by address, of all that a host has and that are connected to
  Counts going_from_;              // by network
  std::size_t going_met_ = 0;
  std::size_t going_unmet_ = 0;
  Ticket last_ticket_ = 0;
};

}  // namespace starttls::http
