#include "advisory/version.h"
#include "frame/frame.h"
#include "report/forms.h"

static gint by_package(gconstpointer a, gconstpointer b)
{
    const struct finding *f = *(void *const *)a, *g = *(void *const *)b;
    int order =
        f->package == g->package ? 0 : frame_record_compare(FRAME_PACKAGE, f->package, g->package);
    if (order == 0)
        order = (f->package > g->package) - (f->package < g->package);
    return order != 0 ? order : finding_badness_compare(f, g);
}

GPtrArray *findings_of(const struct report *r, const struct frame_system *s,
                       const struct report_options *options)
{
    GPtrArray *list = g_ptr_array_new();
    for (guint i = 0; i < r->findings->len; i++) {
        struct finding *f = g_ptr_array_index(r->findings, i);
        if (f->system == s && finding_shown(f, options))
            g_ptr_array_add(list, f);
    }
    g_ptr_array_sort(list, by_package);
    return list;
}

static void group_free(void *p)
{
    struct finding_group *g = p;
    g_ptr_array_unref(g->packages);
    g_ptr_array_unref(g->findings);
    g_free(g);
}

static gint by_badness(gconstpointer a, gconstpointer b)
{
    return finding_badness_compare(*(void *const *)a, *(void *const *)b);
}

static gint by_worst(gconstpointer a, gconstpointer b)
{
    const struct finding_group *g = *(void *const *)a, *h = *(void *const *)b;
    const struct finding *f = g_ptr_array_index(g->findings, 0);
    const struct finding *k = g_ptr_array_index(h->findings, 0);
    int order = (int)k->severity - (int)f->severity;
    if (order == 0)
        order = (int)k->known_exploited - (int)f->known_exploited;
    return order != 0 ? order
                      : frame_record_compare(FRAME_PACKAGE, g_ptr_array_index(g->packages, 0),
                                             g_ptr_array_index(h->packages, 0));
}

static enum version_scheme scheme_of(const struct frame_package *p)
{
    return g_str_equal(p->type, "rpm")    ? VERSION_RPM
           : g_str_equal(p->type, "apk")  ? VERSION_APK
           : g_str_equal(p->type, "alpm") ? VERSION_PACMAN
                                          : VERSION_DPKG;
}

static const char *newest_fix(const struct finding_group *g)
{
    enum version_scheme scheme = scheme_of(g_ptr_array_index(g->packages, 0));
    const char *newest = NULL;
    for (guint i = 0; i < g->findings->len; i++) {
        const char *fix =
            ((const struct finding *)g_ptr_array_index(g->findings, i))->fixed_version;
        if (fix != NULL && (newest == NULL || version_compare(scheme, fix, newest) > 0))
            newest = fix;
    }
    return newest;
}

/* Packages with equal keys are told about together: same source, same versions, same advisories. */
static char *key_of(const GPtrArray *findings, guint first, guint end)
{
    const struct finding *f = g_ptr_array_index(findings, first);
    const struct frame_package *p = f->package;
    GString *key = g_string_new(p->type);
    const char *source = p->source != NULL ? p->source : p->source_rpm;
    if (source == NULL) /* nothing to bind it to others */
        source = p->name;
    g_string_append_printf(key, "\n%s\n%s", source, p->version);
    for (guint i = first; i < end; i++) {
        f = g_ptr_array_index(findings, i);
        g_string_append_printf(key, "\n%s\t%d\t%d\t%s\t%s", f->id, (int)f->state, (int)f->severity,
                               f->fixed_version != NULL ? f->fixed_version : "",
                               f->suppressed_by != NULL ? f->suppressed_by : "");
    }
    return g_string_free(key, FALSE);
}

static struct finding_group *group_new(const GPtrArray *findings, guint first, guint end)
{
    struct finding_group *g = g_new0(struct finding_group, 1);
    g->packages = g_ptr_array_new();
    g->findings = g_ptr_array_new();
    for (guint i = first; i < end; i++)
        g_ptr_array_add(g->findings, g_ptr_array_index(findings, i));
    g_ptr_array_sort(g->findings, by_badness);
    return g;
}

GPtrArray *finding_groups(const struct report *r, const struct frame_system *s,
                          const struct report_options *options)
{
    g_autoptr(GPtrArray) findings = findings_of(r, s, options);
    g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
    for (guint first = 0, end; first < findings->len; first = end) {
        const struct finding *f = g_ptr_array_index(findings, first);
        for (end = first; end < findings->len; end++) {
            if (((const struct finding *)g_ptr_array_index(findings, end))->package != f->package)
                break;
        }
        char *key = key_of(findings, first, end);
        struct finding_group *g = g_hash_table_lookup(by_key, key);
        if (g == NULL) {
            g = group_new(findings, first, end);
            g_ptr_array_add(groups, g);
            (void)g_hash_table_insert(by_key, key, g);
        } else {
            g_free(key);
        }
        g_ptr_array_add(g->packages, (gpointer)f->package);
        g->fix = newest_fix(g);
    }
    g_ptr_array_sort(groups, by_worst);
    return groups;
}
