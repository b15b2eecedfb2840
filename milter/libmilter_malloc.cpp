// libmilter reads one word beyond a list of macros whose last one has no value, and takes it for a name
// (smfi_getsymval()): a peer that sends such a list would crash the daemon. Each block of memory of libmilter
// gets a word of zeroes at its end, where that search stops.
//
// The linker replaces malloc(3) of libmilter by this function (--wrap), which needs libmilter's static
// library.

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
