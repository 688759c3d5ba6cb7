/* CycloneDX and SPDX of a report: the frame's bill of materials with the findings in it. */
#include <string.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "frame/bom.h"
#include "report/forms.h"
#include "report/json.h"
#include "report/markup.h"

struct extra {
    const GPtrArray *reports;
    const struct report_options *options;
    GHashTable *by_package; /* package -> GPtrArray of its shown findings */
};

static GHashTable *index_by_package(const GPtrArray *reports, const struct report_options *options)
{
    GHashTable *index = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)g_ptr_array_unref);
    for (guint i = 0; i < reports->len; i++) {
        const struct report *r = g_ptr_array_index(reports, i);
        for (guint k = 0; k < r->frame->systems->len; k++) {
            g_autoptr(GPtrArray) findings =
                findings_of(r, g_ptr_array_index(r->frame->systems, k), options);
            for (guint n = 0; n < findings->len; n++) {
                const struct finding *f = g_ptr_array_index(findings, n);
                GPtrArray *list = g_hash_table_lookup(index, f->package);
                if (list == NULL) {
                    list = g_ptr_array_new();
                    (void)g_hash_table_insert(index, (gpointer)f->package, list);
                }
                g_ptr_array_add(list, (gpointer)f);
            }
        }
    }
    return index;
}

/* The id of a document is made of frames; with findings it must depend on those too. */
static char *salt_of(const GPtrArray *reports, const struct report_options *options, GError **error)
{
    char *text = NULL, *salt = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (report_format_json.write(reports, options, out, error))
        salt = g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, len);
    (void)fclose(out);
    free(text);
    return salt;
}

static bool bom_of(const GPtrArray *reports, const struct report_options *options, struct bom *b,
                   bool (*write)(const struct bom *, FILE *, GError **), FILE *out, GError **error)
{
    if (reports->len == 0)
        return fail(error, ASSAY_ERROR_INVALID, "a bill of materials needs a target");
    g_autofree char *salt = salt_of(reports, options, error);
    if (salt == NULL)
        return false;
    g_autoptr(GArray) targets = g_array_new(FALSE, FALSE, sizeof(struct bom_target));
    g_autoptr(GHashTable) by_package = index_by_package(reports, options);
    struct extra extra = { reports, options, by_package };
    for (guint i = 0; i < reports->len; i++) {
        const struct report *r = g_ptr_array_index(reports, i);
        struct bom_target t = { r->frame, r->coverage };
        g_array_append_val(targets, t);
    }
    b->targets = (const struct bom_target *)(const void *)targets->data;
    b->target_count = targets->len;
    b->salt = salt;
    b->user = &extra;
    return write(b, out, error);
}

/* --- CycloneDX ----------------------------------------------------------------------------------
 */

/* Findings that differ in the package alone are one vulnerability with several places. */
static char *vulnerability_key(const struct finding *f)
{
    return g_strdup_printf("%s\n%d\n%d\n%s\n%s", f->id, (int)f->state, (int)f->severity,
                           f->fixed_version != NULL ? f->fixed_version : "",
                           f->suppressed_by != NULL ? f->suppressed_by : "");
}

static gint by_vulnerability(gconstpointer a, gconstpointer b)
{
    g_autofree char *x = vulnerability_key(*(void *const *)a);
    g_autofree char *y = vulnerability_key(*(void *const *)b);
    return strcmp(x, y);
}

static const char *cyclonedx_severity(enum severity severity)
{
    return severity == SEVERITY_NEGLIGIBLE ? "info" : severity_name(severity);
}

static const char *cyclonedx_method(const char *vector)
{
    return vector == NULL                          ? NULL
           : g_str_has_prefix(vector, "CVSS:4.0/") ? "CVSSv4"
           : g_str_has_prefix(vector, "CVSS:3.1/") ? "CVSSv31"
           : g_str_has_prefix(vector, "CVSS:3.0/") ? "CVSSv3"
           : g_str_has_prefix(vector, "AV:")       ? "CVSSv2"
                                                   : NULL;
}

static void named(struct json_writer *w, const char *key, const char *name)
{
    jw_object_begin(w, key);
    jw_string(w, "name", name);
    jw_object_end(w);
}

