#include "cli/fail_on.h"

#include <string.h>

#include "base/error.h"

static bool parse_word(const char *word, struct fail_on *out)
{
    char *end;
    if (g_str_equal(word, "any")) {
        out->by_severity = true;
        out->severity = SEVERITY_UNKNOWN;
        return true;
    }
    if (g_str_equal(word, "kev"))
        return out->known_exploited = true;
    if (g_str_has_prefix(word, "epss:")) {
        out->epss = g_ascii_strtod(word + 5, &end);
        out->by_epss = true;
        return end != word + 5 && *end == '\0' && out->epss >= 0 && out->epss <= 1;
    }
    return (out->by_severity = severity_parse(word, &out->severity));
}

bool fail_on_parse(const char *text, struct fail_on *out, GError **error)
{
    *out = (struct fail_on){ 0 };
    if (g_strcmp0(text, "none") == 0)
        return true;
    /* Empty, as a script leaves it whose variable is not set, has no words at all. */
    const char *given = text == NULL ? "any" : *text == '\0' ? "," : text;
    g_auto(GStrv) words = g_strsplit(given, ",", -1);
    for (char **w = words; *w != NULL; w++) {
        if (!parse_word(g_strstrip(*w), out))
            return fail(error, ASSAY_ERROR_INVALID,
                        "--fail-on '%s': any, none, unknown, negligible, low, medium, high, "
                        "critical, kev or epss:0.5 (0 to 1), or several of them with commas",
                        *w);
    }
    return true;
}

bool fail_on_matches(const struct fail_on *f, const struct report *r,
                     const struct report_options *options)
{
    for (unsigned i = 0; i < r->findings->len; i++) {
        const struct finding *x = g_ptr_array_index(r->findings, i);
        if (x->suppressed_by != NULL || x->severity < options->min_severity)
            continue;
        if ((f->by_severity && x->severity >= f->severity) ||
            (f->known_exploited && x->known_exploited) || (f->by_epss && x->epss >= f->epss))
            return true;
    }
    return false;
}
