/* Starting an inspector, serving it, and telling how it ended. */
#pragma once
#include "inspect/channel.h"
#include "inspect/inspect.h"
#include "inspect/request.h"

/* Runs one task. func is called for records and messages except CHANNEL_PROGRESS, _ERROR and _END.
 * False with *error: the task's own error, or how the inspector failed. *started is false when
 * there was none. */
bool inspector_run(struct inspect_target *t, const struct request *request,
                   const struct inspect_options *options, channel_message_func func, void *user,
                   uint64_t *bytes_read, bool *started, GError **error);
