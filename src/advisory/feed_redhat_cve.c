/* Red Hat's CVE records (Security Data API, one JSON object a CVE): how bad Red Hat thinks it is,
 * and what will not be, or is not yet, mended. Packages are source packages. */
#include <string.h>

#include "advisory/ecosystem.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool redhat_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "name") &&
           (feed_head_has(head, "threat_severity") || feed_head_has(head, "bugzilla")) &&
           (feed_head_has(head, "package_state") || feed_head_has(head, "affected_release") ||
            feed_head_has(head, "public_date"));
}

static const char *source_ecosystem(struct feed_context *c, const char *cpe)
{
    const char *key = cpe != NULL ? ecosystem_of_redhat_cpe(cpe, c->strings) : NULL;
    if (key == NULL)
        return NULL;
    g_autofree char *source = g_strconcat(key, ECOSYSTEM_SOURCE, NULL);
    return g_string_chunk_insert_const(c->strings, source);
}

static bool state_of(const char *fix_state, enum finding_state *out)
{
    static const struct {
        const char *words;
        enum finding_state state;
    } states[] = {
        { "Affected", FINDING_AFFECTED },
        { "Will not fix", FINDING_WILL_NOT_FIX },
        { "Fix deferred", FINDING_DEFERRED },
        { "Out of support scope", FINDING_END_OF_LIFE },
        { "Under investigation", FINDING_UNDER_INVESTIGATION },
        { "Not affected", FINDING_NOT_AFFECTED },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        if (g_ascii_strcasecmp(fix_state, states[i].words) == 0) {
            *out = states[i].state;
            return true;
        }
    }
    return false;
}

/* "nodejs:18/nodejs" is nodejs of that module; other slashes are names of container images. */
static void add_state(struct feed_context *c, const json_t *entry)
{
    const char *name = json_get_field(entry, "package_name");
    const char *fix_state = json_get_field(entry, "fix_state");
    const char *ecosystem = source_ecosystem(c, json_get_field(entry, "cpe"));
    enum finding_state state;
    if (name == NULL || fix_state == NULL || ecosystem == NULL || !state_of(fix_state, &state))
        return;
    const char *module = NULL, *slash = strchr(name, '/');
    if (slash != NULL) {
        if (memchr(name, ':', (size_t)(slash - name)) == NULL)
            return;
        module = g_string_chunk_insert_len(c->strings, name, slash - name);
        name = slash + 1;
    } else if (strchr(name, ':') != NULL) {
        return; /* a module as such: its packages are not named */
    }
    struct record_statement *s = record_add(&c->record, ecosystem, name, NULL, NULL);
    s->state = state;
    s->module = module;
}

/* "kernel-0:5.14.0-503.11.1.el9_5" */
static void add_release(struct feed_context *c, const json_t *entry)
{
    const char *package = json_get_field(entry, "package");
    const char *ecosystem = source_ecosystem(c, json_get_field(entry, "cpe"));
    const char *colon = package != NULL ? strchr(package, ':') : NULL;
    if (ecosystem == NULL || colon == NULL || strchr(colon, '-') == NULL)
        return;
    const char *dash = colon;
    while (dash > package && g_ascii_isdigit(dash[-1]))
        dash--;
    if (dash <= package + 1 || dash == colon || dash[-1] != '-')
        return; /* "nodejs:18-809…": a module as such */
    const char *name = g_string_chunk_insert_len(c->strings, package, dash - 1 - package);
    struct record_statement *s = record_add(&c->record, ecosystem, name, NULL, dash);
    if (strstr(dash, ".module") != NULL)
        s->module = "*";
}

/* The API gives one object where there is one entry, a list where there are several. */
static void each_entry(struct feed_context *c, const json_t *list,
                       void (*add)(struct feed_context *, const json_t *))
{
    if (json_is_object(list))
        add(c, list);
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
        add(c, entry);
}

static bool redhat_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    r->id = json_get_field(doc->json, "name");
    if (r->id == NULL)
        return fail_corrupt(error, "no name");
    r->published = r->modified = json_get_time(doc->json, "public_date");
    r->severity = severity_of_word(json_get_field(doc->json, "threat_severity"));
    r->title = feed_title(c->strings,
                          json_get_text(json_get_object(doc->json, "bugzilla"), "description"));
    const char *vector =
        json_get_field(json_get_object(doc->json, "cvss3"), "cvss3_scoring_vector");
    if (vector == NULL)
        vector = json_get_field(json_get_object(doc->json, "cvss"), "cvss_scoring_vector");
    if (vector != NULL)
        record_add_vector(r, "redhat", vector, SEVERITY_UNKNOWN);
    each_entry(c, json_object_get(doc->json, "package_state"), add_state);
    each_entry(c, json_object_get(doc->json, "affected_release"), add_release);
    return feed_emit(c, error);
}

const struct feed_driver feed_redhat_cve = {
    .name = "redhat-cve",
    .description = "Red Hat's CVE records (Security Data API)",
    .url = "https://access.redhat.com/hydra/rest/securitydata/",
    .form = FEED_JSON,
    .detect = redhat_detect,
    .parse = redhat_parse,
};
