#include "advisory/record.h"

#include <string.h>

#include "advisory/cve.h"

static void record_empty(struct record *r)
{
    r->epss = r->epss_percentile = -1;
}

void record_init(struct record *r)
{
    *r = (struct record){
        .cves = g_array_new(FALSE, FALSE, sizeof(uint32_t)),
        .vectors = g_array_new(FALSE, FALSE, sizeof(struct record_vector)),
        .statements = g_array_new(FALSE, FALSE, sizeof(struct record_statement)),
    };
    record_empty(r);
}

void record_clear(struct record *r)
{
    g_array_set_size(r->cves, 0);
    g_array_set_size(r->vectors, 0);
    g_array_set_size(r->statements, 0);
    *r = (struct record){ .cves = r->cves, .vectors = r->vectors, .statements = r->statements };
    record_empty(r);
}

void record_done(struct record *r)
{
    g_clear_pointer(&r->cves, g_array_unref);
    g_clear_pointer(&r->vectors, g_array_unref);
    g_clear_pointer(&r->statements, g_array_unref);
}

struct record_statement *record_add(struct record *r, const char *ecosystem, const char *package,
                                    const char *introduced, const char *fixed)
{
    struct record_statement s = {
        .ecosystem = ecosystem,
        .package = package,
        .introduced = introduced,
        .fixed = fixed,
        .state = fixed != NULL ? FINDING_FIXED : FINDING_AFFECTED,
    };
    g_array_append_val(r->statements, s);
    return &g_array_index(r->statements, struct record_statement, r->statements->len - 1);
}

void record_add_vector(struct record *r, const char *source, const char *vector,
                       enum severity severity)
{
    struct record_vector v = { .source = source, .vector = vector, .severity = severity };
    g_array_append_val(r->vectors, v);
}

bool record_add_cve(struct record *r, const char *text)
{
    uint32_t cve;
    if (!cve_parse(text, strlen(text), &cve))
        return false;
    g_array_append_val(r->cves, cve);
    return true;
}
