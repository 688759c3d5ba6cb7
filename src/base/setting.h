/* Members of a map of settings, by a table: what is unknown or of another kind is refused. */
#pragma once
#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum setting_kind {
    SETTING_TEXT,   /* char **, replaced */
    SETTING_TRUTH,  /* bool * */
    SETTING_NUMBER, /* uint64_t *, at most max */
    SETTING_OBJECT, /* json_t **, a new reference */
};
struct setting {
    const char *name;
    enum setting_kind kind;
    void *to; /* stays as it is when the member is not there */
    uint64_t max;
};
/* members ends with an empty one; section names the map in messages. */
bool setting_read(const struct setting *members, const char *section, const json_t *map,
                  GError **error);
