#include "advisory/apt_release.h"

#include <string.h>
#include <time.h>

#include "advisory/cve.h"
#include "advisory/json_get.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/number.h"
#include "base/text.h"

/* --- stanzas ---------------------------------------------------------------------------------- */

bool apt_next_stanza(const char **pos, const char *end, struct apt_stanza *out)
{
    const char *p = *pos;
    while (p < end && *p == '\n')
        p++;
    if (p == end)
        return false;
    const char *stop = memmem(p, (size_t)(end - p), "\n\n", 2);
    stop = stop != NULL ? stop + 1 : end;
    *out = (struct apt_stanza){ .text = p, .len = (size_t)(stop - p) };
    *pos = stop;
    return true;
}

bool apt_field(const struct apt_stanza *s, const char *name, const char **value, size_t *len)
{
    const char *pos = s->text, *end = s->text + s->len, *line;
    size_t n, name_len = strlen(name);
    while (text_next_line(&pos, end, &line, &n)) {
        if (n <= name_len || line[name_len] != ':' ||
            g_ascii_strncasecmp(line, name, name_len) != 0)
            continue;
        line += name_len + 1;
        n -= name_len + 1;
        while (n > 0 && g_ascii_isspace(*line)) {
            line++;
            n--;
        }
        while (n > 0 && g_ascii_isspace(line[n - 1]))
            n--;
        *value = line;
        *len = n;
        return true;
    }
    return false;
}

char *apt_field_dup(const struct apt_stanza *s, const char *name)
{
    const char *value;
    size_t len;
    return apt_field(s, name, &value, &len) && len <= LIMIT_FEED_FIELD ? g_strndup(value, len)
                                                                       : NULL;
}

/* --- Release ---------------------------------------------------------------------------------- */

/* "Sat, 10 Jun 2023 08:53:33 UTC" */
static int64_t parse_date(const char *text)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    g_auto(GStrv) words = g_strsplit(text, " ", 7);
    if (g_strv_length(words) < 5 || strlen(words[2]) != 3)
        return 0;
    const char *month = strstr(months, words[2]);
    g_autofree char *iso = g_strdup_printf("%.4s-%02d-%02d %.8sZ", words[3],
                                           month != NULL ? (int)((month - months) / 3 + 1) : 0,
                                           (int)g_ascii_strtoull(words[1], NULL, 10), words[4]);
    return feed_time(iso);
}

static void index_free(gpointer data)
{
    struct apt_index *i = data;
    g_free(i->path);
    g_free(i->sha256);
    g_free(i);
}

void apt_release_done(struct apt_release *r)
{
    g_clear_pointer(&r->origin, g_free);
    g_clear_pointer(&r->codename, g_free);
    g_clear_pointer(&r->indexes, g_ptr_array_unref);
}

/* A path that stays below the folder of the Release file. */
static bool is_inside(const char *path)
{
    return *path != '/' && strstr(path, "..") == NULL;
}

/* " <hex>  <size> main/binary-amd64/Packages.xz" */
static void take_index(struct apt_release *r, const char *line, size_t len)
{
    g_autofree char *copy = g_strndup(line, len);
    g_auto(GStrv) words = g_strsplit_set(g_strstrip(copy), " \t", -1);
    const char *parts[3];
    unsigned n = 0;
    for (char **w = words; *w != NULL && n < 3; w++)
        if (**w != '\0')
            parts[n++] = *w;
    uint64_t size;
    if (n != 3 || strlen(parts[0]) != 64 || !parse_u64(parts[1], strlen(parts[1]), &size) ||
        !is_inside(parts[2]))
        return;
    const char *base = strrchr(parts[2], '/');
    if (base == NULL || !g_str_has_prefix(base, "/Packages") ||
        strstr(parts[2], "/binary-") == NULL)
        return;
    struct apt_index *i = g_new(struct apt_index, 1);
    *i = (struct apt_index){ g_strdup(parts[2]), g_strdup(parts[0]), size };
    g_ptr_array_add(r->indexes, i);
}

