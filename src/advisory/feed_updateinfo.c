/* updateinfo.xml of dnf repositories (Fedora, EPEL, AlmaLinux, Rocky, Oracle, Amazon...): one
 * <update> element an advisory. */
#include <expat.h>
#include <string.h>

#include "advisory/cve.h"
#include "advisory/json_get.h"
#include "advisory/updateinfo.h"
#include "base/error.h"
#include "base/limits.h"

static bool updateinfo_detect(const struct feed_head *head)
{
    return !head->is_json && feed_head_contains(head, "<updates") &&
           (head->whole || feed_head_contains(head, "<update"));
}

struct parsing {
    struct feed_context *context;
    XML_Parser parser;
    GString *text; /* of the element that is open */
    const char *type, *id, *title, *severity, *issued, *updated, *module;
    GArray *packages; /* struct updateinfo_package */
    unsigned depth;
    bool too_much;
};

static const char *keep(struct parsing *p, const char *text)
{
    return text != NULL ? g_string_chunk_insert(p->context->strings, text) : NULL;
}

static const char *attribute(const XML_Char **list, const char *name)
{
    for (; list[0] != NULL; list += 2)
        if (g_str_equal(list[0], name))
            return list[1];
    return NULL;
}

static void add_cves(struct parsing *p, const char *text)
{
    if (text != NULL)
        cve_find_all(text, strlen(text), p->context->record.cves);
}

static void begin(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct parsing *p = user;
    g_string_truncate(p->text, 0);
    if (++p->depth > LIMIT_FEED_XML_DEPTH)
        p->too_much = true;
    if (g_str_equal(name, "update")) {
        p->type = keep(p, attribute(attributes, "type"));
    } else if (g_str_equal(name, "issued")) {
        p->issued = keep(p, attribute(attributes, "date"));
    } else if (g_str_equal(name, "updated")) {
        p->updated = keep(p, attribute(attributes, "date"));
    } else if (g_str_equal(name, "reference")) {
        add_cves(p, attribute(attributes, "id"));
        add_cves(p, attribute(attributes, "title"));
    } else if (g_str_equal(name, "collection")) {
        p->module = NULL;
    } else if (g_str_equal(name, "module")) {
        const char *module = attribute(attributes, "name");
        const char *stream = attribute(attributes, "stream");
        g_autofree char *label =
            module != NULL && stream != NULL ? g_strdup_printf("%s:%s", module, stream) : NULL;
        p->module = keep(p, label);
    } else if (g_str_equal(name, "package")) {
        const struct updateinfo_package package = {
            .name = keep(p, attribute(attributes, "name")),
            .epoch = keep(p, attribute(attributes, "epoch")),
            .version = keep(p, attribute(attributes, "version")),
            .release = keep(p, attribute(attributes, "release")),
            .module = p->module,
        };
        g_array_append_val(p->packages, package);
        p->too_much = p->too_much || p->packages->len > LIMIT_FEED_STATEMENTS;
    }
    if (p->too_much)
        (void)XML_StopParser(p->parser, XML_FALSE);
}

static void text(void *user, const XML_Char *bytes, int len)
{
    struct parsing *p = user;
    g_string_append_len(p->text, bytes, len);
}

static void end(void *user, const XML_Char *name)
{
    struct parsing *p = user;
    p->depth--;
    if (g_str_equal(name, "id") && p->id == NULL)
        p->id = keep(p, g_strstrip(p->text->str));
    else if (g_str_equal(name, "title") && p->title == NULL)
        p->title = keep(p, p->text->str);
    else if (g_str_equal(name, "severity"))
        p->severity = keep(p, g_strstrip(p->text->str));
    else if (g_str_equal(name, "description") || g_str_equal(name, "summary"))
        add_cves(p, p->text->str);
    g_string_truncate(p->text, 0);
}

/* A document type could define entities that unfold without end: there is no use for one. */
static void refuse_doctype(void *user, const XML_Char *name, const XML_Char *system,
                           const XML_Char *public, int internal)
{
    struct parsing *p = user;
    p->too_much = true;
    (void)XML_StopParser(p->parser, XML_FALSE);
}

static bool read_xml(struct parsing *p, const char *bytes, size_t len, GError **error)
{
    XML_SetUserData(p->parser, p);
    XML_SetElementHandler(p->parser, begin, end);
    XML_SetCharacterDataHandler(p->parser, text);
    XML_SetStartDoctypeDeclHandler(p->parser, refuse_doctype);
    if (len > INT_MAX)
        return fail_limit(error, "an update of %zu bytes", len);
    if (XML_Parse(p->parser, bytes, (int)len, XML_TRUE) == XML_STATUS_OK)
        return true;
    if (p->too_much)
        return fail_limit(error, "an update that is nested too deep or has too many packages");
    return fail_corrupt(error, "%s at byte %" G_GINT64_FORMAT " of the update",
                        XML_ErrorString(XML_GetErrorCode(p->parser)),
                        (gint64)XML_GetCurrentByteIndex(p->parser));
}

static bool emit(struct parsing *p, GError **error)
{
    struct feed_context *c = p->context;
    struct record *r = &c->record;
    if (p->id == NULL || *p->id == '\0')
        return fail_corrupt(error, "an update without id");
    r->id = p->id;
    r->title = feed_title(c->strings, p->title);
    r->severity = severity_of_word(p->severity);
    r->published = feed_time(p->issued);
    r->modified = feed_time(p->updated);
    if (r->modified == 0)
        r->modified = r->published;
    cve_sort(r->cves);
    /* Bug fixes and enhancements matter here only when they mend a CVE after all. */
    bool matters = r->cves->len > 0 || (p->type != NULL && g_str_equal(p->type, "security"));
    for (guint i = 0; i < p->packages->len; i++) {
        const struct updateinfo_package *package =
            &g_array_index(p->packages, struct updateinfo_package, i);
        const char *ecosystem;
        if (package->name == NULL || package->version == NULL || package->release == NULL)
            return fail_corrupt(error, "%s: a package without name, version or release", p->id);
        if (!updateinfo_identify(c, p->id, package->release, &ecosystem, &r->feed))
            return fail_unsupported(error, "%s: %s-%s: cannot tell of which distribution", p->id,
                                    package->name, package->release);
        if (matters)
            updateinfo_add(c, ecosystem, package);
    }
    return feed_emit(c, error);
}

static bool updateinfo_parse(const struct feed_document *doc, struct feed_context *c,
                             GError **error)
{
    struct parsing p = {
        .context = c,
        .parser = XML_ParserCreate("UTF-8"),
        .text = g_string_new(NULL),
        .packages = g_array_new(FALSE, FALSE, sizeof(struct updateinfo_package)),
    };
    bool ok = read_xml(&p, doc->text, doc->len, error) && emit(&p, error);
    XML_ParserFree(p.parser);
    g_string_free(p.text, TRUE);
    g_array_unref(p.packages);
    return ok;
}

const struct feed_driver feed_updateinfo = {
    .name = "updateinfo",
    .description = "updateinfo.xml of a dnf repository",
    .url = "https://docs.fedoraproject.org/",
    .form = FEED_XML,
    .xml_element = "update",
    .by_record = true,
    .detect = updateinfo_detect,
    .parse = updateinfo_parse,
};
