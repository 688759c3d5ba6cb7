#include "advisory/download.h"

#include <expat.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"

/* name, system, folder of the bucket; or address */
#define OSV(n, s, folder)                                                                          \
    {                                                                                              \
        .name = (n), .system = (s),                                                                \
        .url = "https://storage.googleapis.com/osv-vulnerabilities/" folder "/all.zip",            \
        .file = n ".zip"                                                                           \
    }
#define FILE_AT(n, s, address)                                                                     \
    {                                                                                              \
        .name = (n), .system = (s), .url = (address), .file = (n)                                  \
    }
#define REPOSITORY(n, s, address)                                                                  \
    {                                                                                              \
        .name = (n), .system = (s), .url = (address), .file = (n), .repository = true              \
    }

const struct download downloads[] = {
    OSV("almalinux-osv", "almalinux", "AlmaLinux"),
    OSV("alpine-osv", "alpine", "Alpine"),
    FILE_AT("alpine-edge-main", "alpine", "https://secdb.alpinelinux.org/edge/main.json"),
    FILE_AT("alpine-edge-community", "alpine", "https://secdb.alpinelinux.org/edge/community.json"),
    FILE_AT("arch-avg", "arch", "https://security.archlinux.org/all.json"),
    OSV("azurelinux-osv", "azurelinux", "Azure%20Linux"),
    OSV("chainguard-osv", "chainguard", "Chainguard"),
    OSV("debian-osv", "debian", "Debian"),
    FILE_AT("debian-tracker", "debian", "https://security-tracker.debian.org/tracker/data/json"),
    REPOSITORY("epel-8", "epel", "https://dl.fedoraproject.org/pub/epel/8/Everything/x86_64"),
    REPOSITORY("epel-9", "epel", "https://dl.fedoraproject.org/pub/epel/9/Everything/x86_64"),
    REPOSITORY("epel-10", "epel", "https://dl.fedoraproject.org/pub/epel/10/Everything/x86_64"),
    FILE_AT("epss", "epss", "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"),
    REPOSITORY("fedora-42", "fedora",
               "https://dl.fedoraproject.org/pub/fedora/linux/updates/42/Everything/x86_64"),
    REPOSITORY("fedora-43", "fedora",
               "https://dl.fedoraproject.org/pub/fedora/linux/updates/43/Everything/x86_64"),
    FILE_AT("kev", "kev",
            "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"),
    OSV("mageia-osv", "mageia", "Mageia"),
    OSV("openeuler-osv", "openeuler", "openEuler"),
    OSV("opensuse-osv", "opensuse", "openSUSE"),
    REPOSITORY("oracle-8", "oracle",
               "https://yum.oracle.com/repo/OracleLinux/OL8/baseos/latest/x86_64"),
    REPOSITORY("oracle-8-appstream", "oracle",
               "https://yum.oracle.com/repo/OracleLinux/OL8/appstream/x86_64"),
    REPOSITORY("oracle-9", "oracle",
               "https://yum.oracle.com/repo/OracleLinux/OL9/baseos/latest/x86_64"),
    REPOSITORY("oracle-9-appstream", "oracle",
               "https://yum.oracle.com/repo/OracleLinux/OL9/appstream/x86_64"),
    FILE_AT("photon-4", "photon",
            "https://packages.vmware.com/photon/photon_cve_metadata/cve_data_photon4.0.json"),
    FILE_AT("photon-5", "photon",
            "https://packages.vmware.com/photon/photon_cve_metadata/cve_data_photon5.0.json"),
    OSV("redhat-osv", "redhat", "Red%20Hat"),
    OSV("rocky-osv", "rocky", "Rocky%20Linux"),
    OSV("suse-osv", "suse", "SUSE"),
    OSV("ubuntu-osv", "ubuntu", "Ubuntu"),
    OSV("wolfi-osv", "wolfi", "Wolfi"),
    { 0 },
};

char *download_url(const char *url, const char *mirror)
{
    if (mirror == NULL)
        return g_strdup(url);
    const char *rest = strstr(url, "://");
    rest = rest != NULL ? rest + 3 : url;
    g_autofree char *base = NULL;
    if (strstr(mirror, "://") == NULL) {
        g_autofree char *absolute = g_canonicalize_filename(mirror, NULL);
        g_autofree char *escaped = g_uri_escape_string(absolute, "/", FALSE);
        base = g_strdup_printf("file://%s", escaped);
    } else {
        base = g_strdup(mirror);
    }
    size_t len = strlen(base);
    while (len > 0 && base[len - 1] == '/')
        len--;
    return g_strdup_printf("%.*s/%s", (int)len, base, rest);
}

/* --- repomd.xml ------------------------------------------------------------------------------- */

struct repomd {
    struct repository_file *out;
    bool in_updateinfo, in_checksum;
    GString *text;
};

static const char *attribute(const XML_Char **list, const char *name)
{
    for (; list[0] != NULL; list += 2)
        if (g_str_equal(list[0], name))
            return list[1];
    return NULL;
}

static void begin(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct repomd *r = user;
    const char *type = attribute(attributes, "type");
    const char *href = attribute(attributes, "href");
    if (g_str_equal(name, "data"))
        r->in_updateinfo = type != NULL && g_str_equal(type, "updateinfo");
    r->in_checksum = g_str_equal(name, "checksum") && type != NULL && g_str_equal(type, "sha256");
    g_string_truncate(r->text, 0);
    if (r->in_updateinfo && g_str_equal(name, "location") && href != NULL &&
        r->out->location == NULL)
        r->out->location = g_strdup(href);
}

static void text(void *user, const XML_Char *bytes, int len)
{
    struct repomd *r = user;
    g_string_append_len(r->text, bytes, len);
}

static void end(void *user, const XML_Char *name)
{
    struct repomd *r = user;
    if (r->in_updateinfo && r->in_checksum && r->out->sha256 == NULL)
        r->out->sha256 = g_strdup(g_strstrip(r->text->str));
    r->in_checksum = false;
    if (g_str_equal(name, "data"))
        r->in_updateinfo = false;
}

void repository_file_done(struct repository_file *f)
{
    g_clear_pointer(&f->location, g_free);
    g_clear_pointer(&f->sha256, g_free);
}

/* A location stays inside the repository. */
static bool is_inside(const char *location)
{
    return *location != '/' && strstr(location, "..") == NULL && strstr(location, "://") == NULL;
}

bool repository_updateinfo(const char *repomd, gsize len, struct repository_file *out,
                           GError **error)
{
    *out = (struct repository_file){ 0 };
    if (len > INT_MAX)
        return fail_limit(error, "repomd.xml of %zu bytes", (size_t)len);
    struct repomd r = { .out = out, .text = g_string_new(NULL) };
    XML_Parser parser = XML_ParserCreate("UTF-8");
    XML_SetUserData(parser, &r);
    XML_SetElementHandler(parser, begin, end);
    XML_SetCharacterDataHandler(parser, text);
    bool ok = XML_Parse(parser, repomd, (int)len, XML_TRUE) == XML_STATUS_OK;
    if (!ok)
        (void)fail_corrupt(error, "repomd.xml: %s", XML_ErrorString(XML_GetErrorCode(parser)));
    else if (out->location == NULL)
        ok = fail(error, ASSAY_ERROR_NOT_FOUND, "repomd.xml names no updateinfo");
    else if (!is_inside(out->location))
        ok = fail(error, ASSAY_ERROR_DENIED, "repomd.xml names a file outside its repository: %s",
                  out->location);
    XML_ParserFree(parser);
    g_string_free(r.text, TRUE);
    if (!ok)
        repository_file_done(out);
    return ok;
}
