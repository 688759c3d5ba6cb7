/* Tells the service manager how it stands: a datagram to $NOTIFY_SOCKET, sd_notify(3). */
#pragma once

/* "READY=1", "STOPPING=1"...; does nothing when nobody listens. */
void notify_manager(const char *state);
