/* Reading feeds' JSON: members that are there and of the right kind, or nothing. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* The member if it is a string of at most LIMIT_FEED_FIELD bytes, else NULL. Borrowed. */
const char *json_get_field(const json_t *object, const char *key);
/* The member if it is a string of any length, else NULL. */
const char *json_get_text(const json_t *object, const char *key);
/* The member if it is an array (object), else NULL: json_array_size(NULL) is 0. */
const json_t *json_get_array(const json_t *object, const char *key);
const json_t *json_get_object(const json_t *object, const char *key);
/* A member that is a date or a date and time, in Unix seconds; 0 when there is none. */
int64_t json_get_time(const json_t *object, const char *key);
/* The same for a text. */
int64_t feed_time(const char *text);
/* The first sentence of a text, on one line, cut at LIMIT_FEED_TITLE bytes; NULL for NULL and
 * empty ones. */
const char *feed_title(GStringChunk *strings, const char *text);
