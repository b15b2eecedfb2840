// Reports the state of a service to systemd (sd_notify(3)). Does nothing where systemd did not start the
// service.
#pragma once

#include <string>

namespace starttls::service {

void notify_ready();
void notify_reloading();  // to be followed by notify_ready()
void notify_stopping();

// Gives systemd a copy of a descriptor, which it passes to the next process of the service after a restart
// (activated_sockets()), and closes when the service is stopped. `name` is one word. Needs
// FileDescriptorStoreMax= in the unit (systemd.service(5)). Returns whether systemd was reached.
bool keep_descriptor(const std::string& name, int fd);
// Has systemd close all that it keeps under this name, and waits until it has, for a few seconds at most.
void forget_descriptors(const std::string& name);

}  // namespace starttls::service
