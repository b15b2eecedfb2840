#include "table/lmdb.h"

#include <lmdb.h>

namespace starttls::table {
namespace {

// A transaction keeps its changes in memory, so a table needs several.
constexpr std::size_t transaction_size = std::size_t{8} << 20U;  // bytes of keys and values
// More space than a transaction can use, including half-filled pages and the tree above them.
constexpr std::size_t room_for_one = std::size_t{64} << 20U;

constexpr unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOMETASYNC;

}  // namespace

struct LmdbWriter::State {
  MDB_env* env = nullptr;
  MDB_txn* transaction = nullptr;
  MDB_dbi table = 0;
  std::size_t size = 0;  // bytes of the current transaction
  std::string key;
  std::string value;
  int error = 0;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (transaction != nullptr) ::mdb_txn_abort(transaction);
    if (env != nullptr) ::mdb_env_close(env);
  }

  // Runs the step only if all steps before it succeeded.
  void step(int (*does)(State&)) {
    if (error == 0) error = does(*this);
  }

  void begin() {
    step([](State& s) {
      MDB_envinfo info;
      const int failed = ::mdb_env_info(s.env, &info);
      MDB_stat stat;
      if (failed != 0 || ::mdb_env_stat(s.env, &stat) != 0) return failed != 0 ? failed : EINVAL;
      const std::size_t used = (info.me_last_pgno + 1) * stat.ms_psize;
      return ::mdb_env_set_mapsize(s.env, used + room_for_one);
    });
    step([](State& s) { return ::mdb_txn_begin(s.env, nullptr, 0, &s.transaction); });
    step([](State& s) { return ::mdb_dbi_open(s.transaction, nullptr, 0, &s.table); });
    size = 0;
  }

  void commit() {
    step([](State& s) { return ::mdb_txn_commit(std::exchange(s.transaction, nullptr)); });
  }
};

LmdbWriter::LmdbWriter(const std::filesystem::path& path) : state_(std::make_unique<State>()) {
  state_->step([](State& s) { return ::mdb_env_create(&s.env); });
  if (state_->error == 0) state_->error = ::mdb_env_open(state_->env, path.c_str(), flags, 0600);
  state_->begin();
}

LmdbWriter::~LmdbWriter() = default;

void LmdbWriter::add(std::string_view key, std::string_view value) {
  if (state_->error != 0) return;
  if (state_->size > transaction_size) {
    state_->commit();
    state_->begin();
  }
  state_->size += key.size() + value.size();
  state_->key.assign(key).push_back('\0');
  state_->value.assign(value).push_back('\0');
  state_->step([](State& s) {
    MDB_val k{.mv_size = s.key.size(), .mv_data = s.key.data()};
    MDB_val v{.mv_size = s.value.size(), .mv_data = s.value.data()};
    return ::mdb_put(s.transaction, s.table, &k, &v, MDB_APPEND);
  });
}

int LmdbWriter::finish() {
  state_->commit();
  return state_->error;
}

std::string lmdb_text(int error) {
  return ::mdb_strerror(error);
}

}  // namespace starttls::table
