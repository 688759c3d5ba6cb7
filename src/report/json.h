/* JSON members that several forms of reports share. */
#pragma once
#include "advisory/finding.h"
#include "base/json_writer.h"

/* RFC 3339; left out when 0. */
void json_time(struct json_writer *w, const char *key, int64_t seconds);
/* An object. */
void json_finding(struct json_writer *w, const struct finding *f);
/* Left out when NULL or empty. */
void json_strings(struct json_writer *w, const char *key, const char *const *list);
