/* Calls about nodes and images, which differ in a few words. */
#pragma once
#include "server/call.h"
#include "store/things.h"

bool thing_call_list(struct call *c, enum thing_kind kind, GError **error);
bool thing_call_create(struct call *c, enum thing_kind kind, GError **error);
bool thing_call_show(struct call *c, enum thing_kind kind, GError **error);
bool thing_call_change(struct call *c, enum thing_kind kind, GError **error);
bool thing_call_delete(struct call *c, enum thing_kind kind, GError **error);
