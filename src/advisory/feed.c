#include "advisory/feed.h"

#include <string.h>

#include "base/limits.h"

const struct feed_driver *const feed_drivers[] = {
    &feed_osv,
    NULL,
};

const struct feed_driver *feed_driver_find(const char *name)
{
    for (const struct feed_driver *const *d = feed_drivers; *d != NULL; d++)
        if (g_str_equal((*d)->name, name))
            return *d;
    return NULL;
}

const struct feed_driver *feed_driver_detect(const struct feed_head *head)
{
    for (const struct feed_driver *const *d = feed_drivers; *d != NULL; d++)
        if ((*d)->detect(head))
            return *d;
    return NULL;
}

/* --- the beginning of a stream ---------------------------------------------------------------- */

enum { HEAD_KEYS = 64 }; /* enough to know any feed by */

/* Collects the names of the first object's members, and of the object that is its first member's
 * value, from text that may end anywhere. */
static void skim_json(struct feed_head *h, const char *p, const char *end)
{
    unsigned depth = 0, base = 0;
    const char *string = NULL;
    bool name_next = false; /* a string here is a member's name */
    for (; p < end; p++) {
        if (string != NULL) {
            if (*p == '\\') {
                p++;
            } else if (*p == '"') {
                GPtrArray *keys = depth == base + 1                        ? h->keys
                                  : depth == base + 2 && h->keys->len == 1 ? h->inner
                                                                           : NULL;
                if (name_next && keys != NULL && keys->len < HEAD_KEYS)
                    g_ptr_array_add(keys, g_strndup(string, (gsize)(p - string)));
                name_next = false;
                string = NULL;
            }
            continue;
        }
        switch (*p) {
        case '"':
            string = p + 1;
            break;
        case '[':
            if (depth == 0 && base == 0)
                base = 1; /* the objects are elements of a top-level array */
            depth++;
            name_next = false;
            break;
        case '{':
            depth++;
            name_next = true;
            break;
        case '}':
        case ']':
            if (depth <= base + 1)
                return;
            depth--;
            break;
        case ',':
            /* In an array a string is a value, but then its depth is not one that is kept, or it
             * is the top-level array of strings, which is no feed. */
            name_next = true;
            break;
        case ':':
            name_next = false;
            break;
        default:
            break;
        }
    }
}

void feed_head_init(struct feed_head *h, const char *bytes, size_t len, bool whole)
{
    *h = (struct feed_head){
        .bytes = bytes,
        .len = len,
        .whole = whole,
        .keys = g_ptr_array_new_with_free_func(g_free),
        .inner = g_ptr_array_new_with_free_func(g_free),
    };
    const char *p = bytes, *end = bytes + len;
    if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    while (p < end && g_ascii_isspace(*p))
        p++;
    h->is_json = p < end && (*p == '{' || *p == '[');
    if (h->is_json)
        skim_json(h, p, end);
}

void feed_head_done(struct feed_head *h)
{
    g_clear_pointer(&h->keys, g_ptr_array_unref);
    g_clear_pointer(&h->inner, g_ptr_array_unref);
}

bool feed_head_has(const struct feed_head *h, const char *key)
{
    return g_ptr_array_find_with_equal_func(h->keys, key, g_str_equal, NULL);
}

bool feed_head_starts(const struct feed_head *h, const char *text)
{
    const char *p = h->bytes, *end = p + h->len;
    while (p < end && (g_ascii_isspace(*p) || *p == '#')) {
        const char *newline = *p == '#' ? memchr(p, '\n', (size_t)(end - p)) : p;
        p = newline != NULL ? newline + 1 : end;
    }
    size_t len = strlen(text);
    return (size_t)(end - p) >= len && memcmp(p, text, len) == 0;
}

bool feed_head_contains(const struct feed_head *h, const char *text)
{
    return memmem(h->bytes, h->len, text, strlen(text)) != NULL;
}

/* --- what a driver works with ----------------------------------------------------------------- */

void feed_context_init(struct feed_context *c, struct record_sink sink)
{
    *c = (struct feed_context){
        .sink = sink,
        .strings = g_string_chunk_new(4096),
        .memory = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
    };
    record_init(&c->record);
}

void feed_context_done(struct feed_context *c)
{
    record_done(&c->record);
    g_clear_pointer(&c->strings, g_string_chunk_free);
    g_clear_pointer(&c->memory, g_hash_table_unref);
}

bool feed_emit(struct feed_context *c, GError **error)
{
    bool ok = c->sink.emit(&c->record, c->sink.user, error);
    record_clear(&c->record);
    return ok;
}

const char *feed_vendor(const char *feed)
{
    static const struct {
        const char *part, *vendor;
    } vendors[] = {
        { "debian", "debian" },       { "ubuntu", "ubuntu" },         { "alpine", "alpine" },
        { "redhat", "redhat" },       { "almalinux", "almalinux" },   { "rocky", "rocky" },
        { "suse", "suse" },           { "amazon", "amazon" },         { "arch", "arch" },
        { "fedora", "fedora" },       { "oracle", "oracle" },         { "mageia", "mageia" },
        { "openeuler", "openeuler" }, { "photon", "photon" },         { "azure", "azurelinux" },
        { "wolfi", "wolfi" },         { "chainguard", "chainguard" }, { "ghsa", "github" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(vendors); i++)
        if (strstr(feed, vendors[i].part) != NULL)
            return vendors[i].vendor;
    return "other";
}
