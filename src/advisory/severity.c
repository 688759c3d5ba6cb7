#include "advisory/severity.h"

#include <glib.h>
#include <stddef.h>

static const char *const names[SEVERITY_COUNT] = {
    [SEVERITY_UNKNOWN] = "unknown", [SEVERITY_NEGLIGIBLE] = "negligible",
    [SEVERITY_LOW] = "low",         [SEVERITY_MEDIUM] = "medium",
    [SEVERITY_HIGH] = "high",       [SEVERITY_CRITICAL] = "critical",
};

const char *severity_name(enum severity severity)
{
    return severity < SEVERITY_COUNT ? names[severity] : names[SEVERITY_UNKNOWN];
}

bool severity_parse(const char *name, enum severity *out)
{
    for (int i = 0; i < SEVERITY_COUNT; i++) {
        if (g_str_equal(name, names[i])) {
            *out = (enum severity)i;
            return true;
        }
    }
    return false;
}

enum severity severity_of_word(const char *word)
{
    static const struct {
        const char *word;
        enum severity severity;
    } words[] = {
        { "negligible", SEVERITY_NEGLIGIBLE },
        { "unimportant", SEVERITY_NEGLIGIBLE },
        { "none", SEVERITY_NEGLIGIBLE },
        { "low", SEVERITY_LOW },
        { "minor", SEVERITY_LOW },
        { "medium", SEVERITY_MEDIUM },
        { "moderate", SEVERITY_MEDIUM },
        { "high", SEVERITY_HIGH },
        { "important", SEVERITY_HIGH },
        { "major", SEVERITY_HIGH },
        { "critical", SEVERITY_CRITICAL },
    };
    for (size_t i = 0; word != NULL && i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(word, words[i].word) == 0)
            return words[i].severity;
    return SEVERITY_UNKNOWN;
}

enum severity severity_of_score(double score)
{
    if (score < 0)
        return SEVERITY_UNKNOWN;
    if (score == 0)
        return SEVERITY_NEGLIGIBLE;
    return score < 4   ? SEVERITY_LOW
           : score < 7 ? SEVERITY_MEDIUM
           : score < 9 ? SEVERITY_HIGH
                       : SEVERITY_CRITICAL;
}