static void rating(struct json_writer *w, const struct finding *f)
{
    const char *method = cyclonedx_method(f->cvss_vector);
    jw_array_begin(w, "ratings");
    jw_object_begin(w, NULL);
    if (f->severity_source != NULL)
        named(w, "source", f->severity_source);
    if (f->cvss_score >= 0)
        jw_decimal(w, "score", f->cvss_score, 1);
    jw_string(w, "severity", cyclonedx_severity(f->severity));
    if (method != NULL) {
        jw_string(w, "method", method);
        jw_string(w, "vector", f->cvss_vector);
    }
    jw_object_end(w);
    jw_array_end(w);
}

/* Only what is known: a state is claimed for what VEX or the vendor settled. */
static void analysis(struct json_writer *w, const struct finding *f)
{
    const char *state = f->state == FINDING_NOT_AFFECTED          ? "not_affected"
                        : f->state == FINDING_UNDER_INVESTIGATION ? "in_triage"
                                                                  : NULL;
    const char *response = f->state == FINDING_FIXED          ? "update"
                           : f->state == FINDING_WILL_NOT_FIX ? "will_not_fix"
                                                              : NULL;
    if (state == NULL && response == NULL && f->suppressed_by == NULL)
        return;
    jw_object_begin(w, "analysis");
    jw_string_opt(w, "state", state);
    if (response != NULL) {
        jw_array_begin(w, "response");
        jw_string(w, NULL, response);
        jw_array_end(w);
    }
    if (f->suppressed_by != NULL) {
        g_autofree char *detail = g_strdup_printf(
            "suppressed by %s%s%s", f->suppressed_by, f->suppressed_reason != NULL ? ": " : "",
            f->suppressed_reason != NULL ? f->suppressed_reason : "");
        jw_string(w, "detail", detail);
    }
    jw_object_end(w);
}

static void property(struct json_writer *w, const char *name, const char *value)
{
    jw_object_begin(w, NULL);
    jw_string(w, "name", name);
    jw_string(w, "value", value);
    jw_object_end(w);
}

static void property_decimal(struct json_writer *w, const char *name, double number)
{
    char text[64];
    if (number >= 0)
        property(w, name, g_ascii_formatd(text, sizeof text, "%.5f", number));
}

static void properties(struct json_writer *w, const struct finding *f)
{
    jw_array_begin(w, "properties");
    property(w, "assay:state", finding_state_name(f->state));
    property(w, "assay:known_exploited", f->known_exploited ? "true" : "false");
    property_decimal(w, "assay:epss", f->epss);
    property_decimal(w, "assay:epss_percentile", f->epss_percentile);
    if (f->fixed_version != NULL)
        property(w, "assay:fixed_version", f->fixed_version);
    if (f->suppressed_by != NULL)
        property(w, "assay:suppressed_by", f->suppressed_by);
    jw_array_end(w);
}

static void names(struct json_writer *w, const struct finding *f)
{
    jw_string(w, "id", f->id);
    if (f->feed != NULL)
        named(w, "source", f->feed);
    if (f->aliases != NULL && f->feed != NULL) {
        jw_array_begin(w, "references");
        for (const char *const *a = f->aliases; *a != NULL; a++) {
            jw_object_begin(w, NULL);
            jw_string(w, "id", *a);
            named(w, "source", f->feed);
            jw_object_end(w);
        }
        jw_array_end(w);
    }
}

