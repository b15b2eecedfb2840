// What a service tells systemd about itself (sd_notify(3)). Where systemd did not start it, nobody is told.
#pragma once

#include <string>

namespace starttls::service {

void notify_ready();
void notify_reloading();  // to be followed by notify_ready()
void notify_stopping();

}  // namespace starttls::service
