/* Streaming JSON writer: for documents that must not be built in memory first.
 *
 * Output is deterministic (members in the order written, two-space indent) and always valid: the
 * writer places commas and escapes; bytes that are not UTF-8 become U+FFFD. Not thread-safe.
 *
 *     struct json_writer w;
 *     jw_init(&w, stdout, false);
 *     jw_object_begin(&w, NULL);
 *     jw_string(&w, "name", "assay");
 *     jw_object_end(&w);
 *     if (!jw_finish(&w, error)) ... */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
    FILE *file;      /* borrowed; NULL: the text stays in memory */
    GString *buffer; /* owned */
    unsigned depth;
    bool first; /* nothing written yet in the innermost container */
    bool compact;
    bool failed; /* a write failed; errno kept in error_number */
    int error_number;
};

/* compact: one line without blanks (for JSON lines). */
void jw_init(struct json_writer *w, FILE *file, bool compact);
/* Ends the document with a newline, flushes, frees. False when any write failed. */
bool jw_finish(struct json_writer *w, GError **error);

/* Instead of jw_finish() for a writer without file: the text, which the caller frees. The writer is
 * ready for the next document. */
GString *jw_take(struct json_writer *w);
/* Switches between one line and indentation from here on; returns what it was. */
bool jw_set_compact(struct json_writer *w, bool compact);

/* key: NULL inside an array and for the top value. */
void jw_object_begin(struct json_writer *w, const char *key);
void jw_object_end(struct json_writer *w);
void jw_array_begin(struct json_writer *w, const char *key);
void jw_array_end(struct json_writer *w);
/* NULL values are written as null by jw_string(), left out by jw_string_opt(). */
void jw_string(struct json_writer *w, const char *key, const char *value);
void jw_string_opt(struct json_writer *w, const char *key, const char *value);
void jw_string_len(struct json_writer *w, const char *key, const char *value, size_t len);
void jw_u64(struct json_writer *w, const char *key, uint64_t value);
void jw_i64(struct json_writer *w, const char *key, int64_t value);
/* Fixed decimals, independent of the locale. */
void jw_decimal(struct json_writer *w, const char *key, double value, int decimals);
void jw_bool(struct json_writer *w, const char *key, bool value);
void jw_null(struct json_writer *w, const char *key);
/* A value that is JSON already, of this program's making; as it is. */
void jw_json(struct json_writer *w, const char *key, const char *json);
