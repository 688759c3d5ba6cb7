/* Addresses that lie in the public internet, and those that do not: what a user may make the
 * service connect to, and what is for the service's own network. */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

/* Whether anybody could reach it: not loopback, private, link-local, shared, multicast, for
 * documentation or otherwise special (IANA's registries of special-purpose addresses, RFC 6890),
 * also when it is an IPv4 address within an IPv6 one. False for other families. */
bool address_is_public(const struct sockaddr *address, socklen_t len);
