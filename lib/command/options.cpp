#include "command/options.h"

#include <CLI/App.hpp>

namespace starttls::command {

namespace {

// parse() adds a blank before "[host]" (see keep_brackets()). This removes it before the variable is set.
CLI::Option& without_blank(CLI::Option& option) {
  option.transform(
      [](const std::string& value) { return value.starts_with(" [") ? value.substr(1) : value; });
  return option;
}

}  // namespace

std::string not_empty(const std::string& value) {
  return value.empty() ? "its value is empty" : "";
}

std::string names_file(const std::string& value) {
  if (value == "-") return "takes a file, not standard input or output ('-')";
  return value.empty() ? "takes a file, and none is named" : "";
}

Option Option::required() const {
  option_->required();
  return *this;
}

Option Option::once() const {
  option_->multi_option_policy(CLI::MultiOptionPolicy::Throw);
  return *this;
}

Option Option::needs(Option other) const {
  option_->needs(other.option_);
  return *this;
}

Option Option::excludes(Option other) const {
  option_->excludes(other.option_);
  return *this;
}

Option Option::choices(const std::vector<std::string>& words) const {
  option_->check(CLI::IsMember(words));
  return *this;
}

template <NumberValue T>
Option Option::range(T min, T max) const {
  option_->check(CLI::Range(min, max).description(""));
  return *this;
}

Option Option::check(Check check) const {
  option_->check(std::move(check));
  return *this;
}

template <OptionValue T>
Option Options::option(const std::string& names, T& value, const std::string& type, const std::string& help) {
  return Option(without_blank(*app_->add_option(names, value, help)->type_name(type)));
}

template <RepeatedValue T>
Option Options::repeated(const std::string& names, std::vector<T>& values, const std::string& type,
                         const std::string& help) {
  return Option(without_blank(*app_->add_option(names, values, help)
                                   ->type_name(type)
                                   ->expected(1)
                                   ->allow_extra_args(false)
                                   ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)));
}

Option Options::parsed(const std::string& names, std::function<Result<void>(const std::string& value)> take,
                       const std::string& type, const std::string& help) {
  const auto take_all = [names, take = std::move(take)](const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      const auto taken = take(value);
      if (!taken) throw CLI::ValidationError(names, taken.error().message);
    }
  };
  return Option(without_blank(*app_->add_option_function<std::vector<std::string>>(names, take_all, help)
                                   ->type_name(type)
                                   ->expected(1)
                                   ->allow_extra_args(false)
                                   ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)));
}

Option Options::flag(const std::string& names, bool& value, const std::string& help) {
  return Option(*app_->add_flag(names, value, help));
}

template <RepeatedValue T>
Option Options::argument(const std::string& name, T& value, const std::string& help) {
  return Option(without_blank(*app_->add_option(name, value, help)->type_name("")));
}

template <RepeatedValue T>
Option Options::arguments(const std::string& name, std::vector<T>& values, const std::string& help) {
  return Option(without_blank(*app_->add_option(name, values, help)->type_name("")));
}

template Option Option::range(std::uint64_t, std::uint64_t) const;
template Option Option::range(unsigned, unsigned) const;
template Option Option::range(double, double) const;

using Text = const std::string&;
template Option Options::option(Text, std::string&, Text, Text);
template Option Options::option(Text, std::filesystem::path&, Text, Text);
template Option Options::option(Text, std::optional<std::string>&, Text, Text);
template Option Options::option(Text, std::optional<std::filesystem::path>&, Text, Text);
template Option Options::option(Text, std::uint64_t&, Text, Text);
template Option Options::option(Text, unsigned&, Text, Text);
template Option Options::option(Text, double&, Text, Text);
template Option Options::repeated(Text, std::vector<std::string>&, Text, Text);
template Option Options::repeated(Text, std::vector<std::filesystem::path>&, Text, Text);
template Option Options::argument(Text, std::string&, Text);
template Option Options::argument(Text, std::filesystem::path&, Text);
template Option Options::arguments(Text, std::vector<std::string>&, Text);
template Option Options::arguments(Text, std::vector<std::filesystem::path>&, Text);

}  // namespace starttls::command
