#include "inspect/apk_parse.h"

#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"

struct parser {
    const struct apk_sink *sink;
    struct arena *arena; /* of one paragraph */
    uint64_t line;       /* number, from 1 */
    uint64_t first;      /* line of the paragraph; 0: none has begun */
    struct frame_package p;
    const char *kernel;
    bool odd; /* a line of the paragraph makes no sense */
    uint64_t packages;
};

static void fault(struct parser *s, uint64_t line, const char *what)
{
    const char *name = s->p.name != NULL ? s->p.name : "a package";
    s->sink->fault(s->sink->user,
                   g_error_new(ASSAY_ERROR, (gint)ASSAY_ERROR_CORRUPT,
                               "line %" G_GUINT64_FORMAT ": %s: %s", line, name, what));
}

/* lib/modules/RELEASE, alone or with what is in there. */
static void look_for_kernel(struct parser *s, const char *folder, size_t len)
{
    static const char *const prefixes[] = { "lib/modules/", "usr/lib/modules/" };
    if (s->kernel != NULL || s->p.name == NULL || !g_str_has_prefix(s->p.name, "linux"))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        size_t skip = strlen(prefixes[i]);
        if (len <= skip || memcmp(folder, prefixes[i], skip) != 0)
            continue;
        const char *end = memchr(folder + skip, '/', len - skip);
        s->kernel = arena_strndup(s->arena, folder + skip,
                                  end != NULL ? (size_t)(end - folder) - skip : len - skip);
        return;
    }
}

static void take_field(struct parser *s, char field, const char *value, size_t len)
{
    const char **text = NULL;
    switch (field) {
    case 'P':
        text = &s->p.name;
        break;
    case 'V':
        text = &s->p.version;
        break;
    case 'A':
        text = &s->p.arch;
        break;
    case 'L':
        text = &s->p.license;
        break;
    case 'o':
        text = &s->p.source;
        break;
    case 'm':
        text = &s->p.vendor;
        break;
    case 's': /* the tag of the repository it was asked from */
        text = &s->p.origin;
        break;
    case 'I':
        if (!parse_u64(value, len, &s->p.size))
            s->p.size = 0;
        return;
    case 'F':
        look_for_kernel(s, value, len);
        return;
    default:
        return;
    }
    if (len > 0 && *text == NULL)
        *text = arena_strndup(s->arena, value, MIN(len, (size_t)LIMIT_PACKAGE_FIELD));
}

static void end_paragraph(struct parser *s)
{
    if (s->first == 0)
        return;
    if (s->p.name == NULL || s->p.version == NULL) {
        fault(s, s->first, s->p.name == NULL ? "no name" : "no version");
    } else {
        s->p.type = "apk";
        if (s->p.source == NULL)
            s->p.source = s->p.name;
        s->p.source_version = s->p.version;
        s->sink->package(s->sink->user, &s->p, s->kernel);
        s->packages++;
    }
    arena_clear(s->arena);
    s->p = (struct frame_package){ 0 };
    s->kernel = NULL;
    s->odd = false;
    s->first = 0;
}

static void take_line(struct parser *s, const char *line, size_t len)
{
    if (len == 0) {
        end_paragraph(s);
        return;
    }
    if (s->first == 0)
        s->first = s->line;
    if (len >= 2 && line[1] == ':' && memchr(line, '\0', len) == NULL) {
        take_field(s, line[0], line + 2, len - 2);
        return;
    }
    if (!s->odd)
        fault(s, s->line, "not a field");
    s->odd = true;
}

bool apk_parse(const char *text, size_t len, const struct apk_sink *sink, GError **error)
{
    g_autoptr(arena) arena = arena_new(LIMIT_SMALL_FILE);
    struct parser s = { .sink = sink, .arena = arena };
    const char *pos = text, *end = text + len, *line;
    size_t line_len;
    while (text_next_line(&pos, end, &line, &line_len)) {
        s.line++;
        take_line(&s, line, line_len);
        if (s.packages > LIMIT_PACKAGES)
            return fail_limit(error, "line %" G_GUINT64_FORMAT ": too many packages", s.line);
    }
    end_paragraph(&s);
    return true;
}
