#include "advisory/vex.h"

#include <string.h>

#include "advisory/input.h"
#include "advisory/json_get.h"
#include "base/error.h"
#include "base/limits.h"

static const struct vex_format *const formats[] = { &vex_openvex, &vex_csaf, &vex_cyclonedx };

/* --- what formats share ----------------------------------------------------------------------- */

void vex_document_by(struct vex_document *d, const char *format, const char *id, const char *author)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text, "%s: %s", d->name, format);
    if (id != NULL)
        g_string_append_printf(text, " %s", id);
    if (author != NULL)
        g_string_append_printf(text, " by %s", author);
    d->by = suppressions_text(d->set, text->str);
}

const char *vex_reason(struct vex_document *d, enum suppression_effect effect,
                       const char *justification, const char *text)
{
    g_autoptr(GString) reason = g_string_new(NULL);
    const char *first = feed_title(d->set->strings, text);
    if (effect == SUPPRESSION_NOT_AFFECTED || effect == SUPPRESSION_FIXED)
        g_string_append(reason, effect == SUPPRESSION_FIXED ? "fixed" : "not affected");
    if (justification != NULL)
        g_string_append_printf(reason, "%s%s", reason->len > 0 ? ": " : "", justification);
    if (first != NULL)
        g_string_append_printf(reason, "%s%s", reason->len > 0 ? ": " : "", first);
    return reason->len > 0 ? suppressions_text(d->set, reason->str) : NULL;
}

bool vex_add(struct vex_document *d, enum suppression_effect effect, const GPtrArray *ids,
             const struct product *products, int64_t time, const char *reason, GError **error)
{
    if (ids->len == 0 || products == NULL) {
        d->source->unusable++;
        return true;
    }
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    for (guint i = 0; i < ids->len; i++)
        g_ptr_array_add(list, g_ptr_array_index(ids, i));
    g_ptr_array_add(list, NULL);
    const struct suppression rule = { .effect = effect,
                                      .products = products,
                                      .time = time != 0 ? time : d->time,
                                      .by = d->by,
                                      .reason = reason,
                                      .source = d->source };
    return suppressions_add(d->set, &rule, (const char *const *)list->pdata, error);
}

void vex_add_id(struct vex_document *d, GPtrArray *ids, const char *id)
{
    if (id == NULL || *id == '\0')
        return;
    const char *part = strrchr(id, '/');
    g_ptr_array_add(ids, (gpointer)suppressions_text(d->set, id));
    if (part != NULL && part[1] != '\0')
        g_ptr_array_add(ids, (gpointer)suppressions_text(d->set, part + 1));
}

struct component *vex_component_new(struct vex_document *d, GError **error)
{
    struct component *c = arena_new0(d->set->arena, struct component);
    if (c == NULL)
        (void)fail_limit(error, "%s: too many products", d->name);
    return c;
}

bool vex_identify(struct vex_document *d, struct component *c, const char *identifier,
                  GError **error)
{
    if (identifier == NULL || *identifier == '\0')
        return true;
    return component_identify(d->set->arena, c, identifier, error);
}

bool vex_product(struct vex_document *d, const struct component *part,
                 const struct component *wholes, const struct product **list, GError **error)
{
    struct product *p = arena_new0(d->set->arena, struct product);
    if (p == NULL)
        return fail_limit(error, "%s: too many products", d->name);
    *p = (struct product){ .part = part, .wholes = wholes, .next = *list };
    *list = p;
    return true;
}

/* --- files ------------------------------------------------------------------------------------ */

struct loading {
    struct suppressions *set;
    struct suppression_source *source;
    unsigned documents;
};

static bool read_whole(struct input_stream *s, struct loading *l, GByteArray *text, GError **error)
{
    const void *bytes;
    size_t len;
    do {
        if (!input_read(s, &bytes, &len, error))
            return false;
        l->set->bytes += len;
        if (text->len + len > LIMIT_VEX_DOCUMENT)
            return fail_limit(error, "%s: larger than %u MiB", s->name, LIMIT_VEX_DOCUMENT >> 20);
        if (l->set->bytes > LIMIT_VEX_BYTES)
            return fail_limit(error, "%s: more than %u MiB of documents", s->name,
                              LIMIT_VEX_BYTES >> 20);
        g_byte_array_append(text, bytes, (guint)len);
    } while (len > 0);
    return true;
}

/* A JSON object, behind a byte order mark and white space. */
static bool is_object(const char **text, size_t *len)
{
    size_t skip = *len >= 3 && memcmp(*text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    *text += skip;
    *len -= skip;
    for (size_t i = 0; i < *len; i++)
        if (!g_ascii_isspace((*text)[i]))
            return (*text)[i] == '{';
    return false;
}

static bool read_document(struct vex_document *d, bool *known, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (formats[i]->detect(d->json)) {
            *known = true;
            return formats[i]->read(d, error);
        }
    }
    return true;
}

bool suppressions_parse_vex(struct suppressions *s, struct suppression_source *source,
                            const char *name, const char *text, size_t size, bool *known,
                            GError **error)
{
    *known = false;
    if (size == 0 || !is_object(&text, &size))
        return true;
    json_error_t why;
    json_t *json = json_loadb(text, size, 0, &why);
    if (json == NULL)
        return fail_corrupt(error, "%s: offset %d: %s", name, why.position, why.text);
    struct vex_document d = { .set = s, .source = source, .name = name, .json = json };
    bool ok = read_document(&d, known, error);
    json_decref(json);
    return ok;
}

static bool read_stream(struct input_stream *s, void *user, GError **error)
{
    struct loading *l = user;
    bool known;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (!read_whole(s, l, bytes, error) ||
        !suppressions_parse_vex(l->set, l->source, s->name, (const char *)bytes->data, bytes->len,
                                &known, error))
        return false;
    l->documents += known;
    return true;
}

bool suppressions_load_vex(struct suppressions *s, const char *path, GError **error)
{
    struct loading l = { .set = s };
    l.source = suppressions_add_source(s, path, "VEX document", error);
    if (l.source == NULL ||
        !input_each(path, &(struct input_functions){ .stream = read_stream, .user = &l }, error))
        return false;
    if (l.documents == 0)
        return fail_unsupported(error, "%s: no VEX document (OpenVEX, CSAF or CycloneDX, as JSON)",
                                path);
    return true;
}
