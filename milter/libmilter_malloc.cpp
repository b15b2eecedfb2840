// libmilter reads one word beyond a list of macros whose last one has no value, and takes it for a name
// (smfi_getsymval()): a peer that sends such a list would end the daemon. Every piece of memory that
// libmilter asks for gets a word of zeroes behind it, where that search ends.
//
// The linker gives libmilter this function for malloc(3) (--wrap), which takes libmilter's static library.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

extern "C" {

void* __real_malloc(std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __wrap_malloc(std::size_t size);  // NOLINT(bugprone-reserved-identifier)

void* __wrap_malloc(std::size_t size) {
  constexpr std::size_t word = sizeof(void*);
  if (size > SIZE_MAX - word) return nullptr;
  void* const memory = __real_malloc(size + word);
  if (memory != nullptr) std::memset(static_cast<char*>(memory) + size, 0, word);
  return memory;
}

}  // extern "C"
