/* What a receiver is told: an event, as JSON for programs and as text for people. */
#pragma once
#include "store/deliveries.h"

struct message {
    const struct delivery *delivery;
    const char *project, *notification; /* names */
};
/* Whether an event has something of that severity ("" any) or worse. Severities are of findings, so
 * all other events have. */
bool message_reaches(const char *kind, const char *data, const char *severity);
/* The same bytes each time, for a delivery. g_free() */
char *message_json(const struct message *m);
/* One line, plain ASCII. g_free() */
char *message_subject(const struct message *m);
/* UTF-8, lines end with "\n". g_free() */
char *message_text(const struct message *m);
