#include "advisory/feed.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"

const struct feed_driver *const feed_drivers[] = {
    &feed_debian_tracker, &feed_secdb,      &feed_kev,
    &feed_ubuntu_tracker, &feed_amazon,     &feed_arch,
    &feed_photon,         &feed_cve5,       &feed_osv,
    &feed_redhat_cve,     &feed_updateinfo, &feed_debian_list,
    &feed_ubuntu_text,    &feed_epss,       NULL,
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

/* Where skimming is: which of the containers around are objects (bit by depth). */
struct skim {
    unsigned depth, base; /* base 1: the objects are elements of a top-level array */
    uint64_t objects;
    bool name_next; /* a string here is a member's name */
};

static bool in_object(const struct skim *s)
{
    return s->depth > 0 && s->depth < 64 && (s->objects >> s->depth & 1) != 0;
}

static void skim_open(struct skim *s, bool object)
{
    if (s->depth == 0 && !object)
        s->base = 1;
    s->depth++;
    if (s->depth < 64) {
        s->objects &= ~((uint64_t)1 << s->depth);
        s->objects |= (uint64_t)object << s->depth;
    }
    s->name_next = object;
}

/* Keeps the name of a member of the first object, or of the object that is its first member's
 * value. */
static void skim_name(struct feed_head *h, const struct skim *s, const char *name, size_t len)
{
    GPtrArray *keys = s->depth == s->base + 1                        ? h->keys
                      : s->depth == s->base + 2 && h->keys->len == 1 ? h->inner
                                                                     : NULL;
    if (keys != NULL && keys->len < HEAD_KEYS)
        g_ptr_array_add(keys, g_strndup(name, len));
}

/* The text may end anywhere. */
static void skim_json(struct feed_head *h, const char *p, const char *end)
{
    struct skim s = { 0 };
    for (; p < end; p++) {
        if (*p == '"') {
            const char *string = ++p;
            for (; p < end && *p != '"'; p++)
                p += *p == '\\' && p + 1 < end;
            if (p < end && s.name_next)
                skim_name(h, &s, string, (size_t)(p - string));
            s.name_next = false;
        } else if (*p == '{' || *p == '[') {
            skim_open(&s, *p == '{');
        } else if (*p == '}' || *p == ']') {
            if (s.depth <= s.base + 1)
                return;
            s.depth--;
        } else if (*p == ',') {
            s.name_next = in_object(&s);
        }
    }
}

void feed_head_init(struct feed_head *h, const char *bytes, size_t len, bool whole)
{
    *h = (struct feed_head){
        .bytes = len > 0 ? bytes : "",
        .len = len,
        .whole = whole,
        .keys = g_ptr_array_new_with_free_func(g_free),
        .inner = g_ptr_array_new_with_free_func(g_free),
    };
    const char *p = h->bytes, *end = p + len;
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

static bool is_malformed(const GError *error)
{
    return error->domain == ASSAY_ERROR &&
           (error->code == ASSAY_ERROR_CORRUPT || error->code == ASSAY_ERROR_UNSUPPORTED ||
            error->code == ASSAY_ERROR_LIMIT);
}

bool feed_parse(const struct feed_driver *driver, struct feed_context *context,
                const struct feed_document *doc, char **malformed, GError **error)
{
    struct feed_document parsed = *doc;
    json_t *json = NULL;
    *malformed = NULL;
    if (driver->form == FEED_JSON || driver->form == FEED_JSON_MEMBERS) {
        json_error_t why;
        json = json_loadb(doc->text, doc->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
        if (json == NULL) {
            *malformed = g_strdup(why.text);
            return true;
        }
        parsed.json = json;
    }
    g_autoptr(GError) local = NULL;
    bool ok = driver->parse(&parsed, context, &local);
    record_clear(&context->record);
    g_string_chunk_clear(context->strings);
    json_decref(json);
    if (!ok && is_malformed(local)) {
        *malformed = g_strdup(local->message);
        return true;
    }
    if (!ok)
        g_propagate_error(error, g_steal_pointer(&local));
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
