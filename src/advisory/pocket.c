#include "advisory/pocket.h"

#include <string.h>

#include "base/error.h"

/* "…-284.30.1.el9_2" was built for 9.2, of which "Red Hat:rhel_eus:9.2" speaks. */
static bool is_of_stream(const struct judge *j, const struct frame_package *p,
                         const struct target_key *key)
{
    const char *name = g_ptr_array_index(j->db->ecosystem_names, key->ecosystem - 1);
    const char *release = strchr(name, ':') != NULL ? strchr(strchr(name, ':') + 1, ':') : NULL;
    g_auto(GStrv) parts = g_strsplit_set(release != NULL ? release + 1 : "", ".:", 3);
    if (g_strv_length(parts) < 2)
        return false;
    g_autofree char *tag = g_strdup_printf(".el%s_%s", parts[0], parts[1]);
    const char *at = strstr(p->version, tag);
    return at != NULL && !g_ascii_isdigit(at[strlen(tag)]);
}

bool pocket_applies(const struct judge *j, const struct frame_package *p,
                    const struct target_key *key)
{
    if (target_is_epel(j->target, p) != (key->pocket == POCKET_EPEL))
        return false;
    switch (key->pocket) {
    case POCKET_EPEL:
        return true;
    case POCKET_MAIN:
        return true;
    case POCKET_PRO:
        return j->pro;
    case POCKET_FIPS:
        return strstr(p->version, "fips") != NULL;
    case POCKET_STREAM:
        return is_of_stream(j, p, key);
    case POCKET_EXTRA:
        return true;
    }
    return false;
}

/* How many leading numbers two versions share, at most two: 5.10.93 and 5.10.200 share two. */
static unsigned shared_line(const char *a, const char *b)
{
    const char *colon = strchr(a, ':');
    a = colon != NULL ? colon + 1 : a;
    colon = strchr(b, ':');
    b = colon != NULL ? colon + 1 : b;
    unsigned shared = 0;
    for (; shared < 2; shared++) {
        size_t m = strcspn(a, ".-"), n = strcspn(b, ".-");
        if (m != n || strncmp(a, b, m) != 0)
            break;
        a += m + (a[m] != '\0');
        b += n + (b[n] != '\0');
    }
    return shared;
}

struct line {
    struct advisory_db *db;
    const char *version;
    unsigned best; /* numbers shared with any version that mends something */
    bool any;      /* there are statements */
};

static bool rank_blob(struct db_feed *f, const void *blob, size_t len, void *user, GError **error)
{
    struct line *l = user;
    struct statement_reader reader = statement_reader_of(blob, len);
    struct statement s;
    bool damaged = false;
    while (statement_next(&reader, &s, &damaged)) {
        const char *fixed = db_string(l->db, f, s.fixed);
        l->any = true;
        if (fixed != NULL)
            l->best = MAX(l->best, shared_line(l->version, fixed));
    }
    return !damaged || fail_corrupt(error, "%s: damaged statements", l->db->path);
}

static bool has_extras(const struct target *t)
{
    for (guint i = 0; i < t->keys->len; i++)
        if (g_array_index(t->keys, struct target_key, i).pocket == POCKET_EXTRA)
            return true;
    return false;
}

/* Extras hold other lines of a package than the release itself (kernel 4.14, 5.10 and 5.15), and
 * nothing installed says from which it came: the line does. */
bool pocket_lines(const struct judge *j, const char *name, const char *version, GArray *use,
                  GError **error)
{
    const GArray *keys = j->target->keys;
    bool extras = has_extras(j->target);
    unsigned best = 0, with_statements = 0;
    g_autoptr(GArray) lines = g_array_new(FALSE, FALSE, sizeof(struct line));
    for (guint i = 0; i < keys->len; i++) {
        const struct target_key *key = &g_array_index(keys, struct target_key, i);
        struct line l = { .db = j->db, .version = version };
        if (extras && !db_affected(j->db, key->ecosystem, name, rank_blob, &l, error))
            return false;
        best = MAX(best, l.best);
        with_statements += l.any;
        g_array_append_val(lines, l);
    }
    for (guint i = 0; i < keys->len; i++) {
        const struct line *l = &g_array_index(lines, struct line, i);
        const struct target_key *key = &g_array_index(keys, struct target_key, i);
        bool chosen = best > 0 ? l->best == best : key->pocket == POCKET_MAIN;
        const bool used = !extras || (l->any && (with_statements == 1 || chosen));
        g_array_append_val(use, used);
    }
    return true;
}
