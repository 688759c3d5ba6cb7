/* Introspections as the API tells of them. */
#pragma once
#include "server/call.h"
#include "store/introspections.h"

void introspection_write(struct json_writer *w, const char *key, const struct introspection *i);
/* A few members, for lists of what was examined; i NULL: null. */
void introspection_write_short(struct json_writer *w, const char *key,
                               const struct introspection *i);
