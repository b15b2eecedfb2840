#include "mtastsdb/cache.h"

#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "mtastsdb/cache_file.h"
#include "mtastsdb/cache_row.h"
#include "mtastsdb/cache_table.h"

namespace starttls::mtastsdb {
namespace {

constexpr std::size_t tidied_at_once = 1000;

}  // namespace

class Cache::Impl {
 public:
  enum class Kind { reader, strict, persevering };

  Impl(std::filesystem::path file, CacheTable table, Kind kind, std::size_t max, Time now)
      : file_(std::move(file)), kind_(kind), max_domains_(max), now_(now), table_(std::move(table)) {
    note_identity();
  }

  std::size_t max() const { return max_domains_; }
  void set_now(Time now) { now_ = now; }
  std::int64_t version_of(std::int64_t data_version);

  // Runs the operation on the file that has the name now.
  template <class Operation>
  auto with_current(Operation operation) -> decltype(operation(std::declval<CacheTable&>())) {
    TRY(follow_file());
    return with_open(operation);
  }

  // Runs the operation on the file that is open. If it finds damage, the file is replaced.
  template <class Operation>
  auto with_open(Operation operation) -> decltype(operation(std::declval<CacheTable&>())) {
    auto result = operation(table_);
    if (!result && result.error().fault == Fault::data) replace(result.error());
    return result;
  }

 private:
  void note_identity();
  Result<void> follow_file();
  void replace(Error& why);
  void use(CacheTable table);

  std::filesystem::path file_;
  Kind kind_;
  std::size_t max_domains_;
  Time now_;  // of the last call
  CacheTable table_;
  std::optional<FileId> identity_;  // identity of the open file; none if no file is open
  std::int64_t last_seen_ = 0;
  std::int64_t version_ = 0;
};

void Cache::Impl::note_identity() {
  identity_ = table_.database().is_in_memory() ? std::nullopt : file_id(file_);
  if (table_.database().has_moved()) identity_.reset();
}

void Cache::Impl::use(CacheTable table) {
  table_ = std::move(table);
  note_identity();
  ++version_;
}

Result<void> Cache::Impl::follow_file() {
  if (kind_ == Kind::reader || !table_.database().has_moved()) return {};
  if (kind_ == Kind::persevering) {
    auto opened = open_table_or_fall_back(file_, now_, max_domains_);
    use(std::move(opened.table));
    if (opened.warning) return std::unexpected(*opened.warning);
    return {};
  }
  auto table = open_table(file_);
  if (!table) return std::unexpected(table.error().error);
  use(std::move(*table));
  return {};
}

void Cache::Impl::replace(Error& why) {
  if (kind_ != Kind::persevering || !identity_) return;
  auto opened = replace_damaged(file_, *identity_, why, now_, max_domains_);
  if (opened.warning) why = *opened.warning;
  use(std::move(opened.table));
}

std::int64_t Cache::Impl::version_of(std::int64_t data_version) {
  if (std::exchange(last_seen_, data_version) != data_version) ++version_;
  return version_;
}

Cache::Opened Cache::open_or_fall_back(const std::filesystem::path& file, Time now, std::size_t max) {
  auto opened = open_table_or_fall_back(file, now, max);
  return {.cache =
              Cache(std::make_unique<Impl>(file, std::move(opened.table), Impl::Kind::persevering, max, now)),
          .warning = std::move(opened.warning)};
}

Result<Cache> Cache::open(const std::filesystem::path& file, std::size_t max) {
  auto table = open_table(file);
  if (!table) return std::unexpected(table.error().error);
  return Cache(std::make_unique<Impl>(file, std::move(*table), Impl::Kind::strict, max, Time{}));
}

Result<std::optional<Cache>> Cache::open_to_read(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    if (!error) return std::nullopt;
    return fail(Fault::permission, "{}: {}", printable(file.string()), error.message());
  }
  return Cache(std::make_unique<Impl>(file, TRY(open_table_to_read(file)), Impl::Kind::reader, 0, Time{}));
}

Cache::Cache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cache::Cache(Cache&&) noexcept = default;
Cache& Cache::operator=(Cache&&) noexcept = default;
Cache::~Cache() = default;

Result<std::optional<mtasts::PolicyState>> Cache::find(const DomainName& domain) {
  const auto row = TRY(impl_->with_open([&](CacheTable& table) { return table.find(domain.str()); }));
  if (!row) return std::nullopt;
  auto entry = to_entry(*row);
  if (!entry) return std::nullopt;
  return std::move(entry->policy_state);
}

Result<void> Cache::keep(const DomainName& domain, const mtasts::PolicyState& policy_state, Time now) {
  impl_->set_now(now);
  const CacheEntry entry{.domain = domain, .policy_state = policy_state};
  return impl_->with_current([&](CacheTable& table) -> Result<void> {
    // Most entries have not changed and need not be written.
    const auto known = TRY(table.find(domain.str()));
    if (policy_state.empty() ? !known : known == to_row(entry)) return {};
    return table.keep(entry, now, impl_->max());
  });
}

Result<bool> Cache::remove(const DomainName& domain) {
  return impl_->with_current([&](CacheTable& table) { return table.remove(domain.str()); });
}

Result<std::size_t> Cache::remove_all() {
  return impl_->with_current([](CacheTable& table) { return table.remove_all(); });
}

Result<void> Cache::each(const std::function<void(const CacheEntry&)>& see) {
  return impl_->with_open([&](CacheTable& table) { return table.each(see); });
}

Result<std::vector<DomainName>> Cache::due(Time now, std::size_t max) {
  impl_->set_now(now);
  return impl_->with_current([&](CacheTable& table) { return table.due(now, max); });
}

Result<void> Cache::tidy(Time now) {
  impl_->set_now(now);
  return impl_->with_current([&](CacheTable& table) { return table.tidy(now, tidied_at_once); });
}

Result<std::int64_t> Cache::version() {
  const auto data_version = impl_->with_current([](CacheTable& table) { return table.data_version(); });
  if (!data_version) return data_version;
  return impl_->version_of(*data_version);
}

Result<std::int64_t> Cache::policies_version() {
  return impl_->with_current([](CacheTable& table) { return table.policies_version(); });
}

}  // namespace starttls::mtastsdb
