// Reading one flat JSON object out of the events of RapidJSON's reader. Inside this component.
#pragma once

#include <rapidjson/reader.h>

#include <string>
#include <string_view>

namespace starttls::store {

// A handler that returns false ends the reading. The derived class handles the values of the members that
// is_known() names, and passes every other value to Default(). An unknown member is ignored with its content.
// A known member has a value of the wrong kind.
template <class Derived>
class FlatObject : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Derived> {
 public:
  bool StartObject() { return depth_++ == 0 || is_unknown(); }
  bool EndObject(rapidjson::SizeType) { return depth_-- > 0; }
  bool StartArray() { return depth_++ > 0 && is_unknown(); }
  bool EndArray(rapidjson::SizeType) { return depth_-- > 0; }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    if (depth_ == 1) member_.assign(text, length);
    return true;
  }
  bool Default() { return depth_ > 0 && is_unknown(); }

 protected:
  // The member that a value is of; "" where it lies deeper.
  std::string_view member() const { return depth_ == 1 ? std::string_view(member_) : std::string_view(); }

 private:
  friend Derived;
  FlatObject() = default;

  bool is_unknown() { return !static_cast<Derived&>(*this).is_known(member_); }

  std::string member_;  // of the outermost object
  int depth_ = 0;
};

}  // namespace starttls::store
