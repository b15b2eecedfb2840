// Makes the parts of a report from the events of RapidJSON's reader. For received_report.cpp only.
#pragma once

#include <rapidjson/reader.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tlsrpt/received_report.h"

namespace starttls::tlsrpt {

class ReportHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, ReportHandler> {
 public:
  ReportHandler(const TakePolicy& take, ReceivedSize received) : take_(take), received_(std::move(received)) {
    parts_.reserve(usual_depth);
  }

  // RapidJSON's callbacks: false ends the parsing, with refusal() saying why.
  bool Default() { return value({}); }
  bool String(const char* text, rapidjson::SizeType size, bool) { return value({text, size}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return value({text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool);
  bool StartObject() { return open(true); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(false); }
  bool EndArray(rapidjson::SizeType) { return close(); }

  const std::string& refusal() const { return refusal_; }  // empty where there is none

  // At the end of valid JSON.
  Result<ReportReading> finish() &&;

 private:
  // The meaning of an object or array, by its position.
  enum class Part {
    unknown,
    report,
    date_range,
    policies,
    policy_result,
    policy,
    policy_string,
    mx_host,
    summary,
    details,
    detail
  };

  static Part part_of(Part within, std::string_view key, bool is_object);

  bool value(std::string_view text);
  bool open(bool is_object);
  bool close();
  bool refuse(std::string reason);
  bool give_policy();
  bool add_detail();
  bool is_in_proportion();

  void take_report_text(std::string_view text);
  void take_policy_text(std::string_view text);
  void take_detail_text(std::string_view text);
  void add_texts(std::vector<std::string>& texts, std::string_view text);
  void add_text(std::vector<std::string>& texts, std::string_view text);
  std::string text_of(std::string_view text);
  std::string explaining_text_of(std::string_view text);
  std::uint64_t count_of(std::string_view text);
  void note(std::string warning);

  static constexpr std::size_t usual_depth = 8;  // of what section 4 describes, and a little more

  const TakePolicy& take_;
  ReceivedSize received_;
  std::vector<Part> parts_;  // from the outermost in
  std::string key_;
  std::string refusal_;
  ReportReading reading_;
  std::string begin_;  // as they were written
  std::string end_;
  bool has_policies_ = false;
  std::size_t policies_ = 0;
  std::uint64_t rows_ = 0;       // policies and failure details
  std::uint64_t text_size_ = 0;  // bytes of the texts that were given
  PolicyResult policy_;
  FailureDetail detail_;
};

}  // namespace starttls::tlsrpt
