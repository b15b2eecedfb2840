// Whose turn it is: bounds on how many go at the same time, in all and to one place, with nobody starved.
//
//     turns.join(place, item);
//     while (auto turn = turns.next()) ...;     item goes
//     turns.leave(place);                       once it has ended
//
// Those of one place go in the order they came. Whoever must wait for others of its place holds up no other
// place: it lines up behind those that may go once one of its own has left. Each call takes constant time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <iterator>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace starttls::http {

template <class Item>
class Turns {
 public:
  // A bound of 0 would let nobody go: it is taken for 1.
  Turns(std::size_t most_at_once, std::size_t most_per_place)
      : most_at_once_(std::max<std::size_t>(most_at_once, 1)),
        most_per_place_(std::max<std::size_t>(most_per_place, 1)) {}

  void join(const std::string& place, Item item) {
    Line& line = lines_[place];
    if (line.admitted == most_per_place_) {
      line.waiting.push_back(std::move(item));
      return;
    }
    ++line.admitted;
    admitted_.push_back(std::move(item));
  }

  // Who goes next; nobody while as many go as may.
  std::optional<Item> next() {
    if (going_ == most_at_once_ || admitted_.empty()) return std::nullopt;
    ++going_;
    std::optional<Item> item(std::move(admitted_.front()));
    admitted_.pop_front();
    return item;
  }

  // One that went to this place has ended.
  void leave(const std::string& place) {
    --going_;
    const auto found = lines_.find(place);
    Line& line = found->second;
    if (!line.waiting.empty()) {
      admitted_.push_back(std::move(line.waiting.front()));
      line.waiting.pop_front();
    } else if (--line.admitted == 0) {
      lines_.erase(found);
    }
  }

  // Everybody who has not gone. Nobody goes any more.
  std::vector<Item> dismiss() && {
    std::vector<Item> all(std::make_move_iterator(admitted_.begin()),
                          std::make_move_iterator(admitted_.end()));
    for (auto& [place, line] : lines_) std::ranges::move(line.waiting, std::back_inserter(all));
    return all;
  }

 private:
  struct Line {
    std::size_t admitted = 0;  // of this place: those in `admitted_`, and those that go
    std::deque<Item> waiting;  // until one of them has left
  };

  std::size_t most_at_once_;
  std::size_t most_per_place_;
  std::size_t going_ = 0;
  std::deque<Item> admitted_;  // may go as soon as there is room
  std::unordered_map<std::string, Line> lines_;
};

}  // namespace starttls::http
