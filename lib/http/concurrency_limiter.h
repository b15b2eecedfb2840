// Limits how much work runs at the same time, in total and for each address, and queues the rest fairly, so
// that the owner of many hosts that do not answer cannot use up all places.
//
//     rejected = limiter.enqueue(peer, item, now);
//     while (auto turn = limiter.try_start(now)) ...;     start turn->item, which has turn->ticket
//     if (limiter.add_address(ticket, address)) ...;      it connects to another address of its host
//     limiter.release(ticket);                            when it has ended
//
// The next to start is the one whose network has the fewest running, then the one whose address has the
// fewest, then the one that came first: a hundred silent addresses do not delay one that answers. With
// QueueLimits:
//   - work that has run for preempt_after, with a host that never answered before, must end for one that
//     waits;
//   - a quarter of all places is reserved for hosts that answered before, and a quarter for the others;
//   - work that has waited for max_wait is rejected. Once more than max_waiting wait, the latest of the
//     address with the most waiting is rejected.
// Each call takes at most time in proportion to the length of the queue.
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

struct Peer {
  std::string address;    // its first address; see block_of() in base/public_address.h
  std::string network;    // what that is part of
  bool is_known = false;  // the host has answered before
};

// Limits of the queue. A program without clients of its own sets none, and its work waits as long as
// necessary.
struct QueueLimits {
  std::chrono::milliseconds max_wait{10'000};
  std::chrono::milliseconds preempt_after{2'000};
  std::size_t max_waiting = 2'000;
};

struct ConcurrencyLimits {
  // A limit of 0 counts as 1: else nothing could run.
  std::size_t max_concurrent = 200;
  std::size_t max_per_address = 8;
  std::optional<QueueLimits> queue;
};

template <class Item>
class ConcurrencyLimiter {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;
  using Ticket = std::uint64_t;
  struct Turn {
    Ticket ticket;
    Item item;
  };

  explicit ConcurrencyLimiter(ConcurrencyLimits limits) : limits_(limits) {
    limits_.max_concurrent = std::max<std::size_t>(limits.max_concurrent, 1);
    limits_.max_per_address = std::max<std::size_t>(limits.max_per_address, 1);
    // Each class gets at least one place.
    if (limits.queue) max_of_class_ = limits_.max_concurrent - limits_.max_concurrent / 4;
  }

  // Returns an item that is rejected, if there is one. It need not be the new one.
  std::optional<Item> enqueue(Peer peer, Item item, SteadyTime now) {
    const bool may_go = running_.size() < limits_.max_concurrent && has_room(peer);
    ++waiting_at_[peer.address];
    waiting_.push_back({.peer = std::move(peer), .since = now, .item = std::move(item)});
    if (may_go || !limits_.queue || waiting_.size() <= limits_.queue->max_waiting) return std::nullopt;
    return reject_from_longest_queue();
  }

  // Starts the next item. Returns nothing while the limits are reached.
  std::optional<Turn> try_start(SteadyTime now) {
    if (running_.size() >= limits_.max_concurrent) return std::nullopt;
    const auto chosen = choose([this](const Peer& peer) { return has_room(peer); });
    if (chosen == waiting_.end()) return std::nullopt;
    Waiting taken = take(chosen);
    ++count_of_class(taken.peer.is_known);
    ++running_from_[taken.peer.network];
    ++running_to_[taken.peer.address];
    const Ticket ticket = ++last_ticket_;
    running_.emplace(ticket, Running{.peer = taken.peer, .since = now, .addresses = {taken.peer.address}});
    return Turn{.ticket = ticket, .item = std::move(taken.item)};
  }

  // Whether a running item may connect to this address, too. The item counts there until it has ended.
  bool add_address(Ticket ticket, const std::string& address) {
    Running& running = running_.at(ticket);
    if (std::ranges::find(running.addresses, address) != running.addresses.end()) return true;
    if (count(running_to_, address) >= limits_.max_per_address) return false;
    ++running_to_[address];
    running.addresses.push_back(address);
    return true;
  }

  // Must be called when a running item has ended.
  void release(Ticket ticket) {
    const auto found = running_.find(ticket);
    for (const std::string& address : found->second.addresses) subtract(running_to_, address);
    subtract(running_from_, found->second.peer.network);
    --count_of_class(found->second.peer.is_known);
    running_.erase(found);
  }

  // A running item that must end now so that another can start.
  std::optional<Ticket> longest_preemptible(SteadyTime now) const {
    const auto oldest = find_preemptible();
    if (oldest == running_.end() || now < oldest->second.since + limits_.queue->preempt_after)
      return std::nullopt;
    return oldest->first;
  }

  // Removes and returns an item that has waited for too long.
  std::optional<Item> take_expired(SteadyTime now) {
    if (!limits_.queue || waiting_.empty()) return std::nullopt;
    if (now < waiting_.front().since + limits_.queue->max_wait) return std::nullopt;
    return take(waiting_.begin()).item;
  }

  // When the next item must end or has waited for too long, as things are.
  std::optional<SteadyTime> next_deadline() const {
    if (!limits_.queue || waiting_.empty()) return std::nullopt;
    SteadyTime deadline = waiting_.front().since + limits_.queue->max_wait;
    const auto found = find_preemptible();
    if (found != running_.end()) {
      deadline = std::min(deadline, found->second.since + limits_.queue->preempt_after);
    }
    return deadline;
  }

  // Returns all waiting items. No item can start any more.
  std::vector<Item> drain() && {
    std::vector<Item> all;
    for (Waiting& waiting : waiting_) all.push_back(std::move(waiting.item));
    return all;
  }

  std::size_t waiting() const { return waiting_.size(); }
  std::size_t running() const { return running_.size(); }

 private:
  struct Waiting {
    Peer peer;
    SteadyTime since;
    Item item;
  };
  struct Running {
    Peer peer;
    SteadyTime since;
    std::vector<std::string> addresses;
  };
  using Counts = std::unordered_map<std::string, std::size_t>;
  using Position = typename std::list<Waiting>::iterator;

  static std::size_t count(const Counts& counts, const std::string& key) {
    const auto found = counts.find(key);
    return found == counts.end() ? 0 : found->second;
  }
  static void subtract(Counts& counts, const std::string& key) {
    const auto found = counts.find(key);
    if (--found->second == 0) counts.erase(found);
  }
  std::size_t& count_of_class(bool is_known) { return is_known ? running_known_ : running_unknown_; }

  bool has_room_at_address(const Peer& peer) const {
    return count(running_to_, peer.address) < limits_.max_per_address;
  }
  bool has_room(const Peer& peer) const {
    return (peer.is_known ? running_known_ : running_unknown_) < max_of_class_ && has_room_at_address(peer);
  }

  template <class May>
  Position choose(May may) {
    auto best = waiting_.end();
    std::pair<std::size_t, std::size_t> fewest;
    for (auto position = waiting_.begin(); position != waiting_.end(); ++position) {
      if (!may(position->peer)) continue;
      const std::pair running{count(running_from_, position->peer.network),
                              count(running_to_, position->peer.address)};
      if (best == waiting_.end() || running < fewest) std::tie(best, fewest) = std::tuple(position, running);
    }
    return best;
  }

  Waiting take(Position position) {
    subtract(waiting_at_, position->peer.address);
    Waiting taken = std::move(*position);
    waiting_.erase(position);
    return taken;
  }

  std::optional<Item> reject_from_longest_queue() {
    const auto longest = std::ranges::max_element(waiting_at_, {}, &Counts::value_type::second);
    const auto latest = std::ranges::find(waiting_.rbegin(), waiting_.rend(), longest->first,
                                          [](const Waiting& waiting) { return waiting.peer.address; });
    return take(std::prev(latest.base())).item;
  }

  // The longest running item whose host has never answered, if a waiting item needs its place.
  auto find_preemptible() const {
    const auto none = running_.end();
    if (!limits_.queue) return none;
    const bool is_full = running_.size() >= limits_.max_concurrent;
    const auto needs_it = [&](const Waiting& waiting) {
      const bool is_known = waiting.peer.is_known;
      const bool by_class =
          is_known ? is_full && running_known_ < max_of_class_ : is_full || running_unknown_ >= max_of_class_;
      return by_class && has_room_at_address(waiting.peer);
    };
    if (std::ranges::none_of(waiting_, needs_it)) return none;
    return std::ranges::find_if(running_, [](const auto& running) { return !running.second.peer.is_known; });
  }

  ConcurrencyLimits limits_;
  std::size_t max_of_class_ = std::numeric_limits<std::size_t>::max();
  std::list<Waiting> waiting_;         // in the order they came
  Counts waiting_at_;                  // by address
  std::map<Ticket, Running> running_;  // in the order they went
  Counts running_to_;                  // by address, of all that a host has and that are connected to
  Counts running_from_;                // by network
  std::size_t running_known_ = 0;
  std::size_t running_unknown_ = 0;
  Ticket last_ticket_ = 0;
};

}  // namespace starttls::http
