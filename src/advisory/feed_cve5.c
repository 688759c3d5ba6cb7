/* CVE records, JSON 5 (cvelistV5, CISA's vulnrichment): scores by who assigned the CVE ("cna") and
 * by CISA ("cisa"), and CISA's SSVC decision points ("cisa-ssvc"). */
#include <string.h>

#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool cve5_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "cveMetadata") && feed_head_has(head, "containers");
}

static void add_scores(struct record *r, const json_t *metric, const char *source)
{
    static const char *const kinds[] = { "cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0" };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        const json_t *cvss = json_get_object(metric, kinds[i]);
        const char *vector = json_get_field(cvss, "vectorString");
        if (vector != NULL)
            record_add_vector(r, source, vector,
                              severity_of_word(json_get_field(cvss, "baseSeverity")));
    }
}

/* SSVC has no scale of its own for those who have no role in it; this is how its points are read
 * here: exploited is high, critical when it can be automated or takes all; a known exploit that can
 * be automated and takes all is high, any other medium; else low. */
static void add_ssvc(struct record *r, const json_t *metric)
{
    const json_t *other = json_get_object(metric, "other");
    const char *type = json_get_field(other, "type");
    if (type == NULL || g_ascii_strcasecmp(type, "ssvc") != 0)
        return;
    const char *exploitation = NULL;
    bool automatable = false, total = false;
    size_t i;
    const json_t *option;
    json_array_foreach(json_get_array(json_get_object(other, "content"), "options"), i, option) {
        const char *value;
        if ((value = json_get_field(option, "Exploitation")) != NULL)
            exploitation = value;
        if ((value = json_get_field(option, "Automatable")) != NULL)
            automatable = g_ascii_strcasecmp(value, "yes") == 0;
        if ((value = json_get_field(option, "Technical Impact")) != NULL)
            total = g_ascii_strcasecmp(value, "total") == 0;
    }
    if (exploitation == NULL)
        return;
    enum severity severity = SEVERITY_LOW;
    if (g_ascii_strcasecmp(exploitation, "active") == 0)
        severity = automatable || total ? SEVERITY_CRITICAL : SEVERITY_HIGH;
    else if (g_ascii_strcasecmp(exploitation, "poc") == 0)
        severity = automatable && total ? SEVERITY_HIGH : SEVERITY_MEDIUM;
    record_add_vector(r, "cisa-ssvc", NULL, severity);
}

static void add_container(struct record *r, const json_t *container, const char *source)
{
    size_t i;
    const json_t *metric;
    json_array_foreach(json_get_array(container, "metrics"), i, metric) {
        add_scores(r, metric, source);
        add_ssvc(r, metric);
    }
}

static const char *title_of(struct feed_context *c, const json_t *cna)
{
    const char *title = json_get_text(cna, "title");
    size_t i;
    const json_t *description;
    json_array_foreach(json_get_array(cna, "descriptions"), i, description) {
        const char *language = json_get_field(description, "lang");
        if (title == NULL && language != NULL && g_str_has_prefix(language, "en"))
            title = json_get_text(description, "value");
    }
    return feed_title(c->strings, title);
}

static bool cve5_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    const json_t *meta = json_get_object(doc->json, "cveMetadata");
    const json_t *containers = json_get_object(doc->json, "containers");
    const json_t *cna = json_get_object(containers, "cna");
    const char *state = json_get_field(meta, "state");
    r->id = json_get_field(meta, "cveId");
    if (r->id == NULL || containers == NULL)
        return fail_corrupt(error, "no cveId or no containers");
    r->withdrawn = state != NULL && g_str_equal(state, "REJECTED");
    r->published = json_get_time(meta, "datePublished");
    r->modified = json_get_time(meta, "dateUpdated");
    r->title = title_of(c, cna);
    add_container(r, cna, "cna");
    size_t i;
    const json_t *adp;
    json_array_foreach(json_get_array(containers, "adp"), i, adp) {
        const char *who = json_get_field(json_get_object(adp, "providerMetadata"), "shortName");
        add_container(r, adp, who != NULL && g_str_equal(who, "CISA-ADP") ? "cisa" : NULL);
    }
    return feed_emit(c, error);
}

const struct feed_driver feed_cve5 = {
    .name = "cve5",
    .description = "CVE records, JSON 5, with CISA's additions",
    .url = "https://github.com/CVEProject/cvelistV5",
    .form = FEED_JSON,
    .by_record = true,
    .detect = cve5_detect,
    .parse = cve5_parse,
};
