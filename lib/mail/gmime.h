// Helpers for using GMime. Internal to this component.
#pragma once

#include <gmime/gmime.h>

#include <memory>

namespace starttls::mail {

// Initialises GMime, once a process.
void init_gmime();

template <class Object>
struct Unref {
  void operator()(Object* object) const { g_object_unref(object); }
};
template <class Object>
using Owned = std::unique_ptr<Object, Unref<Object>>;

}  // namespace starttls::mail
