#include "advisory/feed_ubuntu.h"

#include <string.h>

#include "advisory/ecosystem.h"
#include "advisory/json_get.h"
#include "base/error.h"

/* "esm-infra/bionic" and "trusty/esm" -> "Ubuntu:Pro:18.04"; NULL when no package can be of it. */
static const char *ecosystem_of(struct feed_context *c, const char *release)
{
    const char *slash = strchr(release, '/');
    const char *pocket = "", *codename = release;
    if (slash != NULL) {
        bool behind = g_str_equal(slash, "/esm");
        size_t len = (size_t)(slash - release);
        static const struct {
            const char *name, *key;
        } pockets[] = {
            { "esm-apps", "Pro:" },
            { "esm-infra", "Pro:" },
            { "esm-infra-legacy", "Pro:" },
            { "esm-apps-legacy", "Pro:" },
            { "fips", "Pro:FIPS:" },
            { "fips-updates", "Pro:FIPS-updates:" },
            { "fips-preview", "Pro:FIPS-preview:" },
        };
        pocket = behind ? "Pro:" : NULL;
        for (size_t i = 0; !behind && i < G_N_ELEMENTS(pockets); i++)
            if (strlen(pockets[i].name) == len && strncmp(pockets[i].name, release, len) == 0)
                pocket = pockets[i].key;
        if (!behind)
            codename = slash + 1;
    }
    const char *version = ubuntu_release_of(codename);
    if (pocket == NULL || version == NULL)
        return NULL;
    g_autofree char *key = g_strdup_printf("Ubuntu:%s%s", pocket, version);
    return g_string_chunk_insert_const(c->strings, key);
}

static enum finding_state state_of_ignored(const char *note)
{
    bool ended = strstr(note, "end of") != NULL || strstr(note, "end-of-life") != NULL ||
                 strstr(note, "out of standard support") != NULL;
    return ended ? FINDING_END_OF_LIFE : FINDING_WILL_NOT_FIX;
}

void ubuntu_add(struct feed_context *c, const char *package, const char *release,
                const char *status, const char *note)
{
    static const struct {
        const char *status;
        enum finding_state state;
    } states[] = {
        { "needed", FINDING_AFFECTED },
        { "active", FINDING_AFFECTED },
        { "pending", FINDING_AFFECTED }, /* its version is not published yet */
        { "needs-triage", FINDING_UNDER_INVESTIGATION },
        { "in-triage", FINDING_UNDER_INVESTIGATION },
        { "deferred", FINDING_DEFERRED },
        { "not-affected", FINDING_NOT_AFFECTED },
    };
    const char *ecosystem = ecosystem_of(c, release);
    if (ecosystem == NULL)
        return;
    if (g_str_equal(status, "released")) {
        if (*note != '\0' && strchr(note, ' ') == NULL)
            (void)record_add(&c->record, ecosystem, package, NULL, note);
        return;
    }
    if (g_str_equal(status, "ignored")) {
        record_add(&c->record, ecosystem, package, NULL, NULL)->state = state_of_ignored(note);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(states); i++)
        if (g_str_equal(status, states[i].status))
            record_add(&c->record, ecosystem, package, NULL, NULL)->state = states[i].state;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static bool tracker_detect(const struct feed_head *head)
{
    return head->is_json && feed_head_has(head, "candidate") && feed_head_has(head, "packages");
}

/* "CVSS:3.1/AV:… [7.5 HIGH]" */
static void add_cvss(struct feed_context *c, const char *text)
{
    if (text != NULL && *text != '\0')
        record_add_vector(&c->record, NULL,
                          g_string_chunk_insert_len(c->strings, text, (gssize)strcspn(text, " ")),
                          SEVERITY_UNKNOWN);
}

static bool tracker_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    struct record *r = &c->record;
    r->id = json_get_field(doc->json, "candidate");
    const json_t *packages = json_get_object(doc->json, "packages");
    if (r->id == NULL || packages == NULL)
        return fail_corrupt(error, "no candidate or no packages");
    r->published = r->modified = json_get_time(doc->json, "public_date");
    r->severity = severity_of_word(json_get_field(doc->json, "priority"));
    r->title = feed_title(c->strings, json_get_text(doc->json, "description"));
    add_cvss(c, json_get_field(doc->json, "cvss"));
    const char *package, *release;
    json_t *releases, *said;
    json_object_foreach((json_t *)packages, package, releases)
        json_object_foreach(releases, release, said) {
            const char *status = json_string_value(json_array_get(said, 0));
            const char *note = json_string_value(json_array_get(said, 1));
            if (status == NULL)
                return fail_corrupt(error, "%s: %s in %s has no status", r->id, package, release);
            ubuntu_add(c, package, release, status, note != NULL ? note : "");
        }
    return feed_emit(c, error);
}

const struct feed_driver feed_ubuntu_tracker = {
    .name = "ubuntu-tracker",
    .description = "Ubuntu's CVE tracker as JSON",
    .url = "https://ubuntu.com/security/cves",
    .form = FEED_JSON,
    .detect = tracker_detect,
    .parse = tracker_parse,
};
