/* Finds where the parts of a JSON text begin and end, without building them: so that a document of
 * a gigabyte is read one small value at a time, each given to a real parser.
 *
 * Brackets must match, and nest at most 64 deep. Values themselves are not checked here.
 *
 *     struct json_scan s = json_scan_of(text, len);
 *     bool more;
 *     if (!json_scan_open(&s, '[', &error)) ...
 *     while (json_scan_next(&s, &more, &error) && more)
 *         json_scan_value(&s, &part, &error); */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct json_scan {
    const char *text; /* borrowed */
    size_t len, pos;
    char close; /* of the container that was opened */
    bool first;
};

/* A part of the text. */
struct json_part {
    const char *text;
    size_t len;
    size_t offset; /* in the whole text */
};

struct json_scan json_scan_of(const char *text, size_t len);
/* Of a value that another scan found; messages still give offsets in the whole text. */
struct json_scan json_scan_part(const struct json_part *part);
/* Enters the object '{' or array '[' at the position; a part entered again is a new scan. */
bool json_scan_open(struct json_scan *s, char bracket, GError **error);
/* *more: another member follows. False when the text is wrong there. */
bool json_scan_next(struct json_scan *s, bool *more, GError **error);
/* The name of the next member of an object, decoded; g_free(). */
char *json_scan_key(struct json_scan *s, GError **error);
bool json_scan_value(struct json_scan *s, struct json_part *out, GError **error);
/* Nothing but white space is left. */
bool json_scan_end(struct json_scan *s, GError **error);
