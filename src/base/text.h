/* Text of outside origin: names and paths are bytes; they become text only when shown. */
#pragma once
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Appends bytes for a terminal or a one-line message: control characters, DEL and invalid UTF-8
 * appear as \xNN, so that no name can forge a line or move the cursor. */
void text_append_safe(GString *out, const char *bytes, size_t len);
/* The same as a new string; g_free(). NULL gives "". */
char *text_safe(const char *bytes);
/* Appends UTF-8 with U+FFFD for every invalid byte. */
void text_append_utf8(GString *out, const char *bytes, size_t len);

/* RFC 3339 in UTC ("2026-11-21T04:17:00Z"). Any year fits. g_free(). */
char *text_time(int64_t seconds);
/* RFC 3339 date or date-time, "YYYY-MM-DD[ T]hh:mm:ss[.frac][Z|+hh:mm]", to Unix seconds. */
bool text_parse_time(const char *s, int64_t *out);
/* A UUID in byte order as blkid prints it, in lower case. g_free(). */
char *text_uuid(const uint8_t uuid[16]);
/* 1536 -> "1.5 KiB". g_free(). */
char *text_size(uint64_t bytes);

/* The next line of [*pos, end): without its "\n"; *pos moves behind it. False at the end. */
bool text_next_line(const char **pos, const char *end, const char **line, size_t *len);
