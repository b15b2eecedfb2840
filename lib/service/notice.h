// What a service tells systemd about itself (sd_notify(3)). Where systemd did not start it, nobody is told.
#pragma once

#include <string>

namespace starttls::service {

void tell_ready();
void tell_reloading();  // to be followed by tell_ready()
void tell_stopping();

}  // namespace starttls::service
