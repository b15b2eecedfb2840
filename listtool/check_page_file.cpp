#include "listtool/check_page_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/console.h"
#include "base/nameless_file.h"
#include "base/try.h"

namespace starttls::listtool {
namespace {

constexpr const char* directory = "/var/tmp";  // some ten megabytes for thousands of domains
constexpr const char* file_name = "the temporary file of the page";
constexpr std::size_t rows_at_once = 500;
constexpr std::size_t buffer_size = std::size_t{64} << 10U;

Result<void> print_table(const PageContent& content) {
  html::Table table = rows_table(content);
  const bool with_lists = has_lists(content);
  TRY(print(table.begin()));
  for (const PageRow& row : content.rows) {
    add_row(table, row, with_lists);
    if (table.rows() % rows_at_once == 0) TRY(print(table.take_rows()));
  }
  return print(table.take_rows() + html::Table::end());
}

}  // namespace

Result<void> CheckPageFile::add(PageRow row, std::string_view html) {
  if (!file_) file_ = TRY(open_nameless_file(directory));
  if (const int error = write_all(file_.get(), html); error != 0)
    return fail(write_fault(error), "{}: {}", file_name, errno_text(error));
  parts_.push_back({.row = std::move(row), .offset = size_, .size = html.size()});
  size_ += html.size();
  return {};
}

Result<void> CheckPageFile::print_part(const Part& part) const {
  std::string buffer;
  for (std::uint64_t done = 0; done < part.size; done += buffer.size()) {
    buffer.resize(std::min<std::uint64_t>(part.size - done, buffer_size));
    const ssize_t got =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(part.offset + done));
    if (got <= 0) return cannot_read(file_name, got == 0 ? EIO : errno);
    buffer.resize(static_cast<std::size_t>(got));
    TRY(print(buffer));
  }
  return {};
}

Result<void> CheckPageFile::print_page(PageContent content) {
  std::ranges::stable_sort(parts_, {},
                           [](const Part& part) { return -examination::badness(part.row.level); });
  content.rows.reserve(parts_.size());
  for (Part& part : parts_) content.rows.push_back(std::move(part.row));
  TRY(print(before_rows(content)));
  if (!content.is_alone && !content.rows.empty()) TRY(print_table(content));
  TRY(print(before_domains(content)));
  for (const Part& part : parts_) TRY(print_part(part));
  return print(after_domains(content));
}

}  // namespace starttls::listtool
