/* Debian's security tracker as JSON (https://security-tracker.debian.org/tracker/data/json): one
 * object, package -> issue -> releases. It is some 70 MB, so it is read package by package. */
#include <string.h>

#include "advisory/cve.h"
#include "advisory/ecosystem.h"
#include "advisory/feed.h"
#include "advisory/json_get.h"
#include "base/error.h"

static bool is_issue(const char *name)
{
    return g_str_has_prefix(name, "CVE-") || g_str_has_prefix(name, "TEMP-");
}

static bool tracker_detect(const struct feed_head *head)
{
    return head->is_json && head->inner->len > 0 && is_issue(g_ptr_array_index(head->inner, 0));
}

/* Why there is no advisory: "ignored" for good, "postponed" or just minor for now. */
static enum finding_state state_of_open(const json_t *release, const char *urgency)
{
    if (urgency != NULL && g_str_equal(urgency, "end-of-life"))
        return FINDING_END_OF_LIFE;
    const char *reason = json_get_field(release, "nodsa_reason");
    if (reason != NULL && g_str_equal(reason, "ignored"))
        return FINDING_WILL_NOT_FIX;
    return json_get_text(release, "nodsa") != NULL ? FINDING_DEFERRED : FINDING_AFFECTED;
}

/* "low**" is the tracker's own guess where "low" was set by hand. */
static enum severity severity_of_urgency(const char *urgency)
{
    g_autofree char *word = urgency != NULL ? g_strndup(urgency, strcspn(urgency, "*")) : NULL;
    return severity_of_word(word);
}

static bool add_release(struct feed_context *c, const char *package, const char *codename,
                        const json_t *release, GError **error)
{
    const char *status = json_get_field(release, "status");
    const char *version = debian_release_of(codename);
    if (status == NULL)
        return fail_corrupt(error, "%s: no status in %s", c->record.id, codename);
    if (version == NULL)
        return true; /* a release that is not known to us: nothing installed can be of it */
    g_autofree char *key = g_strdup_printf("Debian:%s", version);
    const char *ecosystem = g_string_chunk_insert_const(c->strings, key);
    const char *urgency = json_get_field(release, "urgency");
    const char *fixed = json_get_field(release, "fixed_version");
    bool resolved = g_str_equal(status, "resolved");
    bool never = resolved && (fixed == NULL || g_str_equal(fixed, "0"));
    struct record_statement *s =
        record_add(&c->record, ecosystem, package, NULL, resolved && !never ? fixed : NULL);
    s->severity = severity_of_urgency(urgency);
    if (never)
        s->state = FINDING_NOT_AFFECTED;
    else if (g_str_equal(status, "undetermined"))
        s->state = FINDING_UNDER_INVESTIGATION;
    else if (!resolved)
        s->state = state_of_open(release, urgency);
    return true;
}

static bool add_issue(struct feed_context *c, const char *package, const char *name,
                      const json_t *issue, GError **error)
{
    struct record *r = &c->record;
    r->id = name;
    r->title = feed_title(c->strings, json_get_text(issue, "description"));
    const char *codename;
    json_t *release;
    json_object_foreach((json_t *)json_get_object(issue, "releases"), codename, release)
        if (!add_release(c, package, codename, release, error)) {
            g_prefix_error(error, "%s: ", package);
            return false;
        }
    return feed_emit(c, error);
}

static bool tracker_parse(const struct feed_document *doc, struct feed_context *c, GError **error)
{
    if (!json_is_object(doc->json))
        return fail_corrupt(error, "%s: not an object", doc->key);
    const char *name;
    json_t *issue;
    json_object_foreach((json_t *)doc->json, name, issue) {
        if (!is_issue(name) || !json_is_object(issue))
            return fail_corrupt(error, "%s: %s is no issue", doc->key, name);
        if (!add_issue(c, doc->key, name, issue, error))
            return false;
    }
    return true;
}

const struct feed_driver feed_debian_tracker = {
    .name = "debian-tracker",
    .description = "Debian's security tracker as JSON",
    .url = "https://security-tracker.debian.org/tracker/data/json",
    .form = FEED_JSON_MEMBERS,
    .detect = tracker_detect,
    .parse = tracker_parse,
};