static void links(struct json_writer *w, const struct finding *f)
{
    jw_array_begin(w, "advisories");
    for (const char *const *u = f->urls; u != NULL && *u != NULL; u++) {
        if (!url_is_web(*u))
            continue;
        jw_object_begin(w, NULL);
        jw_string(w, "url", *u);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static void vulnerability(struct json_writer *w, GHashTable *refs, const GPtrArray *findings,
                          guint first, guint end)
{
    const struct finding *f = g_ptr_array_index(findings, first);
    jw_object_begin(w, NULL);
    names(w, f);
    rating(w, f);
    jw_string_opt(w, "description", f->title);
    if (f->fixed_version != NULL) {
        g_autofree char *advice = g_strdup_printf("update to %s", f->fixed_version);
        jw_string(w, "recommendation", advice);
    }
    links(w, f);
    json_time(w, "published", f->published);
    json_time(w, "updated", f->modified);
    analysis(w, f);
    jw_array_begin(w, "affects");
    for (guint i = first; i < end; i++) {
        const struct finding *other = g_ptr_array_index(findings, i);
        jw_object_begin(w, NULL);
        jw_string(w, "ref", g_hash_table_lookup(refs, other->package));
        jw_array_begin(w, "versions");
        jw_object_begin(w, NULL);
        jw_string(w, "version", other->package->version);
        jw_string(w, "status",
                  f->state == FINDING_NOT_AFFECTED          ? "unaffected"
                  : f->state == FINDING_UNDER_INVESTIGATION ? "unknown"
                                                            : "affected");
        jw_object_end(w);
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
    properties(w, f);
    jw_object_end(w);
}

static void vulnerabilities(struct json_writer *w, GHashTable *refs, void *user)
{
    const struct extra *extra = user;
    struct report_options all = *extra->options;
    g_autoptr(GPtrArray) findings = g_ptr_array_new();
    all.show_suppressed = true;
    for (guint i = 0; i < extra->reports->len; i++) {
        const struct report *r = g_ptr_array_index(extra->reports, i);
        for (guint k = 0; k < r->frame->systems->len; k++) {
            g_autoptr(GPtrArray) list =
                findings_of(r, g_ptr_array_index(r->frame->systems, k), &all);
            for (guint n = 0; n < list->len; n++)
                g_ptr_array_add(findings, g_ptr_array_index(list, n));
        }
    }
    g_ptr_array_sort(findings, by_vulnerability); /* stable */
    jw_array_begin(w, "vulnerabilities");
    for (guint first = 0, end; first < findings->len; first = end) {
        for (end = first + 1; end < findings->len; end++) {
            if (by_vulnerability(&findings->pdata[first], &findings->pdata[end]) != 0)
                break;
        }
        vulnerability(w, refs, findings, first, end);
    }
    jw_array_end(w);
}

static bool cyclonedx_write(const GPtrArray *reports, const struct report_options *options,
                            FILE *out, GError **error)
{
    struct bom b = { .add_members = vulnerabilities };
    return bom_of(reports, options, &b, bom_write_cyclonedx, out, error);
}

const struct report_format report_format_cyclonedx = {
    .name = "cyclonedx",
    .description = "CycloneDX 1.6 with vulnerabilities, JSON",
    .media_type = "application/vnd.cyclonedx+json; version=1.6",
    .write = cyclonedx_write,
    .files = true,
};

/* --- SPDX ---------------------------------------------------------------------------------------
 */

/* SPDX 2.3, annex F.2 and K.1: advisories are references of the package. */
static void advisory_references(struct json_writer *w, const struct frame_package *p, void *user)
{
    const struct extra *extra = user;
    const GPtrArray *findings = g_hash_table_lookup(extra->by_package, p);
    for (guint i = 0; findings != NULL && i < findings->len; i++) {
        const struct finding *f = g_ptr_array_index(findings, i);
        g_autofree char *url = finding_url(f);
        if (url == NULL)
            continue;
        g_autofree char *comment = g_strdup_printf(
            "%s, severity %s, %s", f->id, severity_name(f->severity), finding_state_name(f->state));
        jw_object_begin(w, NULL);
        jw_string(w, "referenceCategory", "SECURITY");
        jw_string(w, "referenceType", "advisory");
        jw_string(w, "referenceLocator", url);
        jw_string(w, "comment", comment);
        jw_object_end(w);
    }
}

static bool spdx_write(const GPtrArray *reports, const struct report_options *options, FILE *out,
                       GError **error)
{
    struct bom b = { .add_references = advisory_references };
    return bom_of(reports, options, &b, bom_write_spdx, out, error);
}

const struct report_format report_format_spdx = {
    .name = "spdx",
    .description = "SPDX 2.3 with references to advisories, JSON",
    .media_type = "application/spdx+json",
    .write = spdx_write,
    .files = true,
};
