/* Conversations in JSON, one value a line, over a socket: QEMU's monitor and its guest agent.
 *
 * The other side is not trusted: its lines are bounded (LIMIT_MONITOR_LINE), and so is the time
 * that each exchange may take. Not thread-safe. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct json_line {
    int fd;          /* owned; does not wait (O_NONBLOCK) */
    char *name;      /* for messages */
    GByteArray *in;  /* what has come and was not looked at */
    gint64 deadline; /* monotonic microseconds; every exchange sets it */
};

/* Takes the descriptor. */
void json_line_init(struct json_line *l, int fd, const char *name);
/* Closes; accepts one that is all zeros with fd -1. */
void json_line_done(struct json_line *l);
/* From now on, so much may pass until everything asked next has been answered. */
void json_line_allow(struct json_line *l, unsigned milliseconds);

/* Sends a value as a line, which `before` (bytes, may be empty) precedes, and along with it a
 * descriptor (-1: none). */
bool json_line_send(struct json_line *l, const char *before, const json_t *value, int passed,
                    GError **error);
/* The next value; json_decref(). ASSAY_ERROR_CORRUPT when a line is none, ASSAY_ERROR_IO when the
 * time is over or the other side has gone. */
json_t *json_line_next(struct json_line *l, GError **error);
/* Throws away what comes up to a byte, that one included. */
bool json_line_skip_to(struct json_line *l, uint8_t byte, GError **error);