bool apt_release_parse(const char *text, size_t len, struct apt_release *out, GError **error)
{
    *out = (struct apt_release){ .indexes = g_ptr_array_new_with_free_func(index_free) };
    struct apt_stanza s;
    const char *pos = text, *end = text + len, *line;
    if (!apt_next_stanza(&pos, end, &s))
        return fail_corrupt(error, "is empty");
    out->origin = apt_field_dup(&s, "Origin");
    out->codename = apt_field_dup(&s, "Codename");
    g_autofree char *date = apt_field_dup(&s, "Date");
    out->date = date != NULL ? parse_date(date) : 0;
    bool in_sums = false;
    size_t n;
    pos = s.text;
    while (text_next_line(&pos, s.text + s.len, &line, &n)) {
        if (n > 0 && !g_ascii_isspace(*line))
            in_sums = n >= 7 && g_ascii_strncasecmp(line, "SHA256:", 7) == 0;
        else if (in_sums)
            take_index(out, line, n);
    }
    if (out->indexes->len > 0)
        return true;
    return fail_corrupt(error, "lists no Packages files with SHA256");
}

char *apt_clear_text(const char *text, size_t len, size_t *out_len)
{
    static const char begin[] = "-----BEGIN PGP SIGNED MESSAGE-----";
    static const char finish[] = "-----BEGIN PGP SIGNATURE-----";
    GString *out = g_string_new(NULL);
    const char *pos = text, *end = text + len, *line;
    size_t n;
    bool armoured = len >= strlen(begin) && memcmp(text, begin, strlen(begin)) == 0;
    bool inside = !armoured;
    while (text_next_line(&pos, end, &line, &n)) {
        if (armoured && inside && n == strlen(finish) && memcmp(line, finish, n) == 0)
            break;
        if (!inside) {
            inside = n == 0; /* behind the armour's own headers */
            continue;
        }
        if (armoured && n >= 2 && line[0] == '-' && line[1] == ' ') {
            line += 2; /* dash-escaped */
            n -= 2;
        }
        g_string_append_len(out, line, (gssize)n);
        g_string_append_c(out, '\n');
    }
    *out_len = out->len;
    return g_string_free(out, FALSE);
}

/* --- changelogs (deb-changelog(5)) -------------------------------------------------------------
 */

/* "openssh (1:9.2p1-2+deb12u3) bookworm-security; urgency=high" */
static char *heading_version(const char *line, size_t len)
{
    if (len == 0 || !g_ascii_isalnum(*line))
        return NULL;
    const char *open = memchr(line, '(', len);
    const char *close = open != NULL ? memchr(open, ')', len - (size_t)(open - line)) : NULL;
    if (close == NULL || open == line || open[-1] != ' ' || close == open + 1 ||
        memchr(close, ';', len - (size_t)(close - line)) == NULL)
        return NULL;
    return g_strndup(open + 1, (gsize)(close - open - 1));
}

void apt_changelog_parse(const char *text, size_t len, struct apt_changelog *out)
{
    *out = (struct apt_changelog){
        .versions = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free),
    };
    g_autofree char *version = NULL;
    g_autoptr(GArray) cves = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    unsigned entries = 0;
    const char *pos = text, *end = text + len, *line;
    size_t n;
    while (text_next_line(&pos, end, &line, &n)) {
        char *next = heading_version(line, n);
        if (next != NULL) {
            g_free(version);
            version = next;
            entries++;
            continue;
        }
        if (version == NULL)
            continue;
        g_array_set_size(cves, 0);
        cve_find_all(line, n, cves);
        out->newest_names_one = out->newest_names_one || (entries == 1 && cves->len > 0);
        /* Entries come newest first: the last one that names a CVE is the oldest. */
        for (guint i = 0; i < cves->len; i++)
            g_hash_table_insert(out->versions, GUINT_TO_POINTER(g_array_index(cves, uint32_t, i)),
                                g_strdup(version));
    }
}

void apt_changelog_done(struct apt_changelog *c)
{
    g_clear_pointer(&c->versions, g_hash_table_unref);
}
