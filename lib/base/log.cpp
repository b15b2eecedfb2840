#include "base/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <spdlog/spdlog.h>
#include <syslog.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <utility>

#include "base/journal.h"

namespace starttls {
namespace {

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

LogLevel log_level(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return LogLevel::error;
  if (level == spdlog::level::warn) return LogLevel::warning;
  return level == spdlog::level::info ? LogLevel::info : LogLevel::debug;
}

class CapturingSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit CapturingSink(LogCapture::Write write) : write_(std::move(write)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    write_(log_level(message.level), {message.payload.data(), message.payload.size()});
  }
  void flush_() override {}

  const LogCapture::Write write_;
};

std::shared_ptr<spdlog::logger>& logger_before_capture() {
  static std::shared_ptr<spdlog::logger> logger;
  return logger;
}

Priority priority_of(spdlog::level::level_enum level) {
  if (level >= spdlog::level::err) return Priority::error;
  if (level == spdlog::level::warn) return Priority::warning;
  return level == spdlog::level::info ? Priority::info : Priority::debug;
}

class JournalFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& into) override {
    const std::string_view text(message.payload.data(), message.payload.size());
    const std::string lines = with_priority(priority_of(message.level), text);
    into.append(lines.data(), lines.data() + lines.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JournalFormatter>(); }
};

}  // namespace

void start_log(const std::string& program, LogTarget target) {
  spdlog::drop_all();
  std::shared_ptr<spdlog::logger> logger;
  if (target == LogTarget::syslog) {
    logger = spdlog::syslog_logger_mt(program, program, LOG_PID, LOG_MAIL);
    logger->set_pattern("%v");
  } else {
    logger = spdlog::stderr_logger_mt(program);
    const bool is_command = target == LogTarget::command;
    if (is_command) logger->set_level(spdlog::level::warn);
    if (is_journal(STDERR_FILENO)) {
      logger->set_formatter(std::make_unique<JournalFormatter>());
    } else {
      logger->set_pattern(is_command ? "%n: %l: %v" : "%Y-%m-%dT%H:%M:%S.%eZ %n[%P]: %l: %v",
                          spdlog::pattern_time_type::utc);
    }
  }
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void set_log_level(LogLevel level) {
  spdlog::set_level(spdlog_level(level));
}

LogCapture::LogCapture(Write write) {
  logger_before_capture() = spdlog::default_logger();
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("capture", std::make_shared<CapturingSink>(std::move(write))));
}

LogCapture::~LogCapture() {
  spdlog::set_default_logger(std::exchange(logger_before_capture(), nullptr));
}

void log_line(LogLevel level, fmt::string_view format, fmt::format_args args) {
  spdlog::logger& logger = *spdlog::default_logger_raw();
  const auto wanted = spdlog_level(level);
  if (logger.should_log(wanted)) logger.log(wanted, spdlog::string_view_t(fmt::vformat(format, args)));
}

std::optional<std::uint64_t> OncePerMinute::permit(Time now) {
  const auto state = state_.lock();
  if (state->last && now >= *state->last && now - *state->last < std::chrono::minutes{1}) {
    ++state->silent;
    return std::nullopt;
  }
  state->last = now;
  return std::exchange(state->silent, 0);
}

}  // namespace starttls
