/* A stream of one feed: FEED_DRIVER, given by the build. Whatever it holds, the same documents must
 * come out however the bytes arrive, and records must be whole. */
#include <stdlib.h>

#include "advisory/feed.h"
#include "advisory/splitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct feed_context context;
    const struct feed_driver *driver;
    unsigned records, statements, malformed;
    bool failed;
};

static bool emit(const struct record *r, void *user, GError **error)
{
    struct outcome *o = user;
    if (r->id == NULL)
        abort();
    for (guint i = 0; i < r->statements->len; i++) {
        const struct record_statement *s =
            &g_array_index(r->statements, struct record_statement, i);
        if (s->ecosystem == NULL || s->package == NULL || s->state >= FINDING_STATE_COUNT ||
            s->severity >= SEVERITY_COUNT)
            abort();
    }
    o->records++;
    o->statements += r->statements->len;
    return true;
}

static bool document(const char *key, const char *text, size_t len, const char *broken, void *user,
                     GError **error)
{
    struct outcome *o = user;
    const struct feed_document doc = { .name = "fuzz", .key = key, .text = text, .len = len };
    g_autofree char *malformed = NULL;
    if (text[len] != '\0')
        abort();
    if (broken == NULL && !feed_parse(o->driver, &o->context, &doc, &malformed, error))
        return false;
    o->malformed += broken != NULL || malformed != NULL;
    return true;
}

static struct outcome read_stream(const char *text, size_t size, size_t cut)
{
    struct outcome o = { .driver = feed_driver_find(FEED_DRIVER) };
    feed_context_init(&o.context, (struct record_sink){ .emit = emit, .user = &o });
    g_autoptr(splitter) s = splitter_new(o.driver->form, o.driver->xml_element, document, &o);
    o.failed = !splitter_push(s, text, cut, NULL) ||
               !splitter_push(s, text + cut, size - cut, NULL) || !splitter_finish(s, NULL);
    feed_context_done(&o.context);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy with no terminator behind it: reading past the end is then seen. */
    g_autofree char *text = g_memdup2(data, size);
    struct feed_head head;
    feed_head_init(&head, text, size, true);
    (void)feed_driver_detect(&head);
    feed_head_done(&head);
    if (size < 2)
        return 0;
    struct outcome whole = read_stream(text, size, size);
    struct outcome cut = read_stream(text, size, 1 + data[size / 2] % (size - 1));
    if (!whole.failed && !cut.failed &&
        (whole.records != cut.records || whole.statements != cut.statements ||
         whole.malformed != cut.malformed))
        abort();
    return 0;
}
