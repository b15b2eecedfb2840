// Reports the state of a service to systemd (sd_notify(3)). Does nothing where systemd did not start the
// service.
#pragma once

#include <string>

namespace starttls::service {

void notify_ready();
void notify_reloading();  // to be followed by notify_ready()
void notify_stopping();

}  // namespace starttls::service
