#include "table/cdb.h"

#include <cdb.h>
#include <sys/mman.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::table {
namespace {

// All keys and values with their lengths.
constexpr std::size_t size_limit = 0xFFFFFFFFU;

// Each lookup maps the pages it reads, and those around them: some 200 KiB. Without a limit, after many
// lookups the whole table would count as our memory.
constexpr unsigned lookups_kept = 32;

unsigned length(std::string_view text) {
  return static_cast<unsigned>(text.size());
}

}  // namespace

struct CdbWriter::State {
  struct cdb_make make{};
  std::size_t size = 0;  // bytes that were added
  int error = 0;
  bool finished = false;
};

CdbWriter::CdbWriter(int fd) : state_(std::make_unique<State>()) {
  if (::cdb_make_start(&state_->make, fd) != 0) state_->error = errno;
}

CdbWriter::~CdbWriter() {
  // Only this frees its memory.
  if (!state_->finished) ::cdb_make_finish(&state_->make);
}

void CdbWriter::add(std::string_view key, std::string_view value) {
  // 24: the lengths, and two slots in the index for each record.
  state_->size += key.size() + value.size() + 24;
  if (state_->error == 0 && state_->size > size_limit) state_->error = EOVERFLOW;
  if (state_->error != 0) return;
  if (::cdb_make_add(&state_->make, key.data(), length(key), value.data(), length(value)) != 0) {
    state_->error = errno;
  }
}

int CdbWriter::finish() {
  state_->finished = true;
  if (::cdb_make_finish(&state_->make) != 0 && state_->error == 0) state_->error = errno;
  return state_->error;
}

struct Cdb::State {
  std::string name;
  UniqueFd fd;
  struct cdb table{};
  bool mapped = false;
  unsigned lookups = 0;  // since the pages were released

  State(std::string name_, UniqueFd fd_) : name(std::move(name_)), fd(std::move(fd_)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (mapped) ::cdb_free(&table);
  }

  // The pages stay in the system's file cache.
  void give_back_pages() {
    if (++lookups < lookups_kept) return;
    lookups = 0;
    // This is advice, which the system may ignore. NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast)
    ::madvise(const_cast<unsigned char*>(table.cdb_mem), table.cdb_fsize, MADV_DONTNEED);
  }
};

Cdb::Cdb(std::unique_ptr<State> state) : state_(std::move(state)) {}
Cdb::Cdb(Cdb&&) noexcept = default;
Cdb& Cdb::operator=(Cdb&&) noexcept = default;
Cdb::~Cdb() = default;

Result<Cdb> Cdb::open(const std::filesystem::path& path) {
  auto fd = TRY(open_file(path, size_limit));
  auto state = std::make_unique<State>(path.string(), std::move(fd));
  if (::cdb_init(&state->table, state->fd.get()) != 0) {
    return fail(Fault::data, "{}: is no cdb table", printable(path.string()));
  }
  state->mapped = true;
  return Cdb(std::move(state));
}

Result<std::optional<std::string>> Cdb::find(std::string_view key) const {
  state_->give_back_pages();
  struct cdb* const table = &state_->table;
  const int found = ::cdb_find(table, key.data(), length(key));
  if (found == 0) return std::nullopt;
  const void* const value = found > 0 ? cdb_getdata(table) : nullptr;
  if (value == nullptr) return fail(Fault::data, "{}: is damaged", printable(state_->name));
  return std::string(static_cast<const char*>(value), cdb_datalen(table));
}

}  // namespace starttls::table
