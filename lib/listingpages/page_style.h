// What the page has beside the style of all pages: page.css. Internal to this component.
#pragma once

#include "html/page.h"

namespace starttls::listingpages {

html::Asset page_style();

}  // namespace starttls::listingpages
