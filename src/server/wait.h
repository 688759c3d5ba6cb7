/* Prefer: wait=SECONDS (RFC 7240 section 4.3) for calls that begin an introspection. */
#pragma once
#include "server/call.h"

/* Lets the call, which was accepted (202) with the Location of an introspection, be answered with
 * that address, when the introspection has ended or after at most so long. Holds neither a thread nor
 * a connection of the store. When that cannot be, the answer stays as it is. */
void call_wait(struct call *c, int64_t microseconds);
/* What the call prefers; 0: not to wait. */
int64_t call_prefers_wait(const struct call *c);
