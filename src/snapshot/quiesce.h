/* Stilling a node's filesystems for the instant of its snapshot: by the guest agent of QEMU, or by
 * programs that the settings name.
 *
 *     struct quiesce *q;
 *     if (!quiesce_begin(options, location, NULL, &q, &error)) ...
 *     ... take the snapshot ...
 *     if (!quiesce_end(q, &error)) ... the snapshot may not be of one still instant
 *
 * What was stilled is let go in any case: by quiesce_end(), else by a process that watches this one
 * and does it when this one dies or takes longer than QUIESCE_SECONDS. */
#pragma once
#include "snapshot/snapshot.h"

#define QUIESCE_SECONDS 10

struct quiesce;

/* options->quiesce: NULL (then *q is NULL, which quiesce_end() accepts), "agent", or a name of
 * storage.quiesce: {"freeze": [PROGRAM, ARGUMENT...], "thaw": [...]}; these get the location as
 * their last argument. agent: the usual place of the agent's socket, which storage.agents
 * ({PATTERN of locations: SOCKET, with '*' for the location's last part}) overrules; NULL: none. */
bool quiesce_begin(const struct snapshot_options *options, const char *location, const char *agent,
                   struct quiesce **q, GError **error);
/* False when letting go failed, or had already been done for want of time. Frees q. */
bool quiesce_end(struct quiesce *q, GError **error);
