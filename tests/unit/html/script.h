// A script that is part of the test.
#pragma once

#include "html/page.h"

namespace starttls::html::test {

Asset script();

}  // namespace starttls::html::test
