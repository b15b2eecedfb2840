#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/sinks/syslog_sink.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <utility>

#include "base/journal.h"
#include "base/text.h"

namespace starttls {
namespace {

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

Result<void> set_log_level(std::string_view level) {
  static constexpr std::array<std::pair<std::string_view, spdlog::level::level_enum>, 4> levels{{
      {"debug", spdlog::level::debug},
      {"info", spdlog::level::info},
      {"warning", spdlog::level::warn},
      {"error", spdlog::level::err},
  }};
  for (const auto& [name, value] : levels) {
    if (name == level) {
      spdlog::set_level(value);
      return {};
    }
  }
  return fail(Fault::config, "'{}' is not a log level (debug, info, warning, error)", printable(level));
}

std::optional<std::uint64_t> OncePerMinute::permit(Time now) {
  const std::lock_guard lock(mutex_);
  if (last_ && now >= *last_ && now - *last_ < std::chrono::minutes{1}) {
    ++silent_;
    return std::nullopt;
  }
  last_ = now;
  return std::exchange(silent_, 0);
}

}  // namespace starttls
